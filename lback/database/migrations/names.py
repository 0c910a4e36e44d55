"""Names of migrations: a number that sorts them and a few words on what they do."""

import re
from collections.abc import Iterable

from alembic.operations.ops import (
    AddColumnOp,
    CreateTableOp,
    DropColumnOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
)

from lback.database.migrations.operations import AddFilledColumn, RenameColumn, RenameTable

# The column `alembic_version.version_num` takes no more.
NAME_LENGTH = 32


# What a migration is remembered by comes first.
_RANKS = ("add", "rename", "drop", "change")


def describe(operations: Iterable[MigrateOperation]) -> str:
    """Return a few words on operations: those on the most telling one, and "and more"."""
    found = [words for op in operations for words in _words(op)]
    if not found:
        return "change nothing"
    # Alembic finds what is to be dropped in any order.
    first = min(
        found,
        key=lambda words: (
            _RANKS.index(words.partition(" ")[0]),
            words if words.startswith("drop") else "",
        ),
    )
    others = {words.partition(" ")[0] for words in found if words != first} - {"change"}
    return f"{first} and more" if others else first


def _words(op: MigrateOperation) -> list[str]:
    match op:
        case CreateTableOp():
            return [f"add {op.table_name}"]
        case DropTableOp():
            return [f"drop {op.table_name}"]
        case RenameTable():
            return [f"rename {op.old} to {op.new}"]
        case RenameColumn():
            return [f"rename {op.table} {op.old} to {op.new}"]
        case AddFilledColumn():
            return [f"add {op.table} {op.column.name}"]
        case ModifyTableOps():
            return _words_on_columns(op)
        case _:
            return []


def _words_on_columns(changes: ModifyTableOps) -> list[str]:
    words = []
    for op in changes.ops:
        if isinstance(op, AddColumnOp):
            words.append(f"add {op.table_name} {op.column.name}")
        elif isinstance(op, DropColumnOp):
            words.append(f"drop {op.table_name} {op.column_name}")
    return words or [f"change {changes.table_name}"]


def name_for(message: str, known: Iterable[str]) -> str:
    """Return the name of the next migration, such as `"0003_add_books_rating"`.

    Args:
        message: What it does.
        known: Names of those that are there.
    """
    numbers = [int(found[0]) for name in known if (found := re.match(r"\d{4}(?=_)", name))]
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    return f"{max(numbers, default=0) + 1:04d}_{slug or 'change'}"[:NAME_LENGTH].rstrip("_")
