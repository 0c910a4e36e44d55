"""Names with one value or several, as query strings and forms send them."""

from binascii import a2b_qp
from typing import Any
from urllib.parse import unquote

from lback.core.exceptions import BadRequest


class MultiDict(dict[str, Any]):
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
    if text.count("&") >= limit:
        raise BadRequest(f"more than {limit} parameters")
    if "+" in text:
        text = text.replace("+", " ")
    fields = text.split("&")
    values = MultiDict()
    if "%" in text:
        for field in fields:
            name, _, value = field.partition("=")
            if "%" in field:
                name, value = unquoted(name, errors), unquoted(value, errors)
            values[name] = value
    else:
        for field in fields:
            name, _, value = field.partition("=")
            values[name] = value
    if len(values) < len(fields) or "" in values:
        return _careful(fields, errors)
    return values


def _careful(fields: list[str], errors: str) -> MultiDict:
    """Read fields of which one is empty, or of which two have the same name: none may be lost."""
    values = MultiDict()
    for field in fields:
        if field:
            name, _, value = field.partition("=")
            values.add(unquoted(name, errors), unquoted(value, errors))
    return values


def unquoted(text: str, errors: str = "replace") -> str:
    """Replace percent-encoded bytes; what only looks like one stays (WHATWG URL §1.3).

    Quoted-printable differs from this in its sign, and the standard library reads it in C. Each
    byte that it reads so makes the text shorter by two; where it is shorter by less than that, or
    has line breaks, to which quoted-printable gives a meaning, the slow way is taken.

    Raises:
        UnicodeDecodeError: The bytes are no UTF-8, and `errors` is "strict".
    """
    if "%" not in text:
        return text
    if text.isascii() and text.isprintable():
        signed = text.replace("=", "%3D") if "=" in text else text
        read = a2b_qp(signed.replace("%", "="))
        if len(read) == len(signed) - 2 * signed.count("%"):
            return read.decode(errors=errors)
    return unquote(text, errors=errors)
