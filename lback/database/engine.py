"""The database manager: an engine that is created on first use, and sessions on it."""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from threading import Lock
from typing import Any, Protocol

from sqlalchemy import Connection, Engine, MetaData, create_engine, make_url
from sqlalchemy.engine import URL
from sqlalchemy.exc import ArgumentError, NoSuchModuleError

from lback.core.exceptions import ConfigurationError
from lback.core.settings.database_uri import database_uri
from lback.core.settings.secret_names import is_secret
from lback.core.unit_of_work import current
from lback.database import missing_schema, mysql, sqlite, unavailable, unstorable, utc
from lback.database.connector import Connector, refused_options
from lback.database.models import Base
from lback.database.monitor import DEFAULT_LIMITS, DatabaseLimits, block_limit
from lback.database.pool import MonitoredPool
from lback.database.sessions import Session
from lback.database.unavailable import OutageLog
from lback.distribution import install_hint

EXTRAS = {"postgresql": "postgres", "mysql": "mysql", "mariadb": "mysql"}

CONNECT_ARGUMENTS: dict[str, dict[str, Any]] = {
    "sqlite": sqlite.CONNECT_ARGUMENTS,
    "postgresql": {},
    "mysql": {"charset": "utf8mb4"},
    "mariadb": {"charset": "utf8mb4"},
}

SERVER_OPTIONS: dict[str, object] = {
    "pool_pre_ping": True,  # reconnects after a restart of the server
    "pool_recycle": 1800,  # seconds; servers and firewalls close idle connections
    # The default of PostgreSQL, and how `sqlite` behaves. The default of MySQL would read from the
    # snapshot of the first read.
    "isolation_level": "READ COMMITTED",
}

# Workers that start together would all try to create a missing table, so one at a time does.
# PostgreSQL and SQLite release the lock with the transaction, which MySQL ends at each statement.
TABLES_LOCK = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_xact_lock(7170017)",
    "mysql": "SELECT GET_LOCK('lback_tables', 60)",
    "mariadb": "SELECT GET_LOCK('lback_tables', 60)",
}
# Objects stay readable after a commit, and a closed session cannot be used.
SESSION: dict[str, Any] = {"expire_on_commit": False, "close_resets_only": False}

# The key in `Session.info` of the services of the application that opened the session.
SERVICES = "lback.services"

TABLES_UNLOCK = "SELECT RELEASE_LOCK('lback_tables')"


class DatabaseSettings(Protocol):
    """The settings that the manager reads from a `lback.core.config.Config`."""

    @property
    def DATABASE_URI(self) -> str:  # noqa: N802  the name of a setting
        """URL of the database, with its driver."""
        ...

    @property
    def DEBUG(self) -> bool:  # noqa: N802  the name of a setting
        """Whether errors and logs of the database may show values."""
        ...


class _GivenURL:
    DEBUG = False

    def __init__(self, url: str) -> None:
        self.DATABASE_URI = database_uri({"DATABASE_URL": url})


class DatabaseManager:
    """Opens sessions on the database of the settings: SQLite, PostgreSQL, MariaDB or MySQL.

    Settings are read and connections opened on first use. A manager may be used from any thread,
    and after a fork, where the child process opens its own connections.

    Args:
        config: Settings; see `DatabaseSettings`.
        limits: Time limits.
        is_serving: Returns True if this process serves requests. Otherwise, statements may take
            any time, unless `time_limit` sets one.
        direct: The same database without a pooler; see the attribute. None if there is none.
        services: The services of the application, by which code in a session finds them.

    Example:
        >>> from sqlalchemy import text
        >>> manager = DatabaseManager.from_url("sqlite://")
        >>> with manager.session() as session:
        ...     session.scalar(text("SELECT 1 + 1"))
        2
    """

    def __init__(
        self,
        config: DatabaseSettings,
        *,
        limits: DatabaseLimits = DEFAULT_LIMITS,
        is_serving: Callable[[], bool] = bool,
        direct: "DatabaseManager | None" = None,
        services: Mapping[str, object] | None = None,
    ) -> None:
        self._config = config
        self._limits = limits
        self._is_serving = is_serving
        self._direct = direct
        self._session = SESSION if services is None else {**SESSION, "info": {SERVICES: services}}
        # By process id. After a fork the engine of the parent stays here, unused and not closed,
        # because its connections belong to the parent.
        self._engines: dict[int, Engine] = {}
        self._shared: Callable[[], Connection] | None = None
        self._lock = Lock()

    @classmethod
    def from_url(cls, url: str) -> "DatabaseManager":
        """Create a manager for a URL such as `"postgresql://user:password@host/name"`.

        Raises:
            ValueError: The text is not a valid URL.

        Example:
            >>> DatabaseManager.from_url("postgresql://ada:secret@db/shop").shown_url
            'postgresql+psycopg://ada:***@db/shop'
        """
        return cls(_GivenURL(url))

    @property
    def url(self) -> URL:
        """The URL of the database, with its password. Use `shown_url` in output.

        Raises:
            ConfigurationError: The setting is not a valid URL.
        """
        try:
            url = make_url(self._config.DATABASE_URI)
        except (ArgumentError, ValueError):
            # Neither the text nor the error is shown: both may contain the password.
            raise ConfigurationError(
                "the database URL is not valid; "
                "use postgresql://user:password@host:port/name or sqlite:///file"
            ) from None
        if "@" in (url.host or ""):
            # The host would be shown, with the end of the password.
            raise ConfigurationError(
                "the database URL has more than one @; write %40 for @ in the user name or password"
            )
        return url

    @property
    def shown_url(self) -> str:
        """The URL of the database without its password and other secrets."""
        return _shown(self.url)

    @property
    def engine(self) -> Engine:
        """The SQLAlchemy engine, created on first access.

        Raises:
            ConfigurationError: The URL or its driver cannot be used. The first connection raises
                it as well if the database refuses.
        """
        process = os.getpid()
        engine = self._engines.get(process)
        if engine is None:
            with self._lock:
                engine = self._engines.get(process) or self._build()
                self._engines[process] = engine
        return engine

    def _build(self) -> Engine:
        return _build_engine(
            self.url,
            debug=bool(self._config.DEBUG),
            limits=self._limits,
            is_serving=self._is_serving,
            pooled=self._direct is not None,
        )

    @property
    def direct(self) -> "DatabaseManager":
        """The manager for what needs a session of the server, such as locks of migrations.

        It connects to `DATABASE_DIRECT_URL`. Without that setting, it is this manager.
        """
        return self if self._direct is None else self._direct

    def create_session(self) -> Session:
        """Open a session that the caller commits and closes.

        Objects stay readable after a commit. A closed session cannot be used.

        Example:
            >>> from sqlalchemy import text
            >>> with DatabaseManager.from_url("sqlite://").create_session() as session:
            ...     session.scalar(text("SELECT 'hello'"))
            'hello'
        """
        if self._shared is not None:
            return Session(
                self._shared(), join_transaction_mode="create_savepoint", **self._session
            )
        return Session(self.engine, **self._session)

    def share(self, connect: Callable[[], Connection] | None) -> None:
        """Make all sessions use one connection and its transaction; for tests.

        A commit of a session then ends a savepoint, and the owner of the connection can roll
        back all of them.

        Args:
            connect: Returns the connection, called for each session; None restores the default.
        """
        self._shared = connect

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Open a session in a `with` block, and commit it at the end or roll back if it raises.

        `lback.after_commit` called in the block waits for this commit.

        Example:
            >>> from sqlalchemy import text
            >>> with DatabaseManager.from_url("sqlite://").session() as session:
            ...     _ = session.execute(text("CREATE TABLE notes (text)"))
        """
        with self.create_session() as session:
            token = current.set(session)
            try:
                yield session
            finally:
                current.reset(token)
            session.commit()

    def connection(self) -> AbstractContextManager[Connection]:
        """Open a connection in a `with` block, for SQLAlchemy Core without a session.

        Uncommitted changes are rolled back at the end.

        Example:
            >>> from sqlalchemy import text
            >>> with DatabaseManager.from_url("sqlite://").connection() as connection:
            ...     connection.scalar(text("SELECT 2"))
            2
        """
        return self.engine.connect() if self._shared is None else _savepoint(self._shared())

    def time_limit(self, seconds: float | None) -> AbstractContextManager[None]:
        """Limit each statement in a `with` block, instead of the setting `DB_STATEMENT_TIMEOUT`.

        A statement that takes longer is answered with 503, and its connection is closed. The limit
        holds for this thread; SQLite and drivers other than psycopg and PyMySQL have none.

        Args:
            seconds: The limit; None for no limit.

        Example:
            >>> manager = DatabaseManager.from_url("sqlite://")
            >>> with manager.time_limit(300), manager.session() as session:
            ...     pass
        """
        return block_limit(seconds)

    def create_tables(self, metadata: MetaData = Base.metadata) -> None:
        """Create missing tables. Several processes may do so at the same time.

        Args:
            metadata: The tables; by default those of all imported models.
        """
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
        """Close the connections that are not in use. The next use opens new ones."""
        engine = self._engines.pop(os.getpid(), None)
        if engine is not None:
            engine.dispose()
        if self._direct is not None:
            self._direct.dispose()

    def __repr__(self) -> str:
        used = os.getpid() in self._engines
        return f"<DatabaseManager {self.shown_url}>" if used else "<DatabaseManager>"


@contextmanager
def _savepoint(connection: Connection) -> Iterator[Connection]:
    # A failed statement must not end the shared transaction.
    with connection.begin_nested():
        yield connection


def _build_engine(
    url: URL, *, debug: bool, limits: DatabaseLimits, is_serving: Callable[[], bool], pooled: bool
) -> Engine:
    dialect = url.get_backend_name()
    if dialect not in TABLES_LOCK:
        raise ConfigurationError(
            f"the database {dialect!r} is not supported; supported: sqlite, postgresql, mysql"
        )
    log = OutageLog(_shown(url))
    connector = Connector(url, log, limit=limits.statement, is_serving=is_serving)
    options = sqlite.engine_options(url) if dialect == "sqlite" else {
        **SERVER_OPTIONS,
        "pool_timeout": limits.pool,
        "poolclass": MonitoredPool.monitored_by(connector.monitor),
    }  # fmt: skip
    driver_url, arguments = _connect_arguments(url, limits, pooled=pooled)
    try:
        engine = create_engine(
            driver_url, hide_parameters=not debug, connect_args=arguments, **options
        )
    except (ModuleNotFoundError, NoSuchModuleError) as error:
        raise ConfigurationError(_missing_driver(url, dialect)) from error
    except (TypeError, ValueError) as error:
        if not url.query:
            raise
        raise ConfigurationError(refused_options(url, error)) from error
    connector.listen(engine)
    unavailable.listen(engine, log)
    missing_schema.listen(engine)
    unstorable.listen(engine)
    utc.listen(engine)
    if dialect == "sqlite":
        sqlite.listen(engine)
    return engine


def _connect_arguments(
    url: URL, limits: DatabaseLimits, *, pooled: bool
) -> tuple[URL, dict[str, Any]]:
    """Return the URL for the driver, and arguments that it does not contain."""
    arguments = dict(CONNECT_ARGUMENTS[url.get_backend_name()])
    if url.get_backend_name() == "sqlite":
        arguments |= {"timeout": limits.lock, **sqlite.connect_arguments(url)}
    else:
        arguments["connect_timeout"] = limits.connect
    if pooled and url.get_driver_name() == "psycopg":
        # Prepared statements belong to a connection, and a pooler changes it per transaction.
        arguments["prepare_threshold"] = None
    arguments = {name: value for name, value in arguments.items() if name not in url.query}
    if url.get_driver_name() != "pymysql":
        return url, arguments
    driver_url, tls = mysql.driver_options(url)
    return driver_url, arguments | tls


def _shown(url: URL) -> str:
    secret = [name for name in url.query if is_secret(name)]
    return url.difference_update_query(secret).render_as_string(hide_password=True)


def _missing_driver(url: URL, dialect: str) -> str:
    if dialect in EXTRAS:
        return (
            f"the driver of {url.drivername!r} is not installed; "
            f"run: {install_hint(EXTRAS[dialect])}"
        )
    return f"unknown database driver {url.drivername!r}; use sqlite:///file"
