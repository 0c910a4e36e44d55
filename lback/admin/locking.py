"""Optimistic locking: a form knows the state of the row it was made from, and says so when sent."""

import hashlib
from collections.abc import Iterable
from typing import Any

from sqlalchemy import inspect
from sqlalchemy.orm import Session

from lback.forms.identity import identity_text, mapper_of

STATE = "_state"


def state_of(
    row: Any,
    collections: Iterable[str] = (),
    inlines: Iterable[Any] = (),
    more: Iterable[Any] = (),
) -> str:
    """Return a digest of the columns of a row, and of what is edited together with it.

    Args:
        row: The row.
        collections: Relationships whose keys count, such as the tags of a book.
        inlines: Rows of other tables that count as well.
        more: Plain values that count as well.
    """
    digest = hashlib.blake2b(digest_size=16)
    for item in (row, *inlines):
        for prop in mapper_of(type(item)).column_attrs:
            digest.update(repr((prop.key, getattr(item, prop.key))).encode("utf-8", "replace"))
        digest.update(b"\0")
    for name in collections:
        keys = sorted(identity_text(other) for other in getattr(row, name))
        digest.update(repr((name, keys)).encode())
    digest.update(repr(list(more)).encode("utf-8", "replace"))
    return digest.hexdigest()


def lock(session: Session, row: Any) -> bool:
    """Wait for those who write the row, and read what they wrote; others then wait for us.

    Returns:
        Whether it is still there.
    """
    key = inspect(row).identity
    # What was loaded before is forgotten, collections too: it may be old.
    session.expire(row)
    found = session.get(type(row), key, with_for_update={"of": type(row)}, populate_existing=True)
    return found is not None
