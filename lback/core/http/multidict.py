"""Names with one value or several, as query strings and forms send them."""

from binascii import a2b_qp
from typing import Any
from urllib.parse import unquote

from lback.core.exceptions import BadRequest, HTTPException


class MissingField(BadRequest, KeyError):
    """A field that a view reads by its name was not sent: 400, and a `KeyError` as well."""

    def __init__(self, name: object) -> None:
        super().__init__(f"the field {str(name)[:100]!r} is missing")

    __str__ = BadRequest.__str__


class FormData(dict[str, Any]):
    """What a client sent, by field name: an absent name is the client's mistake.

    `data["title"]` raises `MissingField`, which is answered with 400; `data.get("title")` does not.
    """

    __slots__ = ()

    def __missing__(self, name: object) -> Any:
        raise MissingField(name)


class NoFields(FormData):
    """An empty form in place of a body that is none, such as a JSON list.

    Args:
        reason: Raised where a field is read, and by a form that is given this.
    """

    __slots__ = ("reason",)

    def __init__(self, reason: HTTPException) -> None:
        super().__init__()
        self.reason = reason

    def __missing__(self, name: object) -> Any:
        raise self.reason


class MultiDict(FormData):
    """A dict whose value is the one that was sent, or the list of them where there were several.

    `getlist` spares the caller the difference.
    """

    __slots__ = ()

    def getlist(self, name: str) -> list[Any]:
        """Return all values of a name, in the order sent; none gives an empty list."""
        if name not in self:
            return []
        value = self[name]
        return list(value) if isinstance(value, list) else [value]

    def add(self, name: str, value: Any) -> None:
        """Add a value beside those that are there."""
        if name not in self:
            self[name] = value
        elif isinstance(self[name], list):
            self[name].append(value)
        else:
            self[name] = [self[name], value]


def parse_query(text: str, limit: int = 1000, *, errors: str = "replace") -> MultiDict:
    """Read a query string or an urlencoded form; blank values are kept, `;` separates nothing.

    Args:
        text: As it was sent, without the question mark.
        limit: How many fields are accepted.
        errors: What becomes of percent-encoded bytes that are no UTF-8; see `bytes.decode`.

    Raises:
        BadRequest: There are more fields than that.
        UnicodeDecodeError: Such bytes, with `errors="strict"`.
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
    """Decode all fields at once, or return nothing where they have to be read with care.

    Quoted-printable differs from percent-encoding in its sign, and the standard library reads it
    in C. Each byte that it reads makes the text shorter by two; what is shorter by less than
    that, or holds control characters, which mean something to it, is not for this way. Nor is a
    field that has not exactly one `=`.
    """
    values = MultiDict()
    if not (text.isascii() and text.isprintable()):
        return values
    # The separators step aside for the sign, to characters that no field holds.
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
    """Read fields one by one: none of the values of a name may be lost, nor an odd one."""
    values = MultiDict()
    for field in text.split("&"):
        if field:
            name, _, value = field.partition("=")
            values.add(unquote(name, errors=errors), unquote(value, errors=errors))
    return values
