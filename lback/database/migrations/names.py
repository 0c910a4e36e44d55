"""Names of migrations: a number and a short description."""

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

from lback.database.migrations.enum_members import ChangeMembers
from lback.database.migrations.operations import AddFilledColumn, RenameColumn, RenameTable
from lback.database.migrations.sequences import CreateSequence

# The length of the column `alembic_version.version_num`.
NAME_LENGTH = 32


# The most characteristic operations first.
_RANKS = ("add", "rename", "drop", "change")


def describe(operations: Iterable[MigrateOperation]) -> str:
    """Return a short description of operations, such as `"add books and more"`."""
    found = [words for op in operations for words in _words(op)]
    if not found:
        return "change nothing"
    # Alembic detects drops in no particular order.
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
        case ChangeMembers() | CreateSequence():
            return [op.words]
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
    """Return the name of the next migration, at most 32 characters.

    Args:
        message: Description of the migration.
        known: Names of existing migrations.

    Example:
        >>> name_for("add books.rating", ["0001_initial", "0002_add_books"])
        '0003_add_books_rating'
    """
    numbers = [int(found[0]) for name in known if (found := re.match(r"\d{4}(?=_)", name))]
    slug = re.sub(r"[^a-z0-9]+", "_", message.lower()).strip("_")
    return f"{max(numbers, default=0) + 1:04d}_{slug or 'change'}"[:NAME_LENGTH].rstrip("_")
