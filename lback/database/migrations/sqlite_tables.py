"""Changes tables of SQLite by the copy that its documentation describes.

The new table is created from the SQL of the old one with the changes only, and indexes and triggers
from their own SQL. So features that SQLAlchemy does not reflect are kept: collations, conflict
clauses, STRICT and generated columns.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection

from lback.database.migrations.errors import MigrationError
from lback.database.migrations.row_checks import SHOWN_ROWS, Finding, refuse
from lback.database.migrations.sqlite_sql import (
    Column,
    Table,
    constrained_columns,
    join,
    mentions,
    quoted,
    read_table,
)

_EVENTS = {
    "INSERT": "INSERT INTO {} DEFAULT VALUES",
    "UPDATE": "UPDATE {0} SET {1} = {1}",
    "DELETE": "DELETE FROM {}",
}


@dataclass(slots=True)
class Copy:
    """A planned copy of a table.

    Attributes:
        table: The new table.
        sources: SQL of values in the old table, by column of the new one.
        converters: Functions that the SQL uses, by name.
        dropped: Names of dropped columns in lower case.
        not_null: Columns that become NOT NULL.
        is_changed: Whether anything changes.
    """

    table: Table
    sources: dict[str, str]
    converters: dict[str, Callable[[object], object]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    not_null: list[Column] = field(default_factory=list)
    is_changed: bool = False


def open_copy(connection: Connection, name: str) -> Copy:
    """Return a copy of a table without changes.

    Args:
        connection: Connection to the database.
        name: Name of the table.

    Raises:
        MigrationError: The table does not exist or is virtual.
    """
    existing = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)",
        (name,),
    ).first()
    if existing is None:
        raise MigrationError(f"the table {name!r} does not exist")
    try:
        table = read_table(existing.sql)
    except ValueError as error:
        raise MigrationError(
            f"the virtual table {name!r} cannot be changed; "
            "drop it in the migration and create it again"
        ) from error
    table.name = existing.name
    stored = {c.name: quoted(c.name) for c in table.columns if not c.is_generated}
    return Copy(table, stored)


def column_of(copy: Copy, name: str) -> Column:
    """Return a column of a planned copy.

    Args:
        copy: The copy.
        name: Name of the column in any case.

    Raises:
        MigrationError: The column does not exist.
    """
    column = copy.table.column(name)
    if column is None:
        raise MigrationError(f"the table {copy.table.name!r} has no column {name!r}")
    return column


def drop_column(copy: Copy, name: str) -> None:
    """Drop a column and its constraints from a planned copy.

    Args:
        copy: The copy; changed in place.
        name: Name of the column in any case.

    Raises:
        MigrationError: The column does not exist, or another one is computed from it.
    """
    column = column_of(copy, name)
    for other in copy.table.columns:
        if other is not column and other.is_generated and mentions(other.sql(), name):
            raise MigrationError(
                f"the column {copy.table.name}.{other.name} is computed from {name!r}; "
                "drop that one first in the migration"
            )
    copy.table.columns.remove(column)
    copy.table.constraints = [c for c in copy.table.constraints if not _is_part_of(c, name.lower())]
    copy.sources.pop(column.name, None)
    copy.dropped.add(name.lower())
    copy.is_changed = True


def _is_part_of(constraint: list[Any], name: str) -> bool:
    return name in constrained_columns(constraint)


def carry_out(connection: Connection, copy: Copy) -> None:
    """Copy a table and replace the old one by the new one.

    Args:
        connection: Connection to the database, in a transaction.
        copy: The planned copy.

    Raises:
        MigrationError: Some rows would lose data, or a view or trigger would no longer work.
    """
    if not copy.is_changed:
        return
    name = copy.table.name
    _register(connection, copy)
    _check_rows(connection, copy)
    parts = list(_parts_of(connection, copy))
    broken_before = set(_broken(connection))
    temporary = f"_lback_copy_{name}"
    # A legacy rename does not check views and triggers, whose table is missing at that moment, and
    # does not change foreign keys of other tables.
    usual = connection.exec_driver_sql("PRAGMA legacy_alter_table").scalar()
    connection.exec_driver_sql("PRAGMA legacy_alter_table = ON")
    try:
        connection.exec_driver_sql(f"DROP TABLE IF EXISTS {quoted(temporary)}")
        connection.exec_driver_sql(copy.table.sql(temporary))
        _fill(connection, copy, temporary)
        connection.exec_driver_sql(f"DROP TABLE {quoted(name)}")
        connection.exec_driver_sql(f"ALTER TABLE {quoted(temporary)} RENAME TO {quoted(name)}")
    finally:
        connection.exec_driver_sql(f"PRAGMA legacy_alter_table = {int(bool(usual))}")
    for sql in parts:
        connection.exec_driver_sql(sql)
    for kind, broken, reason in _broken(connection):
        if (kind, broken, reason) not in broken_before:
            raise MigrationError(
                f"the {kind} {broken!r} needs what this migration removes from {name!r}: {reason}; "
                f"drop the {kind} before the change in the migration, and create it again after"
            )


def _register(connection: Connection, copy: Copy) -> None:
    driver: Any = connection.connection.driver_connection
    for function, converter in copy.converters.items():
        driver.create_function(function, 1, converter)


def _fill(connection: Connection, copy: Copy, temporary: str) -> None:
    targets, sources = [quoted(c) for c in copy.sources], list(copy.sources.values())
    rowid = _rowid(connection, copy, temporary)
    if rowid:
        targets, sources = [rowid, *targets], [rowid, *sources]
    if targets:
        connection.exec_driver_sql(
            f"INSERT INTO {quoted(temporary)} ({', '.join(targets)}) "  # noqa: S608  quoted
            f"SELECT {', '.join(sources)} FROM {quoted(copy.table.name)}"
        )


def _rowid(connection: Connection, copy: Copy, temporary: str) -> str | None:
    """Return the name of the hidden row id; None if a column is its alias or there is none."""
    if "ROWID" in copy.table.options.upper().replace(",", " ").split():
        return None
    keys = [
        row for row in connection.exec_driver_sql(f"PRAGMA table_info({quoted(temporary)})")
        if row.pk
    ]  # fmt: skip
    if len(keys) == 1 and keys[0].type.upper() == "INTEGER":
        return None
    taken = {column.name.lower() for column in copy.table.columns} | copy.dropped
    return next((name for name in ("rowid", "_rowid_", "oid") if name not in taken), None)


def _check_rows(connection: Connection, copy: Copy) -> None:
    """Check that values can be converted, and that new NOT NULL columns have no NULL."""
    table = copy.table
    keys = keys_of(connection, table)
    for column in table.columns:
        source = copy.sources.get(column.name)
        if source is not None and source.startswith("lback_convert"):
            old = quoted(column.name)
            tried = source.replace("lback_convert", "lback_try", 1)
            _look(connection, table, column, keys, f"{old}, {tried}", f"{tried} IS NOT NULL")
    for column in copy.not_null:
        source = copy.sources.get(column.name)
        if source is not None:
            reason = "'is NULL, which the column will not allow'"
            _look(connection, table, column, keys, f"NULL, {reason}", f"{source} IS NULL")


def _look(
    connection: Connection, table: Table, column: Column, keys: list[str], shown: str, where: str
) -> None:
    place = f"FROM {quoted(table.name)} WHERE {where}"
    count = connection.exec_driver_sql(f"SELECT count(*) {place}").scalar() or 0
    if count:
        chosen = ", ".join([*map(quoted, keys), shown])
        query = f"SELECT {chosen} {place} LIMIT {SHOWN_ROWS}"
        rows = connection.exec_driver_sql(query).all()
        findings = [Finding(dict(zip(keys, row, strict=False)), row[-2], row[-1]) for row in rows]
        refuse(table.name, column.name, column.declared_type, count, findings)


def keys_of(connection: Connection, table: Table) -> list[str]:
    """Return the columns of the primary key, or `["rowid"]` without one.

    Args:
        connection: Connection to the database.
        table: The table.
    """
    info = connection.exec_driver_sql(f"PRAGMA table_info({quoted(table.name)})").all()
    keys = sorted((row.pk, row.name) for row in info if row.pk)
    return [name for _, name in keys] or ["rowid"]


def _parts_of(connection: Connection, copy: Copy) -> Iterator[str]:
    """Yield the SQL of the indexes and triggers of the new table."""
    rows = connection.exec_driver_sql(
        "SELECT type, sql FROM sqlite_master WHERE lower(tbl_name) = lower(?) "
        "AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, rowid",
        (copy.table.name,),
    ).all()
    for kind, sql in rows:
        # Indexes are dropped with their columns, as on PostgreSQL.
        if kind == "trigger" or not any(mentions(_behind_table(sql), c) for c in copy.dropped):
            yield sql


def _behind_table(sql: str) -> str:
    return sql[sql.find("(") :]


def _broken(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """Yield kind, name and reason of each view and trigger that SQLite cannot run."""
    rows = connection.exec_driver_sql(
        "SELECT type, name, tbl_name, sql FROM sqlite_master WHERE type IN ('view', 'trigger')"
    ).all()
    for kind, name, table, sql in rows:
        for statement in _trials(connection, kind, name, table, sql):
            reason = _refusal(connection, f"EXPLAIN {statement}")
            if reason:
                yield kind, name, reason


def _trials(connection: Connection, kind: str, name: str, table: str, sql: str) -> Iterator[str]:
    if kind == "view":
        yield f"SELECT * FROM {quoted(name)}"  # noqa: S608  quoted
        return
    columns = connection.exec_driver_sql(f"PRAGMA table_xinfo({quoted(table)})").all()
    stored = [row.name for row in columns if not row.hidden]
    for event, statement in _EVENTS.items():
        if stored and mentions(sql.partition("BEGIN")[0], event):
            for column in stored if event == "UPDATE" else stored[:1]:
                yield statement.format(quoted(table), quoted(column))


def _refusal(connection: Connection, statement: str) -> str | None:
    driver: Any = connection.connection.driver_connection
    try:
        driver.execute(statement).close()
    except driver.Error as error:
        return str(error)
    return None


def type_sql(sql: str) -> str:
    """Return the type of a column without the collation that SQLAlchemy appends."""
    return join(read_table(f"CREATE TABLE t (c {sql})").columns[0].type_)
