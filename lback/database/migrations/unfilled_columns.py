"""Gaps: a column that must not be empty, in a table whose rows were there before it."""

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

# What undoing the drop of a column puts into it, for what was there is gone.
NOTHING: dict[type, Any] = {
    bool: False, bytes: b"", date: date(1970, 1, 1), datetime: datetime(1970, 1, 1, tzinfo=UTC),
    Decimal: Decimal(0), dict: {}, float: 0.0, int: 0, list: [], str: "", time: time(),
    timedelta: timedelta(), UUID: UUID(int=0),
}  # fmt: skip

_TEXT, _SPAN = Kind("str", String()), Kind("interval", Interval())

FROM_TEXT: dict[type, Callable[[str], Any]] = {
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
    """Have each new column that must not be empty filled in the rows that are there.

    The value is the default that the model gives the column or, where that is no plain value,
    what `value_for` says. It is written as the column stores it.

    Args:
        operations: Operations of the migration; changed in place.
        imports: Lines of the migration that import something; added to.
        value_for: Asked for values that no model gives.
        dialect: Dialect of the database.

    Raises:
        MigrationError: The answer is no value of that type.
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


def _keeps_default(column: Column[Any], dialect: Dialect) -> bool:
    return bool(kind_of_type(column.type, dialect).name)


def _is_of_lback(column: Column[Any]) -> bool:
    return type(column.type).__module__.startswith("lback.database")


def fill_gaps_of_undoing(operations: DowngradeOps, imports: set[str]) -> None:
    """Have columns that come back filled with nothing: "", 0, 1970."""
    for changes, index, column in _gaps(operations):
        kind = kind_of(column.type)
        if kind in NOTHING:
            nothing = column.type.enums[0] if isinstance(column.type, Enum) else NOTHING[kind]
            value = python_source(nothing, imports)
            filled = AddFilledColumn(changes.table_name, column, value, column.type, changes.schema)
            _replace(operations, changes, index, filled)


def _gaps(operations: OpContainer) -> Iterator[tuple[ModifyTableOps, AddColumnOp, Column[Any]]]:
    for changes in list(operations.ops):
        if isinstance(changes, ModifyTableOps):
            for op in list(changes.ops):
                if isinstance(op, AddColumnOp) and _is_gap(op.column):
                    yield changes, op, op.column


def _is_gap(column: Column[Any]) -> bool:
    filled = column.server_default is not None or column.primary_key
    return not (column.nullable or filled or column.computed or column.identity)


def _replace(
    operations: OpContainer, changes: ModifyTableOps, op: AddColumnOp, by: AddFilledColumn
) -> None:
    changes.ops.remove(op)
    operations.ops.insert(operations.ops.index(changes), by)
    if not changes.ops:
        operations.ops.remove(changes)


def _default(column: Column[Any]) -> Any:
    """Return the default of a model, `None` without one that is the same for every row."""
    default: Any = column.default
    if default is None:
        return None
    if default.is_scalar:
        return default.arg
    # A moment is as good as another one. A token, computed once, would be everybody's.
    if default.is_callable and kind_of(column.type) in (date, datetime):
        return default.arg(None)
    if default.is_callable and kind_of(column.type) is dict:
        value = default.arg(None)
        return value if value in ({}, []) else None
    return None


def _given(table: str, column: Column[Any], value_for: ValueFor) -> Any:
    gap = UnfilledColumn(table, column.name, kind_of(column.type))
    text = value_for(gap)
    if gap.kind is None:
        return text
    try:
        if issubclass(gap.kind, enum.Enum):
            return _member(gap, gap.kind, column.type, text)
        return FROM_TEXT.get(gap.kind, gap.kind)(text)
    except (KeyError, ValueError, TypeError, ArithmeticError):
        raise MigrationError(f"{gap}: {text!r} is no {gap.kind.__name__}") from None


def _member(gap: UnfilledColumn, kind: type[enum.Enum], type_: Any, text: str) -> enum.Enum:
    """Return the member of an enumeration that a person means: by its name, or as it is stored."""
    if text in kind.__members__:
        return kind[text]
    stored = list(type_.enums)
    if text not in stored:
        raise MigrationError(f"{gap}: {text!r} is not one of {', '.join(kind.__members__)}")
    return list(kind)[stored.index(text)]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
