"""Locks and transactions of a run of migrations, for each database.

Only one process migrates a database at a time. SQLite and PostgreSQL roll back a failed run;
MariaDB and MySQL commit at each change of a table.
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
# Seconds between reports of waiting.
_PROGRESS_SECONDS = 5
_SQLITE_MILLISECONDS = 200  # timeout of SQLite for one attempt
OnWait: TypeAlias = Callable[[float], None]


class _Waiting:
    """Retries an attempt until a timeout."""

    def __init__(self, wait: float | None, on_wait: OnWait | None) -> None:
        self._wait = WAIT_SECONDS if wait is None else wait
        self._on_wait = on_wait

    def until(self, attempt: Callable[[], bool]) -> None:
        """Retry until an attempt returns True.

        Raises:
            MigrationError: No attempt succeeded before the timeout.
        """
        begin = time.monotonic()
        due = float(_PROGRESS_SECONDS)
        while not attempt():
            waited = time.monotonic() - begin
            if waited >= self._wait:
                raise MigrationError(
                    "another process has been migrating or writing to this database for more than "
                    f"{self._wait:g} seconds; try again when it is done, or wait longer: "
                    "lback migrate --wait SECONDS"
                )
            if self._on_wait is not None and waited >= due:
                self._on_wait(waited)
                due += _PROGRESS_SECONDS
            time.sleep(0.05)


def undoes_definitions(dialect_name: str) -> bool:
    """Return True if a database can roll back changes of tables."""
    return dialect_name not in ("mysql", "mariadb")


@contextmanager
def prepared(
    connection: Connection, *, wait: float | None = None, on_wait: OnWait | None = None
) -> Iterator[None]:
    """Lock out other migrations while the block runs; on SQLite `running` does.

    Args:
        connection: Connection to the database.
        wait: Seconds to wait for another migration; None for `WAIT_SECONDS`.
        on_wait: Called every few seconds of waiting with the seconds so far.

    Raises:
        MigrationError: Another migration runs for longer.
    """
    prepare = {"sqlite": _sqlite, "postgresql": _postgresql}.get(connection.dialect.name, _mysql)
    with prepare(connection, _Waiting(wait, on_wait)):
        yield


@contextmanager
def running(
    connection: Connection, *, wait: float | None = None, on_wait: OnWait | None = None
) -> Iterator[None]:
    """Run the block in a transaction that the caller commits.

    Args:
        connection: Connection to the database.
        wait: Seconds to wait for a process that writes; None for `WAIT_SECONDS`.
        on_wait: Called every few seconds of waiting with the seconds so far.

    Raises:
        MigrationError: Another process writes for longer, or a row refers to a missing row.
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
            f"{table!r}, which refers to {parent!r}; fix or delete them in the migration"
        )


@contextmanager
def _sqlite(connection: Connection, _: _Waiting) -> Iterator[None]:
    # A table is changed by copying and dropping it, which with foreign keys on would delete all
    # rows that refer to it. The pragma has no effect inside a transaction.
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
    # Held by the connection, not the transaction, because a migration may commit.
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
    # Without strict mode, values that do not fit are truncated with a warning only.
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
    # A broken connection has released the lock, and its own error must not be hidden.
    with suppress(SQLAlchemyError):
        connection.rollback()
        for statement in statements:
            connection.exec_driver_sql(statement)
        connection.commit()
