"""Values for new NOT NULL columns without a default in tables with rows."""

import enum
import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from alembic.operations.ops import AddColumnOp, DowngradeOps, ModifyTableOps, OpContainer
from sqlalchemy import Column, Enum, Interval, String
from sqlalchemy.engine import Dialect

from lback.database.migrations.conversions import convert
from lback.database.migrations.errors import MigrationError
from lback.database.migrations.kinds import Kind, kind_of_type
from lback.database.migrations.operations import AddFilledColumn
from lback.database.migrations.questions import UnfilledColumn, kind_of
from lback.database.migrations.stored import python_source, stored

ValueFor = Callable[[UnfilledColumn], str]

# Values for a column whose drop is reverted, as its data is lost.
NOTHING: dict[type, object] = {
    bool: False, bytes: b"", date: date(1970, 1, 1), datetime: datetime(1970, 1, 1, tzinfo=UTC),
    Decimal: Decimal(0), dict: {}, float: 0.0, int: 0, list: [], str: "", time: time(),
    timedelta: timedelta(), UUID: UUID(int=0),
}  # fmt: skip

_TEXT, _SPAN = Kind("str", String()), Kind("interval", Interval())

FROM_TEXT: dict[type, Callable[[str], object]] = {
    bool: lambda text: {"true": True, "1": True, "false": False, "0": False}[text.lower()],
    bytes: str.encode,
    date: date.fromisoformat,
    datetime: lambda text: _aware(datetime.fromisoformat(text)),
    dict: json.loads,
    time: time.fromisoformat,
    timedelta: lambda text: convert(text, _TEXT, _SPAN),
}


def fill_gaps(
    operations: OpContainer, imports: set[str], value_for: ValueFor, dialect: Dialect
) -> None:
    """Add values for existing rows to each new NOT NULL column without a server default.

    The value is the default of the model if that is a constant, else the result of `value_for`. It
    is written in the form in which the column stores it.

    Args:
        operations: Operations of the migration; changed in place.
        imports: Import lines of the migration; added to.
        value_for: Returns the value of a column as text.
        dialect: Dialect of the database.

    Raises:
        MigrationError: The text is not a valid value of the type.
    """
    for changes, index, column in _gaps(operations):
        value = _default(column)
        if value is None:
            value = _given(changes.table_name, column, value_for)
        kept = _keeps_default(column, dialect)
        kind = column.type
        if not _is_of_lback(column):
            value, kind = stored(value, column.type, dialect)
        source = python_source(value, imports)
        if kept:
            imports.add("from lback.database.migrations import temporary_default")
        filled = AddFilledColumn(
            changes.table_name, column, source, kind, changes.schema, keeps_default=kept
        )
        _replace(operations, changes, index, filled)


def _keeps_default(column: Column[object], dialect: Dialect) -> bool:
    return bool(kind_of_type(column.type, dialect).name)


def _is_of_lback(column: Column[object]) -> bool:
    return type(column.type).__module__.startswith("lback.database")


def fill_gaps_of_undoing(operations: DowngradeOps, imports: set[str]) -> None:
    """Fill columns that a downgrade restores with empty values, such as "", 0 or 1970-01-01.

    Args:
        operations: Operations of the downgrade; changed in place.
        imports: Import lines of the migration; added to.
    """
    for changes, index, column in _gaps(operations):
        kind = kind_of(column.type)
        if kind in NOTHING:
            nothing = column.type.enums[0] if isinstance(column.type, Enum) else NOTHING[kind]
            value = python_source(nothing, imports)
            filled = AddFilledColumn(changes.table_name, column, value, column.type, changes.schema)
            _replace(operations, changes, index, filled)


def _gaps(operations: OpContainer) -> Iterator[tuple[ModifyTableOps, AddColumnOp, Column[object]]]:
    for changes in list(operations.ops):
        if isinstance(changes, ModifyTableOps):
            for op in list(changes.ops):
                if isinstance(op, AddColumnOp) and _is_gap(op.column):
                    yield changes, op, op.column


def _is_gap(column: Column[object]) -> bool:
    filled = column.server_default is not None or column.primary_key
    return not (column.nullable or filled or column.computed or column.identity)


def _replace(
    operations: OpContainer, changes: ModifyTableOps, op: AddColumnOp, by: AddFilledColumn
) -> None:
    changes.ops.remove(op)
    operations.ops.insert(operations.ops.index(changes), by)
    if not changes.ops:
        operations.ops.remove(changes)


def _default(column: Column[object]) -> object:
    """Return the default of a model if it is the same for every row, else None."""
    default: Any = column.default
    if default is None:
        return None
    if default.is_scalar:
        return default.arg
    # The current time fits all rows. A token, computed once, would be shared by all rows.
    if default.is_callable and kind_of(column.type) in (date, datetime):
        return default.arg(None)
    if default.is_callable and kind_of(column.type) is dict:
        value = default.arg(None)
        return value if value in ({}, []) else None
    return None


def _given(table: str, column: Column[object], value_for: ValueFor) -> object:
    gap = UnfilledColumn(table, column.name, kind_of(column.type))
    text = value_for(gap)
    if gap.kind is None:
        return text
    try:
        if issubclass(gap.kind, enum.Enum):
            return _member(gap, gap.kind, column.type, text)
        return FROM_TEXT.get(gap.kind, gap.kind)(text)
    except (KeyError, ValueError, TypeError, ArithmeticError):
        raise MigrationError(f"{gap}: {text!r} is not a valid {gap.kind.__name__}") from None


def _member(gap: UnfilledColumn, kind: type[enum.Enum], type_: Any, text: str) -> enum.Enum:
    """Return a member of an enumeration by its name or its stored text."""
    if text in kind.__members__:
        return kind[text]
    stored = list(type_.enums)
    if text not in stored:
        raise MigrationError(f"{gap}: {text!r} is not one of {', '.join(kind.__members__)}")
    return list(kind)[stored.index(text)]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
