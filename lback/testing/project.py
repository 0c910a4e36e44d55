"""The application of a project as its tests see it: its settings, on a database of their own."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

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
        root: Where pytest runs; counts where the environment names no other project.

    Raises:
        FileNotFoundError: There is no `settings.py` there or above.
        ConfigurationError: Settings that cannot work.
    """
    if not os.environ.get(ROOT_VARIABLE) and (root / "settings.py").is_file():
        os.environ[ROOT_VARIABLE] = str(root)
    return server.load_project_config()


def build_application(
    config: "Config", database_url: str, settings: Mapping[str, Any]
) -> "Application":
    """Build the application of a project for a test.

    Args:
        config: Settings of the project; changed.
        database_url: The database of the tests.
        settings: What tests want otherwise.

    Raises:
        ConfigurationError: Settings, routes or middlewares that cannot work.
    """
    values = {"DATABASE_URL": database_url, **settings}
    if config.ALLOWED_HOSTS and "ALLOWED_HOSTS" not in settings:
        values["ALLOWED_HOSTS"] = [*config.ALLOWED_HOSTS, TEST_HOST]
    if not config.SECRET_KEY:
        values.setdefault("SECRET_KEY", TEST_KEY)
    for name, value in values.items():
        setattr(config, name, value)
    application: Application = import_class(config.APPLICATION_CLASS)(config)
    return application


def database_url(config: "Config", folder: Path) -> str:
    """Return the address of an empty database for tests, which is made where it is missing.

    It is a file in a folder for SQLite, and on a server a database whose name begins with
    `test_`, emptied first. The environment may name another one in LBACK_TEST_DATABASE_URL,
    which is taken as it is.

    Raises:
        ConfigurationError: The server cannot be reached, or refuses.
    """
    given = os.environ.get(URL_VARIABLE)
    if given:
        return given
    url = make_url(config.DATABASE_URI)
    if url.get_backend_name() == "sqlite":
        return f"sqlite:///{folder / 'test.sqlite3'}"
    # Workers that run tests side by side have a database each.
    worker = os.environ.get("PYTEST_XDIST_WORKER", "")
    name = f"{PREFIX}{url.database}{'_' if worker else ''}{worker}"
    address = url.set(database=name).render_as_string(hide_password=False)
    manager = DatabaseManager.from_url(address)
    if not create_database(manager):
        _drop_tables(manager)
    manager.dispose()
    return address


def _drop_tables(manager: DatabaseManager) -> None:
    assert str(manager.url.database).startswith(PREFIX)  # noqa: S101  never another one
    with manager.engine.begin() as connection:
        is_mysql = connection.dialect.name in ("mysql", "mariadb")
        if is_mysql:
            connection.exec_driver_sql("SET foreign_key_checks = 0")
        found = MetaData()
        found.reflect(connection)
        found.drop_all(connection)
        if is_mysql:
            connection.exec_driver_sql("SET foreign_key_checks = 1")


def create_tables(application: "Application", made: set[str]) -> None:
    """Create the tables of all models, once for each database that outlives an application."""
    manager = application.db_manager
    address = manager.url.render_as_string(hide_password=False)
    if address not in made:
        manager.create_tables(Base.metadata)
        if manager.url.database not in (None, "", ":memory:"):
            made.add(address)
