"""Web origins: scheme, host and port of a page, written in one way (RFC 6454 §4)."""

import re

# What a browser sends in `Origin`: no user, no path, the port only where it is not the usual one.
# Apps and extensions have schemes of their own: capacitor://localhost, chrome-extension://…
_ORIGIN = re.compile(
    r"([a-z][a-z0-9+.-]{1,62})://([a-z0-9](?:[a-z0-9._-]{0,253})|\[[0-9a-f:.]{2,45}\])(?::([0-9]{1,5}))?",
    re.IGNORECASE,
)
# Schemes of which nothing has an origin that says who it is, or whose URLs run what they say.
_WITHOUT_ORIGIN = frozenset(
    {"about", "blob", "data", "file", "filesystem", "ftp", "javascript", "vbscript", "ws", "wss"}
)
_USUAL_PORTS = {"http": "80", "https": "443"}


def origin_of(text: str) -> str | None:
    """Return an origin in lower case and without a usual port; `None` for what is none.

    So `null` is none, which browsers send for pages whose origin nobody may know.
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
    """Return the origin of an absolute URL, such as that of a `Referer`; `None` without one."""
    scheme, separator, rest = url.partition("://")
    return origin_of(f"{scheme}://{re.split('[/?#]', rest, maxsplit=1)[0]}") if separator else None
