"""Keeps AUTOINCREMENT of SQLite when a table is copied, so that ids are never used twice.

SQLAlchemy does not reflect AUTOINCREMENT, and SQLite forgets the highest id with the dropped table.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Inspector, Table, event

_COUNTERS = "sqlite_sequence"


@contextmanager
def kept(connection: Connection) -> Iterator[None]:
    """Keep AUTOINCREMENT and its counters while the block copies tables."""
    event.listen(Table, "column_reflect", _reflect)
    before = _counters(connection)
    try:
        yield
        for table, highest in before.items():
            _raise(connection, table, highest)
    finally:
        event.remove(Table, "column_reflect", _reflect)


def _reflect(inspector: Inspector, table: Table, _: object) -> None:
    bind: Any = inspector.bind
    if bind.dialect.name == "sqlite" and not table.kwargs["sqlite_autoincrement"]:
        query = "SELECT sql FROM sqlite_master WHERE type = 'table' AND name = ?"
        sql = bind.exec_driver_sql(query, (table.name,)).scalar() or ""
        table.kwargs["sqlite_autoincrement"] = " AUTOINCREMENT" in sql.upper()


def _counters(connection: Connection) -> dict[str, int]:
    if not _exists(connection, _COUNTERS):
        return {}
    rows = connection.exec_driver_sql(f"SELECT name, seq FROM {_COUNTERS}")  # noqa: S608  a constant
    return {row.name: row.seq for row in rows}


def _raise(connection: Connection, table: str, highest: int) -> None:
    now = _counters(connection).get(table)
    if now is None and _exists(connection, table):
        statement = f"INSERT INTO {_COUNTERS} (seq, name) VALUES (?, ?)"  # noqa: S608  a constant
    elif now is not None and now < highest:
        statement = f"UPDATE {_COUNTERS} SET seq = ? WHERE name = ?"  # noqa: S608  a constant
    else:
        return
    connection.exec_driver_sql(statement, (highest, table))


def _exists(connection: Connection, table: str) -> bool:
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = ?"
    return connection.exec_driver_sql(query, (table,)).scalar() is not None
