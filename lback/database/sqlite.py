"""SQLite for many threads and processes: readers never wait, writers wait for each other.

A statement that reads sees all earlier commits and holds no lock, as on PostgreSQL and MariaDB at
READ COMMITTED. The first statement that writes, and the first `SELECT` with `with_for_update()`,
begin a transaction with `BEGIN IMMEDIATE`, which waits up to `BUSY_SECONDS` for another writer. A
deferred transaction that reads and then writes would fail at once (SQLITE_BUSY_SNAPSHOT) if another
one wrote in between, and waiting would not help.

To read a row and write a value computed from it, lock it with `select(…).with_for_update()` or
`session.get(…, with_for_update=True)`, as on all databases.
"""

import os
import re
import sqlite3
import time
from collections import deque
from contextlib import suppress
from threading import Condition, Lock, RLock, get_ident
from typing import Any, Self
from weakref import WeakSet

from sqlalchemy import Connection, Engine, GenerativeSelect, event
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection, DBAPICursor
from sqlalchemy.pool import StaticPool
from sqlalchemy.pool.base import _ConnectionRecord  # of `SharedPool`

from lback.database.pool import ClosingPool

BUSY_SECONDS = 5.0
# Without an isolation level the driver does not begin transactions; `begin_to_write` does.
# The pool gives a connection to one thread at a time, except that of a database in memory.
CONNECT_ARGUMENTS = {"timeout": BUSY_SECONDS, "isolation_level": None, "check_same_thread": False}

# FULL, because in WAL mode NORMAL may lose the last commits in a power failure.
PRAGMAS = ("synchronous = FULL", "foreign_keys = ON")

# Statements that do not write, or that SQLite rejects inside a transaction.
OUTSIDE = frozenset(
    {"SELECT", "VALUES", "EXPLAIN", "PRAGMA", "BEGIN", "VACUUM", "ATTACH", "DETACH"}
)


def engine_options(url: URL) -> dict[str, object]:
    """Return the arguments of `create_engine` for a SQLite URL."""
    # A database in memory exists in one connection, which all sessions share.
    if url.database in (None, "", ":memory:"):
        return {"poolclass": SharedPool}
    return {"poolclass": ClosingPool} if is_file(url) else {}


class _SharedEntry(_ConnectionRecord):
    def checkin(self, _fairy_was_created: bool = True) -> None:
        """Return the connection, which another thread may have returned just before."""
        # With True, SQLAlchemy warns: "Double checkin attempted".
        super().checkin(_fairy_was_created=False)


class SharedPool(StaticPool):
    """A pool of one connection that several threads may take and return at once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._connecting = Lock()
        self._entry: _SharedEntry | None = None

    @property
    def connection(self) -> _ConnectionRecord:
        """The entry of the connection: only the first thread connects, the others wait for it."""
        with self._connecting:
            if self._entry is None:
                self._entry = _SharedEntry(self)
            return self._entry

    def dispose(self) -> None:
        """Close the connection, and with it the database."""
        entry, self._entry = self._entry, None
        if entry is not None:
            entry.close()

    def _do_get(self) -> _ConnectionRecord:
        # A connection that was invalidated is replaced by `get_connection` of its entry.
        return self.connection


class SharedCursor(sqlite3.Cursor):
    """A cursor that reads all rows at once: a rollback of another thread would end the reading."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        super().__init__(connection)
        self._lock: Any = getattr(connection, "lock")  # noqa: B009  of SharedConnection
        self._rows: deque[Any] = deque()

    def execute(self, *arguments: Any) -> Self:
        """Execute a statement and read its rows."""
        with self._lock:
            super().execute(*arguments)
            self._rows = deque(super().fetchall())
        return self

    def executemany(self, *arguments: Any) -> Self:
        """Execute a statement several times and read its rows."""
        with self._lock:
            super().executemany(*arguments)
            self._rows = deque(super().fetchall())
        return self

    def fetchone(self) -> Any:
        """Return the next row, or None."""
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """Return the next rows."""
        return [self._rows.popleft() for _ in range(min(size or self.arraysize, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        """Return all rows that are left."""
        rows, self._rows = list(self._rows), deque()
        return rows


class SharedConnection(sqlite3.Connection):
    """The connection of a database in memory, which all threads share.

    A transaction belongs to the thread that begins it: others wait before they write, and their
    commits and rollbacks leave it alone. Sessions of one thread share one transaction. Other
    threads see its changes before the commit.
    """

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.lock = RLock()
        self._changed = Condition(self.lock)
        self._owner: int | None = None
        self._writers: WeakSet[Connection] = WeakSet()

    def __del__(self) -> None:
        # Nothing is lost: the database ends with its only connection.
        with suppress(sqlite3.ProgrammingError):  # it could not be opened
            self.close()

    def cursor(self, *_: Any) -> Any:
        """Return a cursor that other threads do not disturb."""
        return super().cursor(SharedCursor)

    def begin(self, writer: Connection | None) -> None:
        """Begin a transaction, or join that of this thread, after that of another one has ended.

        Args:
            writer: SQLAlchemy's connection; another thread may commit what it writes.

        Raises:
            sqlite3.OperationalError: The other transaction takes longer than `BUSY_SECONDS`.
        """
        give_up_at = time.monotonic() + BUSY_SECONDS
        with self._changed:
            while not self._is_mine():
                if time.monotonic() > give_up_at:
                    raise sqlite3.OperationalError("database is locked")
                # A transaction that ends by plain SQL sends no notification.
                self._changed.wait(0.05)
            if not self.in_transaction:
                self.execute("BEGIN IMMEDIATE")
                self._writers.clear()
            self._owner = get_ident()
            if writer is not None:
                self._writers.add(writer)

    def adopt(self, writer: Connection) -> None:
        """Give the transaction to this thread if the connection has written in it."""
        with self._changed:
            if writer in self._writers:
                self._owner = get_ident()

    def commit(self) -> None:
        """Commit the transaction, unless it belongs to another thread."""
        with self._changed:
            if self._is_mine():
                super().commit()
                self._changed.notify_all()

    def rollback(self) -> None:
        """Roll back the transaction, unless it belongs to another thread."""
        with self._changed:
            if self._is_mine():
                super().rollback()
                self._changed.notify_all()

    def _is_mine(self) -> bool:
        return not self.in_transaction or self._owner == get_ident()


def connect_arguments(url: URL) -> dict[str, Any]:
    """Return the arguments of `sqlite3.connect` for a SQLite URL."""
    return {"factory": SharedConnection} if "poolclass" in engine_options(url) else {}


def is_file(url: URL) -> bool:
    """Return True if a SQLite URL names a file by its path, and not a database in memory."""
    name = url.database
    return name not in (None, "", ":memory:") and not str(name).startswith("file:")


def make_private_file(url: URL) -> None:
    """Create the file of a new database with mode 0600.

    SQLite gives its `-wal` and `-shm` files the same mode. An existing file keeps its mode.
    """
    if is_file(url):
        # SQLite itself reports why a file cannot be created.
        with suppress(OSError):
            os.close(os.open(str(url.database), os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))


def prepare(connection: DBAPIConnection) -> None:
    """Set up a new connection: pragmas and WAL mode. Close it if that fails.

    Raises:
        sqlite3.Error: The file is not a database or is locked for too long.
    """
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
    # The switch, needed once per file, fails while another connection switches or writes, such as
    # when workers start together on a new file.
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
    """Begin the transactions of an engine at their first write."""
    # Not `before_cursor_execute`: errors in these events are reported as database errors. If a
    # listener returns None, the statement runs as usual.
    for name in ("do_execute", "do_executemany"):
        event.listen(engine, name, begin_to_write)
    event.listen(engine, "do_execute_no_params", _begin_without_parameters)
    if "poolclass" in engine_options(engine.url):
        for name in ("commit", "rollback"):
            event.listen(engine, name, _adopt)


def _adopt(connection: Connection) -> None:
    shared = None if connection.invalidated else connection.connection.dbapi_connection
    if isinstance(shared, SharedConnection):
        shared.adopt(connection)


def _begin_without_parameters(cursor: DBAPICursor, statement: str, context: Any) -> bool | None:
    return begin_to_write(cursor, statement, None, context)


def begin_to_write(cursor: DBAPICursor, statement: str, _: Any, context: Any) -> bool | None:
    """Begin a transaction before the first statement that needs one.

    Args:
        cursor: Cursor that is about to execute the statement.
        statement: SQL of the statement.
        _: Its parameters; not used.
        context: SQLAlchemy's execution context.

    Returns:
        True if the statement was the beginning itself and need not be executed any more.
    """
    connection: Any = cursor.connection
    if isinstance(connection, SharedConnection):
        is_beginning = statement.startswith("BEGIN")
        if is_beginning or needs_transaction(statement, context):
            connection.begin(getattr(context, "root_connection", None))
        return is_beginning or None
    if not connection.in_transaction and needs_transaction(statement, context):
        connection.execute("BEGIN IMMEDIATE")
    return None


def needs_transaction(statement: str, context: object) -> bool:
    """Return True if a statement writes, or locks rows that it reads.

    Args:
        statement: SQL of the statement.
        context: SQLAlchemy's execution context, or None for plain SQL.

    Example:
        >>> needs_transaction("SELECT 1", None), needs_transaction("DELETE FROM books", None)
        (False, True)
    """
    expression = getattr(getattr(context, "compiled", None), "statement", None)
    if isinstance(expression, GenerativeSelect):
        # Private, but SQLite has no syntax for it, so the SQL does not show it.
        return expression._for_update_arg is not None
    first_word = re.match(r"\s*(\w*)", statement)
    return first_word is None or first_word[1].upper() not in OUTSIDE
