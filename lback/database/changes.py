"""Notices commits of other connections: by the file of SQLite, by notifications of PostgreSQL."""

import os
import secrets
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from threading import Event
from typing import Any

from sqlalchemy import text

from lback.database.engine import DatabaseManager

# Between two looks at the files of a SQLite database.
FILE_SECONDS = 0.02
# How long a commit may take after its first write to a file.
COMMIT_SECONDS = 2.0
# A notification arrives within milliseconds, unless it does not arrive at all.
PROBE_SECONDS = 2.0

# The address, and what follows from it.
DEAF = (
    "notifications of PostgreSQL do not arrive by %s, as behind a pooler in transaction mode: %s; "
    "set DATABASE_DIRECT_URL to the server itself"
)


def file_changes(path: Path, stopped: Event) -> Iterator[None]:
    """Yield once, and after each commit of another connection to a file, until an event is set.

    The files are looked at often, and the database is asked only after they have changed.

    Args:
        path: The file of the database.
        stopped: Ends the iteration, also while it waits.
    """
    files = (path, path.with_name(f"{path.name}-wal"))
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        before, version = _state_of(files), None
        # The first look ends with a commit, which may have happened before the connection was open.
        look_until = time.monotonic() + COMMIT_SECONDS
        while not stopped.wait(FILE_SECONDS):
            after, now = _state_of(files), time.monotonic()
            if after != before:
                before, look_until = after, now + COMMIT_SECONDS
            # The file changes before the commit can be seen, by as long as the disk takes.
            if now < look_until:
                seen = _data_version(connection)
                if seen != version:
                    version = seen
                    yield


def own_connection(db_manager: DatabaseManager) -> Any:
    """Open a connection of the driver that is not one of the pool, without transactions.

    Args:
        db_manager: The database.
    """
    pooled = db_manager.engine.raw_connection()
    connection: Any = pooled.driver_connection
    pooled.detach()
    try:
        connection.rollback()
        connection.autocommit = True
    except BaseException:
        connection.close()
        raise
    return connection


def hears_notifications(db_manager: "DatabaseManager") -> bool:
    """Return False if notifications of PostgreSQL do not arrive, as behind a pooler.

    Args:
        db_manager: A PostgreSQL database.

    Raises:
        ServiceUnavailable, SQLAlchemyError: The database does not answer.
    """
    channel = f"lback_probe_{secrets.token_hex(4)}"
    with closing(own_connection(db_manager.direct)) as connection:
        connection.execute(f"LISTEN {channel}")
        with db_manager.session() as session:
            session.execute(text(f"NOTIFY {channel}"))
        # A pooler may hand over a connection that has notifications of an earlier probe.
        found = connection.notifies(timeout=PROBE_SECONDS)
        return any(notification.channel == channel for notification in found)


def _data_version(connection: sqlite3.Connection) -> int | None:
    """Return a number that another one follows when another connection has committed."""
    try:
        return int(connection.execute("PRAGMA data_version").fetchone()[0])
    except sqlite3.Error:
        return None  # locked, or not a database: who uses it reports that


def _state_of(files: tuple[Path, ...]) -> list[tuple[int, int] | None]:
    states: list[tuple[int, int] | None] = []
    for file in files:
        try:
            found = os.stat(file)  # noqa: PTH116  fifty times a second
        except OSError:
            states.append(None)
        else:
            states.append((found.st_mtime_ns, found.st_size))
    return states
