"""Optimistic locking: a form carries a digest of the row, which is compared when it is saved."""

import hashlib
from collections.abc import Iterable

from lback.forms.identity import identity_text, mapper_of

STATE = "_state"


def state_of(
    row: object,
    collections: Iterable[str] = (),
    inlines: Iterable[object] = (),
    more: Iterable[object] = (),
    *,
    key: str = "",
) -> str:
    """Return a digest of a row and of everything that is edited together with it.

    Args:
        row: The row; all its columns are included.
        collections: Names of to-many relationships whose keys are included, such as "tags".
        inlines: Rows of inlines; all their columns are included.
        more: Further values to include.
        key: A secret, without which the values of hidden columns could be guessed and compared.

    Returns:
        Hexadecimal text of 32 characters.
    """
    digest = hashlib.blake2b(digest_size=16, key=hashlib.sha256(key.encode()).digest())
    for item in (row, *inlines):
        for prop in mapper_of(type(item)).column_attrs:
            digest.update(repr((prop.key, getattr(item, prop.key))).encode("utf-8", "replace"))
        digest.update(b"\0")
    for name in collections:
        keys = sorted(identity_text(other) for other in getattr(row, name))
        digest.update(repr((name, keys)).encode())
    digest.update(repr(list(more)).encode("utf-8", "replace"))
    return digest.hexdigest()
