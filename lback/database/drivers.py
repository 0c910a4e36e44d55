"""Opens connections of psycopg and PyMySQL that a monitor can interrupt, and asks for an answer.

Connections of other drivers are opened as usual, without limits.
"""

from time import monotonic
from typing import Any

from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection

from lback.database.monitor import PING_SECONDS, DatabaseMonitor

# The classes are imported where they are used: their drivers are optional extras.


def connect(
    dialect: Dialect, cargs: list[Any], cparams: dict[str, Any], monitor: DatabaseMonitor | None
) -> DBAPIConnection:
    """Open a connection.

    Args:
        dialect: Dialect of the engine.
        cargs: Arguments of the driver.
        cparams: The same, by name.
        monitor: Knows the calls of the connection; None for none.
    """
    opens = {"psycopg": _connect_psycopg, "pymysql": _connect_pymysql}.get(dialect.driver)
    connection: DBAPIConnection = (
        dialect.connect(*cargs, **cparams) if opens is None else opens(cargs, cparams, monitor)
    )
    return connection


def _connect_psycopg(
    cargs: list[Any], cparams: dict[str, Any], monitor: DatabaseMonitor | None
) -> Any:
    from lback.database.psycopg_connection import MonitoredConnection

    connection = MonitoredConnection.connect(*cargs, **cparams)
    if monitor is not None:
        connection.monitor(monitor)
    return connection


def _connect_pymysql(
    cargs: list[Any], cparams: dict[str, Any], monitor: DatabaseMonitor | None
) -> Any:
    from lback.database.pymysql_connection import MonitoredConnection

    # `connect_timeout` of the driver does not limit the handshake.
    limit = cparams.get("connect_timeout")
    limited = {"read_timeout": limit, "write_timeout": limit, **cparams}
    connection = MonitoredConnection(*cargs, **limited)
    connection.set_timeouts(cparams.get("read_timeout"), cparams.get("write_timeout"))
    connection.monitor = monitor
    return connection


def answers(dialect: Dialect, cargs: list[Any], cparams: dict[str, Any]) -> bool:
    """Return False if the server does not answer a new connection within `PING_SECONDS`.

    A server that refuses the connection does answer: requests fail at once.

    Args:
        dialect: Dialect of the engine.
        cargs: Arguments of the driver.
        cparams: The same, by name.
    """
    limits = {"connect_timeout": PING_SECONDS}
    if dialect.driver == "pymysql":
        limits |= {"read_timeout": PING_SECONDS, "write_timeout": PING_SECONDS}
    began = monotonic()
    try:
        connection: Any = connect(dialect, cargs, {**cparams, **limits}, None)
        try:
            return _answers(dialect, connection)
        finally:
            connection.close()
    except (dialect.loaded_dbapi.Error, OSError):
        return monotonic() - began < 0.9 * PING_SECONDS


def _answers(dialect: Dialect, connection: Any) -> bool:
    if dialect.driver == "psycopg":
        from lback.database.psycopg_connection import is_answering

        return is_answering(connection, PING_SECONDS)
    connection.ping()
    return True
