"""Host names, allowed hosts, trusted proxies and the address of the client."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

# RFC 3986 section 3.2.2: a name, an IPv4 address or a bracketed IPv6 address, optionally a port.
_HOST = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
UNIX_SOCKET = "unix"
LOOPBACK_HOSTS = ("localhost", ".localhost", "127.0.0.1", "[::1]")


def host_name(host: str) -> str | None:
    """Return the name part of a `Host` field in lower case, or `None` if it is malformed.

    Example:
        >>> host_name("Example.com:8000"), host_name("exa mple")
        ('example.com', None)
    """
    found = _HOST.fullmatch(host)
    return found[1].rstrip(".").lower() if found else None


def first_member(field: str | None) -> str:
    """Return the first member of a list field, which the proxy nearest to the client added."""
    return (field or "").partition(",")[0].strip(" \t")


def is_allowed(host: str, patterns: Iterable[str]) -> bool:
    """Return True if a `Host` field matches one of the patterns.

    Args:
        host: The field; its port is ignored.
        patterns: Names, `.name` for a domain with its subdomains, or `*` for any valid host.

    Example:
        >>> is_allowed("api.example.com:443", [".example.com"])
        True
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
    """Return True if the address of the peer is that of a trusted proxy.

    Args:
        address: Address of the peer; `None` or an empty text if it has none.
        proxies: Addresses and networks, as in `TRUSTED_PROXIES`. "unix" stands for a peer
            without an address, behind a Unix socket.

    Example:
        >>> is_trusted_proxy("10.1.2.3", ["10.0.0.0/8"])
        True
    """
    return _in_networks(address or "", tuple(proxies))


def client_address(environ: Mapping[str, Any], proxies: Iterable[str]) -> str:
    """Return the IP address of the client, or an empty text if it is unknown.

    `X-Forwarded-For` is read from its end, where each proxy appends the address of its peer: the
    client is the first address that is not a trusted proxy. Members before it can be forged.

    Args:
        environ: The WSGI environ.
        proxies: Addresses and networks, as in `TRUSTED_PROXIES`.
    """
    address = plain_address(environ.get("REMOTE_ADDR") or "")
    forwarded, networks = environ.get("HTTP_X_FORWARDED_FOR"), tuple(proxies)
    hops = forwarded.split(",") if forwarded and networks else []
    while hops and _in_networks(address, networks):
        hop = plain_address(hops.pop())
        if not hop:
            break
        address = hop
    return address


def plain_address(text: str) -> str:
    """Return an IP address in its short form, without port and brackets; else an empty text.

    Example:
        >>> plain_address("[2001:db8:0::1]:443")
        '2001:db8::1'
    """
    text = text.strip()
    found = _WITH_PORT.fullmatch(text)
    address = _parsed(found[1] or found[2] if found else text)
    return "" if address is None else str(address)


def _parsed(text: str) -> IPv4Address | IPv6Address | None:
    try:
        address = ip_address(text)
    except ValueError:  # a Unix socket has no address
        return None
    # A socket for both families shows an IPv4 peer as ::ffff:192.0.2.1 (RFC 4291 §2.5.5.2).
    return getattr(address, "ipv4_mapped", None) or address


@lru_cache(maxsize=1024)
def _in_networks(address: str, proxies: tuple[str, ...]) -> bool:
    peer = _parsed(address)
    if peer is None:
        return UNIX_SOCKET in proxies
    networks = (ip_network(proxy, strict=False) for proxy in proxies if proxy != UNIX_SOCKET)
    return any(peer in network for network in networks)
