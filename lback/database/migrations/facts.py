"""Reads facts about tables that SQLAlchemy does not reflect, as text in the form of the database.

A model is compared with its table in the form that the database gives both: PostgreSQL and MariaDB
create a temporary table of the model, and for SQLite the SQL of both is read. So spaces, brackets
and casts, which each database writes in its own way, do not count as differences.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, Index
from sqlalchemy.dialects.postgresql import ENUM
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateIndex, CreateTable

from lback.database.migrations import sqlite_sql
from lback.database.migrations.enum_members import members_of, native_enum
from lback.database.migrations.errors import MigrationError, reason


@dataclass(slots=True)
class Facts:
    """Facts about a table besides its columns and keys, as text of the database.

    Attributes:
        checks: Conditions by name of the constraint; without a name, by the condition itself.
        written: The same conditions as they were written, where `checks` changes them.
        defaults: Server defaults by column.
        computed: Expressions of computed columns by column.
        indexes: Columns or expressions of indexes by name.
        texts: For indexes of SQLite, columns and condition as written, by name.
    """

    checks: dict[str, str] = field(default_factory=dict)
    written: dict[str, str] = field(default_factory=dict)
    defaults: dict[str, str] = field(default_factory=dict)
    computed: dict[str, str] = field(default_factory=dict)
    indexes: dict[str, str] = field(default_factory=dict)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)


def facts_of_table(connection: Connection, name: str, schema: str | None) -> Facts:
    """Return the facts about an existing table.

    Args:
        connection: Connection to the database.
        name: Name of the table.
        schema: Its schema; None for the default one.
    """
    return _READERS[_kind(connection)](connection, name, schema)


def facts_of_model(connection: Connection, table: sa.Table) -> Facts:
    """Return the facts about a table as the model defines it.

    Args:
        connection: Connection to the database.
        table: Table of the model.

    Raises:
        MigrationError: The database rejects the table of the model.
    """
    if connection.dialect.name == "sqlite":
        indexes = [str(CreateIndex(i).compile(dialect=connection.dialect)) for i in table.indexes]
        return _of_sqlite_texts(_create_table(connection, table), indexes)
    try:
        with _scratch(connection, table):
            return _READERS[_kind(connection)](connection, table.name, _SCRATCH[_kind(connection)])
    except SQLAlchemyError as error:
        raise MigrationError(
            f"the database rejects the model of the table {table.name!r}: {reason(error)}"
        ) from error


def _kind(connection: Connection) -> str:
    return {"mariadb": "mysql"}.get(connection.dialect.name, connection.dialect.name)


def _create_table(connection: Connection, table: sa.Table) -> str:
    create = CreateTable(table, include_foreign_key_constraints=[])
    sql = str(create.compile(dialect=connection.dialect)).strip()
    if _kind(connection) == "mysql":
        # MySQL ignores names of checks in columns; a migration adds them to the table.
        compiler: Any = connection.dialect.ddl_compiler(connection.dialect, None)  # type: ignore[arg-type]
        for column in table.c:
            for check in column.constraints:
                text = compiler.process(check)
                sql = sql.replace(f" {text}", "", 1)
                sql = f"{sql[: sql.rindex(')')]}, {text}{sql[sql.rindex(')') :]}"
    return sql


@contextmanager
def _scratch(connection: Connection, table: sa.Table) -> Iterator[None]:
    """Create a temporary table of a model while the block runs."""
    preparer = connection.dialect.identifier_preparer
    full, name = preparer.format_table(table), preparer.quote(table.name)
    sql = _create_table(connection, table).replace(
        f"CREATE TABLE {full}", f"CREATE TEMPORARY TABLE {name}", 1
    )
    if connection.dialect.name != "postgresql":
        connection.exec_driver_sql(sql)
        try:
            yield
        finally:
            connection.exec_driver_sql(f"DROP TEMPORARY TABLE {name}")
        return
    savepoint = connection.begin_nested()
    try:
        for enum in _enums(table, connection):
            found = members_of(connection, str(enum.name), enum.schema)
            if found and set(found) != set(map(str, enum.enums)):
                place = _full_name(preparer, enum)
                other = preparer.quote(f"_lback_{enum.name}")
                connection.exec_driver_sql(f"ALTER TYPE {place} RENAME TO {other}")
            enum.create(connection, checkfirst=True)
        connection.exec_driver_sql(sql)
        for index in table.indexes:
            text = str(CreateIndex(index).compile(dialect=connection.dialect))
            text = text.replace(f" ON {full} ", f" ON {name} ", 1).replace(" CONCURRENTLY", "", 1)
            connection.exec_driver_sql(text)
        yield
    finally:
        savepoint.rollback()


def _full_name(preparer: Any, enum: ENUM) -> str:
    return str(preparer.format_type(enum))


def _enums(table: sa.Table, connection: Connection) -> Iterator[ENUM]:
    for column in table.c:
        enum = native_enum(column, connection.dialect)
        if enum is not None:
            yield enum


# SQLite.


def _of_sqlite(connection: Connection, name: str, _: str | None) -> Facts:
    rows = connection.exec_driver_sql(
        "SELECT type, sql FROM sqlite_master WHERE lower(tbl_name) = lower(?) "
        "AND type IN ('table', 'index') AND sql IS NOT NULL",
        (name,),
    ).all()
    [text] = [sql for kind, sql in rows if kind == "table"]
    return _of_sqlite_texts(text, [sql for kind, sql in rows if kind == "index"])


def _of_sqlite_texts(table_sql: str, indexes: list[str]) -> Facts:
    facts = _of_create_table(table_sql)
    for sql in indexes:
        parts = sqlite_sql.tokens(sql)
        place = next(n for n, token in enumerate(parts) if token.word == "ON")
        unique = "unique " if parts[1].word == "UNIQUE" else ""
        name = parts[place - 1].name
        rest = sqlite_sql.join(parts[place + 2 :])
        over = sqlite_sql.join(sqlite_sql.in_brackets(parts))
        where = rest[rest.index("(") + len(over) + 1 :].lstrip(") \n")
        facts.indexes[name] = unique + sqlite_sql.normal(rest)
        facts.texts[name] = over, where[len("WHERE") :].strip()
    return facts


def _of_create_table(sql: str) -> Facts:
    facts = Facts()
    table = sqlite_sql.read_table(sql)
    for name, condition in sqlite_sql.checks(table):
        text = sqlite_sql.normal(condition)
        facts.checks[name or text] = text
        facts.written[name or text] = condition
    for column in table.columns:
        default = sqlite_sql.default_of(column)
        computed = sqlite_sql.generation_of(column)
        if default is not None and default.upper() != "NULL":
            facts.defaults[column.name] = sqlite_sql.normal(default)
        if computed is not None:
            facts.computed[column.name] = sqlite_sql.normal(computed)
    return facts


# MariaDB and MySQL.

_TEXT = re.compile(r"'(?:[^'\\]|\\.|'')*'", re.S)
_ESCAPED_QUOTE = re.compile(r"((?<!\\)(?:\\\\)*)\\'")


def _of_mysql(connection: Connection, name: str, schema: str | None) -> Facts:
    preparer = connection.dialect.identifier_preparer
    full = (
        preparer.quote(name) if not schema else f"{preparer.quote(schema)}.{preparer.quote(name)}"
    )
    sql = connection.exec_driver_sql(f"SHOW CREATE TABLE {full}".replace("%", "%%")).one()[1]
    # Defaults of bytes are written with a backslash before a quote, those of text with two quotes.
    sql = _TEXT.sub(lambda text: _ESCAPED_QUOTE.sub(r"\1''", text[0]), str(sql))
    return _of_create_table(str(sql).replace("CREATE TEMPORARY TABLE", "CREATE TABLE", 1))


# PostgreSQL.

_CHECKS = """
SELECT conname, pg_get_constraintdef(oid) FROM pg_constraint
WHERE conrelid = CAST(:table AS regclass) AND contype = 'c'
"""
_DEFAULTS = """
SELECT a.attname, a.attgenerated, pg_get_expr(d.adbin, d.adrelid)
FROM pg_attrdef d JOIN pg_attribute a ON a.attrelid = d.adrelid AND a.attnum = d.adnum
WHERE d.adrelid = CAST(:table AS regclass)
"""
_INDEXES = """
SELECT c.relname, i.indisunique, pg_get_indexdef(i.indexrelid)
FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE i.indrelid = CAST(:table AS regclass)
AND NOT EXISTS (SELECT 1 FROM pg_constraint WHERE conindid = i.indexrelid)
"""


def _of_postgresql(connection: Connection, name: str, schema: str | None) -> Facts:
    preparer = connection.dialect.identifier_preparer
    place = preparer.quote(schema or connection.dialect.default_schema_name or "public")
    values = {"table": f"{place}.{preparer.quote(name)}"}
    facts = Facts(checks={row[0]: row[1] for row in connection.execute(sa.text(_CHECKS), values)})
    for column, generated, text in connection.execute(sa.text(_DEFAULTS), values):
        if generated not in ("", b""):
            facts.computed[column] = text
        elif not text.startswith("nextval("):
            facts.defaults[column] = text
    for index, unique, text in connection.execute(sa.text(_INDEXES), values):
        facts.indexes[index] = ("unique " if unique else "") + text.partition(" USING ")[2]
    return facts


_READERS: dict[str, Callable[[Connection, str, str | None], Facts]] = {
    "sqlite": _of_sqlite,
    "mysql": _of_mysql,
    "postgresql": _of_postgresql,
}
# Schemas of temporary tables.
_SCRATCH: dict[str, str | None] = {"mysql": None, "postgresql": "pg_temp"}


def has_expression(index: Index) -> bool:
    """Return True if an index contains an expression, not only columns."""
    return any(not isinstance(part, sa.Column) for part in _bare(index))


def _bare(index: Index) -> Iterator[object]:
    for part in index.expressions:
        while isinstance(part, sa.sql.elements.UnaryExpression):
            part = part.element  # noqa: PLW2901  such as DESC
        yield part
