"""Unavailable databases: errors with status 503 or 507, logged once per outage."""

import logging
from collections.abc import Callable
from threading import Lock
from time import monotonic

from sqlalchemy import Engine, event
from sqlalchemy.engine import ExceptionContext
from sqlalchemy.exc import OperationalError

from lback.core.exceptions import ConfigurationError, ServiceUnavailable
from lback.database.monitor import TimeLimitReached

logger = logging.getLogger(__name__)

_PAUSE_SECONDS = 60.0

# Result codes of SQLite: busy, locked, I/O error; the extended ones hold them in the low byte.
_SQLITE_AWAY, _SQLITE_FULL = frozenset({5, 6, 10}), 13
# SQLSTATE of PostgreSQL: too many connections, lock not available, serialization failure,
# deadlock, shutdown, crash, cannot connect now. Class 08 is about connections.
_POSTGRESQL_AWAY = frozenset({"53300", "55P03", "40001", "40P01", "57P01", "57P02", "57P03"})
_POSTGRESQL_FULL = "53100"
# Error numbers of MySQL and MariaDB: too many connections, shutdown, lock wait, deadlock, and those
# of the client about connections.
_MYSQL_AWAY = frozenset({1040, 1053, 1205, 1213, 2002, 2003, 2006, 2013})
_MYSQL_FULL = frozenset({1021, 3886})


class DatabaseUnavailable(ServiceUnavailable, OperationalError):
    """The database is unavailable or full: a temporary `OperationalError` with status 503 or 507.

    Args:
        context: SQLAlchemy's context of the failed statement.
        status_code: 503, or 507 if its disk is full (RFC 4918 section 11.5).
    """

    def __init__(self, context: ExceptionContext, status_code: int) -> None:
        engine = context.engine
        OperationalError.__init__(
            self,
            context.statement,
            context.parameters,
            context.original_exception,
            hide_parameters=engine is None or engine.hide_parameters,
        )
        self.status_code = status_code


class CannotConnect(ServiceUnavailable, ConfigurationError):
    """The first connection failed: the database is unavailable, or its settings are wrong.

    Commands print it like every `ConfigurationError`; requests get status 503.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class OutageLog:
    """Logs the start and the end of an outage, once each.

    Args:
        database: URL of the database without its password.
        clock: Monotonic clock in seconds.
    """

    def __init__(self, database: str, clock: Callable[[], float] = monotonic) -> None:
        self._database = database
        self._clock = clock
        self._is_out = False
        self._statement_failed_at = -_PAUSE_SECONDS
        self._lock = Lock()

    def failed(self, error: object) -> None:
        """Log the error unless an outage was logged already."""
        with self._lock:
            is_new, self._is_out = not self._is_out, True
        if is_new:
            self._write(error)

    def statement_failed(self, error: object) -> None:
        """Log the error of a statement on a connection that works: a lock, a full disk.

        Others succeed meanwhile, such as those that read. So a line is written unless another
        statement failed in the minute before, and none for the end.
        """
        with self._lock:
            now = self._clock()
            is_new = now - self._statement_failed_at >= _PAUSE_SECONDS
            self._statement_failed_at = now
        if is_new:
            self._write(error)

    def _write(self, error: object) -> None:
        words = " ".join(str(error).split())
        logger.error("database unavailable: %s: %s", self._database, words)

    def worked(self) -> None:
        """Log that the outage is over, if there was one."""
        if not self._is_out:
            return
        with self._lock:
            is_over, self._is_out = self._is_out, False
        if is_over:
            logger.warning("database available again: %s", self._database)


def listen(engine: Engine, log: OutageLog) -> None:
    """Raise `DatabaseUnavailable` when a statement or connection fails temporarily.

    Args:
        engine: Engine of the database.
        log: Logs outages.
    """

    def translate(context: ExceptionContext) -> None:
        if isinstance(context.original_exception, TimeLimitReached):
            # The server is alive: the other connections of the pool stay.
            context.invalidate_pool_on_disconnect = False
            logger.warning(
                "database statement ended: %s: %.200s",
                context.original_exception.args[-1],
                " ".join((context.statement or "").split()),
            )
            raise DatabaseUnavailable(context, 503)
        status = None if context.is_pre_ping else _status_of(context)
        if status is not None:
            works = context.connection is not None and not context.is_disconnect
            (log.statement_failed if works else log.failed)(context.original_exception)
            raise DatabaseUnavailable(context, status)

    event.listen(engine, "handle_error", translate)
    event.listen(engine, "begin", lambda _: log.worked())


def _status_of(context: ExceptionContext) -> int | None:
    """Return 503 or 507 for a temporary failure, else None."""
    error = context.original_exception
    if context.is_disconnect:
        return 503
    code = getattr(error, "sqlite_errorcode", None)
    if code is not None:
        return {_SQLITE_FULL: 507}.get(code & 0xFF, 503 if code & 0xFF in _SQLITE_AWAY else None)
    if hasattr(error, "sqlstate"):
        return _status_of_postgresql(error.sqlstate, is_connected=context.connection is not None)
    number = error.args[0] if error.args else None
    if number in _MYSQL_FULL:
        return 507
    return 503 if number in _MYSQL_AWAY else None


def _status_of_postgresql(state: str | None, *, is_connected: bool) -> int | None:
    if state == _POSTGRESQL_FULL:
        return 507
    if state is None:  # an error of the driver, such as a refused connection
        return None if is_connected else 503
    return 503 if state in _POSTGRESQL_AWAY or state.startswith("08") else None
