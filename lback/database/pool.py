"""Connection pools that close what they opened, and answer their limits with status 503."""

from time import monotonic

from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from lback.core.exceptions import ServiceUnavailable
from lback.database.monitor import DatabaseMonitor
from lback.database.unavailable import logger

_LOG_PAUSE = 10.0  # seconds between two lines about a pool without a free connection


class NoConnection(ServiceUnavailable, PoolTimeoutError):
    """No connection: the database has stopped answering, or all connections are in use."""

    def __init__(self, reason: str) -> None:
        super().__init__()
        self.reason = reason

    def __str__(self) -> str:
        return self.reason


class ClosingPool(QueuePool):
    """A pool that closes connections that are returned after it was disposed.

    SQLAlchemy would keep them in the old pool, such as those of threads that were still at work.
    """

    __module__ = QueuePool.__module__  # as of `MonitoredPool`
    _is_disposed = False

    def dispose(self) -> None:
        """Close the connections that are not in use, and each other one when it is returned."""
        self._is_disposed = True
        super().dispose()

    def _do_return_conn(self, record: ConnectionPoolEntry) -> None:
        if self._is_disposed:
            record.close()
        else:
            super()._do_return_conn(record)


class MonitoredPool(ClosingPool):
    """A pool that gives out no connection while the database does not answer.

    `monitored_by` makes a subclass for each engine, because SQLAlchemy creates pools anew.
    """

    monitor: DatabaseMonitor
    _logged_at = 0.0

    @classmethod
    def monitored_by(cls, monitor: DatabaseMonitor) -> "type[MonitoredPool]":
        """Return a pool class with a monitor."""
        # The module is part of the logger's name: levels set for SQLAlchemy apply to this pool too.
        module = QueuePool.__module__
        return type(cls.__name__, (cls,), {"monitor": monitor, "__module__": module})

    def connect(self) -> PoolProxiedConnection:
        """Return a connection.

        Raises:
            NoConnection: The database has stopped answering, or no connection became free in time.
        """
        if self.monitor.down_reason:
            raise NoConnection(self.monitor.down_reason)
        try:
            return super().connect()
        except PoolTimeoutError as error:
            if isinstance(error, NoConnection):
                raise
            self._log(error)
            raise NoConnection(str(error)) from error

    def _log(self, error: Exception) -> None:
        now, kind = monotonic(), type(self)
        if now - kind._logged_at > _LOG_PAUSE:
            kind._logged_at = now
            logger.error("no database connection is free: %s", " ".join(str(error).split()))
