"""Dicts with one or several values per name, and the parser of query strings."""

from binascii import a2b_qp
from typing import Any
from urllib.parse import unquote

from lback.core.exceptions import BadRequest, HTTPException


class MissingField(BadRequest, KeyError):
    """A field that a view reads was not sent (status 400); also a `KeyError`."""

    def __init__(self, name: object) -> None:
        super().__init__(f"the field {str(name)[:100]!r} is missing")

    __str__ = BadRequest.__str__


class FormData(dict[str, Any]):
    """Form fields by name. Reading a missing field raises an error that is answered with 400.

    `data["title"]` raises `MissingField` if the field is missing; `data.get("title")` returns None.

    Example:
        >>> FormData(title="Emma")["author"]
        Traceback (most recent call last):
        ...
        lback.core.http.multidict.MissingField: the field 'author' is missing
    """

    __slots__ = ()

    def __missing__(self, name: object) -> Any:
        raise MissingField(name)


class NoFields(FormData):
    """An empty form for a body that has no fields, such as a JSON list.

    Args:
        reason: Raised when a field is read.
    """

    __slots__ = ("reason",)

    def __init__(self, reason: HTTPException) -> None:
        super().__init__()
        self.reason = reason

    def __missing__(self, name: object) -> Any:
        raise self.reason


class MultiDict(FormData):
    """A dict whose values are text, or lists for names that occur several times.

    `getlist` returns a list in both cases.

    Example:
        >>> values = parse_query("tag=new&tag=used&page=2")
        >>> values["page"], values["tag"], values.getlist("page")
        ('2', ['new', 'used'], ['2'])
    """

    __slots__ = ()

    def getlist(self, name: str) -> list[Any]:
        """Return all values of a name in the order sent; an empty list if there are none."""
        if name not in self:
            return []
        value = self[name]
        return list(value) if isinstance(value, list) else [value]

    def add(self, name: str, value: object) -> None:
        """Add a value, in addition to existing ones of the same name.

        Args:
            name: Name of the field.
            value: Text or an uploaded file.
        """
        if name not in self:
            self[name] = value
        elif isinstance(self[name], list):
            self[name].append(value)
        else:
            self[name] = [self[name], value]


def parse_query(text: str, limit: int = 1000, *, errors: str = "replace") -> MultiDict:
    """Parse a query string or an urlencoded form. Blank values are kept; `;` is not a separator.

    Args:
        text: The encoded text, without the question mark.
        limit: Maximum number of fields.
        errors: Handling of percent-encoded bytes that are not UTF-8; see `bytes.decode`.

    Raises:
        BadRequest: There are more fields than the limit.
        UnicodeDecodeError: Bytes are not UTF-8 and `errors` is "strict".
    """
    count = text.count("&")
    if count >= limit:
        raise BadRequest(f"more than {limit} parameters")
    if "+" in text:
        text = text.replace("+", " ")
    values = _decoded(text, count + 1, errors) if "%" in text else _plain(text)
    return _careful(text, errors) if len(values) <= count or "" in values else values


def _plain(text: str) -> MultiDict:
    values = MultiDict()
    for field in text.split("&"):
        name, _, value = field.partition("=")
        values[name] = value
    return values


def _decoded(text: str, count: int, errors: str) -> MultiDict:
    """Decode all fields at once, or return an empty dict if they have to be decoded one by one.

    Quoted-printable differs from percent-encoding only in its sign, and the standard library
    decodes it in C. Each decoded byte makes the text shorter by two. Text that becomes shorter by
    less, contains control characters, or has a field without exactly one `=` is not decoded here.
    """
    values = MultiDict()
    if not (text.isascii() and text.isprintable()):
        return values
    # The separators are replaced by control characters, because `=` becomes the sign.
    octets = a2b_qp(text.replace("=", "\2").replace("&", "\1").replace("%", "="))
    if len(octets) == len(text) - 2 * text.count("%"):
        fields = octets.decode(errors=errors).split("\1")
        if len(fields) == count:
            try:
                for field in fields:
                    name, value = field.split("\2")
                    values[name] = value
            except ValueError:
                values.clear()
    return values


def _careful(text: str, errors: str) -> MultiDict:
    """Parse fields one by one, which keeps repeated names and accepts malformed fields."""
    values = MultiDict()
    for field in text.split("&"):
        if field:
            name, _, value = field.partition("=")
            values.add(unquote(name, errors=errors), unquote(value, errors=errors))
    return values
