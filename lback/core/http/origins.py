"""Web origins: scheme, host and port in a normalised form (RFC 6454 section 4)."""

import re
from typing import TYPE_CHECKING

from lback.core.exceptions import BadRequest

if TYPE_CHECKING:
    from lback.core.request import Request

# The form that browsers send in `Origin`: no user, no path, the port only if it is not the default.
# Apps and extensions have schemes of their own: capacitor://localhost, chrome-extension://…
_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]{1,62})://([a-z0-9](?:[a-z0-9._-]{0,253})|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?",
    re.IGNORECASE,
)
# Schemes without an identifying origin, or whose URLs are executed.
_WITHOUT_ORIGIN = frozenset(
    {"about", "blob", "data", "file", "filesystem", "ftp", "javascript", "vbscript", "ws", "wss"}
)
_USUAL_PORTS = {"http": "80", "https": "443"}


def origin_of(text: str) -> str | None:
    """Return an origin in lower case and without a default port, or `None` if it is not valid.

    `null`, which browsers send for pages with an opaque origin, is not valid.

    Example:
        >>> origin_of("HTTPS://Example.com:443"), origin_of("null")
        ('https://example.com', None)
    """
    found = _ORIGIN.fullmatch(text)
    if found is None:
        return None
    scheme, host, port = found[1].lower(), found[2].lower(), found[3]
    if scheme in _WITHOUT_ORIGIN:
        return None
    suffix = f":{port}" if port is not None and port != _USUAL_PORTS.get(scheme) else ""
    return f"{scheme}://{host}{suffix}"


def origin_of_url(url: str) -> str | None:
    """Return the origin of an absolute URL, such as a `Referer`, or `None` if it has none.

    Example:
        >>> origin_of_url("https://example.com/books?page=2")
        'https://example.com'
    """
    scheme, separator, rest = url.partition("://")
    return origin_of(f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}") if separator else None


def own_origin(request: "Request") -> str | None:
    """Return the origin that a request was sent to, or None if its host is malformed.

    Args:
        request: The request.
    """
    scheme = "https" if request.is_secure else "http"
    try:
        return origin_of(f"{scheme}://{request.get_host}")
    except BadRequest:
        return None
