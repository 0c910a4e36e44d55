"""Connections of psycopg whose socket is shut when the monitor of the database says so."""

import os
import socket
from contextlib import suppress
from select import POLLIN, poll
from typing import Any

import psycopg  # optional extra "postgres"

from lback.database.monitor import DatabaseMonitor, TimeLimitReached, error_of


class StatementTimeout(TimeLimitReached, psycopg.OperationalError):
    """A statement took longer than its limit; its connection is closed."""


class _Handle(socket.socket):
    """A second handle of the socket of a connection, which is closed when it is dropped.

    psycopg takes a connection that its server has ended for closed, so that `close` is not called.
    """

    def __del__(self) -> None:
        self.close()


class MonitoredConnection(psycopg.Connection[Any]):
    """A connection whose waits are known to a monitor."""

    _monitor: DatabaseMonitor | None = None
    # libpq may close its own handle at any time, and its number could then belong to another
    # connection when it is shut.
    _handle: _Handle | None = None

    def monitor(self, monitor: DatabaseMonitor) -> None:
        """Register all further waits with a monitor."""
        self._handle = _Handle(fileno=os.dup(self.pgconn.socket))
        self._monitor = monitor

    def wait(self, *args: Any, **kwargs: Any) -> Any:
        """Wait for an answer of the server; everything that psycopg sends passes here.

        Args:
            *args: Arguments of the overridden method.
            **kwargs: The same, by name.
        """
        monitor = self._monitor
        call = None if monitor is None else monitor.begin(self._shut)
        if monitor is None or call is None:
            return super().wait(*args, **kwargs)
        try:
            return super().wait(*args, **kwargs)
        except psycopg.OperationalError as error:
            if not call.interruption:
                raise
            raise error_of(call, psycopg.OperationalError, StatementTimeout) from error
        finally:
            monitor.end(call)

    def _shut(self) -> None:
        # The thread that waits reads the end of the stream.
        if self._handle is not None:
            with suppress(OSError):
                self._handle.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        super().close()
        if self._handle is not None:
            self._handle.close()

    def notifies(self, *args: Any, **kwargs: Any) -> Any:
        """Yield notifications, which may take any time.

        Args:
            *args: Arguments of the overridden method.
            **kwargs: The same, by name.
        """
        monitor, self._monitor = self._monitor, None
        try:
            yield from super().notifies(*args, **kwargs)
        finally:
            self._monitor = monitor


def is_answering(connection: "psycopg.Connection[Any]", seconds: float) -> bool:
    """Return True if the server answers a statement in time. The connection must then be closed.

    Args:
        connection: A connection that nothing else uses.
        seconds: The time.
    """
    connection.pgconn.send_query(b"SELECT 1")
    connection.pgconn.flush()
    incoming = poll()
    incoming.register(connection.pgconn.socket, POLLIN)
    return bool(incoming.poll(seconds * 1000))
