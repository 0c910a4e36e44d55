"""Connections of PyMySQL whose socket is shut when the monitor of the database says so."""

import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from typing import Any

from pymysql.connections import Connection  # optional extra "mysql"
from pymysql.constants import CR
from pymysql.err import Error, OperationalError

from lback.database.monitor import DatabaseMonitor, TimeLimitReached, error_of


class StatementTimeout(TimeLimitReached, OperationalError):
    """A statement took longer than its limit; its connection is closed."""


class MonitoredConnection(Connection):
    """A connection whose calls are known to a monitor.

    Attributes:
        monitor: The monitor; None while the connection is opened.
    """

    monitor: DatabaseMonitor | None = None

    def set_timeouts(self, read: float | None, write: float | None) -> None:
        """Change the limits of reading and writing: those of the handshake do not hold later.

        Args:
            read: Seconds that reading may wait; None for any.
            write: Seconds that writing may wait; None for any.
        """
        self._read_timeout = read
        self._write_timeout = write

    def _create_ssl_ctx(self, sslp: Any) -> ssl.SSLContext:
        # Without options nothing is verified. The driver would load all certificate authorities
        # for each connection nevertheless, which takes 0.1 s.
        return super()._create_ssl_ctx(sslp) if sslp else _unverified()  # type: ignore[misc]  # not in the stubs

    def query(self, *args: Any, **kwargs: Any) -> Any:
        """Run a statement.

        Args:
            *args: Arguments of the overridden method.
            **kwargs: The same, by name.
        """
        with self._call():
            return super().query(*args, **kwargs)

    def begin(self) -> None:
        """Begin a transaction."""
        with self._call():
            super().begin()

    def commit(self) -> None:
        """Commit the transaction."""
        with self._call():
            super().commit()

    def rollback(self) -> None:
        """Roll back the transaction."""
        with self._call():
            super().rollback()

    def ping(self, *args: Any, **kwargs: Any) -> None:
        """Ask the server for an answer.

        Args:
            *args: Arguments of the overridden method.
            **kwargs: The same, by name.
        """
        with self._call():
            super().ping(*args, **kwargs)

    @contextmanager
    def _call(self) -> Iterator[None]:
        monitor = self.monitor
        call = None if monitor is None else monitor.begin(self._shut)
        if monitor is None or call is None:
            yield
            return
        try:
            yield
        except Error as error:
            if call.interruption:
                raise error_of(
                    call, OperationalError, StatementTimeout, CR.CR_SERVER_LOST
                ) from error
            raise
        finally:
            monitor.end(call)

    def _shut(self) -> None:
        # The thread that waits reads the end of the stream, and closes the socket itself.
        opened: socket.socket | None = getattr(self, "_sock", None)
        if opened is not None:
            with suppress(OSError):
                opened.shutdown(socket.SHUT_RDWR)


@cache
def _unverified() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context
