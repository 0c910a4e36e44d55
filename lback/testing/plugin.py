"""Fixtures for pytest: the application of a project, a client, the database, signals, queries.

Nothing of Lback is imported before a test asks for it: pytest loads this file in every project.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.application import Application
    from lback.testing import Client, QueryCounter, SignalRecorder


@pytest.fixture
def lback_settings() -> dict[str, Any]:
    """Settings that tests want otherwise than the project; to be overridden."""
    return {}


@pytest.fixture(scope="session")
def lback_test_database(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The address of the database that tests run on."""
    from lback.testing import project

    config = project.load_config(pytestconfig.rootpath)
    return project.database_url(config, tmp_path_factory.mktemp("database"))


@pytest.fixture
def app(
    pytestconfig: pytest.Config, lback_test_database: str, lback_settings: dict[str, Any]
) -> Iterator["Application"]:
    """The application of the project, built anew for each test.

    A project without `settings.py` overrides it and returns an application of its own, on a
    database for tests.
    """
    from lback.testing import project

    config = project.load_config(pytestconfig.rootpath)
    application = project.build_application(config, lback_test_database, lback_settings)
    yield application
    application.db_manager.dispose()


@pytest.fixture(scope="session")
def lback_made_tables() -> set[str]:
    """The addresses of the databases whose tables were made in this run."""
    return set()


@pytest.fixture
def lback_isolated_app(app: "Application", lback_made_tables: set[str]) -> Iterator["Application"]:
    """The application, with all that a test writes kept in a transaction that is taken back."""
    from lback.testing.project import create_tables
    from lback.testing.transaction import RolledBack

    create_tables(app, lback_made_tables)
    with RolledBack(app.db_manager):
        yield app


@pytest.fixture
def client(lback_isolated_app: "Application") -> "Client":
    """A client of the application, with cookies of its own; see `lback.testing.Client`."""
    from lback.testing.client import Client

    return Client(lback_isolated_app)


@pytest.fixture
def db_session(lback_isolated_app: "Application") -> Iterator["Session"]:
    """A session on the database that the application of the test uses.

    Each sees what the other wrote: the test after its `commit` or `flush`, and objects that it
    holds after `db_session.refresh(...)`. All of it is gone at the end.
    """
    with lback_isolated_app.db_manager.create_session() as session:
        yield session


@pytest.fixture
def signals(app: "Application") -> Iterator["SignalRecorder"]:
    """All signals that are sent from here on; see `lback.testing.SignalRecorder`."""
    from lback.testing.signals import SignalRecorder

    with SignalRecorder().listening(app.dispatcher) as recorder:
        yield recorder


@pytest.fixture
def queries(lback_isolated_app: "Application") -> Iterator["QueryCounter"]:
    """All queries that are sent from here on; see `lback.testing.QueryCounter`."""
    from lback.testing.queries import QueryCounter

    with QueryCounter().counting(lback_isolated_app.db_manager.engine) as counter:
        yield counter
