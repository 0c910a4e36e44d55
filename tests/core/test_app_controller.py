"""The walk of a request, seen from outside: order, signals, errors, and the unit of work."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from lback import (
    Application,
    BadRequest,
    BaseMiddleware,
    Forbidden,
    HTTPException,
    NotFound,
    Request,
    Response,
    ServerError,
    SimpleMiddleware,
    Unauthorized,
    ValidationError,
)
from lback.core import (
    ConfigurationError,
    HTMLResponse,
    HTTPMethod,
    JSONResponse,
    MethodNotAllowed,
    RouteNotFound,
    SignalDispatcher,
)
from lback.core.app_controller import is_authenticated
from lback.testing import Client

LIFECYCLE = (
    "request_started", "route_matched", "pre_view_execution", "post_view_execution",
    "db_session_committed", "db_session_rolled_back", "exception_caught", "request_finished",
    "error_response_generated", "unhandled_exception_response_generated",
)  # fmt: skip


class Models(DeclarativeBase):
    """Models of this file."""


class Note(Models):
    __tablename__ = "notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]


class Signals:
    def __init__(self, *names: str) -> None:
        self.dispatcher = SignalDispatcher()
        self.heard: list[tuple[str, dict[str, Any]]] = []
        for name in names or LIFECYCLE:
            self.dispatcher.connect(name, self.hear(name))

    def hear(self, name: str) -> Any:
        return lambda sender, **kwargs: self.heard.append((name, kwargs))

    @property
    def names(self) -> list[str]:
        return [name for name, _ in self.heard]

    def __getitem__(self, name: str) -> dict[str, Any]:
        return next(about for heard, about in self.heard if heard == name)


def build(dispatcher: SignalDispatcher | None = None, **settings: Any) -> Application:
    settings = {
        "DEBUG": False,
        "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
        "ALLOWED_HOSTS": ["localhost"],
        "DATABASE_URL": "sqlite://",
        **settings,
    }
    return Application(dispatcher=dispatcher or SignalDispatcher(), **settings)


@pytest.fixture
def signals() -> Signals:
    return Signals()


@pytest.fixture
def app(signals: Signals, tmp_path: Path) -> Iterator[Application]:
    app = build(signals.dispatcher, DATABASE_URL=f"sqlite:///{tmp_path / 'notes.sqlite3'}")
    app.db_manager.create_tables(Models.metadata)
    yield app
    app.db_manager.dispose()


@pytest.fixture
def client(app: Application) -> Client:
    return Client(app)


class Recording(BaseMiddleware):
    """Writes down what it sees, in the order in which it sees it."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name, self.log = name, log

    def process_request(self, request: Request) -> Response | None:
        self.log.append(f"{self.name} request")
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        self.log.append(f"{self.name} response")
        response.headers["X-Seen"] = self.name
        return response


# The straight line.


def test_a_request_walks_in_through_the_middlewares_and_out_again(app: Application) -> None:
    log: list[str] = []

    @app.route("/", requires_auth=False)
    def home(request: Request) -> str:
        log.append("view")
        return "home"

    app.add_middleware(Recording("outer", log))
    app.add_middleware(Recording("inner", log))
    answer = Client(app).get("/")
    assert log == ["outer request", "inner request", "view", "inner response", "outer response"]
    assert answer.headers["x-seen"] == "outer"


def test_signals_tell_of_each_step(app: Application, signals: Signals, client: Client) -> None:
    @app.route("/books/{book_id:int}", requires_auth=False)
    def show(request: Request, book_id: int) -> str:
        return f"book {book_id}"

    client.get("/books/7")
    assert signals.names == [
        "request_started",
        "route_matched",
        "pre_view_execution",
        "post_view_execution",
        "request_finished",
    ]
    assert signals["route_matched"]["path_variables"] == {"book_id": 7}
    assert signals["route_matched"]["view"] is show
    assert signals["post_view_execution"]["response"].body == "book 7"
    assert {id(about["request"]) for _, about in signals.heard} == {
        id(signals["request_started"]["request"])
    }
    assert signals["request_finished"]["response"].status_code == 200


def test_middlewares_run_before_routing_and_may_answer_themselves(
    app: Application, signals: Signals
) -> None:
    class Answering(BaseMiddleware):
        def process_request(self, request: Request) -> Response:
            return Response("closed for today", 503)

        def process_response(self, request: Request, response: Response) -> Response:
            return response

    app.add_middleware(Answering())
    answer = Client(app).get("/there/is/no/such/route")
    assert (answer.status_code, answer.text) == (503, "closed for today")
    assert signals.names == ["request_started", "request_finished"]


def test_dependencies_are_on_the_request_before_any_middleware(app: Application) -> None:
    seen: list[Any] = []

    class Looking(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            seen.extend([request.config, request.router, request.get_context("cache")])

        def process_response(self, request: Request, response: Response) -> Response:
            return response

    app.add_middleware(Looking())
    Client(app).get("/")
    assert seen == [app.config, app.router, app.cache]


def test_the_same_request_walks_the_whole_way(app: Application, client: Client) -> None:
    class Naming(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            request.set_context(visitor="Ann")

        def process_response(self, request: Request, response: Response) -> Response:
            response.headers["X-Visitor"] = str(request.get_context("visitor"))
            return response

    @app.route("/", requires_auth=False)
    def home(request: Request) -> str:
        name = request.get_context("visitor")
        request.set_context(visitor=f"{name} and Bob")
        return str(name)

    app.add_middleware(Naming())
    answer = client.get("/")
    assert answer.text == "Ann"
    assert answer.headers["x-visitor"] == "Ann and Bob"


# Views.


def test_views_may_return_what_other_frameworks_take(app: Application, client: Client) -> None:
    results: dict[str, Any] = {
        "text": "<p>hi</p>",
        "dict": {"a": 1},
        "list": [1, 2],
        "status": ({"id": 7}, 201),
        "headers": ("made", 201, {"X-Made": "yes"}),
    }

    @app.route("/{name}", requires_auth=False)
    def view(request: Request, name: str) -> Any:
        return results[name]

    assert client.get("/text").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/dict").json() == {"a": 1}
    assert client.get("/list").json() == [1, 2]
    assert client.get("/status").status_code == 201
    assert client.get("/headers").headers["x-made"] == "yes"


@pytest.mark.parametrize("result", [None, 7, object(), b"bytes", ("a",), ("a", 1, {}, 4)])
def test_a_view_that_returns_something_else_is_a_fault_named_in_the_log_only(
    app: Application, client: Client, caplog: pytest.LogCaptureFixture, result: Any
) -> None:
    @app.route("/", requires_auth=False)
    def odd_view(request: Request) -> Any:
        return result

    answer = client.get("/")
    assert answer.status_code == 500
    assert "odd_view" not in answer.text
    assert "odd_view" in caplog.text


def test_a_parameter_that_nothing_fills_is_refused_when_the_route_is_added(
    app: Application,
) -> None:
    with pytest.raises(ConfigurationError, match="did you mean 'db_session'"):
        app.add_route("/", lambda request, db_sesion: "", requires_auth=False)


def test_a_route_of_the_bare_router_is_met_at_its_first_request(
    app: Application, client: Client
) -> None:
    app.router.add_route("/late/{n:int}", lambda request, n: str(n), requires_auth=False)
    assert client.get("/late/3").text == "3"
    assert client.get("/late/4").text == "4"


# HEAD and OPTIONS.


def test_head_is_answered_where_get_is(app: Application, client: Client) -> None:
    app.add_route("/", lambda request: "home", ["GET"], requires_auth=False)
    answer = client.head("/")
    assert (answer.status_code, answer.body) == (200, b"")
    assert answer.headers["content-length"] == "4"
    assert client.head("/nope").status_code == 404


def test_options_names_the_methods_and_asks_no_one_to_sign_in(
    app: Application, client: Client
) -> None:
    app.add_route("/", lambda request: "home", ["GET", "PUT"])
    answer = client.options("/")
    assert (answer.status_code, answer.body) == (204, b"")
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS, PUT"
    assert client.options("/nope").status_code == 404


def test_options_of_the_server_names_what_any_route_takes(app: Application, client: Client) -> None:
    app.add_route("/a", lambda request: "a", ["GET"])
    app.add_route("/b", lambda request: "b", ["DELETE"])
    environ = {"REQUEST_METHOD": "OPTIONS", "PATH_INFO": "*"}
    answer = app.app_controller.handle_request(Request.from_environ(environ))
    assert (answer.status_code, answer.body) == (204, b"")
    assert answer.headers["Allow"] == "DELETE, GET, HEAD, OPTIONS"
    environ["REQUEST_METHOD"] = "GET"
    assert app.app_controller.handle_request(Request.from_environ(environ)).status_code == 404


def test_a_class_without_the_method_says_which_would_do(app: Application, client: Client) -> None:
    class Thing:
        def get(self, request: Request) -> str:
            return "thing"

    app.add_route("/", Thing, ["GET", "PUT"], requires_auth=False)
    assert client.put("/").headers["allow"] == "GET, HEAD, OPTIONS"


def test_another_method_is_a_405_that_says_which_would_do(
    app: Application, client: Client, signals: Signals
) -> None:
    app.add_route("/", lambda request: "home", ["GET"], requires_auth=False)
    answer = client.post("/")
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET, HEAD, OPTIONS"
    assert client.request("PURGE", "/").status_code == 405
    assert signals.names.count("error_response_generated") == 2
    assert "exception_caught" not in signals.names


def test_head_on_a_route_without_get_is_a_405(app: Application, client: Client) -> None:
    app.add_route("/", lambda request: "made", ["POST"], requires_auth=False)
    assert client.head("/").status_code == 405


# Who may pass.


def test_a_route_is_closed_unless_it_says_otherwise(app: Application, client: Client) -> None:
    called: list[str] = []

    @app.route("/")
    def members(request: Request) -> str:
        called.append("view")
        return "secret"

    answer = client.get("/")
    assert answer.status_code == 401
    assert called == []
    assert "secret" not in answer.text


class Somebody:
    def __init__(self, is_authenticated: Any = True) -> None:
        self.is_authenticated = is_authenticated


class SigningIn(BaseMiddleware):
    sets_user = True

    def __init__(self, user: Any) -> None:
        self.user = user

    def process_request(self, request: Request) -> None:
        request.user = self.user

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Auth-Required"] = str(request.route_requires_auth)
        return response


@pytest.mark.parametrize(
    ("user", "status"),
    [
        (None, 401),
        (Somebody(), 200),
        (Somebody(False), 401),
        (Somebody(lambda: True), 200),
        (Somebody(lambda: False), 401),
        (object(), 200),
    ],
)
def test_only_a_user_who_is_signed_in_passes(app: Application, user: Any, status: int) -> None:
    app.add_middleware(SigningIn(user))
    app.add_route("/", lambda request: "secret")
    answer = Client(app).get("/")
    assert answer.status_code == status
    assert answer.headers["x-auth-required"] == "True"
    assert is_authenticated(user) == (status == 200)


def test_closed_routes_that_no_one_can_reach_are_warned_of_once(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = build(MIDDLEWARES=[])
    client = Client(app)
    app.add_route("/members", lambda request: "secret")
    app.add_route("/open", lambda request: "open", requires_auth=False)
    client.get("/open")
    client.get("/open")
    warnings = [r for r in caplog.records if "always answer 401" in r.getMessage()]
    assert len(warnings) == 1
    text = warnings[0].getMessage()
    assert "/members" in text
    assert "/open" not in text
    assert "requires_auth=False" in text


def test_no_warning_where_someone_can_sign_in(
    app: Application, caplog: pytest.LogCaptureFixture
) -> None:
    app.add_middleware(SigningIn(Somebody()))
    app.add_route("/members", lambda request: "secret")
    Client(app).get("/members")
    assert "answer 401" not in caplog.text


def test_the_debug_page_says_how_to_open_a_closed_route() -> None:
    app = build(DEBUG=True)
    app.add_route("/", lambda request: "secret")
    answer = Client(app).get("/")
    assert answer.status_code == 401
    assert "requires_auth=False" in answer.text
    quiet = build()
    quiet.add_route("/", lambda request: "secret")
    assert "requires_auth" not in Client(quiet).get("/").text


# Errors.


@pytest.mark.parametrize(
    ("error", "status", "shown"),
    [
        (NotFound("no such book"), 404, "no such book"),
        (NotFound(), 404, "There is nothing here"),
        (Forbidden("not yours"), 403, "not yours"),
        (BadRequest("no number"), 400, "no number"),
        (Unauthorized("who are you"), 401, "who are you"),
        (HTTPException("a teapot", 418), 418, "a teapot"),
        (HTTPException("too fast", 429, headers={"Retry-After": "7"}), 429, "too fast"),
        (HTTPException("no method", 405), 405, "no method"),
        (RouteNotFound("/x", "GET"), 404, "There is nothing here"),
        (MethodNotAllowed("/x", "GET", ["PUT"]), 405, "This cannot be done here"),
    ],
)
def test_an_http_exception_of_a_view_becomes_its_page(
    app: Application, client: Client, signals: Signals, error: HTTPException,
    status: int, shown: str,
) -> None:  # fmt: skip
    @app.route("/", requires_auth=False)
    def view(request: Request) -> str:
        raise error

    answer = client.get("/")
    assert answer.status_code == status
    assert shown in answer.text
    assert signals.names.count("error_response_generated") == 1
    assert "exception_caught" not in signals.names
    assert signals.names[-1] == "request_finished"


def test_headers_of_an_exception_are_on_the_answer(app: Application, client: Client) -> None:
    @app.route("/", requires_auth=False)
    def view(request: Request) -> str:
        raise HTTPException("later", 503, headers={"Retry-After": "7"})

    answer = client.get("/")
    assert answer.headers["retry-after"] == "7"
    assert "later" not in answer.text  # a 5xx says nothing of itself


@pytest.mark.parametrize("status", [200, 302, 399, 600, 0])
def test_an_exception_with_an_odd_status_is_a_500(
    app: Application, client: Client, status: int
) -> None:
    @app.route("/", requires_auth=False)
    def view(request: Request) -> str:
        raise HTTPException("odd", status)

    answer = client.get("/")
    assert answer.status_code == 500
    assert "odd" not in answer.text


def test_a_server_error_keeps_its_message_for_the_log(
    app: Application, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    @app.route("/", requires_auth=False)
    def view(request: Request) -> str:
        raise ServerError("the stock is corrupt")

    answer = client.get("/")
    assert answer.status_code == 500
    assert "corrupt" not in answer.text
    assert "the stock is corrupt" in caplog.text
    assert "Traceback" not in caplog.text


def test_an_unhandled_exception_is_a_500_and_logged_with_its_traceback(
    app: Application, client: Client, signals: Signals, caplog: pytest.LogCaptureFixture
) -> None:
    @app.route("/", requires_auth=False)
    def view(request: Request) -> str:
        raise KeyError("swordfish")

    answer = client.get("/")
    assert answer.status_code == 500
    assert "swordfish" not in answer.text
    assert "Traceback" in caplog.text
    assert signals.names == [
        "request_started",
        "route_matched",
        "pre_view_execution",
        "exception_caught",
        "unhandled_exception_response_generated",
        "request_finished",
    ]
    assert isinstance(signals["exception_caught"]["exception"], KeyError)


JSON_ONLY = {"Accept": "application/json"}


def test_a_client_that_reads_json_gets_json_errors(app: Application, client: Client) -> None:
    @app.route("/fail", requires_auth=False)
    def fail(request: Request) -> str:
        raise KeyError("swordfish")

    @app.route("/get", ["GET"], requires_auth=False)
    def get(request: Request) -> str:
        return ""

    missing = client.get("/nope", headers=JSON_ONLY)
    assert missing.status_code == 404
    assert missing.json() == {"data": {"error": "Route Not Found", "details": None}}
    refused = client.post("/get", headers=JSON_ONLY)
    assert refused.headers["allow"] == "GET, HEAD, OPTIONS"
    failed = client.get("/fail", headers=JSON_ONLY)
    assert failed.json() == {"data": {"error": "Internal Server Error", "details": None}}
    browser = client.get("/nope", headers={"Accept": "text/html,application/json;q=0.9"})
    assert browser.headers["content-type"].startswith("text/html")


def test_json_errors_tell_developers_more_while_debugging() -> None:
    app = build(DEBUG=True)

    @app.route("/fail", requires_auth=False)
    def fail(request: Request) -> str:
        raise KeyError("swordfish")

    app.add_route("/closed", lambda request: "secret")
    client = Client(app, headers=JSON_ONLY)
    details = client.get("/fail").json()["data"]["details"]
    assert details["exception"] == "KeyError"
    assert details["message"] == "'swordfish'"
    assert "test_app_controller.py" in details["frames"][-1]
    assert "requires_auth=False" in client.get("/closed").json()["data"]["error"]


def test_an_exception_with_data_is_answered_in_json(app: Application, client: Client) -> None:
    @app.route("/", requires_auth=False)
    def view(request: Request) -> str:
        raise ValidationError({"name": ["is missing"]})

    answer = client.get("/")
    assert answer.status_code == 400
    assert answer.json() == {
        "data": {"error": "Validation Error", "details": {"name": ["is missing"]}}
    }


def test_an_error_walks_the_response_hooks_as_every_answer_does(app: Application) -> None:
    log: list[str] = []
    app.add_middleware(Recording("only", log))
    client = Client(app)
    for answer in (
        client.get("/nope"),
        client.get("/", headers={"Host": "evil.example"}),
        client.get(f"/{'x' * 9000}"),
        client.post("/", data=b"x", headers={"Content-Length": "99999999"}),
        client.get("/%ff"),
    ):
        assert answer.status_code in (400, 404, 413, 414)
        assert answer.headers["x-seen"] == "only"


def test_an_http_exception_of_a_middleware_keeps_its_status(
    app: Application, signals: Signals
) -> None:
    class Wall(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            raise Forbidden("stay out")

        def process_response(self, request: Request, response: Response) -> Response:
            return response

    app.add_middleware(Wall())
    answer = Client(app).get("/")
    assert answer.status_code == 403
    assert "stay out" in answer.text
    assert signals.names.count("error_response_generated") == 1


def test_without_an_error_handler_the_exception_comes_out(app: Application) -> None:
    signals = Signals("request_finished", "exception_caught")
    app = build(signals.dispatcher)
    del app.app_controller.dependencies["error_handler"]

    @app.route("/fail", requires_auth=False)
    def fail(request: Request) -> str:
        raise KeyError("swordfish")

    def ask(path: str) -> Request:
        return Request(path, "GET", None, {}, {})

    with pytest.raises(RouteNotFound):
        app.app_controller.handle_request(ask("/nope"))
    with pytest.raises(KeyError):
        app.app_controller.handle_request(ask("/fail"))
    app.router.add_route("/get", fail, ["GET"])
    with pytest.raises(MethodNotAllowed):
        app.app_controller.handle_request(Request("/get", HTTPMethod.PUT, None, {}, {}))
    finished = "request_finished"
    assert signals.names == [finished, "exception_caught", finished, finished]


# The unit of work.


def add_note(request: Request, db_session: Session) -> str:
    db_session.add(Note(text="kept"))
    db_session.flush()
    return "kept"


def notes(app: Application) -> list[str]:
    with app.db_manager.create_session() as session:
        return list(session.scalars(select(Note.text)))


def test_what_a_view_writes_is_committed(
    app: Application, client: Client, signals: Signals
) -> None:
    app.add_route("/", add_note, requires_auth=False)
    assert client.get("/").text == "kept"
    assert notes(app) == ["kept"]
    assert signals.names.count("db_session_committed") == 1
    assert signals.names.index("db_session_committed") < signals.names.index("request_finished")


def test_an_exception_rolls_back(app: Application, client: Client, signals: Signals) -> None:
    @app.route("/{kind}", requires_auth=False)
    def view(request: Request, kind: str, db_session: Session) -> str:
        add_note(request, db_session)
        raise KeyError if kind == "fault" else NotFound

    client.get("/fault")
    client.get("/missing")
    assert notes(app) == []
    assert signals.names.count("db_session_rolled_back") == 2
    assert "db_session_committed" not in signals.names


@pytest.mark.parametrize(("status", "kept"), [(200, 1), (303, 1), (400, 0), (404, 0), (500, 0)])
def test_the_status_of_the_answer_decides(
    app: Application, client: Client, status: int, kept: int
) -> None:
    @app.route("/", requires_auth=False)
    def view(request: Request, db_session: Session) -> Any:
        return add_note(request, db_session), status

    assert client.get("/").status_code == status
    assert len(notes(app)) == kept


def test_a_commit_that_fails_is_rolled_back_and_answered_with_500(
    app: Application, client: Client, signals: Signals
) -> None:
    @app.route("/", requires_auth=False)
    def view(request: Request, db_session: Session) -> str:
        db_session.execute(text("PRAGMA defer_foreign_keys = ON"))
        db_session.add(Note(id=1, text="one"))
        db_session.flush()
        db_session.add(Note(text=None))
        return "made"

    answer = client.get("/")
    assert answer.status_code == 500
    assert "made" not in answer.text
    assert notes(app) == []
    assert "db_session_committed" not in signals.names
    assert signals.names.count("db_session_rolled_back") == 1


def test_a_view_that_does_not_ask_opens_no_session(
    app: Application, client: Client, signals: Signals
) -> None:
    app.add_route("/", lambda request: "home", requires_auth=False)
    client.get("/")
    assert signals["request_finished"]["request"].opened_session is None
    assert "db_session_committed" not in signals.names


def test_the_session_is_closed_after_the_response_hooks(app: Application) -> None:
    sessions: list[Session] = []

    class Writing(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            return None

        def process_response(self, request: Request, response: Response) -> Response:
            assert request.db_session is not None
            request.db_session.add(Note(text="of the hook"))
            sessions.append(request.db_session)
            return response

    app.add_middleware(Writing())
    app.add_route("/", add_note, requires_auth=False)
    assert Client(app).get("/").status_code == 200
    assert notes(app) == ["kept", "of the hook"]
    with pytest.raises(Exception, match="closed"):
        sessions[0].execute(text("SELECT 1"))


@pytest.mark.parametrize(("status", "kept"), [(200, 2), (303, 2), (400, 1), (404, 1), (500, 1)])
def test_the_status_of_the_last_response_hook_decides_about_what_hooks_wrote(
    app: Application, status: int, kept: int
) -> None:
    class Writing(SimpleMiddleware):
        def process_response(self, request: Request, response: Response) -> Response:
            request.db_session.add(Note(text="of the hook"))
            return Response("replaced", status)

    app.add_middleware(Writing())
    app.add_route("/", add_note, requires_auth=False)
    assert Client(app).get("/").status_code == status
    assert len(notes(app)) == kept


def test_a_session_that_a_middleware_brings_is_used_and_left_open(app: Application) -> None:
    own = app.db_manager.create_session()

    class Bringing(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            request.db_session = own

        def process_response(self, request: Request, response: Response) -> Response:
            return response

    app.add_middleware(Bringing())
    app.add_route("/", add_note, requires_auth=False)
    Client(app).get("/")
    assert notes(app) == ["kept"]
    assert own.scalars(select(Note.text)).all() == ["kept"]
    own.close()


def test_a_manager_of_another_kind_will_do(app: Application) -> None:
    """A scoped registry offers get_session and remove."""
    calls: list[str] = []

    class Registry:
        def get_session(self) -> Session:
            calls.append("get")
            return app.db_manager.create_session()

        def remove(self) -> None:
            calls.append("remove")

    from lback.core import AppController, MiddlewareManager, Router

    parts: Any = app
    controller = AppController(
        MiddlewareManager(), Router(), parts.template_renderer, parts.config,
        parts.admin_user_manager, parts.session_manager, parts.user_manager,
        {"db_manager": Registry(), "error_handler": parts.error_handler}, SignalDispatcher(),
    )  # fmt: skip
    controller.add_route("/", add_note, requires_auth=False)
    response = controller.handle_request(Request("/", "GET", None, {}, {}))
    assert response.body == "kept"
    assert calls == ["get", "remove"]


def test_an_error_response_of_a_view_is_sent_as_it_is(app: Application, client: Client) -> None:
    app.add_route("/", lambda request: Response.not_found("gone"), requires_auth=False)
    assert client.get("/").json() == {"data": {"error": "gone"}}
    assert isinstance(Response.not_found(), JSONResponse)
    assert isinstance(app.error_handler.handle_404(None), HTMLResponse)


def test_add_route_of_the_controller_takes_the_methods_of_the_view(app: Application) -> None:
    class Books:
        def get(self, request: Request) -> str:
            return "books"

    app.app_controller.add_route("/books", Books, name="books", requires_auth=False)
    route = app.router.get_route_by_name("books")
    assert route is not None
    assert route.methods == ["GET"]
    assert Client(app).get("/books").text == "books"
