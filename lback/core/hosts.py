"""Host names: which a request may carry, and whose word about them is believed."""

import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import ip_address, ip_network

# RFC 3986 §3.2.2: a name, an IPv4 address or a bracketed IPv6 address, and perhaps a port.
_HOST = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
LOOPBACK_HOSTS = ("localhost", ".localhost", "127.0.0.1", "[::1]")


def host_name(host: str) -> str | None:
    """Return the name part of a `Host` field in lower case, or `None` if it is malformed."""
    found = _HOST.fullmatch(host)
    return found[1].rstrip(".").lower() if found else None


def is_allowed(host: str, patterns: Iterable[str]) -> bool:
    """Tell whether a `Host` field fits a list of names.

    A pattern is a name, `.name` for a domain with its subdomains, or `*` for any well-formed
    host. The port is ignored.
    """
    name = host_name(host)
    if name is None:
        return False
    for pattern in patterns:
        wanted = pattern.lower()
        if wanted in ("*", name) or (
            wanted.startswith(".") and (name == wanted[1:] or name.endswith(wanted))
        ):
            return True
    return False


def is_trusted_proxy(address: str | None, proxies: Iterable[str]) -> bool:
    """Tell whether the peer's address is in a list of addresses and networks."""
    if not address:
        return False
    return _in_networks(address, tuple(proxies))


@lru_cache(maxsize=1024)
def _in_networks(address: str, proxies: tuple[str, ...]) -> bool:
    try:
        peer = ip_address(address)
    except ValueError:  # a Unix socket has no address
        return False
    # A socket for both families shows an IPv4 peer as ::ffff:192.0.2.1 (RFC 4291 §2.5.5.2).
    peer = getattr(peer, "ipv4_mapped", None) or peer
    return any(peer in ip_network(proxy, strict=False) for proxy in proxies)
