"""Header fields of requests and responses: case-insensitive names, validated values."""

import re
from collections.abc import Iterator, Mapping, MutableMapping
from typing import TypeAlias

HeaderValue: TypeAlias = "str | list[str] | tuple[str, ...]"

_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
# One directive of Cache-Control, with a quoted argument taken whole.
_DIRECTIVE = re.compile(r'[^\s,"](?:[^,"]|"[^"]*"?)*')
_FOR_SHARED = re.compile(r"(?:public|s-maxage|private\s*=)", re.IGNORECASE)
# Fields that caches in front of the site obey before `Cache-Control`: those of RFC 9213, such as
# Cloudflare-CDN-Cache-Control, of Akamai and Fastly, and of nginx.
_FOR_SHARED_CACHES = ("cdn-cache-control", "surrogate-control", "edge-control", "x-accel-expires")
_TYPE = "content-type"
_KNOWN_NAMES: dict[str, str] = {}
# By name and value: the key of the field and the pair that is sent.
_CHECKED_PAIRS: dict[str, dict[str, tuple[str, tuple[str, str]]]] = {}
# Most fields are sent again and again: checked ones are remembered, up to this many names and
# this many values of each.
_MEMO_LIMIT = 1024
_VALUES_LIMIT = 32


def field_key(name: str) -> str:
    """Return the key under which a field is stored: its name in lower case.

    Raises:
        TypeError: The name is not text.
        ValueError: The name is not a token (RFC 9110 section 5.1).
    """
    key = _KNOWN_NAMES.get(name)
    if key is None:
        if not isinstance(name, str):
            raise TypeError(f"a header name must be text, not {type(name).__name__}")
        if not _TOKEN.fullmatch(name):
            raise ValueError(
                f"{name!r} is not a header name: letters, digits and !#$%&'*+-.^_`|~ only"
            )
        key = name.lower()
        if len(_KNOWN_NAMES) < _MEMO_LIMIT:
            _KNOWN_NAMES[name] = key
    return key


def field_value(name: str, value: str) -> str:
    """Return the value of a header field if it is valid.

    Args:
        name: Name of the field, for the message.
        value: Text of the field.

    Raises:
        TypeError: The value is not text.
        ValueError: The value contains a line break, NUL, tab or another control character, or a
            character outside Latin-1 (PEP 3333).
    """
    if not isinstance(value, str):
        raise TypeError(f"the value of header {name} must be text, not {type(value).__name__}")
    if value.isascii() and value.isprintable():
        return value
    if _CONTROL.search(value):
        raise ValueError(f"the value of header {name} contains a line break or control character")
    try:
        value.encode("latin-1")
    except UnicodeEncodeError:
        raise ValueError(
            f"the value of header {name} contains a character outside Latin-1; percent-encode it"
        ) from None
    return value


def _checked(name: str, value: str) -> tuple[str, tuple[str, str]]:
    """Return key and pair as plain `str`: PEP 3333 forbids subclasses such as enumerations."""
    key = field_key(name)
    return key, (str.__str__(name), str.__str__(field_value(name, value)))


def _remembered(name: str, value: str) -> tuple[str, tuple[str, str]]:
    checked = _checked(name, value)
    name, value = checked[1]
    known = _CHECKED_PAIRS.get(name)
    if known is None:
        if len(_CHECKED_PAIRS) >= _MEMO_LIMIT:
            return checked
        known = _CHECKED_PAIRS[name] = {}
    if len(known) < _VALUES_LIMIT and len(value) < 128:
        known[value] = checked
    return checked


class Headers(MutableMapping[str, "str | list[str]"]):
    """The header fields of a response: lookups ignore case, the output preserves it.

    A value is text, or a list of texts for a field that is sent several times (`Set-Cookie`).
    Names and values are validated when they are set.

    Args:
        fields: Fields to begin with; copied.

    Example:
        >>> headers = Headers({"Content-Type": "text/html"})
        >>> headers["content-type"], headers.pairs()
        ('text/html', [('Content-Type', 'text/html')])
    """

    __slots__ = ("_fields", "_repeated")

    def __init__(self, fields: Mapping[str, HeaderValue] | None = None) -> None:
        # The values are the pairs that are sent, so that the usual output is a copy of them.
        self._fields: dict[str, tuple[str, str]] = {}
        self._repeated: dict[str, list[str]] | None = None
        if fields:
            put = self.__setitem__  # called as a function, which is faster than the operator
            for name, value in fields.items():
                put(name, value)

    @classmethod
    def of_type(cls, media_type: str | None) -> "Headers":
        """Build header fields with a `Content-Type` that was already validated, or empty ones."""
        headers = cls.__new__(cls)
        headers._fields = {} if media_type is None else {_TYPE: ("Content-Type", media_type)}
        headers._repeated = None
        return headers

    def __setitem__(self, name: str, value: HeaderValue) -> None:
        try:
            key, pair = _CHECKED_PAIRS[name][value]  # type: ignore[index]  # a list is not hashable
        except (KeyError, TypeError):
            if isinstance(value, (list, tuple)):
                self._set_repeated(name, value)
                return
            key, pair = _remembered(name, value)
        self._fields[key] = pair
        if self._repeated is not None:
            self._repeated.pop(key, None)

    def _set_repeated(self, name: str, values: "list[str] | tuple[str, ...]") -> None:
        self.pop(name, None)
        for value in values:
            self.append(name, value)

    def append(self, name: str, value: str) -> None:
        """Add a field, in addition to existing ones of the same name.

        Args:
            name: Name of the field.
            value: Text of the field.

        Raises:
            TypeError, ValueError: Name or value are not valid; see `field_value`.

        Example:
            >>> headers = Headers({"Link": "</a.css>"})
            >>> headers.append("Link", "</b.css>")
            >>> headers["Link"]
            ['</a.css>', '</b.css>']
        """
        key, pair = _checked(name, value)
        if key not in self._fields:
            self._fields[key] = pair
            return
        if self._repeated is None:
            self._repeated = {}
        self._repeated.setdefault(key, []).append(pair[1])

    def add_vary(self, name: str) -> None:
        """Add a name to `Vary`: the response depends on that request header field.

        See RFC 9110 section 12.5.5. A name that is already listed is not added again.

        Example:
            >>> headers = Headers({"Vary": "Cookie"})
            >>> headers.add_vary("Accept")
            >>> headers["Vary"]
            'Cookie, Accept'
        """
        current = self.get("Vary", "")
        names = ", ".join(current) if isinstance(current, list) else current
        listed = {part.strip().lower() for part in names.split(",")}
        if "*" not in listed and name.lower() not in listed:
            self["Vary"] = f"{names}, {name}" if names else name

    def keep_cookies_private(self) -> None:
        """Set `Cache-Control: private` if the response sets a cookie (RFC 9111 section 7.3).

        Otherwise a shared cache could send the cookie of one visitor to others. `no-store` is
        kept; `public`, `s-maxage` and fields for caches in front of the site are removed.
        """
        if "set-cookie" not in self._fields:
            return
        current = self.get("Cache-Control", "")
        text = ", ".join(current) if isinstance(current, list) else current
        kept = [part for part in _DIRECTIVE.findall(text) if not _FOR_SHARED.match(part)]
        names = {part.lower() for part in kept}
        if not names & {"private", "no-store"}:
            kept.insert(0, "private")
        self["Cache-Control"] = ", ".join(kept)
        for name in [name for name in self._fields if name.endswith(_FOR_SHARED_CACHES)]:
            del self[name]

    def __getitem__(self, name: str) -> str | list[str]:
        key = name.lower()
        first = self._fields[key][1]
        if self._repeated and key in self._repeated:
            return [first, *self._repeated[key]]
        return first

    def __delitem__(self, name: str) -> None:
        key = name.lower()
        del self._fields[key]
        if self._repeated is not None:
            self._repeated.pop(key, None)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name.lower() in self._fields

    def __iter__(self) -> Iterator[str]:
        return iter([name for name, _ in self._fields.values()])

    def __len__(self) -> int:
        return len(self._fields)

    def __repr__(self) -> str:
        return f"Headers({dict(self.items())!r})"

    def fill(self, others: "Headers") -> None:
        """Add the fields of another object whose names are not present yet."""
        self._fields = {**others._fields, **self._fields}

    def default_type(self, media_type: str) -> None:
        """Set the `Content-Type` if there is none."""
        if _TYPE not in self._fields:
            self.__setitem__("Content-Type", media_type)

    def media_type(self) -> str | None:
        """Return the `Content-Type`, or `None` if there is none or several."""
        pair = self._fields.get(_TYPE)
        if pair is None or (self._repeated and _TYPE in self._repeated):
            return None
        return pair[1]

    def complete_pairs(self, media_type: str, length: str) -> list[tuple[str, str]]:
        """Return the pairs with a `Content-Type` and `Content-Length` that replace existing ones.

        Args:
            media_type: The `Content-Type`.
            length: The `Content-Length`, as text.
        """
        fields = self._fields
        current = fields.get(_TYPE)
        if "content-length" in fields or (current is not None and current[1] != media_type):
            completed = Headers(self)
            completed["Content-Type"] = media_type
            completed.pop("Content-Length", None)
            return completed.complete_pairs(media_type, length)
        pairs = self.pairs() if self._repeated else list(fields.values())
        if current is None:
            pairs.append(("Content-Type", media_type))
        pairs.append(("Content-Length", length))
        return pairs

    def pairs(self) -> list[tuple[str, str]]:
        """Return the fields as a list of WSGI pairs; a repeated field becomes several pairs."""
        if not self._repeated:
            return list(self._fields.values())
        pairs = []
        for key, pair in self._fields.items():
            pairs.append(pair)
            pairs += [(pair[0], more) for more in self._repeated.get(key, ())]
        return pairs


class RequestHeaders(dict[str, str]):
    """The header fields of a request. Keys are in upper case with dashes (`USER-AGENT`).

    Lookups ignore case and accept `_` for `-`; iteration yields the upper-case form.

    Example:
        >>> RequestHeaders({"User-Agent": "curl"})["user_agent"]
        'curl'
    """

    __slots__ = ()

    def __init__(self, fields: Mapping[str, str] | None = None) -> None:
        super().__init__()
        for name, value in (fields or {}).items():
            self[name] = value

    @classmethod
    def from_environ(cls, environ: Mapping[str, object]) -> "RequestHeaders":
        """Build header fields from the `HTTP_…`, `CONTENT_TYPE` and `CONTENT_LENGTH` variables."""
        headers = cls()
        put = super().__setitem__
        for key, value in environ.items():
            if key.startswith("HTTP_"):
                put(headers, key[5:].replace("_", "-"), value)  # type: ignore[arg-type]  # PEP 3333: text
        for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
            if environ.get(key):
                put(headers, key.replace("_", "-"), environ[key])  # type: ignore[arg-type]  # as above
        return headers

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(_request_key(name))

    def __setitem__(self, name: str, value: str) -> None:
        super().__setitem__(_request_key(name), value)

    def __delitem__(self, name: str) -> None:
        super().__delitem__(_request_key(name))

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and super().__contains__(_request_key(name))

    def get(self, name: str, default: str | None = None) -> str | None:  # type: ignore[override]  # one signature instead of dict's overloads
        """Return the value of a field, or the default.

        Args:
            name: Name of the field, in any case.
            default: Returned if the field does not exist.
        """
        return super().get(_request_key(name), default)


def _request_key(name: str) -> str:
    return name.upper().replace("_", "-")
