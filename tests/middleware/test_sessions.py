"""A visitor has a session when a view wants one, and pays nothing where none does."""

import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from redis import Redis
from sqlalchemy import event

from lback import Application, NotFound, Request, Response, StreamingResponse
from lback.core.types import AppSession
from lback.database import DatabaseManager
from lback.sessions import MemorySessionStore, SessionManager, flash, flashed
from lback.testing import Client
from lback.testing.client import ClientResponse

BUILT: list[Application] = []
SETTINGS: dict[str, Any] = {
    "DEBUG": True,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "SESSION_STORE": "memory",
}


def build(**settings: Any) -> Application:
    app = Application(**{**SETTINGS, **settings})
    for view in (plain, count, look, forget, fail, missing, say, listen, stream, replace):
        app.add_route(f"/{view.__name__}", view, requires_auth=False)
    BUILT.append(app)
    return app


@pytest.fixture(autouse=True)
def connections_closed() -> Iterator[None]:
    yield
    while BUILT:
        BUILT.pop().db_manager.dispose()


def session_of(request: Request) -> AppSession:
    assert request.session is not None
    return request.session


def plain(request: Request) -> str:
    return "plain"


def count(request: Request) -> dict[str, int]:
    session = session_of(request)
    session["count"] = session.get("count", 0) + 1
    return {"count": session["count"]}


def look(request: Request) -> dict[str, Any]:
    return {"keys": list(session_of(request))}


def forget(request: Request) -> str:
    session_of(request).clear()
    manager = request.session_manager
    assert manager is not None
    manager.end(session_of(request))
    return "forgotten"


def fail(request: Request) -> str:
    session_of(request)["count"] = 100
    raise RuntimeError("this view fails")


def missing(request: Request) -> str:
    session_of(request)["seen"] = True
    raise NotFound


def say(request: Request) -> str:
    flash(request, "Saved <b>all</b>.", "success")
    return "said"


def listen(request: Request) -> dict[str, Any]:
    return {"messages": [[text, level] for text, level in flashed(request)]}


def stream(request: Request) -> Response:
    session_of(request)["streamed"] = True
    return StreamingResponse(iter(["a", "b"]), content_type="text/plain")


def replace(request: Request) -> str:
    request.session = AppSession({"mine": 1})
    session_of(request)["more"] = 2
    return "replaced"


def cookie_of(answer: ClientResponse) -> str | None:
    return answer.headers.get("set-cookie")


@pytest.fixture
def statements(database: DatabaseManager) -> Iterator[list[str]]:
    """What any engine is told, in the order it is told."""
    told: list[str] = []

    def tell(conn: Any, cursor: Any, statement: str, *_: Any) -> None:
        told.append(statement)

    event.listen(database.engine.__class__, "before_cursor_execute", tell)
    yield told
    event.remove(database.engine.__class__, "before_cursor_execute", tell)


def test_a_visitor_is_recognised_by_the_cookie() -> None:
    client = Client(build())
    assert [client.get("/count").json()["count"] for _ in range(3)] == [1, 2, 3]
    assert Client(client.application).get("/count").json() == {"count": 1}


def test_the_cookie_is_set_once_and_is_out_of_reach_of_scripts_and_other_sites() -> None:
    client = Client(build())
    first = cookie_of(client.get("/count")) or ""
    name, _, attributes = first.partition(";")
    assert name.startswith("session=")
    assert set(attributes.replace(" ", "").split(";")) == {
        "Max-Age=1209600",
        "Path=/",
        "HttpOnly",
        "SameSite=Lax",
    }
    assert cookie_of(client.get("/count")) is None


def test_the_cookie_is_secure_where_the_request_is() -> None:
    client = Client(build(), environ={"wsgi.url_scheme": "https"})
    assert "; Secure" in (cookie_of(client.get("/count")) or "")


def test_a_cookie_of_this_host_alone_is_always_secure() -> None:
    client = Client(build(SESSION_COOKIE_NAME="__Host-id"))
    assert (cookie_of(client.get("/count")) or "").startswith("__Host-id=")
    assert "; Secure" in (cookie_of(client.get("/count")) or "") or client.cookies


def test_the_entry_in_the_settings_says_where_the_cookie_goes() -> None:
    entry = {
        "class": "lback.middleware.SessionMiddleware",
        "params": {"samesite": "Strict", "domain": "example.com", "path": "/shop"},
    }
    cookie = cookie_of(Client(build(MIDDLEWARES=[entry])).get("/count")) or ""
    assert "Path=/shop; Domain=example.com; HttpOnly; SameSite=Strict" in cookie


def test_who_never_touches_the_session_gets_none() -> None:
    answer = Client(build()).get("/plain")
    assert cookie_of(answer) is None
    assert "vary" not in answer.headers


def test_who_only_looks_gets_no_cookie_and_nothing_is_stored() -> None:
    app = build()
    app.dependencies["session_manager"] = SessionManager(store := MemorySessionStore())
    answer = Client(app).get("/look")
    assert answer.json() == {"keys": []}
    assert cookie_of(answer) is None
    assert answer.headers["vary"] == "Cookie"
    assert store.delete_expired(float("inf")) == 0


def test_caches_are_told_where_the_session_was_touched() -> None:
    client = Client(build())
    for path in ("/count", "/look", "/listen", "/missing"):
        assert "Cookie" in client.get(path).headers["vary"].split(", ")


class Clock:
    now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now


def app_with_a_clock() -> tuple[Application, Clock]:
    app, clock = build(), Clock()
    app.dependencies["session_manager"] = SessionManager(MemorySessionStore(), clock=clock)
    for view in (empty, enter):
        app.add_route(f"/{view.__name__}", view, requires_auth=False)
    return app, clock


def empty(request: Request) -> str:
    """Change the session, and leave nothing in it."""
    session = session_of(request)
    session["x"] = 1
    session.clear()
    return "emptied"


def enter(request: Request) -> str:
    """Do with the session what a sign-in does."""
    manager = request.session_manager
    assert manager is not None
    manager.rotate(session_of(request), restart=True)
    session_of(request)["user"] = 7
    return "entered"


@pytest.mark.parametrize("path", ["/look", "/count", "/say", "/empty", "/missing"])
def test_a_session_from_the_future_keeps_its_cookie(path: str) -> None:
    app, clock = app_with_a_clock()
    client = Client(app)
    client.get("/count")
    clock.now -= 300
    assert client.get("/look").json() == {"keys": []}
    answer = client.get(path)
    assert cookie_of(answer) is None
    assert "Cookie" in answer.headers["vary"].split(", ")
    clock.now += 300
    assert client.get("/count").json() == {"count": 2}


def test_signing_in_and_out_replaces_the_cookie_of_a_session_from_the_future() -> None:
    app, clock = app_with_a_clock()
    client = Client(app)
    client.get("/count")
    clock.now -= 300
    assert cookie_of(client.get("/enter")) is not None
    assert client.get("/look").json() == {"keys": ["user"]}
    client.get("/forget")
    clock.now += 300
    client.get("/count")
    clock.now -= 300
    assert "Max-Age=0" in (cookie_of(client.get("/forget")) or "")


@pytest.mark.parametrize("chosen", ["a" * 43, "x", "", "a" * 43 + "\\n", '"; path=/'])
def test_an_id_that_a_client_chose_is_never_adopted(chosen: str) -> None:
    client = Client(build(), headers={"Cookie": f"session={chosen}"})
    assert client.get("/count").json() == {"count": 1}
    assert chosen not in client.cookies.values()


def test_what_a_failed_request_changed_is_not_kept() -> None:
    client = Client(build())
    client.get("/count")
    assert client.get("/fail").status_code == 500
    assert client.get("/count").json() == {"count": 2}


def test_what_a_refused_request_changed_is_kept() -> None:
    client = Client(build())
    assert client.get("/missing").status_code == 404
    assert client.get("/look").json() == {"keys": ["seen"]}


def test_an_ended_session_takes_its_cookie_along() -> None:
    client = Client(build())
    client.get("/count")
    old = dict(client.cookies)
    assert "Max-Age=0" in (cookie_of(client.get("/forget")) or "")
    assert client.cookies == {}
    client.cookies = old
    assert client.get("/count").json() == {"count": 1}


def test_ending_a_session_that_never_was_sends_nothing() -> None:
    assert cookie_of(Client(build()).get("/forget")) is None


def test_messages_are_shown_once() -> None:
    client = Client(build())
    client.get("/say")
    client.get("/say")
    assert client.get("/listen").json() == {"messages": [["Saved <b>all</b>.", "success"]] * 2}
    assert client.get("/listen").json() == {"messages": []}


def test_messages_that_no_one_reads_do_not_pile_up() -> None:
    client = Client(build())
    for _ in range(30):
        client.get("/say")
    assert len(client.get("/listen").json()["messages"]) == 20


@pytest.mark.parametrize(
    ("fields", "is_kept"),
    [
        ({"X-Lback-Fragment": "rows.html"}, True),
        ({"X-Lback-Page": "/other"}, True),
        ({"X-Lback-Page": "/listen?page=2"}, True),
        ({"X-Lback-Page": "/listen"}, False),
        ({"X-Lback-Page": "/l%69sten"}, False),
    ],
)
def test_messages_are_kept_for_the_page_that_is_shown(
    fields: dict[str, str], *, is_kept: bool
) -> None:
    client = Client(build())
    client.get("/say")
    shown = client.get("/listen", headers=fields).json()["messages"]
    assert bool(shown) != is_kept
    assert bool(client.get("/listen").json()["messages"]) == is_kept


def test_templates_show_and_escape_messages(tmp_path: Path) -> None:
    (tmp_path / "page.html").write_text(
        "{% for message in flashed(request) %}{{ message.level }}: {{ message.text }}{% endfor %}"
    )
    app = build(TEMPLATE_DIRS=[tmp_path])

    def page(request: Request) -> str:
        flash(request, "a < b")
        assert request.template_renderer is not None
        return request.template_renderer.render_to_string("page.html", request=request)

    app.add_route("/page", page, requires_auth=False)
    assert Client(app).get("/page").text == "info: a &lt; b"


def test_a_message_without_a_session_says_what_is_missing() -> None:
    answer = Client(build(MIDDLEWARES=[])).get("/say")
    assert answer.status_code == 500
    assert "add lback.middleware.SessionMiddleware to MIDDLEWARES" in answer.text


def test_a_streamed_answer_keeps_what_its_view_did() -> None:
    client = Client(build())
    assert client.get("/stream").text == "ab"
    assert client.get("/look").json() == {"keys": ["streamed"]}


def test_a_view_may_bring_a_session_of_its_own() -> None:
    client = Client(build())
    client.get("/count")
    client.get("/replace")
    assert client.get("/look").json() == {"keys": ["mine", "more"]}


def test_what_the_context_holds_is_loaded_when_it_is_asked_for() -> None:
    app = build()
    seen: list[Any] = []

    def ask(request: Request) -> str:
        seen.append("session" in request.context_data)
        seen.append(request.get_context("session") is request.session)
        return "asked"

    app.add_route("/ask", ask, requires_auth=False)
    Client(app).get("/ask")
    assert seen == [False, True]


def test_a_request_that_touches_no_session_makes_no_round_trip(
    database_url: str, statements: list[str]
) -> None:
    client = Client(build(SESSION_STORE="database", DATABASE_URL=database_url))
    client.get("/count")
    told = len(statements)
    assert told
    assert client.get("/plain").text == "plain"
    assert client.get("/nowhere").status_code == 404
    assert len(statements) == told


def test_reading_a_session_is_one_query(database_url: str, statements: list[str]) -> None:
    client = Client(build(SESSION_STORE="database", DATABASE_URL=database_url))
    client.get("/count")
    statements.clear()
    client.get("/look")
    assert [statement.split()[0] for statement in statements] == ["SELECT"]


def nobody_there() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port


@pytest.mark.parametrize("touching", ["/count", "/look"])
@pytest.mark.parametrize(
    "settings",
    [
        lambda port: {"SESSION_STORE": "redis", "REDIS_URL": f"redis://127.0.0.1:{port}/0"},
        lambda port: {"DATABASE_URL": f"mysql://nobody@127.0.0.1:{port}/none"},
    ],
)
def test_where_the_store_is_away_only_those_notice_who_need_it(
    settings: Callable[[int], dict[str, Any]], touching: str
) -> None:
    store = {"SESSION_STORE": "database", **settings(nobody_there())}
    client = Client(build(**store), headers={"Cookie": f"session={'a' * 43}"})
    assert client.get("/plain").text == "plain"
    answer = client.get(touching)
    assert answer.status_code in (500, 503)
    if store["SESSION_STORE"] == "redis":
        assert answer.status_code == 503
        assert answer.headers["retry-after"] == "5"


def test_a_change_that_cannot_be_kept_is_not_a_success() -> None:
    settings = {"SESSION_STORE": "redis", "REDIS_URL": f"redis://127.0.0.1:{nobody_there()}/0"}
    answer = Client(build(**settings)).get("/count")
    assert answer.status_code == 503


@pytest.mark.parametrize(
    ("value", "settings", "reason"),
    [
        (object(), {}, "store text, numbers, lists and mappings"),
        # In a project, where migrations make the table.
        (1, {"SESSION_STORE": "database"}, "run: lback makemigrations &amp;&amp; lback migrate"),
    ],
)
def test_a_change_that_never_can_be_kept_is_an_error_with_its_reason(
    value: object, settings: dict[str, Any], reason: str, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'empty.sqlite3'}"
    app = build(**{"DATABASE_URL": url, "PROJECT_ROOT": str(tmp_path), **settings})

    def keep(request: Request) -> str:
        session_of(request)["value"] = value
        return "kept"

    app.add_route("/keep", keep, requires_auth=False)
    answer = Client(app, headers={"Accept": "text/html"}).get("/keep")
    assert answer.status_code == 500
    assert reason in answer.text


@pytest.mark.redis
def test_sessions_live_in_redis(redis_url: str, redis_client: Redis) -> None:
    client = Client(build(SESSION_STORE="redis", REDIS_URL=redis_url))
    assert [client.get("/count").json()["count"] for _ in range(2)] == [1, 2]
    (key,) = redis_client.keys("lback:session:*")
    assert client.cookies["session"].encode() not in key
    client.get("/forget")
    assert redis_client.keys("lback:session:*") == []


def test_an_application_in_one_file_has_sessions(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a setting, without a table made by hand: the default store makes its own."""
    monkeypatch.chdir(tmp_path)
    app = Application()

    @app.route("/", requires_auth=False)
    def visits(request: Request) -> str:
        session = session_of(request)
        session["visits"] = session.get("visits", 0) + 1
        return f"visit {session['visits']}"

    client = Client(app)
    assert client.get("/").text == "visit 1"
    assert client.get("/").text == "visit 2"
    app.db_manager.dispose()
