"""Cursors of pages: signed, and bound to the order and the filter of their list."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lback.database.keyset import SortKey, plain_values, typed_values

if TYPE_CHECKING:
    from lback.security import TokenSigner

PURPOSE = "lback.api.cursor"
# A cursor stands for a place, not for a permission, so it is good for as long as a bookmark.
MAX_AGE = 10 * 365 * 24 * 3600.0
MAX_LENGTH = 6000

UNREADABLE = "This cursor is not valid. Start again without it."
FOREIGN = "This cursor belongs to another order or filter. Start again without it."


class CursorError(ValueError):
    """A cursor cannot be used; the message is for the client."""


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a list.

    Attributes:
        plain: Sort values of the row at this place, as `plain_values` returns them.
        backwards: True for the page before the row.
    """

    plain: list[object]
    backwards: bool

    def values(self, keys: Sequence[SortKey]) -> list[object]:
        """Return the sort values in the types of their columns.

        Args:
            keys: Sort keys of the list.

        Raises:
            CursorError: The columns have other types than when the cursor was signed.
        """
        values = typed_values(self.plain, keys)
        if values is None:
            raise CursorError(UNREADABLE)
        return values


def write_cursor(
    signer: "TokenSigner", state: str, values: Iterable[object], *, backwards: bool
) -> str:
    """Return the cursor of a row.

    Args:
        signer: Signs it.
        state: Fingerprint of order and filter; see `state_of_list`.
        values: Sort values of the row. Clients can read them: a cursor is not encrypted.
        backwards: True for the page before the row.
    """
    return signer.sign(PURPOSE, [state, int(backwards), plain_values(values)])


def read_cursor(signer: "TokenSigner", text: str, state: str) -> Cursor:
    """Return the place that a cursor stands for.

    Args:
        signer: Verifies it.
        text: The cursor, as the client sent it.
        state: Fingerprint of order and filter of this request.

    Raises:
        CursorError: It was not signed here, or for another order or filter.
    """
    data = signer.read(PURPOSE, text, MAX_AGE) if len(text) <= MAX_LENGTH else None
    if not isinstance(data, list) or len(data) != 3 or not isinstance(data[2], list):
        raise CursorError(UNREADABLE)
    if data[0] != state:
        raise CursorError(FOREIGN)
    return Cursor(data[2], bool(data[1]))


def state_of_list(name: str, order: Iterable[str], query: Iterable[tuple[str, list[str]]]) -> str:
    """Return a fingerprint of what a list shows and how it is ordered.

    Args:
        name: Name of the filter class.
        order: Names of the sort columns with their directions.
        query: Parameters that narrow the list, with their values.

    Example:
        >>> state_of_list("BookFilter", ["title"], [("author", ["7"])])
        '606b68253610d831'
    """
    text = repr((name, list(order), sorted((key, sorted(values)) for key, values in query)))
    return hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=8).hexdigest()
