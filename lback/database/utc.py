"""UTC on every database: in columns of datetimes, and as the time zone of connections."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import DateTime, Engine, event
from sqlalchemy.dialects.mysql import DATETIME
from sqlalchemy.engine import Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection

# In another zone a server would convert its own `now()`, a TIMESTAMP of MySQL, and a datetime
# without a zone in the zone of that server. PgBouncer keeps this setting of PostgreSQL for a
# client, also where connections are shared.
_SET_ZONE = {
    "postgresql": "SET TIME ZONE 'UTC'",
    "mysql": "SET time_zone = '+00:00'",
    "mariadb": "SET time_zone = '+00:00'",
}


def listen(engine: Engine) -> None:
    """Make an engine store UTC, and return aware datetimes from `DateTime(timezone=True)`.

    Args:
        engine: A new engine, whose connections have not been opened yet.
    """
    dialect: Any = engine.dialect
    # MySQL has no type of its own for `DateTime`, SQLite has another one for TIMESTAMP.
    known = {DateTime: DATETIME, **dialect.colspecs}
    replaced = {
        kind: type("DateTimeInUTC", (_InUTC, base), {})
        for kind, base in known.items()
        if issubclass(kind, DateTime)
    }
    dialect.colspecs = {**known, **replaced}
    statement = _SET_ZONE.get(dialect.name)
    if statement is not None:
        event.listen(engine, "connect", lambda connection, _: _run(connection, statement))


def _run(connection: DBAPIConnection, statement: str) -> None:
    cursor = connection.cursor()
    try:
        cursor.execute(statement)
    finally:
        cursor.close()
    connection.commit()  # a rollback would undo the setting


class _InUTC(DateTime):
    """How `DateTime` is stored and read, on top of the type of a dialect."""

    cache_ok = True

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], Any]:
        process: Any = super().bind_processor(dialect)
        return self._converting(process or (lambda value: value), dialect)

    def literal_processor(self, dialect: Dialect) -> Callable[[Any], str] | None:
        process: Any = super().literal_processor(dialect)  # type: ignore[no-untyped-call]
        return None if process is None else self._converting(process, dialect)

    def _converting(self, process: Callable[[Any], Any], dialect: Dialect) -> Callable[[Any], Any]:
        # Without a conversion, MySQL and SQLite would drop the time zone of a datetime.
        keeps_zone = self.timezone and dialect.name == "postgresql"

        def convert(value: Any) -> Any:
            if isinstance(value, datetime) and value.tzinfo is not None:
                value = value.astimezone(UTC)
                value = value if keeps_zone else value.replace(tzinfo=None)
            return process(value)

        return convert

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[Any], Any] | None:
        process: Any = super().result_processor(dialect, coltype)
        return _aware_after(process) if self.timezone else process


def _aware_after(process: Callable[[Any], Any] | None) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        value = value if process is None else process(value)
        return in_utc(value) if isinstance(value, datetime) else value

    return read


def in_utc(value: datetime) -> datetime:
    """Return a datetime of a database as an aware one in UTC.

    Args:
        value: An aware datetime, or a naive one in UTC.
    """
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
