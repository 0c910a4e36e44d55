"""Opens the connections of an engine, explains why the first one fails, and asks for an answer."""

from collections.abc import Callable
from functools import partial
from typing import Any

from sqlalchemy import Engine, event
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection

from lback.core.exceptions import ConfigurationError
from lback.database import drivers, sqlite
from lback.database.monitor import PING_SECONDS, DatabaseMonitor
from lback.database.pool import NoConnection
from lback.database.unavailable import CannotConnect, OutageLog

DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
_NO_ANSWER = f"no answer to a new connection within {PING_SECONDS} s"


class Connector:
    """Opens the connections of an engine, and explains why the first one fails.

    Args:
        url: URL of the database.
        log: Logs outages.
        limit: Limit of a statement in seconds while requests are served; 0 means none.
        is_serving: Returns True if this process serves requests.

    Attributes:
        monitor: Knows the calls of the connections that use psycopg or PyMySQL.
    """

    def __init__(
        self, url: URL, log: OutageLog, *, limit: float, is_serving: Callable[[], bool]
    ) -> None:
        self._url = url
        self._log = log
        self._was_connected = False
        self._answers: Callable[[], bool] = lambda: True  # nothing was connected yet
        self.monitor = DatabaseMonitor(
            limit=limit,
            is_serving=is_serving,
            ping=self._ping,
            on_down=log.failed,
            on_up=log.worked,
        )

    def listen(self, engine: Engine) -> None:
        """Open all connections of an engine."""
        event.listen(engine, "do_connect", self.connect, named=True)
        event.listen(engine, "engine_disposed", lambda _: self.monitor.forget())

    def connect(
        self, dialect: Dialect, cargs: list[Any], cparams: dict[str, Any], **_: Any
    ) -> DBAPIConnection:
        """Open a connection.

        Args:
            dialect: Dialect of the engine.
            cargs: Arguments of the driver.
            cparams: The same, by name.

        Raises:
            CannotConnect: The first connection fails. Later ones raise the error of the driver,
                as the URL was valid and the database is temporarily unavailable.
            NoConnection: The database has stopped answering.
        """
        try:
            connection = self._open(dialect, cargs, cparams)
        except dialect.loaded_dbapi.Error as error:
            if self._was_connected:
                raise
            self._log.failed(error)
            raise CannotConnect(self._refusal(error)) from error
        except (TypeError, ValueError, AttributeError) as error:
            if self._was_connected or not self._url.query:
                raise
            raise ConfigurationError(refused_options(self._url, error)) from error
        self._was_connected = True
        return connection

    def _open(self, dialect: Dialect, cargs: list[Any], cparams: dict[str, Any]) -> DBAPIConnection:
        if dialect.name == "sqlite":
            sqlite.make_private_file(self._url)
            connection = dialect.connect(*cargs, **cparams)
            sqlite.prepare(connection)
            return connection
        if self.monitor.down_reason:
            raise NoConnection(self.monitor.down_reason)
        self._answers = partial(drivers.answers, dialect, cargs, cparams)
        with self.monitor.connecting():
            return drivers.connect(dialect, cargs, cparams, self.monitor)

    def _ping(self) -> str:
        return "" if self._answers() else _NO_ANSWER

    def _refusal(self, error: Exception) -> str:
        url, words = self._url, " ".join(str(error).split())
        if url.get_backend_name() == "sqlite":
            return (
                f"cannot open the SQLite database {url.database!r}: {words}; "
                "check DATABASE_URL or DB_NAME"
            )
        return (
            f"cannot connect to the database {url.database!r} as user {url.username!r} "
            f"at {url.host}:{url.port or DEFAULT_PORTS[url.get_backend_name()]}: {words}; "
            "check DATABASE_URL or the settings DB_…, and that the server runs"
        )


def refused_options(url: URL, error: Exception) -> str:
    """Return a message about an option of a URL that the driver rejects.

    Args:
        url: URL of the database.
        error: Error of the driver.
    """
    names, words = ", ".join(sorted(url.query)), " ".join(str(error).split())
    return f"the driver rejects an option of the database URL ({names}): {words}"
