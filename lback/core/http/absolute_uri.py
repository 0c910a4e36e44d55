"""Resolves a location to an absolute URI, relative to a request (RFC 3986 section 5)."""

from collections.abc import Callable
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# Characters that need no quoting in a path (RFC 3986 section 3.3) and in a whole URI.
_PATH_SAFE = "/:@&+$,-_.!~*'()"
_URI_SAFE = "/#%[]=:;$&()+,!?*@'~"


def absolute_uri(
    location: str | None,
    scheme: str,
    host: Callable[[], str],
    script_name: str,
    path: str,
    query: str,
) -> str:
    """Return the absolute URI of a location, or of the request.

    Args:
        location: Relative or absolute path, `//host/path`, or a full URL, which is returned
            unchanged; `None` means the request with its query string.
        scheme: `"http"` or `"https"`.
        host: Returns host and port; called only if they are needed.
        script_name: `SCRIPT_NAME` as in PEP 3333, UTF-8 read as Latin-1.
        path: Decoded path of the request.
        query: `QUERY_STRING` as in PEP 3333.
    """
    if location is not None and all(urlsplit(location)[:2]):  # scheme and host
        return location
    here = quote(script_name, _PATH_SAFE, encoding="latin-1") + quote(path, _PATH_SAFE)
    # All slashes of the path stay behind the host, so that `//name` is not taken for a host.
    base = f"{scheme}://{host()}/{here.removeprefix('/')}"
    if location is not None:
        return quote(urljoin(base, location), _URI_SAFE)
    if not query:
        return base
    return f"{base}?{quote(query, _URI_SAFE, encoding='latin-1', errors='replace')}"


def server_host(environ: "WSGIEnvironment") -> str:
    """Return host and port of the server (`SERVER_NAME`), for a request without a `Host` field."""
    name = environ.get("SERVER_NAME") or "localhost"
    port = str(environ.get("SERVER_PORT") or "80")
    usual = "443" if environ.get("wsgi.url_scheme") == "https" else "80"
    return name if port == usual else f"{name}:{port}"
