"""One migration at a time: how each database keeps other processes out until a run is over.

SQLite and PostgreSQL undo a run that fails. MariaDB and MySQL commit with each statement that
defines something, and can only be told to wait.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from lback.database.migrations import sqlite_ids
from lback.database.migrations.errors import MigrationError

WAIT_SECONDS = 60
_KEY = 7170018
_NAME = "CONCAT('lback_migrations_', MD5(DATABASE()))"
_BUSY = (
    "another process migrates this database, or writes to it, for more than "
    f"{WAIT_SECONDS} seconds; wait until it is done and try again"
)


def undoes_definitions(dialect_name: str) -> bool:
    """Tell whether a database takes back the tables of a transaction that is rolled back."""
    return dialect_name not in ("mysql", "mariadb")


@contextmanager
def prepared(connection: Connection) -> Iterator[None]:
    """Keep other migrations out while the block runs; on SQLite `running` does.

    Raises:
        MigrationError: Another one runs for more than `WAIT_SECONDS`.
    """
    prepare = {"sqlite": _sqlite, "postgresql": _postgresql}.get(connection.dialect.name, _mysql)
    with prepare(connection):
        yield


@contextmanager
def running(connection: Connection) -> Iterator[None]:
    """Run the block in the transaction that was begun, which its owner commits.

    Raises:
        MigrationError: Another process writes for more than `WAIT_SECONDS`, or a row refers to
            one that does not exist.
    """
    if connection.dialect.name != "sqlite":
        yield
        return
    try:
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    except OperationalError as error:
        raise MigrationError(_BUSY) from error
    with sqlite_ids.kept(connection):
        yield
    _check_references(connection)


def _check_references(connection: Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
    if broken:
        table, row, parent, _ = broken[0]
        raise MigrationError(
            f"{len(broken)} rows refer to rows that do not exist, the first is row {row} of "
            f"{table!r}, which refers to {parent!r}; have the migration mend or delete them"
        )


@contextmanager
def _sqlite(connection: Connection) -> Iterator[None]:
    # A table is changed by copying it and dropping the old one, which with foreign keys on would
    # delete all rows that refer to it. The pragma has no effect inside a transaction.
    usual = connection.exec_driver_sql("PRAGMA busy_timeout").scalar()
    _set(connection, foreign_keys="OFF", busy_timeout=WAIT_SECONDS * 1000)
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
def _postgresql(connection: Connection) -> Iterator[None]:
    # Held by the connection, not by its transaction: a migration may commit in between.
    give_up_at = time.monotonic() + WAIT_SECONDS
    while not connection.exec_driver_sql(f"SELECT pg_try_advisory_lock({_KEY})").scalar():
        if time.monotonic() > give_up_at:
            raise MigrationError(_BUSY)
        time.sleep(0.05)
    connection.commit()
    try:
        yield
    finally:
        _release(connection, f"SELECT pg_advisory_unlock({_KEY})")


@contextmanager
def _mysql(connection: Connection) -> Iterator[None]:
    if connection.exec_driver_sql(f"SELECT GET_LOCK({_NAME}, {WAIT_SECONDS})").scalar() != 1:
        raise MigrationError(_BUSY)
    connection.commit()
    try:
        yield
    finally:
        _release(connection, f"SELECT RELEASE_LOCK({_NAME})")


def _release(connection: Connection, statement: str) -> None:
    # A connection that broke has let go already, and its own error is the one to be seen.
    with suppress(SQLAlchemyError):
        connection.rollback()
        connection.exec_driver_sql(statement)
        connection.commit()
