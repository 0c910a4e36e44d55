"""Creates the database itself on its server, or the file of a SQLite database."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection
from sqlalchemy.engine import URL

from lback.core.exceptions import ConfigurationError
from lback.database.engine import DatabaseManager
from lback.database.sqlite import is_file

# The database to connect to in order to create another one; MySQL needs none.
_MAINTENANCE = {"postgresql": "postgres"}
_EXISTS = {
    "postgresql": "SELECT 1 FROM pg_database WHERE datname = %s",
    "mysql": "SELECT 1 FROM information_schema.schemata WHERE schema_name = %s",
}
_OPTIONS = {"mysql": " CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"}


def create_database(db_manager: DatabaseManager) -> bool:
    """Create the database of the settings if it does not exist.

    Args:
        db_manager: Database manager; its URL names the database.

    Returns:
        True if the database was created, False if it existed.

    Raises:
        ConfigurationError: The server cannot be reached or refuses to create the database.
    """
    url = db_manager.url
    if url.get_backend_name() == "sqlite":
        return _create_file(db_manager)
    with _server(url) as connection:
        if _has(connection, url):
            return False
        preparer = connection.dialect.identifier_preparer
        options = _OPTIONS.get(_kind(url), "")
        name = preparer.quote_identifier(url.database or "")
        connection.exec_driver_sql(f"CREATE DATABASE {name}{options}")
        return True


def is_missing(db_manager: DatabaseManager) -> bool:
    """Return True if the server is running and the database does not exist.

    For SQLite, return True if the directory of its file does not exist.
    """
    url = db_manager.url
    if url.get_backend_name() == "sqlite":
        return is_file(url) and not Path(url.database or "").parent.is_dir()
    try:
        with _server(url) as connection:
            return not _has(connection, url)
    except ConfigurationError:
        return False


def _create_file(db_manager: DatabaseManager) -> bool:
    url = db_manager.url
    missing = is_file(url) and not Path(url.database or "").exists()
    if missing:
        Path(url.database or "").parent.mkdir(parents=True, exist_ok=True)
    with db_manager.engine.connect():
        return missing


@contextmanager
def _server(url: URL) -> Iterator[Connection]:
    maintenance = url.set(database=_MAINTENANCE.get(_kind(url), ""))
    manager = DatabaseManager.from_url(maintenance.render_as_string(hide_password=False))
    try:
        # CREATE DATABASE cannot run inside a transaction.
        with manager.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
            yield connection
    finally:
        manager.dispose()


def _has(connection: Connection, url: URL) -> bool:
    result = connection.exec_driver_sql(_EXISTS[_kind(url)], (url.database,))
    return result.scalar() is not None


def _kind(url: URL) -> str:
    name = url.get_backend_name()
    return "mysql" if name == "mariadb" else name
