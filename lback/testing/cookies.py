"""Cookies of the test client, stored and sent as a browser does (RFC 6265bis section 5)."""

import re
from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from time import time

from lback.core.http.cookies import cookie_header, parse_cookies

_ADDRESS = re.compile(r"[0-9.]+|\[.*\]|.*:.*:.*")


@dataclass(frozen=True, slots=True)
class Place:
    """The target of a request, which decides which cookies are sent.

    Attributes:
        host: Host name in lower case, without port.
        path: Path, percent-encoded or not.
        secure: True for HTTPS.
    """

    host: str
    path: str
    secure: bool


@dataclass(slots=True)
class Cookie:
    """A stored cookie.

    Attributes:
        pair: Name and value as they are sent, such as `"theme=dark"`.
        domain: Host of the cookie; None for a cookie set by a test, which is sent to every host.
        subdomains: Whether the cookie is sent to subdomains of the host as well.
        path: Path prefix for which the cookie is sent.
        secure: Whether the cookie is sent over HTTPS only.
        expires: Expiry in seconds since the epoch; None for a session cookie.
    """

    pair: str
    domain: str | None = None
    subdomains: bool = False
    path: str = "/"
    secure: bool = False
    expires: float | None = None

    @property
    def name(self) -> str:
        """The name of the cookie."""
        return self.pair.partition("=")[0]

    @property
    def value(self) -> str:
        """The decoded value, as an application reads it."""
        return parse_cookies(self.pair).get(self.name, self.pair.partition("=")[2])

    @property
    def has_expired(self) -> bool:
        """Whether the expiry has passed. A session cookie never expires."""
        return self.expires is not None and self.expires <= time()

    def goes_to(self, place: Place) -> bool:
        """Return True if the cookie is sent to a place (RFC 6265bis section 5.8.3)."""
        if self.has_expired or (self.secure and not place.secure):
            return False
        return self._is_of_host(place.host) and _path_matches(place.path, self.path)

    def _is_of_host(self, host: str) -> bool:
        if self.domain is None or self.domain == host:
            return True
        return self.subdomains and _domain_matches(host, self.domain)


class CookieJar(MutableMapping[str, str]):
    """The cookies of a client: a mapping of names to values.

    Cookies from responses keep their domain, path, expiry and prefix rules. Setting an item adds
    a cookie for every host and path. If several cookies have a name, the last one set is read.

    Example:
        >>> jar = CookieJar()
        >>> jar["theme"] = "dark"
        >>> jar["theme"], len(jar)
        ('dark', 1)
    """

    def __init__(self) -> None:
        self._cookies: list[Cookie] = []

    def __getitem__(self, name: str) -> str:
        for cookie in reversed(self._living()):
            if cookie.name == name:
                return cookie.value
        raise KeyError(name)

    def __setitem__(self, name: str, value: str) -> None:
        plain = f"{name}={value}"
        fits = parse_cookies(plain) == {name: value}
        pair = plain if fits else cookie_header(name, value).partition(";")[0]
        self._cookies = [cookie for cookie in self._cookies if cookie.name != name]
        self._cookies.append(Cookie(pair))

    def __delitem__(self, name: str) -> None:
        if name not in self:
            raise KeyError(name)
        self._cookies = [cookie for cookie in self._cookies if cookie.name != name]

    def __iter__(self) -> Iterator[str]:
        return iter(dict.fromkeys(cookie.name for cookie in self._living()))

    def __len__(self) -> int:
        return len({cookie.name for cookie in self._living()})

    def __repr__(self) -> str:
        return f"<CookieJar {dict(self)}>"

    def _living(self) -> list[Cookie]:
        return [cookie for cookie in self._cookies if not cookie.has_expired]

    def header(self, place: Place) -> str:
        """Return the value of the `Cookie` field for a request; empty if no cookie matches.

        Cookies with longer paths come first (RFC 6265bis section 5.8.3).
        """
        cookies = [cookie for cookie in self._cookies if cookie.goes_to(place)]
        cookies.sort(key=lambda cookie: -len(cookie.path))  # stable, so older ones stay first
        return "; ".join(cookie.pair for cookie in cookies)

    def keep(self, field: str, place: Place) -> None:
        """Store the cookie of a `Set-Cookie` field, unless a browser would reject it.

        An expired cookie deletes the stored one.

        Args:
            field: Value of the `Set-Cookie` field (RFC 6265bis section 5.6).
            place: Target of the request.

        Example:
            >>> jar = CookieJar()
            >>> jar.keep("id=7; Path=/; Secure", Place("example.com", "/", secure=True))
            >>> jar.header(Place("example.com", "/a", secure=True))
            'id=7'
            >>> jar.header(Place("example.com", "/a", secure=False))
            ''
        """
        cookie = _cookie_of(field, place)
        if cookie is None:
            return
        key = (cookie.name, cookie.domain, cookie.path)
        replaced = [
            stored
            for stored in self._cookies
            if (stored.name, stored.domain, stored.path) == key
            # A cookie set by a test replaces that of the application.
            or (stored.name == cookie.name and stored.domain is None)
        ]
        self._cookies = [stored for stored in self._cookies if stored not in replaced]
        if not cookie.has_expired:
            self._cookies.append(cookie)


def _cookie_of(field: str, place: Place) -> Cookie | None:
    pair, *attributes = (part.strip(" \t") for part in field.split(";"))
    if "=" not in pair or not pair.partition("=")[0]:
        return None
    given: dict[str, str] = {}
    for attribute in attributes:
        name, _, value = attribute.partition("=")
        given[name.strip(" \t").lower()] = value.strip(" \t")
    domain = given.get("domain", "").lower().removeprefix(".")
    if domain and domain != place.host and not _domain_matches(place.host, domain):
        return None
    path = given.get("path", "")
    cookie = Cookie(
        pair,
        domain or place.host,
        bool(domain),
        path if path.startswith("/") else _default_path(place.path),
        "secure" in given,
        _end_of(given),
    )
    return cookie if _fits_prefix(cookie) else None


def _fits_prefix(cookie: Cookie) -> bool:
    name = cookie.name.lower()
    if name.startswith("__host-"):
        return cookie.secure and cookie.path == "/" and not cookie.subdomains
    return cookie.secure or not name.startswith("__secure-")


def _end_of(given: dict[str, str]) -> float | None:
    age = given.get("max-age", "")
    if re.fullmatch(r"-?[0-9]{1,18}", age):
        return time() + int(age) if int(age) > 0 else 0.0
    try:
        return parsedate_to_datetime(given["expires"]).timestamp()
    except (KeyError, ValueError, OverflowError):
        return None


def _domain_matches(host: str, domain: str) -> bool:
    # A single label such as "com" is a public suffix.
    return "." in domain and host.endswith(f".{domain}") and not _ADDRESS.fullmatch(host)


def _path_matches(path: str, prefix: str) -> bool:
    if path == prefix:
        return True
    return path.startswith(prefix) and (prefix.endswith("/") or path[len(prefix)] == "/")


def _default_path(path: str) -> str:
    return path[: path.rfind("/")] or "/" if path.startswith("/") else "/"
