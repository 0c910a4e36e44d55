"""Implements operations of Alembic for each database without losing data.

The classes replace those of Alembic for a dialect.
"""

import re
from typing import Any

import sqlalchemy as sa
from alembic.ddl.postgresql import PostgresqlImpl
from alembic.ddl.sqlite import SQLiteImpl
from alembic.operations.batch import ApplyBatchImpl, BatchOperationsImpl
from alembic.util import CommandError
from sqlalchemy import Connection, Constraint
from sqlalchemy.dialects.postgresql import ENUM

from lback.database.migrations.conversions import is_known
from lback.database.migrations.enum_members import members_of, native_enum
from lback.database.migrations.facts import has_expression
from lback.database.migrations.kinds import Kind, Type
from lback.database.migrations.row_checks import Checking
from lback.database.migrations.sqlite_changes import TableChanges
from lback.database.migrations.sqlite_sql import tokens
from lback.database.migrations.time_spans import WithTimeSpans

_CAST = re.compile(r'::[\w ".]+(\(\d+(,\s*\d+)?\))?(\[\])?$')
# Features that a copy by Alembic, through SQLAlchemy, does not keep.
_LOST = frozenset(
    ("COLLATE", "GENERATED", "CONFLICT", "STRICT", "WITHOUT", "CHECK", "TRIGGER", "WHERE", "DESC")
)


class KeepingSQLiteImpl(WithTimeSpans, SQLiteImpl):
    """Changes tables of SQLite and keeps all of their features."""

    __dialect__ = "sqlite"

    def requires_recreate_in_batch(self, batch_op: BatchOperationsImpl) -> bool:
        """Return False, and let `change_table` carry out the operations of a batch together."""
        asks_for_more = batch_op.copy_from is not None or batch_op.table_args or batch_op.schema
        if self.as_sql or asks_for_more:
            return super().requires_recreate_in_batch(batch_op)
        if batch_op.batch and batch_op.batch[0][0] != "change_table":
            batch_op.batch[:] = [("change_table", (batch_op.table_name, list(batch_op.batch)), {})]
        return False

    def change_table(self, table: str, operations: list[tuple[str, Any, Any]]) -> None:
        """Carry out operations on a table.

        Args:
            table: Name of the table.
            operations: Name, positional and keyword arguments of each operation.

        Raises:
            MigrationError: The change would lose data of some rows.
            CommandError: There is no connection, as with `--sql`.
        """
        changes = TableChanges(self._open_connection(table), table)
        for name, arguments, options in operations:
            if name == "alter_column":
                self._alter(changes, arguments[1], options)
            else:
                getattr(changes, name)(*arguments, **options)
        changes.finish()

    def _alter(self, changes: TableChanges, column: str, options: dict[str, Any]) -> None:
        known = self.known_type(None, changes.name, column, options)
        given = options if known is None else {**options, "existing_type": known}
        changes.alter_column(changes.name, column, **given)
        self.note_change(None, changes.name, column, options)

    def _open_connection(self, table: str) -> Connection:
        if self.as_sql or self.connection is None:
            raise CommandError(
                f"--sql cannot show the change of {table!r}: SQLite changes a table by a copy, "
                "which is made from the table as it is"
            )
        return self.connection

    def rename_table(self, old_table_name: str, new_table_name: Any, schema: Any = None) -> None:
        """Rename a table, through another name if only the case changes.

        Args:
            old_table_name: Old name.
            new_table_name: New name.
            schema: Schema of the table; always None.
        """
        if str(old_table_name).lower() == str(new_table_name).lower():
            between = f"_lback_{old_table_name}"
            super().rename_table(old_table_name, between, schema)
            old_table_name = between
        super().rename_table(old_table_name, new_table_name, schema)

    def alter_column(self, table_name: str, column_name: str, **options: object) -> None:
        """Change a column outside of a batch.

        Args:
            table_name: Name of the table.
            column_name: Name of the column.
            **options: Keyword arguments of Alembic's operation.
        """
        self.change_table(table_name, [("alter_column", (table_name, column_name), options)])

    def add_column(self, table_name: str, column: sa.Column[object], **options: Any) -> None:
        """Add a column outside of a batch.

        Args:
            table_name: Name of the table.
            column: The column.
            **options: Keyword arguments of Alembic's operation.
        """
        if self.as_sql:
            super().add_column(table_name, column, **options)
        else:
            self.change_table(table_name, [("add_column", (table_name, column), options)])

    def drop_column(self, table_name: str, column: sa.Column[object], **options: object) -> None:
        """Drop a column outside of a batch.

        Args:
            table_name: Name of the table.
            column: The column.
            **options: Keyword arguments of Alembic's operation.
        """
        self.change_table(table_name, [("drop_column", (table_name, column), options)])

    def add_constraint(self, const: Constraint, **options: object) -> None:
        """Add a constraint outside of a batch.

        Args:
            const: The constraint, with its table.
            **options: Keyword arguments of Alembic's operation.
        """
        if const.table is not None:
            self.change_table(const.table.name, [("add_constraint", (const,), options)])

    def drop_constraint(self, const: Constraint, **options: object) -> None:
        """Drop a constraint outside of a batch.

        Args:
            const: The constraint, with its table.
            **options: Keyword arguments of Alembic's operation.
        """
        if const.table is not None:
            self.change_table(const.table.name, [("drop_constraint", (const,), options)])

    def correct_for_autogen_constraints(
        self,
        conn_unique_constraints: object,  # noqa: ARG002  the names are those of Alembic
        conn_indexes: set[sa.Index],
        metadata_unique_constraints: object,  # noqa: ARG002
        metadata_indexes: set[sa.Index],
    ) -> None:
        """Leave indexes over expressions, which SQLAlchemy does not reflect, to `comparisons`.

        Args:
            conn_unique_constraints: Unique constraints of the database; not used.
            conn_indexes: Indexes of the database; changed in place.
            metadata_unique_constraints: Unique constraints of the model; not used.
            metadata_indexes: Indexes of the model; changed in place.
        """
        left = {index.name for index in metadata_indexes if has_expression(index)}
        for indexes in (metadata_indexes, conn_indexes):
            for index in [index for index in indexes if index.name in left]:
                indexes.discard(index)

    def prep_table_for_batch(self, batch_impl: ApplyBatchImpl, table: sa.Table) -> None:  # noqa: ARG002
        """Check that a copy of a table by Alembic loses no features.

        Args:
            batch_impl: Alembic's copy of the table; not used.
            table: The table.

        Raises:
            CommandError: It would; the message names the features.
        """
        connection = self._open_connection(table.name)
        texts = connection.exec_driver_sql(
            "SELECT sql FROM sqlite_master WHERE lower(tbl_name) = lower(?) AND sql IS NOT NULL",
            (table.name,),
        ).scalars()
        lost = sorted({t.word for text in texts for t in tokens(text)} & _LOST)
        if lost:
            raise CommandError(
                f"a batch with recreate, copy_from or table_args would lose {', '.join(lost)} of "
                f"the table {table.name!r}; leave these arguments out"
            )

    def cast_for_batch_migrate(
        self, existing: sa.Column[object], existing_transfer: Any, new_type: Type
    ) -> None:
        """Check that a copy of a table by Alembic does not convert values.

        Args:
            existing: Column of the old table.
            existing_transfer: Expression that fills the new column; changed in place.
            new_type: Type of the new column.

        Raises:
            CommandError: The types need a conversion.
        """
        before = dict(existing_transfer)
        super().cast_for_batch_migrate(existing, existing_transfer, new_type)
        if existing_transfer["expr"] is not before["expr"]:
            raise CommandError(
                f"a batch with recreate, copy_from or table_args would change the values of "
                f"{existing.name!r}; leave these arguments out"
            )


class KeepingPostgresqlImpl(Checking, PostgresqlImpl):
    """Defines conversions of PostgreSQL, and rejects changes that would round or truncate."""

    __dialect__ = "postgresql"

    def alter_column(self, table_name: str, column_name: str, **options: Any) -> None:
        """Change a column after checking its rows.

        Args:
            table_name: Name of the table.
            column_name: Name of the column.
            **options: Keyword arguments of Alembic's operation.

        Raises:
            MigrationError: Some rows would lose data; the message lists them.
        """
        schema = options.get("schema")
        if not self.as_sql and self.connection is not None and options.get("type_") is not None:
            # Nothing may be written between the check and the change.
            name = self.dialect.identifier_preparer.format_table(
                sa.Table(table_name, sa.MetaData(), schema=schema)
            )
            self._exec(f"LOCK TABLE {name} IN ACCESS EXCLUSIVE MODE")
        says_how = "postgresql_using" in options
        checked = {**options, "type_": None} if says_how else options
        kinds = self.check_rows(table_name, column_name, schema, checked)
        if kinds is None:
            super().alter_column(table_name, column_name, **options)
            return
        self._convert(table_name, column_name, kinds, options)

    def create_table(self, table: sa.Table, **kw: Any) -> None:
        """Create a table, and its enumeration types unless they exist.

        Args:
            table: The table.
            **kw: Keyword arguments of Alembic.
        """
        if self.connection is not None and not self.as_sql:
            # SQLAlchemy remembers types that were created earlier in the run, also dropped ones.
            enums = [native_enum(column, self.dialect) for column in table.c]
            self.memo[f"pg_{ENUM.__visit_name__}"] = {
                (enum.schema, enum.name)
                for enum in enums
                if enum is not None and members_of(self.connection, str(enum.name), enum.schema)
            }
        super().create_table(table, **kw)

    def compare_type(
        self, inspector_column: sa.Column[Any], metadata_column: sa.Column[Any]
    ) -> bool:
        """Return True if the types of two columns differ, also if only one is an array.

        Args:
            inspector_column: The column in the database.
            metadata_column: The column of the model.
        """
        types: tuple[Any, ...] = (
            inspector_column.type,
            metadata_column.type.dialect_impl(self.dialect),
        )
        if len({isinstance(type_, sa.ARRAY) for type_ in types}) > 1:
            return True
        if all(isinstance(type_, sa.Enum) for type_ in types):
            names = [(self._schema_of(type_), type_.name) for type_ in types]
            return names[0] != names[1]  # their members are compared by `enum_members`
        return super().compare_type(inspector_column, metadata_column)

    def _schema_of(self, type_: Any) -> str | None:
        return type_.schema or self.dialect.default_schema_name

    def _convert(
        self, table_name: str, column_name: str, kinds: tuple[Kind, Kind], options: dict[str, Any]
    ) -> None:
        quoted = self.dialect.identifier_preparer.quote(column_name)
        type_ = sa.types.to_instance(options["type_"]).compile(dialect=self.dialect)
        using = _using(quoted, type_, *kinds)
        default, changes_default = self._default(table_name, column_name, kinds, options)
        # A datetime without a time zone is in UTC, whatever the session has set.
        self._exec("SET LOCAL TIME ZONE 'UTC'")
        if changes_default:
            super().alter_column(
                table_name, column_name, schema=options.get("schema"), server_default=None
            )
            options = {**options, "server_default": default}
        if using is not None:
            options = {**options, "postgresql_using": using}
        super().alter_column(table_name, column_name, **options)
        self._exec("SET LOCAL TIME ZONE DEFAULT")

    def _default(
        self, table_name: str, column_name: str, kinds: tuple[Kind, Kind], options: dict[str, Any]
    ) -> tuple[object, bool]:
        """Return the default after a change of the type, and whether it has to be set again."""
        given = options.get("server_default", False)
        if kinds[0].name == kinds[1].name or self.connection is None:
            return given, False
        columns = sa.inspect(self.connection).get_columns(table_name, schema=options.get("schema"))
        default = next(c for c in columns if c["name"] == column_name).get("default")
        if default is None:
            return given, False
        if given is not False or not is_known(*kinds):
            return given, True
        # Without the cast to the old type: 'a'::character varying.
        return sa.text(_CAST.sub("", str(default)).replace(":", "\\:")), True


def _using(column: str, type_: str, old: Kind, new: Kind) -> str | None:
    """Return the expression that converts a column; None for the default of PostgreSQL."""
    if old.name == "str" and not new.name:
        return f"{column}::{type_}"  # such as INET, for which PostgreSQL needs to be told
    if not old.name or not new.name or (old.name == new.name and new.name != "enum"):
        return None
    if not is_known(old, new):
        return f"NULL::{type_}"  # the check has ensured that there are no values
    special = {
        ("str", "bytes"): f"convert_to({column}, 'UTF8')",
        ("bytes", "str"): f"convert_from({column}, 'UTF8')",
        ("int", "bool"): f"{column}::integer::boolean",
        ("bool", "int"): f"{column}::integer::{type_}",
        ("float", "decimal"): f"{column}::text::{type_}",
        ("float", "json"): f"to_json({column})::{type_}",
        ("int", "json"): f"to_json({column})::{type_}",
        ("bool", "json"): f"to_json({column})::{type_}",
        ("enum", "enum"): f"{column}::text::{type_}",
    }
    if old.name == "enum":
        return f"{column}::text::{type_}"
    return special.get((old.name, new.name), f"{column}::{type_}")
