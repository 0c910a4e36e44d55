"""Gaps: a column that must not be empty, in a table whose rows were there before it."""

import json
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from alembic.operations.ops import AddColumnOp, DowngradeOps, ModifyTableOps, OpContainer
from sqlalchemy import Column

from lback.database.migrations.errors import MigrationError
from lback.database.migrations.operations import AddFilledColumn
from lback.database.migrations.questions import Gap, kind_of

ValueFor = Callable[[Gap], str]

# What undoing the drop of a column puts into it, for what was there is gone.
NOTHING: dict[type, Any] = {
    bool: False, bytes: b"", date: date(1970, 1, 1), datetime: datetime(1970, 1, 1, tzinfo=UTC),
    Decimal: Decimal(0), dict: {}, float: 0.0, int: 0, list: [], str: "", time: time(),
    UUID: UUID(int=0),
}  # fmt: skip

FROM_TEXT: dict[type, Callable[[str], Any]] = {
    bool: lambda text: {"true": True, "1": True, "false": False, "0": False}[text.lower()],
    bytes: str.encode,
    date: date.fromisoformat,
    datetime: lambda text: _aware(datetime.fromisoformat(text)),
    dict: json.loads,
    time: time.fromisoformat,
}


def fill_gaps(operations: OpContainer, imports: set[str], value_for: ValueFor) -> None:
    """Have each new column that must not be empty filled in the rows that are there.

    The value is the default that the model gives the column or, where that is no plain value,
    what `value_for` says.

    Raises:
        MigrationError: The answer is no value of that type.
    """
    for changes, index, column in _gaps(operations):
        value = _default(column)
        if value is None:
            value = _given(changes.table_name, column, value_for)
        changes_op = AddFilledColumn(changes.table_name, column, _python(value, imports))
        _replace(operations, changes, index, changes_op)


def fill_gaps_of_undoing(operations: DowngradeOps, imports: set[str]) -> None:
    """Have columns that come back filled with nothing: "", 0, 1970."""
    for changes, index, column in _gaps(operations):
        kind = kind_of(column.type)
        if kind in NOTHING:
            value = _python(NOTHING[kind], imports)
            _replace(operations, changes, index, AddFilledColumn(changes.table_name, column, value))


def _gaps(operations: OpContainer) -> Iterator[tuple[ModifyTableOps, AddColumnOp, Column[Any]]]:
    for changes in list(operations.ops):
        if isinstance(changes, ModifyTableOps) and changes.schema is None:
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
    return None


def _given(table: str, column: Column[Any], value_for: ValueFor) -> Any:
    gap = Gap(table, column.name, kind_of(column.type))
    text = value_for(gap)
    if gap.kind is None:
        return text
    if issubclass(gap.kind, Enum):
        return _member(gap, gap.kind, text)
    try:
        return FROM_TEXT.get(gap.kind, gap.kind)(text)
    except (KeyError, ValueError, TypeError, ArithmeticError):
        raise MigrationError(f"{gap}: {text!r} is no {gap.kind.__name__}") from None


def _member(gap: Gap, kind: type[Enum], name: str) -> Enum:
    """Return the member of an enumeration with this name, by which the database keeps it."""
    members = kind.__members__
    if name not in members:
        raise MigrationError(f"{gap}: {name!r} is not one of {', '.join(members)}")
    return members[name]


def _aware(moment: datetime) -> datetime:
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _python(value: Any, imports: set[str]) -> str:
    """Write a value as Python, and note what has to be imported for it."""
    if isinstance(value, (date, time, Decimal, UUID)):
        name = type(value).__name__
        module = {"Decimal": "decimal", "UUID": "uuid"}.get(name, "datetime")
        imports.add(f"from {module} import {name}")
        text = value.isoformat() if isinstance(value, (date, time)) else str(value)
        constructor = f"{name}.fromisoformat" if isinstance(value, (date, time)) else name
        return f"{constructor}({text!r})"
    # A member of an enumeration is kept by its name.
    return repr(getattr(value, "name", value))
