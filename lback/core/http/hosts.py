"""Host names, allowed hosts, trusted proxies and the address of the client."""

import re
from collections.abc import Collection, Iterable
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

# RFC 3986 section 3.2.2: a name, an IPv4 address or a bracketed IPv6 address, optionally a port.
_HOST = re.compile(r"([A-Za-z0-9](?:[A-Za-z0-9._-]{0,253})|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?")
_WITH_PORT = re.compile(r"\[([0-9A-Fa-f:.]+)\](?::[0-9]{1,5})?|([0-9.]+):[0-9]{1,5}")
UNIX_SOCKET = "unix"
# Set by the test client, whose tests choose REMOTE_ADDR; no header of a request can do it.
ANY_PEER = "lback.any_peer"
_USUAL_PORTS = frozenset({80, 443})
_CONFUSING_SERVERS = frozenset({"Granian"})
_FORWARDING_FIELDS = (
    "HTTP_FORWARDED",
    "HTTP_VIA",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
    "HTTP_X_REAL_IP",
)
LOOPBACK_HOSTS = ("localhost", ".localhost", "127.0.0.1", "[::1]")


def host_name(host: str) -> str | None:
    """Return the name part of a `Host` field in lower case, or `None` if it is malformed.

    Example:
        >>> host_name("Example.com:8000"), host_name("exa mple")
        ('example.com', None)
    """
    found = _HOST.fullmatch(host)
    if found is None or (host[0] == "[" and not _is_ipv6(found[1][1:-1])):
        return None
    return found[1].removesuffix(".").lower()


def _is_ipv6(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def ascii_name(name: str) -> str | None:
    """Return a host name in ASCII, with internationalised labels in their `xn--` form.

    `None` if it has no such form, or one that means other letters, such as "ss" for "ß".

    Example:
        >>> ascii_name("Bücher.example"), ascii_name("straße.example")
        ('xn--bcher-kva.example', None)
    """
    if name.isascii():
        return name
    try:
        encoded = name.encode("idna").decode("ascii")
        means_the_same = encoded.encode("ascii").decode("idna") == name.lower()
    except UnicodeError:
        return None
    return encoded if means_the_same else None


def first_member(field: str | None) -> str:
    """Return the first member of a list field, which the proxy nearest to the client added."""
    return (field or "").partition(",")[0].strip(" \t")


def host_port(host: str) -> int | None:
    """Return the port of a `Host` field, or `None` where it names none or is malformed."""
    found = _HOST.fullmatch(host)
    return int(found[2][1:]) if found and found[2] else None


def with_forwarded_port(host: str, field: str | None) -> str:
    """Return a `Host` field with the port of `X-Forwarded-Port`, if it names none itself.

    The ports 80 and 443 are not added: behind several proxies, an inner one may see the port of
    the other scheme.

    Args:
        host: A well-formed `Host` field.
        field: `X-Forwarded-Port` of a trusted proxy; a list counts by its first member.

    Example:
        >>> with_forwarded_port("example.com", "8443, 80"), with_forwarded_port("a.org:81", "8443")
        ('example.com:8443', 'a.org:81')
    """
    text = first_member(field)
    if not (text.isascii() and text.isdigit()) or len(text) > 5 or host_port(host) is not None:
        return host
    port = int(text)
    return host if port in _USUAL_PORTS or not 0 < port < 65536 else f"{host}:{port}"


def is_allowed(host: str, patterns: Iterable[str], ports: Collection[int] | None = None) -> bool:
    """Return True if a `Host` field fits a list of names.

    Args:
        host: The field.
        patterns: Names, each with a port or without; `.name` for a domain with its subdomains;
            `*` for any well-formed host with any port. A name with a port fits that port alone.
        ports: What a name without a port allows beside a field without one. None allows any.
    """
    name, port = host_name(host), host_port(host)
    if name is None or (port is not None and not 0 < port < 65536):
        return False
    for pattern in patterns:
        if pattern == "*":
            return True
        wanted, wanted_port = _split(pattern.lower())
        if wanted_port is None:
            fits = ports is None or port is None or port in ports
        else:
            fits = port == wanted_port
        if fits and (wanted == name or _is_within(name, wanted)):
            return True
    return False


def _split(pattern: str) -> tuple[str, int | None]:
    name, colon, port = pattern.rpartition(":")
    is_port = colon and port.isascii() and port.isdigit() and (":" not in name or name[-1:] == "]")
    return (name, int(port)) if is_port else (pattern, None)


def _is_within(name: str, domain: str) -> bool:
    return domain.startswith(".") and (name == domain[1:] or name.endswith(domain))


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


def has_trusted_proxy(environ: "WSGIEnvironment", proxies: Iterable[str]) -> bool:
    """Return True if what a request says of itself in forwarding fields is to be believed.

    Never on a server that gives `X_Forwarded_For` of a client the name of `X-Forwarded-For`.

    Args:
        environ: The WSGI environ.
        proxies: Addresses and networks, as in `TRUSTED_PROXIES`.
    """
    trusted = is_trusted_proxy(environ.get("REMOTE_ADDR"), proxies)
    return trusted and not confuses_fields(environ)


def confuses_fields(environ: "WSGIEnvironment") -> bool:
    """Return True if the server takes header names with `_` for those with `-`.

    Both are one variable of the environ (RFC 3875 section 4.1.18), and only the server can tell
    them apart. Gunicorn, Werkzeug, mod_wsgi and Waitress drop names with `_`.
    """
    return environ.get("SERVER_SOFTWARE") in _CONFUSING_SERVERS


def is_from_this_machine(environ: "WSGIEnvironment") -> bool:
    """Return True if a request comes from this machine, and no proxy says otherwise.

    The `Host` header is not used for this, because any client can send `localhost`.
    """
    peer = environ.get("REMOTE_ADDR")
    if peer is None:  # an environ that was built by hand, not by a server
        return True
    forwarded = environ.get("HTTP_X_FORWARDED_FOR")
    if environ.get("HTTP_FORWARDED") or environ.get("HTTP_X_REAL_IP"):
        return False
    return all(_is_loopback(hop) for hop in [peer, *(forwarded.split(",") if forwarded else ())])


def is_trusted_peer(environ: "WSGIEnvironment", proxies: Iterable[str]) -> bool:
    """Return True if this machine or a trusted proxy sent a request of its own.

    A request that a proxy passes on for a client has a forwarding field.

    Args:
        environ: The WSGI environ.
        proxies: Addresses and networks, as in `TRUSTED_PROXIES`.
    """
    if any(field in environ for field in _FORWARDING_FIELDS):
        return False
    peer = environ.get("REMOTE_ADDR")
    return is_trusted_proxy(peer, proxies) or (peer is not None and _is_loopback(peer))


def _is_loopback(text: str) -> bool:
    address = _parsed(plain_address(text))
    return address is not None and address.is_loopback


def client_address(environ: "WSGIEnvironment", proxies: Iterable[str]) -> str:
    """Return the IP address of the client, or an empty text if it is unknown.

    `X-Forwarded-For` is read from its end, where each proxy appends the address of its peer: the
    client is the first address that is not a trusted proxy. Members before it can be forged.

    Args:
        environ: The WSGI environ.
        proxies: Addresses and networks, as in `TRUSTED_PROXIES`.
    """
    address = plain_address(environ.get("REMOTE_ADDR") or "")
    forwarded, networks = environ.get("HTTP_X_FORWARDED_FOR"), tuple(proxies)
    believed = forwarded and networks and not confuses_fields(environ)
    hops = forwarded.split(",") if forwarded and believed else []
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
