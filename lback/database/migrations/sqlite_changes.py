"""Carries out operations of Alembic on a table of SQLite with as few copies as possible."""

from typing import Any

import sqlalchemy as sa
from alembic.util import CommandError
from sqlalchemy import Connection, Constraint, Index
from sqlalchemy.schema import CreateColumn, CreateIndex, DropIndex

from lback.database.migrations import sqlite_tables
from lback.database.migrations.errors import MigrationError
from lback.database.migrations.kinds import Type, kind_of_type
from lback.database.migrations.sqlite_sql import (
    Column,
    default_of,
    normal,
    quoted,
    read_table,
    tokens,
)
from lback.database.migrations.sqlite_values import converter, trial

# How SQLAlchemy stores UUIDs in SQLite.
_UUID = normal("CHAR(32)")
_TEXTS = (sa.String, sa.Uuid, sa.LargeBinary)


class TableChanges:
    """Takes the operations of a batch in order, and defers those that need a copy.

    The methods have the names and arguments of the operations of Alembic.

    Args:
        connection: Connection to the database.
        table: Name of the table.
    """

    def __init__(self, connection: Connection, table: str) -> None:
        self._connection = connection
        self._dialect = connection.dialect
        self._table = table
        self._copy = sqlite_tables.open_copy(connection, table)

    @property
    def name(self) -> str:
        """Name of the table."""
        return self._table

    def finish(self) -> None:
        """Carry out deferred operations with one copy.

        Raises:
            MigrationError: Some rows would lose data; the message lists them.
        """
        if self._copy.is_changed:
            sqlite_tables.carry_out(self._connection, self._copy)
            self._reopen()

    def _reopen(self) -> None:
        self._copy = sqlite_tables.open_copy(self._connection, self._table)

    def add_column(self, _: str, column: sa.Column[object], **options: object) -> None:
        """Add a column, without a copy if SQLite can.

        Args:
            _: Name of the table; not used.
            column: The column.
            **options: Keyword arguments of Alembic's operation.
        """
        if options.get("if_not_exists") and self._copy.table.column(column.name):
            return
        added = self._read(column)
        if self._copy.is_changed or _needs_copy(column, added):
            self._copy.table.columns.append(added)
            self._copy.is_changed = True
        else:
            self._run(f"ALTER TABLE {quoted(self._table)} ADD COLUMN {added.sql()}")
            self._reopen()

    def drop_column(self, _: str, column: sa.Column[object], **options: object) -> None:
        """Drop a column.

        Args:
            _: Name of the table; not used.
            column: The column.
            **options: Keyword arguments of Alembic's operation.
        """
        if options.get("if_exists") and self._copy.table.column(column.name) is None:
            return
        sqlite_tables.drop_column(self._copy, column.name)

    def alter_column(
        self,
        _: str,
        column_name: str,
        *,
        nullable: bool | None = None,
        server_default: object = False,
        name: str | None = None,
        type_: Any = None,
        existing_type: object = None,
        **__: object,
    ) -> None:
        """Change the type, NOT NULL, the default or the name of a column.

        Args:
            _: Name of the table; not used.
            column_name: Name of the column.
            nullable: New nullability; None keeps it.
            server_default: New server default, None for none; False keeps it.
            name: New name; None keeps it.
            type_: New type; None keeps it.
            existing_type: Type before the change, as the migration names it.
            **__: Other keyword arguments of Alembic's operation; not used.

        Raises:
            MigrationError: The column does not exist or is computed.
        """
        column = sqlite_tables.column_of(self._copy, column_name)
        if type_ is not None:
            self._change_type(column, sa.types.to_instance(type_), existing_type)
        if nullable is not None:
            self._change_nullable(column, nullable)
        if server_default is not False:
            self._change_default(column, server_default)
        if name is not None and name != column_name:
            self.finish()
            self._run(
                f"ALTER TABLE {quoted(self._table)} "
                f"RENAME COLUMN {quoted(column.name)} TO {quoted(name)}"
            )
            self._reopen()

    def _change_type(self, column: Column, new: Type, existing: object) -> None:
        old = self._type_of(column, existing)
        if normal(column.declared_type) == _UUID and not isinstance(new, _TEXTS):
            old = sa.Uuid()  # so that digits are not read as a number
        written = read_table(f"CREATE TABLE t (c {new.compile(dialect=self._dialect)})").columns[0]
        column.type_ = written.type_
        collation = written.clause("COLLATE")
        if collation is not None:
            column.drop("COLLATE")
            column.clauses.append(collation)
        self._copy.is_changed = True
        old_kind, new_kind = kind_of_type(old, self._dialect), kind_of_type(new, self._dialect)
        known = old_kind.name and new_kind.name and column.name in self._copy.sources
        if known and not new_kind.holds_all_of(old_kind):
            change = converter(old_kind, new_kind, self._dialect)
            number = len(self._copy.converters)
            self._copy.converters[f"lback_convert_{number}"] = change
            self._copy.converters[f"lback_try_{number}"] = trial(change)
            self._copy.sources[column.name] = f"lback_convert_{number}({quoted(column.name)})"

    def _type_of(self, column: Column, existing: Any) -> Type:
        """Return the type of a column, as the migration names it if that is more precise."""
        declared = normal(column.declared_type)
        if existing is not None:
            given: Type = sa.types.to_instance(existing)
            if normal(sqlite_tables.type_sql(given.compile(dialect=self._dialect))) == declared:
                return given
        found = sa.inspect(self._connection).get_columns(self._table)
        types: dict[str, Type] = {row["name"]: row["type"] for row in found}
        return types.get(column.name, sa.types.NullType())

    def _change_nullable(self, column: Column, nullable: bool) -> None:
        self._copy.is_changed = True
        column.drop("NULL")
        if nullable:
            column.drop("NOT", "NULL")
        elif column.clause("NOT", "NULL") is None:
            column.add("NOT NULL")
            self._copy.not_null.append(column)

    def _change_default(self, column: Column, default: Any) -> None:
        if column.is_generated or isinstance(default, (sa.Computed, sa.Identity)):
            raise MigrationError(
                f"{self._table}.{column.name}: the expression of a computed column cannot be "
                "changed in place; drop the column in the migration and add it again"
            )
        self._copy.is_changed = True
        column.drop("DEFAULT")
        if default is not None:
            written = self._read(sa.Column("c", sa.Integer, server_default=default))
            column.clauses.extend(c for c in [written.clause("DEFAULT")] if c is not None)

    def add_constraint(self, constraint: Constraint, **_: object) -> None:
        """Add a constraint to the table.

        Args:
            constraint: The constraint.
            **_: Keyword arguments of Alembic's operation; not used.
        """
        compiler: Any = self._dialect.ddl_compiler(self._dialect, None)  # type: ignore[arg-type]
        rule: Any = constraint._create_rule
        text = compiler.process(constraint) if rule is None or rule(compiler) else None
        if text:
            self._copy.table.constraints.append(tokens(text))
            self._copy.is_changed = True

    def drop_constraint(self, constraint: Constraint, **options: object) -> None:
        """Drop a constraint by its name.

        Args:
            constraint: The constraint.
            **options: Keyword arguments of Alembic's operation.

        Raises:
            CommandError: The constraint has no name or does not exist.
        """
        if not constraint.name:
            raise CommandError(
                f"a constraint of {self._table!r} cannot be dropped because it has no name"
            )
        name = str(constraint.name)
        if self._copy.table.drop_constraint(name):
            self._copy.is_changed = True
        elif not (options.get("if_exists") or getattr(constraint, "_type_bound", False)):
            raise CommandError(f"the table {self._table!r} has no constraint {name!r}")

    def create_index(self, index: Index, **options: Any) -> None:
        """Create an index after deferred operations.

        Args:
            index: The index.
            **options: Keyword arguments of Alembic's operation.
        """
        self.finish()
        self._connection.execute(CreateIndex(index, **options))

    def drop_index(self, index: Index, **options: Any) -> None:
        """Drop an index after deferred operations.

        Args:
            index: The index.
            **options: Keyword arguments of Alembic's operation.
        """
        self.finish()
        self._connection.execute(DropIndex(index, **options))

    def create_table_comment(self, *_: object, **__: object) -> None:
        """Do nothing, as SQLite does not store comments.

        Args:
            *_: Arguments of Alembic's operation; not used.
            **__: Keyword arguments; not used.
        """

    drop_table_comment = create_table_comment
    create_column_comment = create_table_comment

    def _read(self, column: sa.Column[object]) -> Column:
        text = str(CreateColumn(column).compile(dialect=self._dialect))
        return read_table(f"CREATE TABLE t ({text})").columns[0]

    def _run(self, sql: str) -> None:
        self._connection.exec_driver_sql(sql)


def _needs_copy(column: sa.Column[object], added: Column) -> bool:
    """Return True if ALTER TABLE ADD COLUMN would reject the column."""
    if column.primary_key or added.clause("UNIQUE") or added.clause("PRIMARY"):
        return True
    if added.is_generated:
        return bool(column.computed is not None and column.computed.persisted)
    default = default_of(added)
    if default is None:
        return not column.nullable
    return default.startswith("(") or default.upper().startswith("CURRENT_")
