"""Changes the members of enumeration types of PostgreSQL.

`ALTER TYPE … ADD VALUE` does not fit: a new member cannot be used in the same transaction, and no
member can be removed. Therefore the type is created anew and the columns are converted to it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from alembic import op
from alembic.autogenerate import comparators, renderers
from alembic.autogenerate.api import AutogenContext
from alembic.operations.ops import MigrateOperation, UpgradeOps
from alembic.util import CommandError
from sqlalchemy import Connection, MetaData
from sqlalchemy.dialects.postgresql import ENUM

from lback.database.migrations.errors import MigrationError
from lback.database.migrations.row_checks import SHOWN_ROWS, Finding, refuse

Name = tuple[str | None, str]


@dataclass(slots=True)
class ChangeMembers(MigrateOperation):
    """Change the members of an enumeration type, on PostgreSQL only."""

    name: str
    schema: str | None
    old: tuple[str, ...]
    new: tuple[str, ...]

    @property
    def words(self) -> str:
        """The operation as a part of the name of a migration."""
        return f"change {self.name}"

    def reverse(self) -> "ChangeMembers":
        """Return the operation that restores the old members."""
        return ChangeMembers(self.name, self.schema, self.new, self.old)


def compare_members(autogen: AutogenContext, upgrade: UpgradeOps, _: object) -> None:
    """Add operations for types whose members differ from those of the models.

    Args:
        autogen: Context of Alembic.
        upgrade: Operations of the migration; added to.
        _: Schemas; not used.

    Raises:
        MigrationError: Two models declare a type with different members.
    """
    connection, metadata = autogen.connection, autogen.metadata
    if connection is None or not isinstance(metadata, MetaData):
        return
    if connection.dialect.name != "postgresql":
        return
    for (schema, name), members in sorted(_declared(metadata, connection.dialect).items(), key=str):
        found = members_of(connection, name, schema)
        if found and set(found) != set(members):
            upgrade.ops.append(ChangeMembers(name, schema, found, members))


def place_changes(upgrade: UpgradeOps) -> None:
    """Add members before all other operations, and remove others after them.

    Args:
        upgrade: Operations of the migration; changed in place.
    """
    changes = [op for op in upgrade.ops if isinstance(op, ChangeMembers)]
    rest = [op for op in upgrade.ops if not isinstance(op, ChangeMembers)]
    first: list[MigrateOperation] = []
    last: list[MigrateOperation] = []
    for change in changes:
        removed = [member for member in change.old if member not in change.new]
        both = (*change.new, *removed)
        if set(both) != set(change.old):
            first.append(ChangeMembers(change.name, change.schema, change.old, both))
        if removed:
            last.append(ChangeMembers(change.name, change.schema, both, change.new))
    upgrade.ops[:] = [*first, *rest, *last]


def _declared(metadata: MetaData, dialect: Any) -> dict[Name, tuple[str, ...]]:
    declared: dict[Name, tuple[str, ...]] = {}
    for table in metadata.tables.values():
        for column in table.c:
            enum = native_enum(column, dialect)
            if enum is None:
                continue
            place, members = (enum.schema, str(enum.name)), tuple(map(str, enum.enums))
            if declared.setdefault(place, members) != members:
                raise MigrationError(
                    f"the enumeration {enum.name!r} has other members in {table.name}."
                    f"{column.name} than elsewhere; give one of them another name"
                )
    return declared


def native_enum(column: sa.Column[Any], dialect: Any) -> ENUM | None:
    """Return the enumeration type of a column on PostgreSQL, also one of an array.

    Args:
        column: Column of a model.
        dialect: Dialect of the database.
    """
    type_ = column.type.dialect_impl(dialect)
    if isinstance(type_, sa.types.TypeDecorator):
        type_ = type_.impl_instance.dialect_impl(dialect)
    if isinstance(type_, sa.ARRAY):
        type_ = type_.item_type.dialect_impl(dialect)
    return type_ if isinstance(type_, ENUM) and type_.name else None


def members_of(connection: Connection, name: str, schema: str | None) -> tuple[str, ...]:
    """Return the members of a type in order; empty if it does not exist.

    Args:
        connection: Connection to PostgreSQL.
        name: Name of the type.
        schema: Its schema; None for the default one.
    """
    rows = connection.execute(
        sa.text(
            "SELECT enumlabel FROM pg_enum JOIN pg_type t ON t.oid = enumtypid "
            "JOIN pg_namespace n ON n.oid = typnamespace WHERE typname = :name "
            "AND nspname = coalesce(CAST(:schema AS text), current_schema()) ORDER BY enumsortorder"
        ),
        {"name": name, "schema": schema},
    )
    return tuple(rows.scalars())


@renderers.dispatch_for(ChangeMembers)
def _write_change(context: AutogenContext, op: ChangeMembers) -> list[str]:
    context.imports.add("from lback.database.migrations import change_members")
    schema = f", schema={op.schema!r}" if op.schema else ""
    return [
        "if op.get_context().dialect.name == 'postgresql':",
        f"change_members({op.name!r}, {list(op.new)!r}{schema})",
        "",
    ]


def change_members(name: str, members: Sequence[str], *, schema: str | None = None) -> None:
    """Change the members of an enumeration type of PostgreSQL, in a migration.

    The columns of the type, their defaults, and the indexes, checks and foreign keys that depend on
    it are kept. On other databases nothing happens.

    Args:
        name: Name of the type.
        members: All members after the change, in order.
        schema: Schema of the type; None for the default one.

    Raises:
        MigrationError: Rows have a member that would be removed; the message lists them.
        CommandError: There is no connection, as with `--sql`.
    """
    context = op.get_context()
    if context.dialect.name != "postgresql":
        return
    if context.as_sql or context.connection is None:
        raise CommandError(f"--sql cannot show the change of the type {name!r}")
    _Change(context.connection, name, schema, members).run()


@dataclass(frozen=True, slots=True)
class _Place:
    """A column of the type."""

    schema: str
    table: str
    column: str
    is_array: bool
    default: str | None


class _Change:
    """Replaces a type by another one with the same name."""

    def __init__(
        self, connection: Connection, name: str, schema: str | None, members: Sequence[str]
    ) -> None:
        self._connection = connection
        self._members = list(members)
        self._name, self._schema = name, schema
        self._quote = connection.dialect.identifier_preparer.quote
        self._full = f"{self._quote(schema)}.{self._quote(name)}" if schema else self._quote(name)

    def run(self) -> None:
        oid = self._query("SELECT CAST(CAST(:name AS regtype) AS oid)", name=self._full)[0][0]
        places = list(self._places(oid))
        for place in places:
            self._check_rows(place)
        dependents = self._query(_DEPENDENTS, oid=oid)
        for drop, _ in dependents:
            self._run(drop)
        for place in places:
            if place.default is not None:
                self._alter(place, "DROP DEFAULT")
        old = f"_lback_{self._name}"
        self._run(f"ALTER TYPE {self._full} RENAME TO {self._quote(old)}")
        members = ", ".join("'" + member.replace("'", "''") + "'" for member in self._members)
        self._run(f"CREATE TYPE {self._full} AS ENUM ({members})")
        for place in places:
            brackets = "[]" if place.is_array else ""
            type_, column = f"{self._full}{brackets}", self._quote(place.column)
            self._alter(place, f"TYPE {type_} USING {column}::text{brackets}::{type_}")
            if place.default is not None:
                self._alter(place, f"SET DEFAULT {place.default}")
        for _, create in reversed(dependents):
            self._run(create)
        schema = f"{self._quote(self._schema)}." if self._schema else ""
        self._run(f"DROP TYPE {schema}{self._quote(old)}")

    def _places(self, oid: int) -> Iterator[_Place]:
        for row in self._query(_PLACES, oid=oid):
            yield _Place(*row)

    def _check_rows(self, place: _Place) -> None:
        """Check that no row has a member that is removed.

        Raises:
            MigrationError: Some rows have; the message lists them.
        """
        column = self._quote(place.column)
        condition = f"CAST({column} AS text) <> ALL (:members)"
        if place.is_array:
            condition = f"NOT CAST({column} AS text[]) <@ CAST(:members AS text[])"
        where = f"FROM {self._table(place)} WHERE {condition}"
        [(count,)] = self._query(f"SELECT count(*) {where}", members=self._members)
        if count:
            inspector = sa.inspect(self._connection)
            key = inspector.get_pk_constraint(place.table, schema=place.schema)
            names = list(key["constrained_columns"])
            shown = ", ".join([*map(self._quote, names), f"CAST({column} AS text)"])
            rows = self._query(f"SELECT {shown} {where} LIMIT {SHOWN_ROWS}", members=self._members)
            reason = f"is not one of {', '.join(self._members)}"
            found = [Finding(dict(zip(names, row, strict=False)), row[-1], reason) for row in rows]
            refuse(place.table, place.column, self._name, count, found)

    def _table(self, place: _Place) -> str:
        return f"{self._quote(place.schema)}.{self._quote(place.table)}"

    def _alter(self, place: _Place, change: str) -> None:
        self._run(f"ALTER TABLE {self._table(place)} ALTER {self._quote(place.column)} {change}")

    def _run(self, statement: str) -> None:
        # A colon would start a bind parameter.
        self._connection.execute(sa.text(statement.replace(":", "\\:")))

    def _query(self, query: str, **values: Any) -> list[Any]:
        return list(self._connection.execute(sa.text(query), values))


# Columns of a type or of arrays of it; partitions follow their table.
_PLACES = """
SELECT n.nspname, c.relname, a.attname, a.atttypid <> t.oid, pg_get_expr(d.adbin, d.adrelid)
FROM pg_type t
JOIN pg_attribute a ON a.atttypid IN (t.oid, t.typarray) AND NOT a.attisdropped
JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND NOT c.relispartition
JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE t.oid = :oid ORDER BY 1, 2, a.attnum
"""
# Statements that drop what refers to members of a type, and those that create it again. Foreign
# keys come first, as they need the indexes.
_DEPENDENTS = """
SELECT 'ALTER TABLE ' || CAST(CAST(c.conrelid AS regclass) AS text)
    || ' DROP CONSTRAINT ' || quote_ident(c.conname),
  'ALTER TABLE ' || CAST(CAST(c.conrelid AS regclass) AS text)
    || ' ADD CONSTRAINT ' || quote_ident(c.conname) || ' ' || pg_get_constraintdef(c.oid)
FROM pg_constraint c
WHERE c.contype = 'f' AND c.conparentid = 0 AND EXISTS (
    SELECT 1 FROM pg_attribute a WHERE a.atttypid = :oid AND (
      (a.attrelid = c.conrelid AND a.attnum = ANY (c.conkey))
      OR (a.attrelid = c.confrelid AND a.attnum = ANY (c.confkey))))
  OR c.contype = 'c' AND c.coninhcount = 0 AND EXISTS (
    SELECT 1 FROM pg_depend d WHERE d.classid = CAST('pg_constraint' AS regclass)
      AND d.objid = c.oid AND d.refclassid = CAST('pg_type' AS regclass) AND d.refobjid = :oid)
UNION ALL
SELECT 'DROP INDEX ' || CAST(CAST(i.indexrelid AS regclass) AS text), pg_get_indexdef(i.indexrelid)
FROM pg_index i
WHERE NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)
  AND EXISTS (
    SELECT 1 FROM pg_depend d WHERE d.classid = CAST('pg_class' AS regclass)
      AND d.objid = i.indexrelid AND d.refclassid = CAST('pg_type' AS regclass)
      AND d.refobjid = :oid)
"""


comparators.dispatch_for("schema")(compare_members)
