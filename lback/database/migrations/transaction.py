"""One migration at a time: how each database keeps other processes out until a run is over.

SQLite and PostgreSQL undo a run that fails. MariaDB and MySQL commit with each statement that
defines something, and can only be told to wait.
"""

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TypeAlias

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from lback.database.migrations import sqlite_ids
from lback.database.migrations.errors import MigrationError

WAIT_SECONDS = 60
_KEY = 7170018
_NAME = "CONCAT('lback_migrations_', MD5(DATABASE()))"
# A line on how long it takes is due each time that many seconds have passed.
_PROGRESS_SECONDS = 5
_SQLITE_MILLISECONDS = 200  # the longest that SQLite waits by itself, between two looks
OnWait: TypeAlias = Callable[[float], None]


class _Waiting:
    """Tries something again and again, for so long and no longer."""

    def __init__(self, wait: float | None, on_wait: OnWait | None) -> None:
        self._wait = WAIT_SECONDS if wait is None else wait
        self._on_wait = on_wait

    def until(self, attempt: Callable[[], bool]) -> None:
        """Return when an attempt succeeds.

        Raises:
            MigrationError: None did in that time.
        """
        begin = time.monotonic()
        due = float(_PROGRESS_SECONDS)
        while not attempt():
            waited = time.monotonic() - begin
            if waited >= self._wait:
                raise MigrationError(
                    "another process migrates this database, or writes to it, for more than "
                    f"{self._wait:g} seconds; wait until it is done and try again, or wait longer: "
                    "lback migrate --wait SECONDS"
                )
            if self._on_wait is not None and waited >= due:
                self._on_wait(waited)
                due += _PROGRESS_SECONDS
            time.sleep(0.05)


def undoes_definitions(dialect_name: str) -> bool:
    """Tell whether a database takes back the tables of a transaction that is rolled back."""
    return dialect_name not in ("mysql", "mariadb")


@contextmanager
def prepared(
    connection: Connection, *, wait: float | None = None, on_wait: OnWait | None = None
) -> Iterator[None]:
    """Keep other migrations out while the block runs; on SQLite `running` does.

    Args:
        connection: Connection to the database.
        wait: For how many seconds to wait for another one; None means `WAIT_SECONDS`.
        on_wait: Told now and then for how long it has waited.

    Raises:
        MigrationError: Another one runs for longer.
    """
    prepare = {"sqlite": _sqlite, "postgresql": _postgresql}.get(connection.dialect.name, _mysql)
    with prepare(connection, _Waiting(wait, on_wait)):
        yield


@contextmanager
def running(
    connection: Connection, *, wait: float | None = None, on_wait: OnWait | None = None
) -> Iterator[None]:
    """Run the block in the transaction that was begun, which its owner commits.

    Args:
        connection: Connection to the database.
        wait: For how many seconds to wait for a process that writes; None means `WAIT_SECONDS`.
        on_wait: Told now and then for how long it has waited.

    Raises:
        MigrationError: Another process writes for longer, or a row refers to one that does not
            exist.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    _Waiting(wait, on_wait).until(lambda: _begins(connection))
    with sqlite_ids.kept(connection):
        yield
    _check_references(connection)


def _begins(connection: Connection) -> bool:
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        if getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        table, row, parent, _ = broken[0]
        raise MigrationError(
            f"{len(broken)} rows refer to rows that do not exist, the first is row {row} of "
            f"{table!r}, which refers to {parent!r}; have the migration mend or delete them"
        )


@contextmanager
def _sqlite(connection: Connection, _: _Waiting) -> Iterator[None]:
    # A table is changed by copying it and dropping the old one, which with foreign keys on would
    # delete all rows that refer to it. The pragma has no effect inside a transaction.
    usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    _set(connection, foreign_keys="OFF", busy_timeout=_SQLITE_MILLISECONDS)
    try:
        yield
    finally:
        connection.rollback()
        _set(connection, foreign_keys="ON", busy_timeout=usual)


def _set(connection: Connection, **pragmas: object) -> None:
    for name, value in pragmas.items():
        connection.exec_driver_sql(f"PRAGMA {name} = {value}")
    connection.rollback()


@contextmanager
def _postgresql(connection: Connection, waiting: _Waiting) -> Iterator[None]:
    # Held by the connection, not by its transaction: a migration may commit in between.
    lock = f"SELECT pg_try_advisory_lock({_KEY})"
    waiting.until(lambda: bool(connection.exec_driver_sql(lock).scalar()))
    connection.commit()
    try:
        yield
    finally:
        _release(connection, f"SELECT pg_advisory_unlock({_KEY})")


@contextmanager
def _mysql(connection: Connection, waiting: _Waiting) -> Iterator[None]:
    lock = f"SELECT GET_LOCK({_NAME}, 0)"
    waiting.until(lambda: connection.exec_driver_sql(lock).scalar() == 1)
    # Without it, what does not fit a column is cut with a warning that nothing shows.
    usual = connection.exec_driver_sql("SELECT @@SESSION.sql_mode").scalar()
    connection.exec_driver_sql("SET SESSION sql_mode = CONCAT(@@sql_mode, ',STRICT_ALL_TABLES')")
    connection.commit()
    try:
        yield
    finally:
        _release(
            connection,
            f"SET SESSION sql_mode = '{usual}'",
            f"SELECT RELEASE_LOCK({_NAME})",
        )


def _release(connection: Connection, *statements: str) -> None:
    # A connection that broke has let go already, and its own error is the one to be seen.
    with suppress(SQLAlchemyError):
        connection.rollback()
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()
