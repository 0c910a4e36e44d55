"""Who changed a model and forgot the migration reads what to run, wherever the error is met."""

import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Executable, insert, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from lback import Application, Request
from lback.database import DatabaseManager
from lback.database.missing_schema import HINT
from lback.testing import Client
from tests.cli.conftest import SETTINGS


class Models(DeclarativeBase):
    """Not among the models whose tables other tests make."""


class Parcel(Models):
    __tablename__ = "parcels_of_schema_tests"

    id: Mapped[int] = mapped_column(primary_key=True)
    weight: Mapped[int]


WITHOUT_COLUMN = "CREATE TABLE parcels_of_schema_tests (id INTEGER PRIMARY KEY)"
STATEMENTS: dict[str, Executable] = {
    "read": select(Parcel),
    "write": insert(Parcel).values(id=1, weight=2),
    "text": text("SELECT weight FROM parcels_of_schema_tests"),
}


@pytest.fixture
def empty(database_url: str) -> Iterator[DatabaseManager]:
    """A database without the table, on each kind of database in turn."""
    manager = DatabaseManager.from_url(database_url)
    yield manager
    with manager.session() as session:
        session.execute(text("DROP TABLE IF EXISTS parcels_of_schema_tests"))
    manager.dispose()


def failure(database: DatabaseManager, statement: str) -> BaseException:
    with pytest.raises(DBAPIError) as caught, database.session() as session:
        session.execute(STATEMENTS[statement])
    return caught.value


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_missing_table_is_explained(empty: DatabaseManager, statement: str) -> None:
    assert failure(empty, statement).__notes__ == [HINT]


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_missing_column_is_explained(empty: DatabaseManager, statement: str) -> None:
    with empty.session() as session:
        session.execute(text(WITHOUT_COLUMN))

    assert failure(empty, statement).__notes__ == [HINT]


@pytest.mark.parametrize("mistake", ["SELEC 1", "SELECT no_such_function(1)"])
def test_another_mistake_has_no_such_hint(empty: DatabaseManager, mistake: str) -> None:
    with pytest.raises(DBAPIError) as caught, empty.session() as session:
        session.execute(text(mistake))

    assert not getattr(caught.value, "__notes__", [])


def parcels(request: Request, db_session: Session) -> str:
    return str(db_session.scalars(select(Parcel)).all())


@pytest.mark.parametrize("debug", [True, False])
def test_page_json_and_log_say_what_to_run(
    debug: bool, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    app = Application(
        DEBUG=debug,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        DATABASE_URL=f"sqlite:///{tmp_path / 'x.sqlite3'}",
    )
    app.add_route("/", parcels, requires_auth=False)
    client = Client(app)
    with caplog.at_level(logging.ERROR):
        page = client.get("/")
        answer = client.get("/", headers={"Accept": "application/json"})
    app.db_manager.dispose()

    assert "lback makemigrations" in caplog.text
    assert ("lback makemigrations" in page.text) is debug
    assert ("lback makemigrations" in answer.text) is debug
    assert page.status_code == 500


def test_the_shell_says_what_to_run(tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "urls.py").write_text("urlpatterns = []\n")
    command = "from lback.users import User; db_session.query(User).all()"
    result = subprocess.run(
        [sys.executable, "-m", "lback", "shell", "-c", command],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 1
    assert HINT in result.stderr
