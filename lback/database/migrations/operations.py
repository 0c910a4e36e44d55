"""The operations that Alembic cannot write by itself: renames, and new columns that are filled.

Each knows how it is undone and how it is written into a migration file.
"""

from dataclasses import dataclass
from typing import Any

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.autogenerate.render import _repr_type, render_op
from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    DropColumnOp,
    MigrateOperation,
    ModifyTableOps,
)
from sqlalchemy import Column
from sqlalchemy.types import TypeEngine


@dataclass(slots=True)
class RenameTable(MigrateOperation):
    """A table gets another name."""

    old: str
    new: str

    def reverse(self) -> "RenameTable":
        """Return what gives it the old name."""
        return RenameTable(self.new, self.old)


@dataclass(slots=True)
class RenameColumn(MigrateOperation):
    """A column gets another name; all else about it stays, which MySQL has to be told."""

    table: str
    old: str
    new: str
    column: Column[Any]  # as it is in the database
    type_: TypeEngine[Any]

    def reverse(self) -> "RenameColumn":
        """Return what gives it the old name."""
        return RenameColumn(self.table, self.new, self.old, self.column, self.type_)


@dataclass(slots=True)
class AddFilledColumn(MigrateOperation):
    """A column that must not be empty is added, and the rows that are there get a value."""

    table: str
    column: Column[Any]
    value: str  # as it is written in Python

    def reverse(self) -> ModifyTableOps:
        """Return what drops the column."""
        drop = DropColumnOp.from_column_and_tablename(None, self.table, self.column)
        return ModifyTableOps(self.table, [drop])


@renderers.dispatch_for(RenameTable)
def _write_rename_table(_: AutogenContext, op: RenameTable) -> str:
    return f"op.rename_table({op.old!r}, {op.new!r})"


@renderers.dispatch_for(RenameColumn)
def _write_rename_column(context: AutogenContext, op: RenameColumn) -> list[str]:
    # Never in a batch: that would copy the table, and lose the name in indexes and constraints
    # of this and other tables. Every SQLite since 3.25 renames in all of them.
    column = op.column
    rename = AlterColumnOp(
        op.table,
        op.old,
        modify_name=op.new,
        existing_type=op.type_,
        existing_nullable=column.nullable,
        existing_server_default=column.server_default or False,
        existing_comment=column.comment,
    )
    return render_op(context, rename)


@renderers.dispatch_for(AddFilledColumn)
def _write_filled_column(context: AutogenContext, op: AddFilledColumn) -> list[str]:
    empty = Column(op.column.name, op.column.type, comment=op.column.comment)
    add = AddColumnOp.from_column_and_tablename(None, op.table, empty)
    close = AlterColumnOp(
        op.table, op.column.name, existing_type=op.column.type, modify_nullable=False
    )
    name, kind = op.column.name, _repr_type(op.column.type, context)
    return [
        *render_op(context, ModifyTableOps(op.table, [add])),
        f"table = sa.table({op.table!r}, sa.column({name!r}, {kind}))",
        f"op.execute(table.update().values({{{name!r}: {op.value}}}))",
        *render_op(context, ModifyTableOps(op.table, [close])),
    ]
