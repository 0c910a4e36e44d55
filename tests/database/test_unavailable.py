"""A database that is away, locked or full: 503 or 507, one line in the log, and it recovers."""

import logging
import socket
import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.orm import Session

from lback import Application, ConfigurationError, Request
from lback.database import DatabaseManager
from lback.testing import Client

JSON = {"Accept": "application/json"}


def build(url: str) -> Application:
    app = Application(DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"],
                      DATABASE_URL=url, MIDDLEWARES=[])  # fmt: skip

    def read(request: Request, db_session: Session) -> dict[str, Any]:
        return {"answer": db_session.scalar(text("SELECT 42"))}

    def write(request: Request, db_session: Session) -> dict[str, str]:
        db_session.execute(text("INSERT INTO notes (text) VALUES ('written')"))
        return {"done": "yes"}

    app.add_route("/", read, requires_auth=False)
    app.add_route("/write", write, ["POST"], requires_auth=False)
    return app


class Proxy:
    """Stands between the application and a database server, and can go away."""

    def __init__(self, url: str) -> None:
        made = make_url(url)
        self._target = (made.host or "127.0.0.1", made.port or 0)
        self._server: ThreadingTCPServer | None = None
        self._pairs: list[socket.socket] = []
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = int(probe.getsockname()[1])
        self.url = made.set(port=self.port, host="127.0.0.1").render_as_string(hide_password=False)

    def start(self) -> None:
        proxy = self

        class Handler(BaseRequestHandler):
            def handle(self) -> None:
                server = socket.create_connection(proxy._target)
                proxy._pairs += [server, self.request]
                back = threading.Thread(target=pump, args=(server, self.request), daemon=True)
                back.start()
                pump(self.request, server)

        class Server(ThreadingTCPServer):
            allow_reuse_address = True
            daemon_threads = True

        self._server = Server(("127.0.0.1", self.port), Handler)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None
        for end in self._pairs:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:  # closed by the other side
                continue
            finally:
                end.close()
        self._pairs = []


def pump(source: socket.socket, target: socket.socket) -> None:
    try:
        while data := source.recv(65536):
            target.sendall(data)
    except OSError:  # one of the two is gone
        return
    finally:
        source.close()
        target.close()


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
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(
        __import__("lback.database.sqlite", fromlist=["x"]).CONNECT_ARGUMENTS, "timeout", 0.05
    )
    file = tmp_path / "site.sqlite3"
    app = build(f"sqlite:///{file}")
    client = Client(app, headers=JSON)
    with app.db_manager.session() as session:
        session.execute(text("CREATE TABLE notes (text VARCHAR)"))
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    assert client.post("/write").status_code == 503
    assert client.get("/").json() == {"answer": 42}

    other.execute("ROLLBACK")
    other.close()
    assert client.post("/write").json() == {"done": "yes"}
    app.db_manager.dispose()


def test_a_full_database_is_507(tmp_path: Path) -> None:
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
    assert Client(filled, headers=JSON).post("/fill").status_code == 507
    assert client.get("/").json() == {"answer": 42}
    app.db_manager.dispose()
    filled.db_manager.dispose()


def test_another_error_of_a_statement_stays_a_500(tmp_path: Path) -> None:
    app = build(f"sqlite:///{tmp_path / 'site.sqlite3'}")
    assert Client(app, headers=JSON).post("/write").status_code == 500
    app.db_manager.dispose()
