"""Who connects: sessions, API keys and tickets; and what ends open connections."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from lback import Application, Forbidden, NotFound, Request, Response
from lback.auth.sign_in import logout
from lback.core.base_middleware import SimpleMiddleware
from lback.core.exceptions import HTTPException, ServiceUnavailable
from lback.database.pool import NoConnection
from lback.realtime import Connection, issue_ticket, publish, room
from lback.testing import Client, SocketRefused
from lback.users import User

HASH = "not a hash"


def private_room() -> None:
    @room("private")
    def members(user: Any) -> bool:
        return user is not None


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    app = Application(
        REALTIME="memory", SESSION_STORE="memory", DATABASE_URL=f"sqlite:///{tmp_path}/db.sqlite3"
    )
    app.develop()
    app.db_manager.create_tables()

    private_room()

    @app.websocket("/who")
    async def who(connection: Connection) -> None:
        await connection.send(connection.user.username)
        await connection.receive()

    @app.websocket("/anybody", requires_auth=False)
    async def anybody(connection: Connection) -> None:
        user = connection.user
        await connection.send(user.username if user else "nobody")
        await connection.receive()

    app.add_route("/out", sign_out_here, ["POST"])
    app.add_route("/ticket", ticket, ["POST"])
    yield app
    app.db_manager.dispose()


def sign_out_here(request: Request) -> str:
    logout(request)
    return "out"


def ticket(request: Request) -> dict[str, str]:
    return {"ticket": issue_ticket(request)}


@pytest.fixture
def ada(app: Application) -> User:
    with app.db_manager.session() as session:
        user = User(username="ada", email="ada@example.org", password_hash=HASH)
        session.add(user)
    return user


@pytest.fixture
def client(app: Application, ada: User) -> Client:
    client = Client(app)
    client.sign_in(ada)
    return client


def test_the_session_says_who_connects(app: Application, client: Client) -> None:
    with client.websocket("/who") as socket:
        assert socket.receive() == "ada"
    with Client(app).websocket("/anybody") as socket:
        assert socket.receive() == "nobody"


def test_an_api_key_says_who_connects(app: Application, ada: User) -> None:
    with app.db_manager.session() as session:
        user = session.get(User, ada.id)
        key, _ = app.dependencies["api_key_manager"].create(session, user, "script")
    headers = {"Authorization": f"Bearer {key}"}
    with Client(app).websocket("/who", headers=headers) as socket:
        assert socket.receive() == "ada"
    headers = {"Authorization": f"Bearer {key[:-2]}xx"}
    with pytest.raises(SocketRefused) as refused, Client(app).websocket("/who", headers=headers):
        pass
    assert refused.value.status_code == 401


def test_a_ticket_lets_its_user_in_once(app: Application, client: Client) -> None:
    text = client.post("/ticket").json()["ticket"]
    with Client(app).websocket(f"/who?ticket={text}") as socket:
        assert socket.receive() == "ada"
    for used in (text, "", "invented"):
        with pytest.raises(SocketRefused) as refused, client.websocket(f"/who?ticket={used}"):
            pass
        assert refused.value.status_code == 401


def test_a_ticket_is_no_session(app: Application, client: Client) -> None:
    text = client.post("/ticket").json()["ticket"]
    thief = Client(app)
    thief.cookies["session"] = text
    with thief.websocket("/anybody") as socket:
        assert socket.receive() == "nobody"


def test_nobody_gets_a_ticket_without_signing_in(app: Application) -> None:
    assert Client(app).post("/ticket").status_code == 401


def sign_out(app: Application, client: Client) -> None:
    assert client.post("/out").status_code == 200


def deactivate(app: Application, _: Client) -> None:
    with app.db_manager.session() as session:
        session.query(User).update({"is_active": False})


def end_all_sessions(app: Application, _: Client) -> None:
    with app.db_manager.session() as session:
        session.query(User).update({"session_version": User.session_version + 1})


@pytest.mark.parametrize("end", [sign_out, deactivate, end_all_sessions])
@pytest.mark.parametrize("path", ["/who", "/anybody"])
def test_losing_the_sign_in_closes_open_sockets(
    app: Application, client: Client, end: Callable[[Application, Client], None], path: str
) -> None:
    with client.websocket(path) as socket, Client(app).websocket("/anybody") as other:
        assert socket.receive() == "ada"
        assert other.receive() == "nobody"
        end(app, client)
        assert socket.wait_closed().code == 4401
        with pytest.raises(TimeoutError):
            other.receive(0.3)  # nobody else is disturbed


def test_losing_the_sign_in_ends_events_and_tells_the_page(
    app: Application, client: Client
) -> None:
    with client.events("private") as events:
        publish("private", 1)
        assert events.receive().data["data"] == 1
        deactivate(app, client)
        assert events.receive().event == "reload"
        assert list(events) == []
    with pytest.raises(SocketRefused) as refused, client.events("private"):
        pass
    assert refused.value.status_code == 403


def test_losing_a_right_in_a_room_closes_the_sockets_in_it(
    app: Application, tmp_path: Path
) -> None:
    open_to = {"all": True}

    @room("changing")
    def rule(user: Any) -> bool:
        return open_to["all"]

    @app.websocket("/rooms", requires_auth=False)
    async def rooms(connection: Connection) -> None:
        await connection.subscribe("changing")
        await connection.send("in")
        await connection.receive()

    with Client(app).websocket("/rooms") as socket:
        assert socket.receive() == "in"
        publish("changing", "seen")
        assert socket.receive_json()["data"] == "seen"
        open_to["all"] = False
        assert socket.wait_closed().code == 4403
    # And nobody new gets in: the exception of the handler is the close code.
    with Client(app).websocket("/rooms") as socket:
        assert socket.wait_closed().code == 4403


class CannotReach:
    """A rule that answers yes, until it raises what a test chooses."""

    def __init__(self, app: Application) -> None:
        self.error: Exception | None = None
        self.calls = 0

        @room("failing")
        def rule(user: Any) -> bool:
            self.calls += 1
            if self.error is not None:
                raise self.error
            return True

        @app.websocket("/failing", requires_auth=False)
        async def failing(connection: Connection) -> None:
            await connection.subscribe("failing")
            await connection.send("in")
            await connection.receive()

    def wait_checked(self) -> None:
        """Wait until open connections have been checked twice from now on."""
        until, deadline = self.calls + 4, time.monotonic() + 20
        while self.calls < until:
            assert time.monotonic() < deadline
            time.sleep(0.01)


@pytest.mark.parametrize(
    "error",
    [Forbidden(), NotFound(), HTTPException("gone", 410), AttributeError("x"), KeyError("x")],
)
def test_a_rule_that_raises_closes_what_is_open(
    app: Application, error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    rule = CannotReach(app)
    with Client(app).websocket("/failing") as socket, Client(app).events("failing") as events:
        assert socket.receive() == "in"
        publish("failing", "seen")
        assert socket.receive_json()["data"] == events.receive().data["data"] == "seen"
        rule.error = error
        assert socket.wait_closed().code == 4403
        assert events.receive().event == "reload"
        assert list(events) == []
    of_sockets = [line for line in caplog.messages if "which closes it" in line]
    assert len(of_sockets) == (0 if isinstance(error, HTTPException) else 1)


@pytest.mark.parametrize(
    "error", [ServiceUnavailable(), HTTPException("slow", 429), NoConnection("all in use")]
)
def test_what_cannot_be_asked_now_takes_no_rights_away(app: Application, error: Exception) -> None:
    rule = CannotReach(app)
    with Client(app).websocket("/failing") as socket, Client(app).events("failing") as events:
        assert socket.receive() == "in"
        rule.error = error
        rule.wait_checked()
        publish("failing", "seen")
        assert socket.receive_json()["data"] == events.receive().data["data"] == "seen"


@pytest.mark.parametrize("status", [301, 308, 402, 410, 422, 451, 500, 501])
def test_a_middleware_that_refuses_closes_what_is_open(app: Application, status: int) -> None:
    refuses = {"now": False}

    class Gate(SimpleMiddleware):
        def process_request(self, request: Request) -> Response | None:
            return Response("", status) if refuses["now"] else None

    app.add_middleware(Gate())
    with Client(app).websocket("/anybody") as socket:
        assert socket.receive() == "nobody"
        refuses["now"] = True
        assert socket.wait_closed().code == 4403


def test_an_open_page_does_not_keep_a_session_from_becoming_idle(
    app: Application, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    touched: list[str] = []
    with client.websocket("/who") as socket:
        socket.receive()
        monkeypatch.setattr(app.session_manager, "refresh", lambda s: touched.append("again"))
        with pytest.raises(TimeoutError):
            socket.receive(0.5)
    assert touched == []
