"""A database that stops answering while its connections stay open: bounded waits, then 503."""

import logging
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from lback import Application, Request
from lback.core.config import Config
from lback.database import DatabaseManager
from lback.testing import Client
from tests.database.proxy import Proxy
from tests.database.test_unavailable import JSON, build

SLEEP = {"postgresql": "SELECT pg_sleep({})", "mysql": "SELECT SLEEP({})"}


@pytest.fixture(params=["postgresql", "mariadb"])
def proxy(request: pytest.FixtureRequest) -> Iterator[Proxy]:
    proxy = Proxy(request.getfixturevalue(f"{request.param}_url"))
    proxy.start()
    yield proxy
    proxy.stop()


@pytest.fixture
def app(proxy: Proxy) -> Iterator[Application]:
    app = build(proxy.url, DB_CONNECT_TIMEOUT=2)
    yield app
    proxy.go_on()
    app.db_manager.dispose()


def eventually(condition: Any) -> None:
    deadline = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_a_server_that_hangs_is_503_until_it_answers(
    proxy: Proxy, app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    client = Client(app, headers=JSON)
    assert client.get("/").json() == {"answer": 42}
    proxy.hang()
    with caplog.at_level(logging.INFO):
        refused = client.get("/")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "5"
        before = proxy.accepted
        for _ in range(50):
            assert client.get("/").status_code == 503
        assert proxy.accepted - before < 50, "each request tried the server"
        proxy.go_on()
        eventually(lambda: client.get("/").json() == {"answer": 42})
    own = [line for line in caplog.messages if f":{proxy.port}/" in line]
    assert [line.partition(": ")[0] for line in own] == [
        "database unavailable", "database available again",
    ]  # fmt: skip
    assert "Traceback" not in caplog.text


def test_a_session_that_cannot_be_saved_is_no_success(proxy: Proxy) -> None:
    app = build(proxy.url, MIDDLEWARES=["lback.middleware.SessionMiddleware"])

    def count(request: Request) -> dict[str, int]:
        request.session["visits"] = request.session.get("visits", 0) + 1
        return {"visits": request.session["visits"]}

    app.add_route("/visits", count, requires_auth=False)
    assert Client(app, headers=JSON).get("/visits").json() == {"visits": 1}
    proxy.hang()
    for _ in range(3):
        assert Client(app, headers=JSON).get("/visits").status_code == 503
    proxy.go_on()
    app.db_manager.dispose()


def test_requests_that_wait_at_once_all_end(proxy: Proxy, app: Application) -> None:
    client = Client(app, headers=JSON)
    client.get("/")
    proxy.hang()
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: statuses.append(Client(app, headers=JSON).get("/").status_code)
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert statuses == [503] * 8


def sleep_in(url: str, seconds: float) -> str:
    return SLEEP["postgresql" if url.startswith("postgresql") else "mysql"].format(seconds)


def add_slow_view(app: Application, url: str) -> None:
    def slow(request: Request, db_session: Session) -> dict[str, str]:
        db_session.execute(text(sleep_in(url, 4)))
        return {"done": "yes"}

    def patient(request: Request, db_session: Session) -> dict[str, str]:
        with app.db_manager.time_limit(None):
            db_session.execute(text(sleep_in(url, 2)))
        return {"done": "yes"}

    app.add_route("/slow", slow, requires_auth=False)
    app.add_route("/patient", patient, requires_auth=False)


def test_a_slow_statement_of_a_server_that_answers_is_not_an_outage(
    proxy: Proxy, app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    add_slow_view(app, proxy.url)
    client = Client(app, headers=JSON)
    assert client.get("/slow").json() == {"done": "yes"}
    assert f":{proxy.port}/" not in caplog.text


def test_a_statement_over_its_limit_is_503_and_others_go_on(
    proxy: Proxy, caplog: pytest.LogCaptureFixture
) -> None:
    app = build(proxy.url, DB_STATEMENT_TIMEOUT=1)
    add_slow_view(app, proxy.url)
    client = Client(app, headers=JSON)
    assert client.get("/slow").status_code == 503
    assert client.get("/").json() == {"answer": 42}
    assert client.get("/patient").json() == {"done": "yes"}
    assert caplog.text.count("database statement ended: no answer within 1 s: SELECT ") == 1
    assert f":{proxy.port}/" not in caplog.text
    app.db_manager.dispose()


def test_statements_outside_requests_have_no_limit_unless_set(proxy: Proxy) -> None:
    config = Config(None, settings={"DATABASE_URL": proxy.url, "DB_STATEMENT_TIMEOUT": 1})
    app = Application(config=None, DATABASE_URL=proxy.url, DB_STATEMENT_TIMEOUT=1)
    with app.db_manager.session() as session:
        session.execute(text(sleep_in(proxy.url, 2)))
    with (
        pytest.raises(Exception, match="no answer within 1 s"),
        app.db_manager.time_limit(1),
        app.db_manager.session() as session,
    ):
        session.execute(text(sleep_in(proxy.url, 3)))
    assert config.DB_STATEMENT_TIMEOUT == 1
    app.db_manager.dispose()


def test_opening_a_connection_has_a_limit(proxy: Proxy, app: Application) -> None:
    proxy.hang()
    assert Client(app, headers=JSON).get("/").status_code == 503


def test_waiting_for_the_pool_has_a_limit(proxy: Proxy, caplog: pytest.LogCaptureFixture) -> None:
    app = build(proxy.url, DB_POOL_TIMEOUT=1)
    client = Client(app, headers=JSON)
    held = [app.db_manager.engine.connect() for _ in range(15)]
    for _ in range(2):
        refused = client.get("/")
        assert refused.status_code == 503
        assert refused.headers["retry-after"] == "5"
    assert caplog.text.count("no database connection is free: ") == 1
    for connection in held:
        connection.close()
    assert client.get("/").json() == {"answer": 42}
    app.db_manager.dispose()


def test_a_direct_manager_is_the_manager_itself_without_a_setting(proxy: Proxy) -> None:
    manager = DatabaseManager.from_url(proxy.url)
    assert manager.direct is manager
    direct = Application(DATABASE_URL=proxy.url, DATABASE_DIRECT_URL="postgresql://db/direct")
    assert direct.db_manager.direct.shown_url == "postgresql+psycopg://db/direct"
