"""Changes tables of MariaDB and MySQL after checking their rows."""

import re
from typing import Any

import sqlalchemy as sa
from alembic.ddl.mysql import MariaDBImpl, MySQLImpl

from lback.database.migrations.kinds import Kind, kind_of_type
from lback.database.migrations.row_checks import Checking, check_has_no_values
from lback.database.migrations.time_spans import WithTimeSpans, is_span

# MariaDB and MySQL choose the smallest type for a given length.
_SIZES = (("TINY", 2**8 - 1), ("", 2**16 - 1), ("MEDIUM", 2**24 - 1), ("LONG", 2**32 - 1))
_SIZED = re.compile(r"(BLOB|TEXT)\((\d+)\)")
_BYTES_PER_CHARACTER = {"BLOB": (1,), "TEXT": (1, 3, 4)}
_DESCRIPTIONS = """
SELECT column_default, column_comment FROM information_schema.columns
WHERE table_schema = coalesce(:schema, database()) AND table_name = :table AND column_name = :column
"""


class CheckingMySQL(Checking, WithTimeSpans):
    """What MariaDB and MySQL have in common."""

    def autogen_column_reflect(
        self, inspector: sa.Inspector, table: sa.Table, column_info: dict[str, Any]
    ) -> None:
        """Correct a reflected column.

        SQLAlchemy finds neither default nor comment of a column whose default is written as X'00'
        or with a backslash.

        Args:
            inspector: Inspector of the database.
            table: The table.
            column_info: What was reflected; changed in place.
        """
        super().autogen_column_reflect(inspector, table, column_info)
        binary = kind_of_type(column_info["type"], self.dialect).name == "bytes"
        if binary and column_info.get("default") is None and self.connection is not None:
            names = {"schema": table.schema, "table": table.name, "column": column_info["name"]}
            default, comment = self.connection.execute(sa.text(_DESCRIPTIONS), names).one()
            column_info["comment"] = comment or None
            if default is not None and default != "NULL" and _is_mariadb(self.dialect):
                column_info["default"] = default

    def compare_type(
        self, inspector_column: sa.Column[Any], metadata_column: sa.Column[Any]
    ) -> bool:
        """Return True if the types of two columns differ.

        Args:
            inspector_column: The column in the database.
            metadata_column: The column of the model.
        """
        sized = _SIZED.match(metadata_column.type.compile(self.dialect))
        if sized is not None and type(inspector_column.type).__name__ in _names_for(sized):
            return False
        return super().compare_type(inspector_column, metadata_column)

    def check_rows(
        self, table_name: str, column_name: str, schema: str | None, options: dict[str, Any]
    ) -> tuple[Kind, Kind] | None:
        """Check that a change of a column loses no data.

        Args:
            table_name: Name of the table.
            column_name: Name of the column.
            schema: Schema of the table; None for the default one.
            options: Keyword arguments of `alter_column`.

        Returns:
            The kinds of the column before and after; None if its type does not change.

        Raises:
            MigrationError: Some rows would lose data; the message lists them.
        """
        type_ = options.get("type_")
        if type_ is not None and not self.as_sql and self.connection is not None:
            new = sa.types.to_instance(type_)
            old = self.known_type(schema, table_name, column_name, options)
            if (old is not None) != is_span(new, self.dialect) and _has_column(
                self.connection, schema, table_name, column_name
            ):
                check_has_no_values(self.connection, (schema, table_name, column_name), new)
        return super().check_rows(table_name, column_name, schema, options)

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
        self.check_rows(table_name, column_name, schema, options)
        super().alter_column(table_name, column_name, **options)
        self.note_change(schema, table_name, column_name, options)


def _is_mariadb(dialect: Any) -> bool:
    return bool(dialect.is_mariadb)


def _has_column(connection: sa.Connection, schema: str | None, table: str, column: str) -> bool:
    inspector = sa.inspect(connection)
    return inspector.has_table(table, schema=schema) and any(
        found["name"] == column for found in inspector.get_columns(table, schema=schema)
    )


def _names_for(sized: re.Match[str]) -> set[str]:
    """Return the types that a type with a length, such as BLOB(20), becomes."""
    base, length = sized[1], int(sized[2])
    needed = [length * width for width in _BYTES_PER_CHARACTER[base]]
    return {
        next(f"{size}{base}" for size, limit in (*_SIZES, ("LONG", bytes_)) if bytes_ <= limit)
        for bytes_ in needed
    }


class KeepingMySQLImpl(CheckingMySQL, MySQLImpl):
    """Rejects changes that MySQL would round or truncate."""

    __dialect__ = "mysql"


class KeepingMariaDBImpl(CheckingMySQL, MariaDBImpl):
    """Rejects changes that MariaDB would round or truncate."""

    __dialect__ = "mariadb"
