"""Creates and drops enumeration types and schemas of PostgreSQL together with their tables.

Alembic does not drop a type with its table, nor create one for an added column.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from alembic.autogenerate import renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import (
    AddColumnOp,
    AlterColumnOp,
    CreateTableOp,
    DowngradeOps,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from sqlalchemy import Column, Enum, MetaData, Table

from lback.database.migrations.operations import AddFilledColumn

_ON_POSTGRESQL = "if op.get_context().dialect.name == 'postgresql':"


@dataclass(slots=True)
class CreateType(MigrateOperation):
    """Create an enumeration type, on PostgreSQL only."""

    name: str
    members: tuple[str, ...]


@dataclass(slots=True)
class DropType(MigrateOperation):
    """Drop an enumeration type, on PostgreSQL only."""

    name: str


@dataclass(slots=True)
class CreateSchema(MigrateOperation):
    """Create a schema unless it exists, on PostgreSQL only."""

    name: str


def keep_schemas(upgrade: UpgradeOps) -> None:
    """Create the schemas of new tables. A downgrade keeps them, as other tables may use them."""
    schemas = {op.schema for op in upgrade.ops if isinstance(op, CreateTableOp) and op.schema}
    upgrade.ops[:0] = [CreateSchema(name) for name in sorted(schemas)]


def keep_types(upgrade: UpgradeOps, downgrade: DowngradeOps, metadata: MetaData) -> None:
    """Create the enumeration types of new columns, and drop them in the downgrade.

    Args:
        upgrade: Operations of the upgrade; changed in place.
        downgrade: Operations of the downgrade; changed in place.
        metadata: Tables of all models.
    """
    tables, columns = _of_tables(upgrade.ops), _of_columns(upgrade.ops)
    introduced = _only_in(metadata, [*tables, *columns])
    made_by_tables = {enum.name for enum in map(_enum, tables) if enum is not None}
    for name, enum in introduced.items():
        if name not in made_by_tables:
            upgrade.ops.insert(0, CreateType(name, tuple(map(str, enum.enums))))
    downgrade.ops.extend(DropType(name) for name in introduced)


def _only_in(metadata: MetaData, new: list[Column[object]]) -> dict[str, Enum]:
    """Return the enumeration types of new columns that no other column uses."""
    places = {(str(column.table), column.name) for column in new if column.table is not None}
    others = {
        enum.name
        for table in metadata.tables.values()
        for column in table.c
        if (enum := _enum(column)) is not None and (str(table), column.name) not in places
    }
    found = {str(enum.name): enum for enum in map(_enum, new) if enum is not None}
    return {name: enum for name, enum in found.items() if name not in others}


def _enum(column: Column[object]) -> Enum | None:
    kind = column.type
    return kind if isinstance(kind, Enum) and kind.native_enum and kind.name else None


def _of_tables(operations: Iterable[MigrateOperation]) -> list[Column[object]]:
    tables = [op.to_table() for op in operations if isinstance(op, CreateTableOp)]
    return [column for table in tables for column in table.c]


def _of_columns(operations: Iterable[MigrateOperation]) -> list[Column[object]]:
    return list(_added(operations))


def _added(operations: Iterable[MigrateOperation]) -> Iterator[Column[object]]:
    for op in operations:
        if isinstance(op, AddFilledColumn):
            yield op.column
        elif isinstance(op, ModifyTableOps):
            for change in op.ops:
                if isinstance(change, AddColumnOp):
                    yield change.column
                elif isinstance(change, AlterColumnOp) and change.modify_type is not None:
                    yield _as_it_will_be(change)


def _as_it_will_be(change: AlterColumnOp) -> Column[object]:
    column: Column[object] = Column(change.column_name, change.modify_type)
    Table(change.table_name, MetaData(), column, schema=change.schema)
    return column


@renderers.dispatch_for(CreateSchema)
def _write_create_schema(_: AutogenContext, op: CreateSchema) -> list[str]:
    # IF NOT EXISTS requires the privilege to create even if the schema exists.
    name = op.name.replace('"', '""').replace("'", "''").replace(":", "\\:")
    statement = (
        f"DO $$ BEGIN IF to_regnamespace('\"{name}\"') IS NULL THEN "
        f'CREATE SCHEMA "{name}"; END IF; END $$'
    )
    return [_ON_POSTGRESQL, f"op.execute({statement!r})", ""]


@renderers.dispatch_for(CreateType)
def _write_create_type(_: AutogenContext, op: CreateType) -> list[str]:
    # A colon would start a bind parameter.
    escaped = [member.replace("'", "''").replace(":", "\\:") for member in op.members]
    members = ", ".join(f"'{member}'" for member in escaped)
    statement = f'CREATE TYPE "{op.name}" AS ENUM ({members})'
    return [_ON_POSTGRESQL, f"op.execute({statement!r})", ""]


@renderers.dispatch_for(DropType)
def _write_drop_type(_: AutogenContext, op: DropType) -> list[str]:
    statement = f'DROP TYPE "{op.name}"'
    return [_ON_POSTGRESQL, f"op.execute({statement!r})", ""]
