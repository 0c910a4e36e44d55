"""Health checks: what they answer, to whom, and what they leave alone."""

import json
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from lback import Application, Request, Response
from lback.core import SignalDispatcher
from lback.core.exceptions import ConfigurationError
from lback.core.http.access_log import AccessLog
from lback.core.http.stopping import stop_flag
from lback.database import DatabaseManager
from lback.database.migrations import Migrations
from lback.monitoring.readiness import Readiness
from lback.testing import Client

SETTINGS: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "ALLOWED_HOSTS": ["example.com"],
}
OK = {"status": "ok"}
LOOPBACK, PROXY, PUBLIC = "127.0.0.1", "10.0.0.7", "203.0.113.9"


class Refusing:
    """A middleware that answers every request."""

    def process_request(self, request: Request) -> Response:
        return Response("closed", 418)

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Seen"] = "yes"
        return response


class Answer:
    """What a WSGI application answers to a request that no browser would send."""

    def __init__(self, app: Any, path: str, method: str = "GET", **environ: str) -> None:
        started: list[Any] = []
        self.environ = {
            "REQUEST_METHOD": method, "PATH_INFO": path, "REMOTE_ADDR": LOOPBACK, **environ,
        }  # fmt: skip
        self.body = b"".join(app(self.environ, lambda *facts: started.extend(facts)))
        self.status = int(started[0][:3])
        self.headers = {name.lower(): value for name, value in started[1]}

    def json(self) -> Any:
        return json.loads(self.body)


def build(tmp_path: Path, **settings: Any) -> Application:
    database = {"DATABASE_URL": f"sqlite:///{tmp_path / 'db.sqlite3'}"}
    return Application(**{**SETTINGS, **database, **settings}, dispatcher=SignalDispatcher())


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    app = build(tmp_path)
    yield app
    app.db_manager.dispose()


@pytest.fixture
def stopping() -> Iterator[None]:
    stop_flag.set()
    yield
    stop_flag.clear()


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_neither_hosts_nor_middlewares_nor_signals_matter(tmp_path: Path, path: str) -> None:
    app = build(tmp_path, MIDDLEWARES=[Refusing])
    heard: list[str] = []
    for signal in ("server_request_received", "request_started", "server_request_finished"):
        app.dispatcher.connect(signal, lambda sender, **facts: heard.append("heard"))
    for host in ("10.1.2.3:8000", "evil.example", "", "::"):
        answer = Answer(app, path, HTTP_HOST=host)
        assert (answer.status, answer.json()) == (200, OK)
        assert answer.headers == {
            "content-type": "application/json",
            "cache-control": "no-store",
            "content-length": "16",
            "x-content-type-options": "nosniff",
        }
    assert heard == []
    assert Answer(app, "/", HTTP_HOST="example.com").status == 418


@pytest.mark.parametrize("path", ["/health/live", "/health/ready"])
def test_get_and_head_alone(app: Application, path: str) -> None:
    head = Answer(app, path, "HEAD")
    assert (head.status, head.body, head.headers["content-length"]) == (200, b"", "16")
    for method in ("POST", "PUT", "DELETE", "OPTIONS", "TRACE", "BREW"):
        answer = Answer(app, path, method)
        assert (answer.status, answer.headers["allow"]) == (405, "GET, HEAD")
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "path", ["/health", "/health/", "/health/ready/", "/Health/live", "/ready"]
)
def test_other_paths_are_routed_as_ever(app: Application, path: str) -> None:
    assert Answer(app, path, HTTP_HOST="example.com").status == 404


def test_the_prefix_is_a_setting(tmp_path: Path) -> None:
    app = build(tmp_path, HEALTH_PATH="/internal/-/probe")
    assert Answer(app, "/internal/-/probe/live").json() == OK
    assert Answer(app, "/health/live", HTTP_HOST="example.com").status == 404


def test_they_can_be_turned_off(tmp_path: Path) -> None:
    app = build(tmp_path, HEALTH_PATH="")
    assert Answer(app, "/health/live", HTTP_HOST="example.com").status == 404
    assert app.app_controller.early_answers == {}
    assert all("health" not in route.path for route in app.router.routes)


@pytest.mark.parametrize("path", ["health", "/", "/health/", "/he alth", "//health", "/{x}"])
def test_a_prefix_that_cannot_work_is_refused(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigurationError, match="must be a path such as '/health'"):
        build(tmp_path, HEALTH_PATH=path).prepare()


def test_a_route_of_the_project_is_kept(tmp_path: Path) -> None:
    app = build(tmp_path)
    app.add_route("/health/live", lambda request: "mine", requires_auth=False)
    client = Client(app, headers={"Host": "example.com"})
    assert client.get("/health/live").text == "mine"
    assert Answer(app, "/health/ready").json() == OK


def test_a_route_for_every_path_does_not_hide_them(tmp_path: Path) -> None:
    app = build(tmp_path)
    app.add_route("/{rest:path}", lambda request, rest: f"page {rest}", requires_auth=False)
    assert Answer(app, "/health/live").json() == OK


def test_the_views_of_the_routes_answer_the_same(app: Application) -> None:
    app.prepare()
    views = {route.path: route.view for route in app.router.routes if "health" in route.path}
    for view_path, view in views.items():
        response = view(Request(view_path, "GET", None, {}, {"REQUEST_METHOD": "GET"}))
        assert (response.status_code, response.headers["Cache-Control"]) == (200, "no-store")
    assert list(views) == ["/health/live", "/health/ready"]


def test_a_database_that_does_not_exist_yet_is_not_created(tmp_path: Path) -> None:
    app = build(tmp_path)
    assert Answer(app, "/health/ready").status == 200
    assert list(tmp_path.iterdir()) == []


def test_a_database_is_ready_on_each_kind(database_url: str, tmp_path: Path) -> None:
    app = build(tmp_path, DATABASE_URL=database_url)
    assert Answer(app, "/health/ready").json() == OK
    app.db_manager.dispose()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://app:hunter2@127.0.0.1:1/shop",
        "mysql://app:hunter2@127.0.0.1:1/shop",
        "sqlite:////no/such/folder/x.sqlite3",
    ],
)
def test_an_unreachable_database_is_not_ready_and_alive(
    url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    if url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path}"  # a directory
    app = build(tmp_path, DATABASE_URL=url)
    for _ in range(3):
        answer = Answer(app, "/health/ready")
        assert answer.status == 503
        assert answer.headers["cache-control"] == "no-store"
        assert answer.json() == {"status": "unavailable", "problems": {"database": "unreachable"}}
    assert caplog.messages.count("not ready: database: unreachable") == 1
    assert Answer(app, "/health/live").status == 200
    assert "hunter2" not in caplog.text


def test_a_database_that_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as silent:
        url = f"postgresql://app@127.0.0.1:{silent.getsockname()[1]}/shop?connect_timeout=6"
        app = build(tmp_path, DATABASE_URL=url)
        for _ in range(3):
            answer = Answer(app, "/health/ready")
            assert answer.json()["problems"] == {"database": "no result in 2 seconds"}
        assert Answer(app, "/health/live").status == 200


def test_a_database_that_comes_back_is_ready(tmp_path: Path, caplog: Any) -> None:
    place, moments = tmp_path / "db.sqlite3", iter([0.0, 0.0, 0.9, 1.0, 1.0])
    place.mkdir()
    manager = DatabaseManager.from_url(f"sqlite:///{place}")
    readiness = Readiness(lambda: manager, "", clock=lambda: next(moments))
    assert readiness.problems() == {"database": "unreachable"}
    place.rmdir()
    assert readiness.problems() == {"database": "unreachable"}, "kept for a second"
    assert readiness.problems() == {}
    assert caplog.messages[-2:] == ["not ready: database: unreachable", "ready again"]


@pytest.mark.parametrize(
    ("environ", "settings", "is_told"),
    [
        ({"REMOTE_ADDR": LOOPBACK}, {}, True),
        ({"REMOTE_ADDR": "::1"}, {}, True),
        ({"REMOTE_ADDR": PUBLIC}, {}, False),
        ({"REMOTE_ADDR": PROXY}, {}, False),
        ({"REMOTE_ADDR": PROXY}, {"TRUSTED_PROXIES": ["10.0.0.0/8"]}, True),
        # A proxy passes on what a client asked for.
        ({"REMOTE_ADDR": LOOPBACK, "HTTP_X_FORWARDED_FOR": PUBLIC}, {}, False),
        ({"REMOTE_ADDR": LOOPBACK, "HTTP_FORWARDED": "for=_x"}, {}, False),
        ({"REMOTE_ADDR": LOOPBACK, "HTTP_X_REAL_IP": PUBLIC}, {}, False),
        (
            {"REMOTE_ADDR": PROXY, "HTTP_X_FORWARDED_FOR": PUBLIC},
            {"TRUSTED_PROXIES": ["10.0.0.0/8"]},
            False,
        ),
        ({"REMOTE_ADDR": ""}, {}, False),
        ({"REMOTE_ADDR": ""}, {"TRUSTED_PROXIES": ["unix"]}, True),
    ],
)
def test_only_trusted_peers_are_told_what_is_wrong(
    environ: dict[str, str], settings: dict[str, Any], is_told: bool, tmp_path: Path, stopping: None
) -> None:
    answer = Answer(build(tmp_path, **settings), "/health/ready", **environ)
    problems = {"problems": {"server": "stopping"}} if is_told else {}
    assert (answer.status, answer.json()) == (503, {"status": "unavailable", **problems})


def test_a_server_that_stops_is_not_ready_and_alive(app: Application, stopping: None) -> None:
    assert Answer(app, "/health/ready").status == 503
    assert Answer(app, "/health/live").status == 200
    stop_flag.clear()
    assert Answer(app, "/health/ready").status == 200


def test_a_lost_cache_and_lost_sessions_stay_ready(tmp_path: Path) -> None:
    redis = "redis://127.0.0.1:1/0"
    app = build(
        tmp_path, CACHES={"default": {"backend": "redis", "url": redis}},
        SESSION_STORE="redis", REDIS_URL=redis,
    )  # fmt: skip
    assert Answer(app, "/health/ready").json() == OK


@pytest.fixture
def project(tmp_path: Path, database_url: str) -> Iterator[Application]:
    """An application with a migration that is applied, on each kind of database in turn."""
    app = build(tmp_path, DATABASE_URL=database_url, PROJECT_ROOT=str(tmp_path))
    migrations = Migrations(app.db_manager, tmp_path)
    for name in ("first", "second"):
        assert migrations.make(name, empty=True)
        migrations.migrate()
    yield app
    with app.db_manager.session() as session:
        for table in ("alembic_version", "lback_migrations"):
            session.execute(text(f"DROP TABLE IF EXISTS {table}"))
    app.db_manager.dispose()


def afresh(app: Application) -> Any:
    """Return what a process that starts now answers."""
    app = Application(app.config, dispatcher=SignalDispatcher())
    answer = Answer(app, "/health/ready").json()
    app.db_manager.dispose()
    return answer


def test_migrations_of_the_project_must_be_applied(project: Application, tmp_path: Path) -> None:
    migrations = Migrations(project.db_manager, tmp_path)
    assert afresh(project) == OK
    migrations.make("third", empty=True)
    (third,) = (name for name in migrations.names if "0003" in name)
    problem = f"1 not applied, the first is {third}"
    assert afresh(project) == {"status": "unavailable", "problems": {"migrations": problem}}
    migrations.migrate()
    assert afresh(project) == OK

    # Later migrations of newer code.
    for path in (tmp_path / "migrations" / "versions").glob("0003*"):
        path.unlink()
    assert afresh(project) == OK


def test_a_database_of_other_code_is_not_ready(project: Application) -> None:
    with project.db_manager.session() as session:
        session.execute(text("UPDATE alembic_version SET version_num = 'other'"))
    problem = "those of other code are applied"
    assert afresh(project) == {"status": "unavailable", "problems": {"migrations": problem}}


def test_a_missing_file_with_migrations_is_not_ready(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'gone.sqlite3'}"
    app = build(tmp_path, DATABASE_URL=url, PROJECT_ROOT=str(tmp_path))
    Migrations(DatabaseManager.from_url("sqlite://"), tmp_path).create_layout()
    assert Answer(app, "/health/ready").json()["problems"] == {"migrations": "not applied"}


@pytest.mark.parametrize(("level", "lines"), [("INFO", []), ("DEBUG", ["/health/live"])])
def test_the_access_log_has_them_at_debug(
    level: str, lines: list[str], app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(level, "lback.access")
    logged = AccessLog(app, lambda: app.router.secret_paths, [])
    assert Answer(logged, "/health/live").status == 200
    assert Answer(logged, "/nowhere", HTTP_HOST="example.com").status == 404
    records = [record for record in caplog.records if record.name == "lback.access"]
    assert [record.getMessage().split()[2] for record in records] == [*lines, "/nowhere"]
    assert {record.levelname for record in records} == {"INFO", level}
