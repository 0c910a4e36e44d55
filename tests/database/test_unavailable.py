"""A database that is away, locked or full: 503 or 507, one line in the log, and it recovers."""

import logging
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from lback import Application, ConfigurationError, Request
from lback.database import DatabaseManager
from lback.testing import Client
from tests.database.proxy import Proxy

JSON = {"Accept": "application/json"}


def build(url: str, **settings: Any) -> Application:
    app = Application(DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"],
                      DATABASE_URL=url, **{"MIDDLEWARES": [], **settings})  # fmt: skip

    def read(request: Request, db_session: Session) -> dict[str, Any]:
        return {"answer": db_session.scalar(text("SELECT 42"))}

    def write(request: Request, db_session: Session) -> dict[str, str]:
        db_session.execute(text("INSERT INTO notes (text) VALUES ('written')"))
        return {"done": "yes"}

    app.add_route("/", read, requires_auth=False)
    app.add_route("/write", write, ["POST"], requires_auth=False)
    return app


@pytest.fixture(params=["postgresql", "mariadb"])
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    proxy = Proxy(request.getfixturevalue(f"{request.param}_url"))
    yield proxy
    proxy.stop()


def test_a_server_that_goes_away_is_503_until_it_is_back(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    app = build(proxy.url)
    client = Client(app, headers=JSON)
    proxy.start()
    assert client.get("/").json() == {"answer": 42}

    proxy.stop()
    with caplog.at_level(logging.INFO):
        for _ in range(5):
            refused = client.get("/")
            assert refused.status_code == 503
            assert refused.headers["retry-after"] == "5"
            assert refused.json()["data"]["error"] == "Service Unavailable"
    assert caplog.text.count("database unavailable: ") == 1
    assert "Traceback" not in caplog.text

    proxy.start()
    assert client.get("/").json() == {"answer": 42}
    assert caplog.text.count("database available again: ") == 1
    app.db_manager.dispose()


def test_a_server_that_was_restarted_between_two_requests_is_not_noticed(proxy: Proxy) -> None:
    app = build(proxy.url)
    client = Client(app, headers=JSON)
    proxy.start()
    assert client.get("/").status_code == 200
    proxy.stop()
    proxy.start()
    assert client.get("/").json() == {"answer": 42}
    app.db_manager.dispose()


def test_a_server_that_never_answered_is_503_for_requests_and_an_error_for_commands(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    app = build(proxy.url)
    client = Client(app, headers=JSON)
    for _ in range(3):
        assert client.get("/").status_code == 503
    assert caplog.text.count("database unavailable: ") == 1
    with (
        pytest.raises(
            ConfigurationError, match=r"cannot connect to the database .*that the server"
        ),
        DatabaseManager.from_url(proxy.url).engine.connect(),
    ):
        pytest.fail("connected")

    proxy.start()
    assert client.get("/").json() == {"answer": 42}
    app.db_manager.dispose()


def test_while_sqlite_is_locked_writes_are_503_and_reads_go_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "site.sqlite3"
    app = build(f"sqlite:///{file}", DB_LOCK_TIMEOUT=1)
    client = Client(app, headers=JSON)
    with app.db_manager.session() as session:
        session.execute(text("CREATE TABLE notes (text VARCHAR)"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    for _ in range(2):
        assert client.post("/write").status_code == 503
        assert client.get("/").json() == {"answer": 42}
    assert [line.partition(": ")[0] for line in caplog.messages] == ["database unavailable"]

    other.execute("ROLLBACK")
    other.close()
    assert client.post("/write").json() == {"done": "yes"}
    app.db_manager.dispose()


def test_a_full_database_is_507(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    app = build(f"sqlite:///{tmp_path / 'site.sqlite3'}")
    client = Client(app, headers=JSON)
    with app.db_manager.session() as session:
        session.execute(text("CREATE TABLE notes (text VARCHAR)"))

    def fill(request: Request, db_session: Session) -> dict[str, str]:
        db_session.execute(text("PRAGMA max_page_count = 3"))
        db_session.execute(text("INSERT INTO notes (text) VALUES (:text)"), {"text": "x" * 99_999})
        return {"done": "yes"}

    filled = build(app.config.DATABASE_URL)
    filled.add_route("/fill", fill, ["POST"], requires_auth=False)
    for _ in range(3):
        assert Client(filled, headers=JSON).post("/fill").status_code == 507
        assert client.get("/").json() == {"answer": 42}
    assert [line.partition(": ")[0] for line in caplog.messages] == ["database unavailable"]
    app.db_manager.dispose()
    filled.db_manager.dispose()


def test_another_error_of_a_statement_stays_a_500(tmp_path: Path) -> None:
    app = build(f"sqlite:///{tmp_path / 'site.sqlite3'}")
    assert Client(app, headers=JSON).post("/write").status_code == 500
    app.db_manager.dispose()
