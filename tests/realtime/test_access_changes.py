"""Lost rights close connections at once: nothing is checked by the clock in these tests."""

import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import select

from lback import Application, Request
from lback.auth import logout, logout_everywhere, permission_required
from lback.database import DatabaseManager
from lback.realtime import Connection, publish, room
from lback.realtime.access_changes import ROOM
from lback.realtime.rechecks import Rechecks
from lback.testing import Client
from lback.testing import sockets as testing_sockets
from lback.users import Role, User
from lback.users.roles import define_role
from tests.realtime.conftest import application

PASSWORD = "a long password of a test"


@pytest.fixture(autouse=True)
def no_clock(monkeypatch: pytest.MonkeyPatch, quick_passwords: None) -> None:
    monkeypatch.setattr(testing_sockets, "RECHECK_SECONDS", 3600.0)


@pytest.fixture(params=["memory", "database", "redis"])
def app(database: DatabaseManager, request: pytest.FixtureRequest) -> Iterator[Application]:
    """An application with each engine, on each database."""
    settings: dict[str, Any] = {"REALTIME": request.param}
    if request.param == "redis":
        request.getfixturevalue("redis_client")  # deletes the keys
        settings["REALTIME_REDIS_URL"] = request.getfixturevalue("redis_url")
    app = application(database, **settings)

    @room("news")
    def everybody(user: object) -> bool:
        return True

    async def hello(connection: Connection) -> None:
        await connection.send("hello")
        await connection.receive()

    app.websocket("/in/{number:int}")(hello)
    app.websocket("/editors")(permission_required("texts.edit")(hello))
    app.websocket("/all", requires_auth=False)(hello)

    @app.route("/out", ["POST"])
    def out(request: Request) -> str:
        logout(request)
        return "out"

    @app.route("/write-and-out", ["POST"])
    def write_and_out(request: Request) -> str:
        define_role(request.db_session, "reader", ["texts.read"])
        request.db_session.flush()  # SQLite lets no other connection write until the commit
        logout(request)
        return "out"

    @app.route("/out-everywhere", ["POST"])
    def out_everywhere(request: Request) -> str:
        logout_everywhere(request, request.user)
        return "out"

    with app.db_manager.session() as session:
        define_role(session, "editor", ["texts.edit"])
        for name in ("ada", "grace"):
            app.user_manager.register(session, name, PASSWORD)
    yield app
    app.db_manager.dispose()


def user_named(app: Application, session: Any, name: str) -> User:
    user: User = session.scalars(select(app.user_manager.model).filter_by(username=name)).one()
    return user


def client_of(app: Application, name: str) -> Client:
    client = Client(app)
    with app.db_manager.session() as session:
        client.sign_in(user_named(app, session, name))
    return client


def change(
    work: Callable[[Application, Any, User], object],
) -> Callable[[Application, Client], None]:
    def end(app: Application, _: Client) -> None:
        with app.db_manager.session() as session:
            work(app, session, user_named(app, session, "ada"))

    return end


ENDS = {
    "sign out": lambda app, client: client.post("/out"),
    "sign out after a write": lambda app, client: client.post("/write-and-out"),
    "everywhere": lambda app, client: client.post("/out-everywhere"),
    "password": change(lambda app, s, user: app.user_manager.set_password(s, user, PASSWORD + "!")),
    "deactivate": change(lambda app, s, user: app.user_manager.deactivate(s, user)),
    "attribute": change(lambda app, s, user: setattr(user, "is_active", False)),
    "delete": change(lambda app, s, user: s.delete(user)),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_what_ends_a_sign_in_closes_its_connections(
    app: Application, end: Callable[[Application, Client], object]
) -> None:
    ada, grace = client_of(app, "ada"), client_of(app, "grace")
    with (
        ada.websocket("/in/1") as first,
        ada.websocket("/in/2") as second,
        ada.events("news") as events,
        grace.websocket("/in/1") as other,
        Client(app).websocket("/all") as visitor,
    ):
        for socket in (first, second, other, visitor):
            assert socket.receive() == "hello"
        end(app, ada)
        assert first.wait_closed().code == 4401
        assert second.wait_closed().code == 4401
        assert events.receive().event == "reload"
        for socket in (other, visitor):
            with pytest.raises(TimeoutError):
                socket.receive(0.1)


def test_a_sign_out_leaves_the_other_devices_connected(app: Application) -> None:
    here, there = client_of(app, "ada"), client_of(app, "ada")
    with here.websocket("/in/1") as closed, there.websocket("/in/1") as open_one:
        assert closed.receive() == open_one.receive() == "hello"
        here.post("/out")
        assert closed.wait_closed().code == 4401
        with pytest.raises(TimeoutError):
            open_one.receive(0.1)


LOSSES = {
    "role": change(lambda app, s, user: app.user_manager.remove_roles(s, user, "editor")),
    "rights of the role": change(lambda app, s, user: define_role(s, "editor", [])),
    "deleted role": change(lambda app, s, user: s.delete(s.scalars(select(Role)).one())),
}


@pytest.mark.parametrize("lose", LOSSES.values(), ids=LOSSES)
def test_a_lost_permission_closes_what_needs_it(
    app: Application, lose: Callable[[Application, Client], None]
) -> None:
    with app.db_manager.session() as session:
        app.user_manager.assign_roles(session, user_named(app, session, "ada"), "editor")
    ada = client_of(app, "ada")
    with ada.websocket("/editors") as editing, ada.websocket("/in/1") as reading:
        assert editing.receive() == reading.receive() == "hello"
        lose(app, ada)
        assert editing.wait_closed().code == 4403
        with pytest.raises(TimeoutError):
            reading.receive(0.1)


def test_a_change_that_is_rolled_back_is_not_published(app: Application) -> None:
    engine = app.dependencies["realtime"]
    before = engine.position(ROOM).offset
    with pytest.raises(ZeroDivisionError), app.db_manager.session() as session:
        app.user_manager.deactivate(session, user_named(app, session, "ada"))
        raise ZeroDivisionError
    assert engine.position(ROOM).offset == before
    with app.db_manager.session() as session:
        user = user_named(app, session, "ada")
        app.user_manager.deactivate(session, user)
        app.user_manager.activate(session, user)
    assert engine.position(ROOM).offset == before + 1  # one message for a transaction


def test_a_change_that_takes_no_right_is_not_published(app: Application) -> None:
    engine = app.dependencies["realtime"]
    before = engine.position(ROOM)
    with app.db_manager.session() as session:
        user_named(app, session, "ada").username = "Ada"
    assert engine.position(ROOM).offset == before.offset


def test_many_connections_of_a_session_are_closed_by_one_check(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also if their addresses and rooms differ; those of others do not wait for them."""
    checked: list[str] = []
    code_of = Rechecks._code_of

    def counted(self: Rechecks, client: Any) -> int:
        checked.append(client.head.target)
        return code_of(self, client)

    monkeypatch.setattr(Rechecks, "_code_of", counted)
    ada, grace = client_of(app, "ada"), client_of(app, "grace")
    opened = [ada.websocket(f"/in/{number}") for number in range(12)]
    sockets = [context.__enter__() for context in opened]
    try:
        with grace.websocket("/in/100") as other:
            assert [socket.receive() for socket in (*sockets, other)] == ["hello"] * 13
            ada.post("/out")
            assert {socket.wait_closed().code for socket in sockets} == {4401}
            # Two threads may have begun before the first answer.
            assert 1 <= len(checked) <= 2
            checked.clear()
            with app.db_manager.session() as session:
                define_role(session, "editor", [])
            deadline = time.monotonic() + 20
            while "/in/100" not in checked:
                assert time.monotonic() < deadline
                time.sleep(0.01)
    finally:
        for context in opened:
            context.__exit__(None, None, None)


def test_clients_cannot_read_the_rooms_of_the_framework(app: Application) -> None:
    @room("{name}")
    def everything(user: object, name: str) -> bool:
        return True

    with pytest.raises(Exception, match="403"), Client(app).events(ROOM):
        pass
    with pytest.raises(ValueError, match="one of the framework"):
        publish(ROOM, {"everyone": True})
