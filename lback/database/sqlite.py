"""SQLite made fit for many threads and processes: readers never wait, writers wait their turn.

Each statement that reads sees what was committed before it and holds no lock, as on PostgreSQL and
MariaDB at READ COMMITTED. The first statement that writes, and so the first `SELECT` with
`with_for_update()`, begins a transaction with `BEGIN IMMEDIATE`: it waits up to `BUSY_SECONDS`
for another writer. A deferred transaction that first reads and then writes would be refused at
once (SQLITE_BUSY_SNAPSHOT) where another one wrote in between; waiting cannot help it.

To read a row and write what was computed from it, lock it: `select(…).with_for_update()`, or
`session.get(…, with_for_update=True)`. The same words do the same on all databases.
"""

import os
import re
import sqlite3
import time
from contextlib import suppress
from typing import Any

from sqlalchemy import Engine, GenerativeSelect, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import StaticPool

BUSY_SECONDS = 5.0
# Without an isolation level the driver begins no transactions of its own; `begin_to_write` does.
# The pool hands a connection to one thread at a time.
CONNECT_ARGUMENTS = {"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False}

# FULL, because in WAL mode NORMAL may lose the last commits when the power fails, and what was
# answered is never lost.
PRAGMAS = ("synchronous = FULL", "foreign_keys = ON")

# Statements that write nothing, or that SQLite refuses inside a transaction.
OUTSIDE = frozenset(
    {"SELECT", "VALUES", "EXPLAIN", "PRAGMA", "BEGIN", "VACUUM", "ATTACH", "DETACH"}
)


def engine_options(url: URL) -> dict[str, Any]:
    """Return the arguments of `create_engine` for a SQLite URL."""
    # A database in memory lives in one connection: all sessions share it, and its transaction.
    return {"poolclass": StaticPool} if url.database in (None, "", ":memory:") else {}


def is_file(url: URL) -> bool:
    """Return True if a SQLite URL names a file by its path, and not a database in memory."""
    name = url.database
    return name not in (None, "", ":memory:") and not str(name).startswith("file:")


def make_private_file(url: URL) -> None:
    """Make the file of a new database, which its owner alone may read and change.

    SQLite gives its `-wal` and `-shm` files the same mode. A file that is there keeps its own.
    """
    if is_file(url):
        # What keeps a file from being made, SQLite itself says in a moment.
        with suppress(OSError):
            os.close(os.open(str(url.database), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def prepare(connection: DBAPIConnection) -> None:
    """Set up a new connection; it is closed if that fails."""
    cursor = connection.cursor()
    try:
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        _switch_to_wal(cursor)
    except sqlite3.Error:
        connection.close()
        raise
    cursor.close()


def _switch_to_wal(cursor: DBAPICursor) -> None:
    # The switch itself, once in the life of a file, is refused at once while another connection
    # makes it or writes: workers that start together on a new file meet here.
    give_up_at = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_BUSY or time.monotonic() > give_up_at:
                raise
            time.sleep(0.01)
        else:
            return


def listen(engine: Engine) -> None:
    """Have each transaction of an engine begin with its first write."""
    # These events, not `before_cursor_execute`: an error in them is reported as any other one of
    # the database. The listener returns None, so that the statement itself runs as usual.
    for name in ("do_execute", "do_executemany"):
        event.listen(engine, name, begin_to_write)
    event.listen(engine, "do_execute_no_params", _begin_without_parameters)


def _begin_without_parameters(cursor: DBAPICursor, statement: str, context: Any) -> None:
    begin_to_write(cursor, statement, None, context)


def begin_to_write(cursor: DBAPICursor, statement: str, _: Any, context: Any) -> None:
    """Begin a transaction before the first statement that needs one.

    The parameters of the statement, the third argument, do not matter.
    """
    connection: Any = cursor.connection
    if not connection.in_transaction and needs_transaction(statement, context):
        connection.execute("BEGIN IMMEDIATE")


def needs_transaction(statement: str, context: Any) -> bool:
    """Tell whether a statement writes, or locks what it reads."""
    expression = getattr(getattr(context, "compiled", None), "statement", None)
    if isinstance(expression, GenerativeSelect):
        # Private, but the only trace: SQLite has no words for it, so that the SQL says nothing.
        return expression._for_update_arg is not None
    first_word = re.match(r"\s*(\w*)", statement)
    return first_word is None or first_word[1].upper() not in OUTSIDE
