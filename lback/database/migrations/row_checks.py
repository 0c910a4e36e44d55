"""Finds rows that a change of a column would damage, before the change."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from itertools import islice
from typing import Any, NoReturn
from uuid import UUID

import sqlalchemy as sa
from alembic.ddl.impl import DefaultImpl
from sqlalchemy import Connection
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeEngine

from lback.database.migrations.conversions import Inexact, convert
from lback.database.migrations.errors import MigrationError
from lback.database.migrations.kinds import Kind, Type, kind_of_type

SHOWN_ROWS = 3
SHOWN_LENGTH = 60


@dataclass(frozen=True, slots=True)
class Finding:
    """A row that prevents a change.

    Attributes:
        key: Primary key of the row, by column.
        value: Value of the column.
        reason: Why the value cannot be kept.
    """

    key: Mapping[str, object]
    value: object
    reason: str

    def __str__(self) -> str:
        key = ", ".join(f"{name} = {_shown(value)}" for name, value in self.key.items())
        value = "" if self.value is None else f"{_shown(self.value)} "
        return f"{key or 'a row'}: {value}{self.reason}"


def refuse(
    table: str, column: str, type_: str, count: int, findings: Sequence[Finding]
) -> NoReturn:
    """Raise an error about rows that prevent a change.

    Args:
        table: Name of the table.
        column: Name of the column.
        type_: New type, for the message.
        count: Number of such rows.
        findings: The first of them.

    Raises:
        MigrationError: Always; the message lists the rows.
    """
    rows = "1 row" if count == 1 else f"{count} rows"
    more = "\n- and so on" if count > len(findings) else ""
    listed = "".join(f"\n- {finding}" for finding in findings)
    raise MigrationError(
        f"{table}.{column} cannot become {type_} without loss, because of {rows}:{listed}{more}\n"
        "Change these rows by hand or in the migration, and run it again"
    )


def check_conversion(
    connection: Connection, table: sa.Table, column: str, new: Type
) -> tuple[Kind, Kind]:
    """Check that a new type can hold each value of a column.

    Args:
        connection: Connection to the database.
        table: The table before the change.
        column: Name of the column.
        new: Type after the change.

    Returns:
        The kinds of the column before and after the change.

    Raises:
        MigrationError: The values of some rows would change; the message lists them.
    """
    dialect = connection.dialect
    old_kind = kind_of_type(table.c[column].type, dialect)
    new_kind = kind_of_type(new, dialect)
    if old_kind.name and new_kind.name and not new_kind.holds_all_of(old_kind):
        _check_values(connection, table, column, (old_kind, new_kind), new.compile(dialect))
    return old_kind, new_kind


def check_has_no_values(
    connection: Connection, place: tuple[str | None, str, str], new: TypeEngine[Any]
) -> None:
    """Check that a column that starts or ends to be a time span is empty, on MariaDB and MySQL.

    Args:
        connection: Connection to the database.
        place: Schema, table and name of the column.
        new: Type after the change.

    Raises:
        MigrationError: A row has a value.
    """
    schema, table, column = place
    found = sa.table(table, sa.column(column), schema=schema)
    filled = found.c[column].is_not(None)
    if connection.scalar(sa.select(sa.literal(1)).select_from(found).where(filled).limit(1)):
        raise MigrationError(
            f"{table}.{column} cannot become {new.compile(connection.dialect)}, because MariaDB "
            "and MySQL store a time span as a datetime and cannot convert it, and a value exists; "
            "add a new column in the migration, fill it with op.execute(), and drop the old one"
        )


def _check_values(
    connection: Connection, table: sa.Table, column: str, kinds: tuple[Kind, Kind], type_: str
) -> None:
    keys = [c.name for c in table.primary_key.columns]
    chosen = [*(table.c[key] for key in keys), table.c[column]]
    query = sa.select(*chosen).where(table.c[column].is_not(None))
    count, findings = 0, list[Finding]()
    with connection.execute(query, execution_options={"stream_results": True}) as rows:
        for row in rows:
            try:
                convert(row[-1], *kinds)
                _check_word(connection, row[-1], kinds)
            except Inexact as reason:
                count += 1
                if len(findings) < SHOWN_ROWS:
                    findings.append(
                        Finding(dict(zip(keys, row, strict=False)), row[-1], str(reason))
                    )
    if count:
        refuse(table.name, column, type_, count, findings)


def _check_word(connection: Connection, value: Any, kinds: tuple[Kind, Kind]) -> None:
    """Check that a database converts a text to a boolean, which MariaDB does for digits only.

    Raises:
        Inexact: It does not.
    """
    is_mysql = connection.dialect.name in ("mysql", "mariadb")
    is_word = isinstance(value, str) and value.strip() not in ("0", "1")
    if is_mysql and kinds[1].name == "bool" and is_word:
        raise Inexact("is a word, which MariaDB and MySQL do not convert; write 0 or 1")


def check_not_null(connection: Connection, table: sa.Table, column: str) -> None:
    """Check that a column is not NULL in any row.

    Args:
        connection: Connection to the database.
        table: The table before the change.
        column: Name of the column.

    Raises:
        MigrationError: The column is NULL in some rows; the message lists them.
    """
    keys = [c.name for c in table.primary_key.columns]
    empty = table.c[column].is_(None)
    count = connection.scalar(sa.select(sa.func.count()).select_from(table).where(empty)) or 0
    if count:
        chosen: list[sa.ColumnElement[Any]] = [table.c[key] for key in keys] or [sa.literal(0)]
        query = sa.select(*chosen).where(empty).limit(SHOWN_ROWS)
        reason = "is NULL, which the column will not allow"
        found = [
            Finding(dict(zip(keys, row, strict=False)), None, reason)
            for row in islice(connection.execute(query), SHOWN_ROWS)
        ]
        refuse(table.name, column, "NOT NULL", count, found)


def _shown(value: object) -> str:
    text = f"{value.normalize():f}" if isinstance(value, Decimal) else repr(value)
    if isinstance(value, (date, time, UUID)):
        text = str(value)
    return text if len(text) <= SHOWN_LENGTH else f"{text[:SHOWN_LENGTH]}..."


def single_percents(sql: str, dialect: Dialect) -> str:
    """Return compiled SQL as a migration has to contain it.

    For drivers with parameters such as `%s`, SQLAlchemy doubles each percent sign. If the result is
    executed as the text of a migration, it is doubled once more.

    Args:
        sql: Compiled SQL.
        dialect: Dialect of the database.
    """
    doubled = getattr(dialect.identifier_preparer, "_double_percents", False)
    return sql.replace("%%", "%") if doubled else sql


class Checking(DefaultImpl):
    """Checks the rows of a table before a column is changed."""

    def render_ddl_sql_expr(
        self, expr: Any, is_server_default: bool = False, is_index: bool = False, **kw: Any
    ) -> str:
        """Return an expression of a default, an index or a computed column as SQL.

        Args:
            expr: The expression.
            is_server_default: Whether it is a server default.
            is_index: Whether it is in an index.
            **kw: Other keyword arguments of Alembic.
        """
        given = {"is_server_default": is_server_default, "is_index": is_index}
        sql: str = super().render_ddl_sql_expr(expr, **given, **kw)
        return single_percents(sql, self.dialect)

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
        type_, nullable = options.get("type_"), options.get("nullable")
        if self.as_sql or self.connection is None or (type_ is None and nullable is not False):
            return None
        table = sa.Table(
            table_name, sa.MetaData(), schema=schema, autoload_with=self.connection,
            resolve_fks=False,
        )  # fmt: skip
        if column_name not in table.c:
            return None
        if nullable is False and table.c[column_name].nullable:
            check_not_null(self.connection, table, column_name)
        if type_ is None:
            return None
        return check_conversion(self.connection, table, column_name, sa.types.to_instance(type_))
