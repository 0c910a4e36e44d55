"""Web origins: scheme, host and port in a normalised form (RFC 6454 section 4)."""

import re
from collections.abc import Iterable
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


def listed_origin(text: str) -> str | None:
    """Return an entry of a list of origins in its normalised form, or `None` if it is not valid.

    An entry is an origin, or a scheme with all subdomains of a host of two labels or more.

    Example:
        >>> listed_origin("https://*.Example.com:443"), listed_origin("https://*.com")
        ('https://*.example.com', None)
    """
    if "://*." not in text:
        return origin_of(text)
    origin = origin_of(text.replace("://*.", "://", 1))
    if origin is None:
        return None
    scheme, _, rest = origin.partition("://")
    host = rest.partition(":")[0]
    # All subdomains of a single label, such as "com", belong to many; those of localhost to us.
    fits = "." in host.strip(".") or host == "localhost"
    return f"{scheme}://*.{rest}" if fits and host[0] != "[" else None


class Origins:
    """A list of trusted origins, as in `CSRF_TRUSTED_ORIGINS`.

    Args:
        listed: Origins, or patterns such as `https://*.example.com` for all subdomains with this
            scheme and port, but not the domain itself. Invalid entries are ignored.

    Attributes:
        has_all: Whether `"*"` is listed, for any origin. `in` does not consider it.

    Example:
        >>> "https://shop.example.com" in Origins(["https://*.example.com"])
        True
        >>> "https://example.com" in Origins(["https://*.example.com"])
        False
    """

    __slots__ = ("_listed", "has_all")

    def __init__(self, listed: Iterable[str]) -> None:
        listed = tuple(listed)
        self.has_all = "*" in listed
        self._listed = frozenset(filter(None, map(listed_origin, listed)))

    def __contains__(self, origin: object) -> bool:
        """Return True if an origin as of `origin_of` is listed; None never is."""
        if not isinstance(origin, str) or not self._listed:
            return False
        if origin in self._listed:
            return True
        scheme, _, rest = origin.partition("://")
        dots = [index for index, letter in enumerate(rest) if letter == "."]
        return any(f"{scheme}://*{rest[index:]}" in self._listed for index in dots)

    def __len__(self) -> int:
        return len(self._listed)


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
