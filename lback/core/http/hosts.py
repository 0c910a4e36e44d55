"""Host names: which a request may carry, and whose word about them is believed."""

import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Any

# RFC 3986 §3.2.2: a name, an IPv4 address or a bracketed IPv6 address, and perhaps a port.
_HOST = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
UNIX_SOCKET = "unix"
LOOPBACK_HOSTS = ("localhost", ".localhost", "127.0.0.1", "[::1]")


def host_name(host: str) -> str | None:
    """Return the name part of a `Host` field in lower case, or `None` if it is malformed."""
    found = _HOST.fullmatch(host)
    return found[1].rstrip(".").lower() if found else None


def first_member(field: str | None) -> str:
    """Return the first member of a list in a field, which the proxy next to the client wrote."""
    return (field or "").partition(",")[0].strip(" \t")


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
    """Tell whether the peer's address is in a list of addresses and networks.

    `unix` in the list stands for a peer without an address, behind a Unix socket.
    """
    return _in_networks(address or "", tuple(proxies))


def client_address(environ: Mapping[str, Any], proxies: Iterable[str]) -> str:
    """Return the address of the client, as trusted proxies tell it; empty where none is known.

    `X-Forwarded-For` is read from its end, for that is where each proxy adds what it saw: the
    client is the first address that is no trusted proxy. What stands before it, anybody may
    have written.

    Args:
        environ: The WSGI environ.
        proxies: Addresses and networks, as in `TRUSTED_PROXIES`.
    """
    address = plain_address(environ.get("REMOTE_ADDR") or "")
    forwarded, networks = environ.get("HTTP_X_FORWARDED_FOR"), tuple(proxies)
    hops = forwarded.split(",") if forwarded and networks else []
    while hops and _in_networks(address, networks):
        told = plain_address(hops.pop())
        if not told:
            break
        address = told
    return address


def plain_address(text: str) -> str:
    """Return an IP address in its short form, without port and brackets; empty for what is none."""
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
