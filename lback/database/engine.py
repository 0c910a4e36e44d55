"""The way to the database: an engine made on first use, and sessions on it."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, MetaData, create_engine, event, make_url
from sqlalchemy.engine import URL, Dialect
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, NoSuchModuleError
from sqlalchemy.orm import Session

from lback.core.exceptions import ConfigurationError
from lback.core.settings.database_uri import database_uri
from lback.core.settings.secret_names import is_secret
from lback.database import missing_schema, mysql, sqlite, unavailable, unstorable
from lback.database.models import Base
from lback.database.unavailable import CannotConnect, OutageLog
from lback.distribution import install_hint

DEFAULT_PORTS = {"postgresql": 5432, "mysql": 3306, "mariadb": 3306}
EXTRAS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}

CONNECT_SECONDS = 5
CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "sqlite": sqlite.CONNECT_ARGUMENTS,
    "postgresql": {"connect_timeout": CONNECT_SECONDS},
    "mysql": {"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4"},
    "mariadb": {"connect_timeout": CONNECT_SECONDS, "charset": "utf8mb4"},
}

SERVER_OPTIONS: dict[str, Any] = {
    "pool_pre_ping": True,  # a server that was restarted is met with a new connection
    "pool_recycle": 1800,  # seconds; servers and firewalls drop connections that rest for long
    # The default of PostgreSQL, and what `sqlite` does. MySQL would keep to the snapshot of the
    # first read, so that the same program would mean something else there.
    "isolation_level": "READ COMMITTED",
}

# Workers that start together would each find a table missing: one at a time looks and creates.
# PostgreSQL and SQLite let go with the transaction; MySQL ends that one with each statement.
TABLES_LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(7170017)",
    "mysql": "SELECT GET_LOCK('lback_tables', 60)",
    "mariadb": "SELECT GET_LOCK('lback_tables', 60)",
}
# Objects stay readable after a commit, and a session that was closed refuses further work.
SESSION: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}

TABLES_UNLOCK = "SELECT RELEASE_LOCK('lback_tables')"


class DatabaseSettings(Protocol):
    """What the manager reads of a `lback.core.config.Config`."""

    @property
    def DATABASE_URI(self) -> str:  # noqa: N802  the name of a setting
        """Where the database is, driver included."""
        ...

    @property
    def DEBUG(self) -> Any:  # noqa: N802  the name of a setting
        """Whether errors and logs of the database may show values."""
        ...


class _GivenURL:
    DEBUG = False

    def __init__(self, url: str) -> None:
        self.DATABASE_URI = database_uri({"DATABASE_URL": url})


class DatabaseManager:
    """Opens sessions on the database of the settings: SQLite, PostgreSQL, MariaDB or MySQL.

    Nothing is read or opened before the first use. A manager may be used from any thread, and
    after a fork: the child opens connections of its own.

    Args:
        config: Settings; see `DatabaseSettings`.
    """

    def __init__(self, config: DatabaseSettings) -> None:
        self._config = config
        # By process id. After a fork the engine of the parent stays in here, unused and not closed:
        # its connections still belong to the parent.
        self._engines: dict[int, Engine] = {}
        self._shared: Callable[[], Connection] | None = None
        self._lock = Lock()

    @classmethod
    def from_url(cls, url: str) -> "DatabaseManager":
        """Build a manager for a URL such as `"postgresql://user:password@host/name"`.

        Raises:
            ValueError: It is no URL.
        """
        return cls(_GivenURL(url))

    @property
    def url(self) -> URL:
        """The address of the database; see `shown_url` for one to be shown.

        Raises:
            ConfigurationError: The setting is no address.
        """
        try:
            return make_url(self._config.DATABASE_URI)
        except (ArgumentError, ValueError):
            # The text is not quoted, nor the error kept: both may hold the password.
            raise ConfigurationError(
                "the database URL cannot be read; "
                "write postgresql://user:password@host:port/name or sqlite:///file"
            ) from None

    @property
    def shown_url(self) -> str:
        """The address of the database, without the password."""
        return _shown(self.url)

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, made when first asked for.

        Raises:
            ConfigurationError: The address or its driver cannot be used. An engine that was never
                connected says so too, with the reason of the database, when it cannot connect.
        """
        process = os.getpid()
        engine = self._engines.get(process)
        if engine is None:
            with self._lock:
                engine = self._engines.get(process) or self._build()
                self._engines[process] = engine
        return engine

    def _build(self) -> Engine:
        return _build_engine(self.url, debug=bool(self._config.DEBUG))

    def create_session(self) -> Session:
        """Open a session, which the caller commits and closes.

        Objects stay readable after a commit, and a session that was closed refuses further work.
        """
        if self._shared is not None:
            return Session(self._shared(), join_transaction_mode="create_savepoint", **SESSION)
        return Session(self.engine, **SESSION)

    def share(self, connect: Callable[[], Connection] | None) -> None:
        """Have all sessions use one connection and stay within its transaction; for tests.

        A commit of a session then ends a savepoint, and the owner of the connection may roll
        back all of them.

        Args:
            connect: Gives the connection, at each session; `None` ends it.
        """
        self._shared = connect

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session for a `with`: committed at its end, rolled back if it raises, closed."""
        with self.create_session() as session:
            yield session
            session.commit()

    def connection(self) -> AbstractContextManager[Connection]:
        """Open a connection for a `with`, to read by Core what needs no session.

        What is not committed by then is rolled back.
        """
        return self.engine.connect() if self._shared is None else _savepoint(self._shared())

    def create_tables(self, metadata: MetaData = Base.metadata) -> None:
        """Create the tables that are missing; several processes may do so at once."""
        with self.engine.connect() as connection:
            dialect = connection.dialect.name
            connection.exec_driver_sql(TABLES_LOCK[dialect])
            try:
                metadata.create_all(connection)
                connection.commit()
            finally:
                if dialect in ("mysql", "mariadb"):
                    connection.exec_driver_sql(TABLES_UNLOCK)

    def dispose(self) -> None:
        """Close the connections that are not in use; the next use opens new ones."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()

    def __repr__(self) -> str:
        used = os.getpid() in self._engines
        return f"<DatabaseManager {self.shown_url}>" if used else "<DatabaseManager>"


@contextmanager
def _savepoint(connection: Connection) -> Iterator[Connection]:
    # A statement that fails must not end the transaction of those it is shared with.
    with connection.begin_nested():
        yield connection


def _build_engine(url: URL, *, debug: bool) -> Engine:
    dialect = url.get_backend_name()
    if dialect not in TABLES_LOCK:
        raise ConfigurationError(
            f"the database {dialect!r} is not supported; supported: sqlite, postgresql, mysql"
        )
    options = sqlite.engine_options(url) if dialect == "sqlite" else SERVER_OPTIONS
    arguments = CONNECT_ARGUMENTS[dialect].items()
    # What the URL says comes first.
    connect_args = {name: value for name, value in arguments if name not in url.query}
    driver_url = url
    if url.get_driver_name() == "pymysql":
        driver_url, tls = mysql.driver_options(url)
        connect_args |= tls
    try:
        engine = create_engine(
            driver_url, hide_parameters=not debug, connect_args=connect_args, **options
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigurationError(_missing_driver(url, dialect)) from error
    except (TypeError, ValueError) as error:
        if not url.query:
            raise
        raise ConfigurationError(_refused_options(url, error)) from error
    log = OutageLog(_shown(url))
    _Connector(url, log).listen(engine)
    unavailable.listen(engine, log)
    missing_schema.listen(engine)
    unstorable.listen(engine)
    if dialect == "sqlite":
        sqlite.listen(engine)
    return engine


def _shown(url: URL) -> str:
    secret = [name for name in url.query if is_secret(name)]
    return url.difference_update_query(secret).render_as_string(hide_password=True)


def _missing_driver(url: URL, dialect: str) -> str:
    if dialect in EXTRAS:
        return (
            f"the driver of {url.drivername!r} is not installed; "
            f"run: {install_hint(EXTRAS[dialect])}"
        )
    return f"the driver of {url.drivername!r} is not known; write sqlite:///file"


def _refused_options(url: URL, error: Exception) -> str:
    names, words = ", ".join(sorted(url.query)), " ".join(str(error).split())
    return f"the driver cannot use an option of the URL ({names}): {words}"


class _Connector:
    """Opens the connections of an engine and says clearly why the first one fails."""

    def __init__(self, url: URL, log: OutageLog) -> None:
        self._url = url
        self._log = log
        self._was_connected = False

    def listen(self, engine: Engine) -> None:
        event.listen(engine, "do_connect", self.connect, named=True)

    def connect(
        self, dialect: Dialect, cargs: list[Any], cparams: dict[str, Any], **_: Any
    ) -> DBAPIConnection:
        """Open a connection.

        Raises:
            CannotConnect: It is the first one, and the database refuses. Later on the error of
                the driver is raised: the address was right, the database is away.
        """
        try:
            if dialect.name == "sqlite":
                sqlite.make_private_file(self._url)
            connection = dialect.connect(*cargs, **cparams)
            if dialect.name == "sqlite":
                sqlite.prepare(connection)
        except dialect.loaded_dbapi.Error as error:
            if self._was_connected:
                raise
            self._log.failed(error)
            raise CannotConnect(self._refusal(error)) from error
        except (TypeError, ValueError, AttributeError) as error:
            if self._was_connected or not self._url.query:
                raise
            raise ConfigurationError(_refused_options(self._url, error)) from error
        self._was_connected = True
        return connection

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
