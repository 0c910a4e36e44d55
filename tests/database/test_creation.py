"""A database is made where it is missing, once, on each kind of server."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import make_url

from lback.core.exceptions import ConfigurationError
from lback.database import DatabaseManager
from lback.database.creation import create_database, is_missing
from tests.conftest import execute


@pytest.fixture
def missing(database_url: str, tmp_path: Path) -> Iterator[DatabaseManager]:
    """A manager for a database that does not exist, with a name that has to be quoted."""
    url = make_url(database_url)
    name = f"{Path(url.database or '').stem} {secrets.token_hex(4)}"
    if url.get_backend_name() == "sqlite":
        manager = DatabaseManager.from_url(f"sqlite:///{tmp_path / name / 'a.sqlite3'}")
        yield manager
        manager.dispose()
        return
    manager = DatabaseManager.from_url(url.set(database=name).render_as_string(hide_password=False))
    yield manager
    manager.dispose()
    server = DatabaseManager.from_url(database_url)
    quoted = server.engine.dialect.identifier_preparer.quote(name)
    execute(server, f"DROP DATABASE {quoted}")
    server.dispose()


def test_a_missing_database_is_made_once(missing: DatabaseManager) -> None:
    assert is_missing(missing)
    assert create_database(missing)
    assert not is_missing(missing)
    assert not create_database(missing)
    missing.create_tables()


@pytest.mark.parametrize("scheme", ["postgresql", "mysql"])
def test_a_server_that_does_not_answer_says_nothing_of_its_databases(scheme: str) -> None:
    manager = DatabaseManager.from_url(f"{scheme}://app@127.0.0.1:1/shop")
    assert not is_missing(manager)
    with pytest.raises(ConfigurationError, match="cannot connect to the database"):
        create_database(manager)


def test_a_database_in_memory_is_never_missing() -> None:
    manager = DatabaseManager.from_url("sqlite://")
    assert not is_missing(manager)
    assert not create_database(manager)
    manager.dispose()
