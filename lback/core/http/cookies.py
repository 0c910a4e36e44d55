"""Parses `Cookie` fields and builds `Set-Cookie` fields (RFC 6265)."""

import re
from datetime import datetime, timedelta
from email.utils import formatdate, parsedate_to_datetime
from math import floor
from urllib.parse import quote

from lback.core.http.hosts import ascii_name

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
# Browsers send any name that a page has set, including brackets and non-ASCII letters.
_SENT_NAME = re.compile(r"[^\x00-\x20\x7f=;,\"]+")
_PLAIN_VALUE = re.compile(r"[!#$%&'()*+\-./0-9:<=>?@A-Z\[\]^_`a-z{|}~]*")
_NEEDS_OCTAL = re.compile(rb"[^!#$%&'()*+\-./0-9:<=>?@A-Z\[\]^_`a-z{|}~ ]")
_QUOTED_PAIR = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))")
_PATH = re.compile(r"[^\x00-\x1f\x7f;]*")
_DOMAIN = re.compile(r"\.?[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*|\[[0-9A-Fa-f:.]+\]")
# Characters of a path that need no encoding (RFC 3986 section 3.3).
_IN_PATH = "/%:@!$&'()*+,="
# Browsers send the same names again and again: checked ones are remembered, up to this many.
_KNOWN_NAMES: set[str] = set()
_KNOWN_NAMES_LIMIT = 1024
# The seconds from the years 1 to 9999, which is what an HTTP date can be.
FIRST_SECOND, LAST_SECOND = -62_135_596_800, 253_402_300_799
_SAME_SITE = {"lax": "Lax", "strict": "Strict", "none": "None"}


def parse_cookies(field: str) -> dict[str, str]:
    """Parse a `Cookie` field (RFC 6265 section 5.4).

    Malformed pairs are skipped. If a name occurs twice, the last value is used, as in the standard
    library. Values are not URL-decoded; quoted ones are unquoted.

    Args:
        field: The field as in PEP 3333, bytes read as Latin-1. Names and values are decoded as
            UTF-8, as browsers send them; other ones are kept unchanged.

    Example:
        >>> parse_cookies('theme=dark; name="Ada L."')
        {'theme': 'dark', 'name': 'Ada L.'}
    """
    cookies = {}
    is_ascii = field.isascii()
    for pair in field.replace("; ", ";").split(";"):
        name, equals, value = pair.partition("=")
        if name not in _KNOWN_NAMES:
            name = _name_of(name)
        if not equals or not name:
            continue
        value = value.strip(" \t")
        if value[:1] == '"':
            value = _utf_8(_unquote(value))
        elif not is_ascii:
            value = _utf_8(value)
        cookies[name] = value
    return cookies


def _name_of(text: str) -> str:
    """Return the name of a pair, or an empty text if browsers would not send it."""
    name = _utf_8(text.strip(" \t"))
    if not _SENT_NAME.fullmatch(name):
        return ""
    if len(_KNOWN_NAMES) < _KNOWN_NAMES_LIMIT and len(name) < 128:
        _KNOWN_NAMES.add(name)
    return name


def _unquote(value: str) -> str:
    if len(value) < 2 or value[-1] != '"':
        return value
    inner = value[1:-1]
    if "\\" not in inner:
        return inner
    return _QUOTED_PAIR.sub(lambda m: chr(int(m[1], 8)) if m[1] else m[2], inner)


def _utf_8(text: str) -> str:
    """Decode UTF-8 that was read as Latin-1; other text is returned unchanged."""
    if text.isascii():
        return text
    try:
        return text.encode("latin-1").decode()
    except UnicodeError:
        return text


def cookie_header(
    name: str,
    value: str = "",
    *,
    max_age: float | timedelta | None = None,
    expires: datetime | float | str | None = None,
    path: str | None = "/",
    domain: str | None = None,
    secure: bool = False,
    httponly: bool = True,
    samesite: str | None = "Lax",
    partitioned: bool = False,
) -> str:
    """Return the value of a `Set-Cookie` field (RFC 6265 section 4.1, prefixes of RFC 6265bis).

    Args:
        name: Cookie name; an RFC 9110 token.
        value: Cookie value; characters outside the cookie alphabet are quoted, as `parse_cookies`
            unquotes them.
        max_age: Lifetime in seconds or as a timedelta; 0 or less deletes the cookie. `None` and no
            `expires` make a session cookie.
        expires: End of its life, as aware datetime, seconds since the epoch or HTTP date.
        path: Path below which the client sends it, percent-encoded or not; `None` means that of
            the request.
        domain: Domain including subdomains, without a port; an internationalised one is sent in
            its `xn--` form. `None` or an empty text means this host only.
        secure: Whether the client sends it over HTTPS only.
        httponly: Whether scripts cannot read it.
        samesite: "Lax", "Strict", "None" (which requires `secure`), or `None` to leave it out.
        partitioned: Whether browsers keep a separate cookie for each site that embeds this one in
            a frame (CHIPS); requires `secure`.

    Raises:
        ValueError: Browsers would reject the name, path, domain or combination.

    Example:
        >>> cookie_header("theme", "dark", secure=True)
        'theme=dark; Path=/; Secure; HttpOnly; SameSite=Lax'
    """
    if not _TOKEN.fullmatch(name):
        raise ValueError(f"{name!r} is not a cookie name: letters, digits and !#$%&'*+-.^_`|~ only")
    parts = [f"{name}={_quote(value)}"]
    if max_age is not None:
        parts.append(f"Max-Age={_whole_seconds(max_age)}")
    if expires is not None:
        parts.append(f"Expires={_http_date(expires)}")
    if path is not None:
        parts.append(f"Path={_sent_path(name, path)}")
    domain = domain or None
    if domain is not None:
        parts.append(f"Domain={_sent_domain(name, domain)}")
    _check_prefix(name, path, domain, secure)
    parts += ["Secure"] * bool(secure) + ["HttpOnly"] * bool(httponly)
    if samesite is not None:
        parts.append(f"SameSite={_same_site(name, samesite, secure)}")
    parts += _partition(name, partitioned, secure)
    return "; ".join(parts)


def _quote(value: str) -> str:
    if _PLAIN_VALUE.fullmatch(value):
        return value
    octets = _NEEDS_OCTAL.sub(lambda m: b"\\%03o" % m[0][0], value.encode())
    return f'"{octets.decode("ascii")}"'


def _sent_path(name: str, path: str) -> str:
    """Return a path as browsers compare it with that of a request: percent-encoded."""
    if not _PATH.fullmatch(path):
        raise ValueError(f"path {path!r} of cookie {name} has characters that cookies forbid")
    return quote(path, _IN_PATH)


def _sent_domain(name: str, domain: str) -> str:
    dot = "." if domain.startswith(".") else ""
    sent = dot + (ascii_name(domain.removeprefix(".")) or "")
    if not _DOMAIN.fullmatch(sent):
        raise ValueError(
            f"domain {domain!r} of cookie {name} has characters that cookies forbid; "
            "write a host name without scheme and port"
        )
    return sent


def _whole_seconds(age: float | timedelta) -> int:
    return int(age.total_seconds() if isinstance(age, timedelta) else age)


def _http_date(moment: datetime | float | str) -> str:
    if isinstance(moment, str):
        try:
            moment = parsedate_to_datetime(moment)
        except (ValueError, OverflowError, IndexError):
            raise ValueError(f"expires {moment!r} is not an HTTP date") from None
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError("expires is a naive datetime: give it a time zone")
        # Rounded down: the last second of 9999 would become the year 10000.
        moment = min(max(floor(moment.timestamp()), FIRST_SECOND), LAST_SECOND)
    try:
        return formatdate(moment, usegmt=True)
    except (OverflowError, ValueError, OSError):  # as the platform has it
        raise ValueError(f"expires {moment!r} is out of the range of dates") from None


def _check_prefix(name: str, path: str | None, domain: str | None, secure: bool) -> None:
    prefix = name.lower()  # browsers ignore its case too
    if prefix.startswith("__host-") and not (secure and path == "/" and domain is None):
        raise ValueError(f'cookie {name} needs secure=True, path="/" and no domain')
    if prefix.startswith("__secure-") and not secure:
        raise ValueError(f"cookie {name} needs secure=True")


def _partition(name: str, partitioned: bool, secure: bool) -> list[str]:
    if partitioned and not secure:
        raise ValueError(f"cookie {name}: partitioned needs secure=True")
    return ["Partitioned"] * bool(partitioned)


def _same_site(name: str, samesite: str, secure: bool) -> str:
    canonical = _SAME_SITE.get(samesite.lower())
    if canonical is None:
        raise ValueError(
            f'samesite {samesite!r} of cookie {name} must be "Lax", "Strict" or "None"'
        )
    if canonical == "None" and not secure:
        raise ValueError(f'cookie {name}: samesite="None" needs secure=True')
    return canonical
