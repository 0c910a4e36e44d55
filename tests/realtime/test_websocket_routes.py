"""Routes of WebSockets: patterns, reversing, guards, handlers and their parameters."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from lback import Application, ConfigurationError, Forbidden, websocket
from lback.auth import PermissionRequiredMixin, login_required, permission_required
from lback.core.urls_utils import load_routes
from lback.realtime import Connection
from lback.testing import Client, SocketClosed, SocketRefused


class Move(msgspec.Struct):
    x: int
    y: int = 0


def build(**settings: Any) -> Application:
    return Application(SESSION_STORE="memory", DATABASE_URL="sqlite:///:memory:", **settings)


def test_a_handler_gets_path_variables_and_services_by_name() -> None:
    app = build()

    @app.websocket("/tickets/{ticket_id:int}", requires_auth=False)
    async def ticket(connection: Connection, ticket_id: int, config: Any, user: Any) -> None:
        await connection.send([ticket_id, config.DEBUG, user, connection.query_params["a"]])

    with Client(app).websocket("/tickets/42?a=b") as socket:
        assert socket.receive_json() == [42, True, None, "b"]
        assert socket.wait_closed().code == 1000
    assert app.router.url_for("ticket", ticket_id=7) == "/tickets/7"


def test_a_plain_request_is_answered_with_426() -> None:
    app = build()

    @app.websocket("/live", requires_auth=False)
    async def live(connection: Connection) -> None:
        pass

    client = Client(app)
    answer = client.get("/live")
    assert (answer.status_code, answer.headers["upgrade"]) == (426, "websocket")
    # A method that is named like it does not get further either.
    assert client.request("WEBSOCKET", "/live").status_code == 426


def test_other_methods_of_the_path_are_left_to_views() -> None:
    app = build()

    @app.websocket("/live", requires_auth=False)
    async def live(connection: Connection) -> None:
        await connection.send("socket")

    app.add_route("/live", lambda request: "page", ["GET"], requires_auth=False)
    client = Client(app)
    assert client.get("/live").text == "page"
    answer = client.post("/live")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, OPTIONS")
    with client.websocket("/live") as socket:
        assert socket.receive() == "socket"


def test_an_unknown_path_and_a_wrong_variable_are_refused_with_404() -> None:
    app = build()

    @app.websocket("/tickets/{ticket_id:int}", requires_auth=False)
    async def ticket(connection: Connection, ticket_id: Any) -> None:
        pass

    for path in ("/nothing", "/tickets/x"):
        with pytest.raises(SocketRefused) as refused, Client(app).websocket(path):
            pass
        assert refused.value.status_code == 404


def test_a_route_requires_a_user_by_default() -> None:
    app = build()

    @app.websocket("/live")
    async def live(connection: Connection) -> None:
        pass

    with pytest.raises(SocketRefused) as refused, Client(app).websocket("/live"):
        pass
    assert refused.value.status_code == 401


@pytest.mark.parametrize("guard", [login_required, permission_required("a.b")])
def test_decorators_of_permissions_guard_functions(guard: Any) -> None:
    app = build()

    async def live(connection: Connection) -> None:
        pass

    app.websocket("/live", requires_auth=False)(guard(live))
    with pytest.raises(SocketRefused) as refused, Client(app).websocket("/live"):
        pass
    assert refused.value.status_code == 401


def test_decorators_and_mixins_of_permissions_guard_classes() -> None:
    app = build()

    class Mixed(PermissionRequiredMixin):
        permission_required = "a.b"

        async def receive(self, connection: Connection, message: str) -> None:
            pass

    @permission_required("a.b")
    class Decorated:
        async def connect(self, connection: Connection) -> None:
            pass

    app.websocket("/mixed", requires_auth=False)(Mixed)
    app.websocket("/decorated", requires_auth=False)(Decorated)
    for path in ("/mixed", "/decorated"):
        with pytest.raises(SocketRefused) as refused, Client(app).websocket(path):
            pass
        assert refused.value.status_code == 401


def test_a_class_has_methods_for_the_events_of_a_connection() -> None:
    app = build()
    seen: list[str] = []

    @app.websocket("/game/{name}", requires_auth=False)
    class Game:
        async def connect(self, connection: Connection, name: str) -> None:
            self.name = name
            await connection.send(f"welcome to {name}")

        def receive(self, connection: Connection, message: Move) -> Any:
            return {"at": [self.name, message.x, message.y]}

        async def disconnect(self, connection: Connection) -> None:
            seen.append(self.name)

    with Client(app).websocket("/game/chess") as socket:
        assert socket.receive() == "welcome to chess"
        socket.send({"x": 3})
        assert socket.receive_json() == {"at": ["chess", 3, 0]}
    assert seen == ["chess"]


def test_a_function_with_a_message_is_called_for_each_one() -> None:
    app = build()

    @app.websocket("/moves", requires_auth=False)
    async def moves(connection: Connection, message: Move) -> Any:
        await connection.send(message.x + 1)

    with Client(app).websocket("/moves") as socket:
        socket.send({"x": 1})
        socket.send({"x": 2})
        assert [socket.receive_json(), socket.receive_json()] == [2, 3]


def test_a_message_of_another_type_closes_with_1007_and_says_what_is_wrong() -> None:
    app = build()

    @app.websocket("/moves", requires_auth=False)
    async def moves(connection: Connection, message: Move) -> Any:
        raise AssertionError(message)

    for sent in ({"x": "one"}, "{", b"\xff\xfe"):
        with Client(app).websocket("/moves") as socket:
            socket.send(sent)
            assert socket.wait_closed().code == 1007
    with Client(app).websocket("/moves") as socket:
        socket.send({"x": "one"})
        assert "$.x" in socket.wait_closed().reason


def test_plain_functions_run_in_threads_with_a_session() -> None:
    app = build()

    def count(text: str, db_session: Session, config: Any) -> int:
        assert config is app.config
        return len(text) + (db_session.scalar(select(1)) or 0)

    @app.websocket("/count", requires_auth=False)
    async def counting(connection: Connection) -> None:
        await connection.send(await connection.run(count, await connection.receive()))

    with Client(app).websocket("/count") as socket:
        socket.send("four")
        assert socket.receive_json() == 5


def test_a_session_in_an_async_handler_is_refused_when_the_application_starts() -> None:
    app = build()

    @app.websocket("/bad", requires_auth=False)
    async def bad(connection: Connection, db_session: Any) -> None:
        pass

    with pytest.raises(ConfigurationError, match=r"await connection\.run\(function\)"):
        app.develop().prepare()


@pytest.mark.parametrize(
    ("handler", "text"),
    [
        (lambda connection: None, "plain function"),
        (type("Empty", (), {"connect": None}), "no connect, receive or disconnect"),
    ],
)
def test_handlers_that_cannot_be_called_are_refused_when_the_application_starts(
    handler: Any, text: str
) -> None:
    app = build()
    app.websocket("/bad", requires_auth=False)(handler)
    with pytest.raises(ConfigurationError, match=text):
        app.develop().prepare()


def test_an_unknown_parameter_is_refused_with_a_suggestion() -> None:
    app = build()

    @app.websocket("/tickets/{ticket_id:int}", requires_auth=False)
    async def ticket(connection: Connection, ticket: Any) -> None:
        pass

    with pytest.raises(ConfigurationError, match="ticket_id"):
        app.develop().prepare()


def test_an_http_exception_closes_with_its_status() -> None:
    app = build()

    @app.websocket("/live", requires_auth=False)
    async def live(connection: Connection) -> None:
        raise Forbidden("not today")

    with Client(app).websocket("/live") as socket:
        closed = socket.wait_closed()
    assert (closed.code, closed.reason) == (4403, "not today")


def test_an_error_of_a_handler_closes_with_1011_and_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = build()

    @app.websocket("/live", requires_auth=False)
    async def live(connection: Connection) -> None:
        raise RuntimeError("secret")

    with Client(app).websocket("/live") as socket, pytest.raises(SocketClosed) as closed:
        socket.receive()
    assert (closed.value.code, closed.value.reason) == (1011, "")
    assert "websocket handler failed" in caplog.text


def test_urlpatterns_have_entries_for_websockets_below_prefixes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rt_inner_urls.py").write_text(
        "from lback import path, websocket\n"
        "async def chat(connection, name): pass\n"
        "urlpatterns = [websocket('/chat/{name}', chat, name='chat')]\n"
    )
    (tmp_path / "rt_urls.py").write_text(
        "from lback import include\n"
        "urlpatterns = [include('rt_inner_urls', '/team/', requires_auth=False)]\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    (route,) = load_routes("rt_urls")
    assert (route.path, route.methods, route.name) == ("/team/chat/{name}", ["WEBSOCKET"], "chat")
    assert route.requires_auth is False
    assert websocket("/a", route.view).requires_auth is True
    app = build(ROOT_URLCONF="rt_urls")
    with Client(app).websocket("/team/chat/x") as socket:
        assert socket.wait_closed().code == 1000
