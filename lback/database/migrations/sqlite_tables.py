"""Changes of a table in SQLite, by the copy that its documentation describes.

The new table is made from the text of the old one, in which only what changes is written anew;
indexes and triggers are made again from their own texts. So all that SQLite knows of a table is
kept, also what SQLAlchemy does not read: collations, conflict clauses, STRICT, generated columns.
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
    """A table that is about to be copied, and how.

    Attributes:
        table: The table as it will be.
        sources: For each column that is filled, the SQL of its value in the old table.
        converters: Functions that the SQL uses, by name.
        dropped: Names of columns that go, in small letters.
        is_changed: Whether there is anything to do.
    """

    table: Table
    sources: dict[str, str]
    converters: dict[str, Callable[[Any], Any]] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    not_null: list[Column] = field(default_factory=list)
    is_changed: bool = False


def open_copy(connection: Connection, name: str) -> Copy:
    """Return a copy of a table, in which nothing is changed yet.

    Raises:
        MigrationError: There is no such table, or it is one that cannot be copied.
    """
    found = connection.exec_driver_sql(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND lower(name) = lower(?)",
        (name,),
    ).first()
    if found is None:
        raise MigrationError(f"there is no table {name!r} to be changed")
    try:
        table = read_table(found.sql)
    except ValueError as error:
        raise MigrationError(
            f"the table {name!r} is a virtual one, which SQLite cannot change; "
            "have the migration drop it and make it anew"
        ) from error
    table.name = found.name
    stored = {c.name: quoted(c.name) for c in table.columns if not c.is_generated}
    return Copy(table, stored)


def column_of(copy: Copy, name: str) -> Column:
    """Return a column of the table.

    Raises:
        MigrationError: There is no such column.
    """
    column = copy.table.column(name)
    if column is None:
        raise MigrationError(f"the table {copy.table.name!r} has no column {name!r}")
    return column


def drop_column(copy: Copy, name: str) -> None:
    """Have a column left out, with the constraints of the table that it is part of."""
    column = column_of(copy, name)
    for other in copy.table.columns:
        if other is not column and other.is_generated and mentions(other.sql(), name):
            raise MigrationError(
                f"the column {copy.table.name}.{other.name} is computed from {name!r}; "
                "have the migration drop it first"
            )
    copy.table.columns.remove(column)
    copy.table.constraints = [c for c in copy.table.constraints if not _is_part_of(c, name.lower())]
    copy.sources.pop(column.name, None)
    copy.dropped.add(name.lower())
    copy.is_changed = True


def _is_part_of(constraint: list[Any], name: str) -> bool:
    return name in constrained_columns(constraint)


def carry_out(connection: Connection, copy: Copy) -> None:
    """Copy the table, and put the new one in the place of the old one.

    Raises:
        MigrationError: Rows that the new table cannot hold, or a view or trigger that needs what
            is gone.
    """
    if not copy.is_changed:
        return
    name = copy.table.name
    _register(connection, copy)
    _check_rows(connection, copy)
    parts = list(_parts_of(connection, copy))
    broken_before = set(_broken(connection))
    temporary = f"_lback_copy_{name}"
    # The old way to rename looks at no view and no trigger, which name a table that is not there
    # at that moment, and leaves the foreign keys of other tables as they are.
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
                f"the {kind} {broken!r} needs what this migration takes from {name!r}: {reason}; "
                f"have the migration drop the {kind} before, and make it anew after"
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
    """Return the name of the hidden row number; None where a column is the same or none is."""
    if "ROWID" in copy.table.options.upper().split():
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
    """Refuse values that do not become the new type, and NULL where it must not be."""
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
    """Return the columns of the primary key, or the name of the hidden row number."""
    info = connection.exec_driver_sql(f"PRAGMA table_info({quoted(table.name)})").all()
    keys = sorted((row.pk, row.name) for row in info if row.pk)
    return [name for _, name in keys] or ["rowid"]


def _parts_of(connection: Connection, copy: Copy) -> Iterator[str]:
    """Yield the texts of indexes and triggers that the new table gets again."""
    rows = connection.exec_driver_sql(
        "SELECT type, sql FROM sqlite_master WHERE lower(tbl_name) = lower(?) "
        "AND type IN ('index', 'trigger') AND sql IS NOT NULL ORDER BY type, rowid",
        (copy.table.name,),
    ).all()
    for kind, sql in rows:
        # An index goes with its column, as on PostgreSQL.
        if kind == "trigger" or not any(mentions(_behind_table(sql), c) for c in copy.dropped):
            yield sql


def _behind_table(sql: str) -> str:
    return sql[sql.find("(") :]


def _broken(connection: Connection) -> Iterator[tuple[str, str, str]]:
    """Yield each view and trigger that SQLite cannot run, with the reason."""
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
    """Return the type of a column without the collation that SQLAlchemy writes behind it."""
    return join(read_table(f"CREATE TABLE t (c {sql})").columns[0].type_)
