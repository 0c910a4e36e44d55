"""Pytest fixtures: the application of a project, a client, the database, signals, queries, tasks.

Lback is imported when a test first uses a fixture, because pytest loads this file in every project.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.application import Application
    from lback.testing import (
        ApiContract,
        Client,
        PublishedRecorder,
        QueryCounter,
        SignalRecorder,
        TaskRecorder,
    )


@pytest.fixture
def lback_settings() -> dict[str, Any]:
    """Settings that differ from those of the project, by name. Override this fixture."""
    return {}


@pytest.fixture(scope="session")
def lback_test_database(
    pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory
) -> str:
    """The URL of the test database.

    Args:
        pytestconfig: Pytest's configuration, whose root directory contains the project.
        tmp_path_factory: Creates the directory of a SQLite database.
    """
    from lback.testing import project

    config = project.load_config(pytestconfig.rootpath)
    return project.database_url(config, tmp_path_factory.mktemp("database"))


@pytest.fixture
def app(
    pytestconfig: pytest.Config, lback_test_database: str, lback_settings: dict[str, Any]
) -> Iterator["Application"]:
    """The application of the project, built for each test.

    Override this fixture in a project without `settings.py`, and return an application on a test
    database.

    Args:
        pytestconfig: Pytest's configuration, whose root directory contains the project.
        lback_test_database: URL of the test database.
        lback_settings: Settings that differ from those of the project.
    """
    from lback.testing import project

    config = project.load_config(pytestconfig.rootpath)
    application = project.build_application(config, lback_test_database, lback_settings)
    yield application
    application.db_manager.dispose()


@pytest.fixture(scope="session")
def lback_made_tables() -> set[str]:
    """The URLs of the databases whose tables were created in this run."""
    return set()


@pytest.fixture
def lback_isolated_app(app: "Application", lback_made_tables: set[str]) -> Iterator["Application"]:
    """The application on a database whose changes are rolled back after the test.

    Args:
        app: The application.
        lback_made_tables: URLs of the databases that have tables already; updated.
    """
    from lback.testing.project import create_tables
    from lback.testing.transaction import RolledBack

    create_tables(app, lback_made_tables)
    with RolledBack(app.db_manager):
        yield app


@pytest.fixture
def client(lback_isolated_app: "Application") -> "Client":
    """A `lback.testing.Client` of the application with its own cookies."""
    from lback.testing.client import Client

    return Client(lback_isolated_app)


@pytest.fixture
def db_session(lback_isolated_app: "Application") -> Iterator["Session"]:
    """A session on the database of the application.

    The application sees changes after `db_session.commit()` or `flush()`. Loaded objects show
    changes of the application after `db_session.refresh(...)`. All changes are rolled back after
    the test.
    """
    with lback_isolated_app.db_manager.create_session() as session:
        yield session


@pytest.fixture
def api_contract(app: "Application", lback_made_tables: set[str]) -> Iterator["ApiContract"]:
    """A `lback.testing.ApiContract` of the application, which needs Schemathesis.

    Its calls come from other threads and are committed, so the rows of all tables are deleted
    after the test.

    Args:
        app: The application.
        lback_made_tables: URLs of the databases that have tables already; updated.
    """
    from lback.testing.contract import ApiContract
    from lback.testing.project import create_tables

    create_tables(app, lback_made_tables)
    contract = ApiContract(app)
    yield contract
    contract.delete_rows()


@pytest.fixture
def signals(app: "Application") -> Iterator["SignalRecorder"]:
    """A `lback.testing.SignalRecorder` of the signals sent during the test."""
    from lback.testing.signals import SignalRecorder

    with SignalRecorder().listening(app.dispatcher) as recorder:
        yield recorder


@pytest.fixture
def tasks(app: "Application") -> "TaskRecorder":
    """A `lback.testing.TaskRecorder` of the tasks enqueued during the test; none runs by itself."""
    from lback.testing.recorded_tasks import TaskRecorder

    return TaskRecorder(app)


@pytest.fixture
def published(app: "Application") -> "PublishedRecorder":
    """A `lback.testing.PublishedRecorder` of the messages published during the test."""
    from lback.testing.published import PublishedRecorder

    return PublishedRecorder(app)


@pytest.fixture
def queries(lback_isolated_app: "Application") -> Iterator["QueryCounter"]:
    """A `lback.testing.QueryCounter` of the queries executed during the test."""
    from lback.testing.queries import QueryCounter

    with QueryCounter().counting(lback_isolated_app.db_manager.engine) as counter:
        yield counter
