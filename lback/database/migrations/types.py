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
    DropColumnOp,
    DropTableOp,
    MigrateOperation,
    ModifyTableOps,
    UpgradeOps,
)
from sqlalchemy import ARRAY, Column, Enum, MetaData, Table
from sqlalchemy.engine import Dialect

from lback.database.migrations.operations import AddFilledColumn

Name = tuple[str | None, str]

_ON_POSTGRESQL = "if op.get_context().dialect.name == 'postgresql':"


@dataclass(slots=True)
class CreateType(MigrateOperation):
    """Create an enumeration type, on PostgreSQL only."""

    name: str
    members: tuple[str, ...]
    schema: str | None = None


@dataclass(slots=True)
class DropType(MigrateOperation):
    """Drop an enumeration type, on PostgreSQL only."""

    name: str
    schema: str | None = None


@dataclass(slots=True)
class CreateSchema(MigrateOperation):
    """Create a schema unless it exists, on PostgreSQL only."""

    name: str


def keep_schemas(upgrade: UpgradeOps) -> None:
    """Create the schemas of new tables. A downgrade keeps them, as other tables may use them."""
    schemas = {op.schema for op in upgrade.ops if isinstance(op, CreateTableOp) and op.schema}
    upgrade.ops[:0] = [CreateSchema(name) for name in sorted(schemas)]


def keep_types(
    upgrade: UpgradeOps, downgrade: DowngradeOps, metadata: MetaData, dialect: Dialect
) -> None:
    """Create the enumeration types of new columns, and drop those of the last dropped ones.

    Args:
        upgrade: Operations of the upgrade; changed in place.
        downgrade: Operations of the downgrade; changed in place.
        metadata: Tables of all models.
        dialect: Dialect of the database.
    """
    default = dialect.default_schema_name
    tables, columns = _of_tables(upgrade.ops), _of_columns(upgrade.ops)
    introduced = _only_in(metadata, [*tables, *columns], default)
    dropped_tables = _of_dropped_tables(upgrade.ops)
    dropped = _types([*dropped_tables, *_dropped(upgrade.ops)], default)
    used = _types([c for table in metadata.tables.values() for c in table.c], default)
    left = {place: enum for place, enum in dropped.items() if place not in used}
    if dialect.name != "postgresql":
        left = {}
    made_by_tables = set(_types(tables, default))
    made_again_by_tables = set(_types(dropped_tables, default))
    for place, enum in introduced.items():
        if place not in made_by_tables:
            upgrade.ops.insert(0, _creation(enum))
    for place, enum in left.items():
        upgrade.ops.append(DropType(str(enum.name), enum.schema))
        if place not in made_again_by_tables:
            downgrade.ops.insert(0, _creation(enum))
    downgrade.ops.extend(DropType(str(e.name), e.schema) for e in introduced.values())


def _creation(enum: Enum) -> CreateType:
    return CreateType(str(enum.name), tuple(map(str, enum.enums)), enum.schema)


def _only_in(
    metadata: MetaData, new: list[Column[object]], default: str | None
) -> dict[Name, Enum]:
    """Return the enumeration types of new columns that no other column uses."""
    places = {(str(column.table), column.name) for column in new if column.table is not None}
    others = _types(
        [
            column
            for table in metadata.tables.values()
            for column in table.c
            if (str(table), column.name) not in places
        ],
        default,
    )
    return {place: enum for place, enum in _types(new, default).items() if place not in others}


def _types(columns: Iterable[Column[object]], default: str | None) -> dict[Name, Enum]:
    """Return the enumeration types of columns by schema and name."""
    found = [enum for enum in map(_enum, columns) if enum is not None]
    return {
        (None if enum.schema == default else enum.schema, str(enum.name)): enum for enum in found
    }


def _enum(column: Column[object]) -> Enum | None:
    kind: object = column.type
    if isinstance(kind, ARRAY):
        kind = kind.item_type
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


def _of_dropped_tables(operations: Iterable[MigrateOperation]) -> list[Column[object]]:
    tables = [op.to_table() for op in operations if isinstance(op, DropTableOp)]
    return [column for table in tables for column in table.c]


def _dropped(operations: Iterable[MigrateOperation]) -> Iterator[Column[object]]:
    for op in operations:
        for change in op.ops if isinstance(op, ModifyTableOps) else ():
            if isinstance(change, DropColumnOp):
                yield change.to_column()
            elif isinstance(change, AlterColumnOp) and change.modify_type is not None:
                yield Column(change.column_name, change.existing_type)


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
    statement = f"CREATE TYPE {_full(op)} AS ENUM ({members})"
    return [_ON_POSTGRESQL, f"op.execute({statement!r})", ""]


@renderers.dispatch_for(DropType)
def _write_drop_type(_: AutogenContext, op: DropType) -> list[str]:
    statement = f"DROP TYPE {_full(op)}"
    return [_ON_POSTGRESQL, f"op.execute({statement!r})", ""]


def _full(op: CreateType | DropType) -> str:
    parts = [part for part in (op.schema, op.name) if part]
    return ".".join('"' + part.replace('"', '""') + '"' for part in parts)
