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
_FLOAT = re.compile(r"FLOAT\((\d+)\)$")
_SINGLE_BITS = 24
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
        declared = metadata_column.type.compile(self.dialect)
        if _is_double(declared) and type(inspector_column.type).__name__ == "DOUBLE":
            return False
        sized = _SIZED.match(declared)
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

    def drop_index(self, index: sa.Index, **options: Any) -> None:
        """Drop an index, and create another if a foreign key needs one on its columns.

        Args:
            index: The index, with its table.
            **options: Keyword arguments of Alembic's operation.
        """
        if not self.as_sql and self.connection is not None and index.table is not None:
            for key in _keys_that_need(self.connection, index.table, index):
                columns: list[Any] = [sa.column(name) for name in key["constrained_columns"]]
                table = sa.Table(index.table.name, sa.MetaData(), schema=index.table.schema)
                # The database would have given it this name.
                self.create_index(sa.Index(key["name"], *columns, _table=table))
        super().drop_index(index, **options)


def _is_double(declared: str) -> bool:
    """Return True for REAL and FLOAT(25) to FLOAT(53), which the database stores as DOUBLE."""
    sized = _FLOAT.match(declared)
    return declared == "REAL" or (sized is not None and int(sized[1]) > _SINGLE_BITS)


def _is_mariadb(dialect: Any) -> bool:
    return bool(dialect.is_mariadb)


def _keys_that_need(connection: sa.Connection, table: sa.Table, index: sa.Index) -> list[Any]:
    """Return the foreign keys of a table that have no other index on their columns."""
    inspector, schema = sa.inspect(connection), table.schema
    if not inspector.has_table(table.name, schema=schema):
        return []
    found: list[Any] = [
        *inspector.get_indexes(table.name, schema=schema),
        *inspector.get_unique_constraints(table.name, schema=schema),
    ]
    name = _name_in_database(connection, index)
    others = [row["column_names"] for row in found if row["name"] != name]
    key = inspector.get_pk_constraint(table.name, schema=schema)
    others.append(key["constrained_columns"])
    return [
        key
        for key in inspector.get_foreign_keys(table.name, schema=schema)
        if key["name"] != name
        and not any(_begins(columns, key["constrained_columns"]) for columns in others)
    ]


def _name_in_database(connection: sa.Connection, index: sa.Index) -> str:
    # A long name that was made from a convention is shortened.
    made: Any = index.name
    preparer = connection.dialect.identifier_preparer
    return preparer.truncate_and_render_index_name(made, _alembic_quote=False)


def _begins(columns: list[str], wanted: list[str]) -> bool:
    return set(columns[: len(wanted)]) == set(wanted)


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
