"""The absolute URI of a location, seen from the place of a request (RFC 3986 §5)."""

from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

# What a path (RFC 3986 §3.3) and what a finished URI may hold unquoted.
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
    """Return the absolute URI of a location, or of this place.

    Args:
        location: Relative or absolute path, `//host/path`, or a full URL, which is returned as
            it is; `None` means this place with its query string.
        scheme: `"http"` or `"https"`.
        host: Gives host and port; asked where they are needed.
        script_name: As PEP 3333 has it, UTF-8 read as Latin-1.
        path: Decoded.
        query: As PEP 3333 has it.
    """
    if location is not None and all(urlsplit(location)[:2]):  # scheme and host
        return location
    here = quote(script_name, _PATH_SAFE, encoding="latin-1") + quote(path, _PATH_SAFE)
    # Every slash of the path is kept behind the host, so that no path can pose as one.
    base = f"{scheme}://{host()}/{here.removeprefix('/')}"
    if location is not None:
        return quote(urljoin(base, location), _URI_SAFE)
    if not query:
        return base
    return f"{base}?{quote(query, _URI_SAFE, encoding='latin-1', errors='replace')}"


def server_host(environ: Mapping[str, Any]) -> str:
    """Return the host that the server says it is, for a request that names none."""
    name = environ.get("SERVER_NAME") or "localhost"
    port = str(environ.get("SERVER_PORT") or "80")
    usual = "443" if environ.get("wsgi.url_scheme") == "https" else "80"
    return name if port == usual else f"{name}:{port}"
