"""Names with one value or several, as query strings and forms send them."""

from typing import Any
from urllib.parse import unquote_plus

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
    fields = [field for field in text.split("&") if field]
    if "%" in text or "+" in text:
        pairs = [_decoded_pair(field, errors) for field in fields]
    else:
        pairs = [field.partition("=") for field in fields]
    values = MultiDict()
    for name, _, value in pairs:
        values[name] = value
    if len(values) < len(pairs):  # rare: a name came twice, so none of its values may be lost
        values = MultiDict()
        for name, _, value in pairs:
            values.add(name, value)
    return values


def _decoded_pair(field: str, errors: str) -> tuple[str, str, str]:
    name, equals, value = field.partition("=")
    return unquote_plus(name, errors=errors), equals, unquote_plus(value, errors=errors)
