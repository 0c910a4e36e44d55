"""Operations that Alembic does not have: renames, filled columns, temporary defaults and checks.

Each one has a reverse operation and is rendered into a migration file.
"""

from dataclasses import dataclass

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
from sqlalchemy import Column, text

from lback.database.migrations.kinds import Type

# Placeholder of a default while the column is rendered.
_PLACE = "'a temporary default'"


@dataclass(slots=True)
class RenameTable(MigrateOperation):
    """Rename a table."""

    old: str
    new: str
    schema: str | None = None

    def reverse(self) -> "RenameTable":
        """Return the operation that restores the old name."""
        return RenameTable(self.new, self.old, self.schema)


@dataclass(slots=True)
class RenameColumn(MigrateOperation):
    """Rename a column and keep its other attributes, which MySQL needs."""

    table: str
    old: str
    new: str
    column: Column[object]  # as it is in the database
    type_: Type
    schema: str | None = None

    def reverse(self) -> "RenameColumn":
        """Return the operation that restores the old name."""
        return RenameColumn(self.table, self.new, self.old, self.column, self.type_, self.schema)


@dataclass(slots=True)
class AddFilledColumn(MigrateOperation):
    """Add a NOT NULL column with a value for existing rows."""

    table: str
    column: Column[object]
    value: str  # as it is written in Python
    value_type: Type
    schema: str | None = None
    keeps_default: bool = False  # whether the database gives the value until the next migration

    def reverse(self) -> ModifyTableOps:
        """Return the operation that drops the column."""
        drop = DropColumnOp.from_column_and_tablename(self.schema, self.table, self.column)
        return ModifyTableOps(self.table, [drop], schema=self.schema)


@dataclass(slots=True)
class DropTemporaryDefault(MigrateOperation):
    """Drop the temporary server default of a column."""

    table: str
    column: Column[object]
    schema: str | None = None

    def reverse(self) -> ModifyTableOps:
        """Return no operation, as the code that needed the default is gone."""
        return ModifyTableOps(self.table, [], schema=self.schema)


@dataclass(slots=True)
class AddCheck(MigrateOperation):
    """Add a check constraint."""

    table: str
    name: str
    condition: str
    schema: str | None = None

    def reverse(self) -> "DropCheck":
        """Return the operation that drops the constraint."""
        return DropCheck(self.table, self.name, self.condition, self.schema)


@dataclass(slots=True)
class DropCheck(MigrateOperation):
    """Drop a check constraint."""

    table: str
    name: str
    condition: str
    schema: str | None = None

    def reverse(self) -> AddCheck:
        """Return the operation that adds the constraint again."""
        condition = self.condition.strip()
        if condition.upper().startswith("CHECK "):
            condition = condition[len("CHECK ") :]
        return AddCheck(self.table, self.name, condition, self.schema)


@renderers.dispatch_for(AddCheck)
def _write_add_check(context: AutogenContext, op: AddCheck) -> str:
    # A colon would start a bind parameter.
    condition = op.condition.replace(":", "\\:")
    place = "" if context._has_batch else f", {op.table!r}"
    prefix = "batch_op" if context._has_batch else "op"
    return (
        f"{prefix}.create_check_constraint(op.f({op.name!r}){place}, sa.text({condition!r})"
        f"{_schema(context, op.schema)})"
    )


@renderers.dispatch_for(DropCheck)
def _write_drop_check(context: AutogenContext, op: DropCheck) -> str:
    place = "" if context._has_batch else f", {op.table!r}"
    prefix = "batch_op" if context._has_batch else "op"
    return (
        f"{prefix}.drop_constraint(op.f({op.name!r}){place}, type_='check'"
        f"{_schema(context, op.schema)})"
    )


def _schema(context: AutogenContext, schema: str | None) -> str:
    return f", schema={schema!r}" if schema and not context._has_batch else ""


@renderers.dispatch_for(RenameTable)
def _write_rename_table(_: AutogenContext, op: RenameTable) -> str:
    schema = f", schema={op.schema!r}" if op.schema else ""
    return f"op.rename_table({op.old!r}, {op.new!r}{schema})"


@renderers.dispatch_for(RenameColumn)
def _write_rename_column(context: AutogenContext, op: RenameColumn) -> list[str]:
    # Never in a batch, which would copy the table and lose the name in indexes and constraints.
    # SQLite renames in all of them since 3.25.
    column = op.column
    rename = AlterColumnOp(
        op.table,
        op.old,
        schema=op.schema,
        modify_name=op.new,
        existing_type=op.type_,
        existing_nullable=column.nullable,
        existing_server_default=column.server_default or False,
        existing_comment=column.comment,
    )
    return render_op(context, rename)


@renderers.dispatch_for(AddFilledColumn)
def _write_filled_column(context: AutogenContext, op: AddFilledColumn) -> list[str]:
    return _with_default(context, op) if op.keeps_default else _with_update(context, op)


def _with_default(context: AutogenContext, op: AddFilledColumn) -> list[str]:
    name = op.column.name
    column = Column(
        name,
        op.column.type,
        server_default=text(_PLACE),
        nullable=False,
        comment=op.column.comment,
    )
    add = AddColumnOp.from_column_and_tablename(op.schema, op.table, column)
    default = f"temporary_default({op.value}, {_repr_type(op.value_type, context)})"
    lines = render_op(context, ModifyTableOps(op.table, [add], schema=op.schema))
    return [
        f"# The default is for older code that still runs and does not know {name}.",
        "# The next migration that makemigrations writes drops it.",
        *(line.replace(f"sa.text({_PLACE!r})", default) for line in lines),
    ]


def _with_update(context: AutogenContext, op: AddFilledColumn) -> list[str]:
    empty = Column(op.column.name, op.column.type, comment=op.column.comment)
    add = AddColumnOp.from_column_and_tablename(op.schema, op.table, empty)
    close = AlterColumnOp(
        op.table,
        op.column.name,
        schema=op.schema,
        existing_type=op.column.type,
        modify_nullable=False,
    )
    name, kind = op.column.name, _repr_type(op.value_type, context)
    schema = f", schema={op.schema!r}" if op.schema else ""
    return [
        *render_op(context, ModifyTableOps(op.table, [add], schema=op.schema)),
        f"table = sa.table({op.table!r}, sa.column({name!r}, {kind}){schema})",
        f"op.execute(table.update().values({{{name!r}: {op.value}}}))",
        *render_op(context, ModifyTableOps(op.table, [close], schema=op.schema)),
    ]


@renderers.dispatch_for(DropTemporaryDefault)
def _write_drop_of_default(context: AutogenContext, op: DropTemporaryDefault) -> list[str]:
    drop = AlterColumnOp(
        op.table,
        op.column.name,
        schema=op.schema,
        existing_type=op.column.type,
        existing_nullable=op.column.nullable,
        existing_comment=op.column.comment,
        modify_server_default=None,
    )
    return render_op(context, ModifyTableOps(op.table, [drop], schema=op.schema))
