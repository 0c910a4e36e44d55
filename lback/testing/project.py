"""Builds the application of a project for its tests, on a test database."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import MetaData, make_url

from lback.core import server
from lback.core.config_manager import ROOT_VARIABLE
from lback.core.middleware_loader import import_class
from lback.database import Base, DatabaseManager
from lback.database.creation import create_database

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.config import Config

URL_VARIABLE = "LBACK_TEST_DATABASE_URL"
PREFIX = "test_"
TEST_HOST = "localhost"
TEST_KEY = "a key for tests, known to everybody"


def load_config(root: Path) -> "Config":
    """Return the settings of a project.

    Args:
        root: Directory in which pytest runs; used unless `LBACK_PROJECT_ROOT` is set.

    Raises:
        FileNotFoundError: No `settings.py` exists in the directory or above it.
        ConfigurationError: A setting is invalid.
    """
    if not os.environ.get(ROOT_VARIABLE) and (root / "settings.py").is_file():
        os.environ[ROOT_VARIABLE] = str(root)
    return server.load_project_config()


def build_application(
    config: "Config", database_url: str, settings: Mapping[str, object]
) -> "Application":
    """Build the application of a project for a test.

    Args:
        config: Settings of the project; changed in place.
        database_url: URL of the test database.
        settings: Settings that differ from those of the project, by name.

    Raises:
        ConfigurationError: Settings, routes or middlewares are invalid.
    """
    values = {"DATABASE_URL": database_url, "DATABASE_DIRECT_URL": "", **settings}
    if config.ALLOWED_HOSTS and "ALLOWED_HOSTS" not in settings:
        values["ALLOWED_HOSTS"] = [*config.ALLOWED_HOSTS, TEST_HOST]
    if not config.SECRET_KEY:
        values.setdefault("SECRET_KEY", TEST_KEY)
    for name, value in values.items():
        setattr(config, name, value)
    application: Application = import_class(config.APPLICATION_CLASS)(config)
    return application


def database_url(config: "Config", folder: Path) -> str:
    """Return the URL of an empty test database; create the database if it does not exist.

    For SQLite this is a file, on a server a database whose name starts with `test_`, whose tables
    are dropped. `LBACK_TEST_DATABASE_URL` overrides it with a database that is used as it is.

    Args:
        config: Settings of the project.
        folder: Directory for the SQLite file.

    Raises:
        ConfigurationError: The server cannot be reached or refuses to create the database.
    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        return given
    url = make_url(config.DATABASE_URI)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{folder / 'test.sqlite3'}"
    # Parallel workers of pytest-xdist have a database each.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = f"{PREFIX}{url.database}{'_' if worker else ''}{worker}"
    address = url.set(database=name).render_as_string(hide_password=False)
    manager = DatabaseManager.from_url(address)
    if not create_database(manager):
        _drop_tables(manager)
    manager.dispose()
    return address


def _drop_tables(manager: DatabaseManager) -> None:
    assert str(manager.url.database).startswith(PREFIX)  # noqa: S101  never drop another database
    with manager.engine.begin() as connection:
        is_mysql = connection.dialect.name in ("mysql", "mariadb")
        if is_mysql:
            connection.exec_driver_sql("SET foreign_key_checks = 0")
        existing = MetaData()
        existing.reflect(connection)
        existing.drop_all(connection)
        if is_mysql:
            connection.exec_driver_sql("SET foreign_key_checks = 1")


def create_tables(application: "Application", made: set[str]) -> None:
    """Create the tables of all models, once per database; each time for one in memory.

    Args:
        application: The application, whose database gets the tables.
        made: URLs of the databases that have tables already; updated.
    """
    manager = application.db_manager
    address = manager.url.render_as_string(hide_password=False)
    if address not in made:
        manager.create_tables(Base.metadata)
        if manager.url.database not in (None, "", ":memory:"):
            made.add(address)
