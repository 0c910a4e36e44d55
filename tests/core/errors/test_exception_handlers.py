"""Exception handlers: which one answers an error, with what, and what around it still happens."""

import logging
from collections.abc import Callable, Iterator
from functools import partial
from http import HTTPStatus
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from lback import (
    Application,
    BaseMiddleware,
    ConfigurationError,
    Forbidden,
    HTTPException,
    JSONResponse,
    NotFound,
    Request,
    Response,
    ServerError,
    ValidationError,
)
from lback.core import FrameworkException, RouteNotFound, SignalDispatcher
from lback.middleware import SessionMiddleware
from lback.sessions import MemorySessionStore, SessionManager
from lback.sessions.store import SessionsUnavailable
from lback.testing import Client


class ShopError(Exception):
    """What the shop raises."""


class SoldOut(ShopError):
    """A more special one."""


class Teapot(HTTPException):
    status_code = 418
    message = "short and stout"


built: list[Application] = []


@pytest.fixture(autouse=True)
def closed_databases() -> Iterator[None]:
    """Close the databases of the applications that a test has built."""
    yield
    while built:
        built.pop().db_manager.dispose()


def build(debug: bool = False, **settings: Any) -> Application:
    app = Application(
        dispatcher=SignalDispatcher(), DEBUG=debug, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"], **settings,
    )  # fmt: skip
    built.append(app)
    return app


def app_raising(error: Exception, debug: bool = False, **settings: Any) -> Application:
    app = build(debug, **settings)

    def fail(request: Request) -> str:
        raise error

    app.add_route("/", fail, ["GET", "POST"], requires_auth=False)
    return app


def says(word: str) -> Callable[[Request, Exception], str]:
    def handler(request: Request, error: Exception) -> str:
        return word

    return handler


@pytest.fixture(params=[False, True], ids=["deployed", "debug"])
def debug(request: pytest.FixtureRequest) -> bool:
    is_on: bool = request.param
    return is_on


# Which one answers.


@pytest.mark.parametrize(
    ("error", "keys", "chosen"),
    [
        (SoldOut(), [ShopError, SoldOut, Exception, 500], SoldOut),
        (SoldOut(), [Exception, ShopError, 500], ShopError),
        (SoldOut(), [Exception, 500], 500),
        (SoldOut(), [Exception], Exception),
        (SoldOut(), [500], 500),
        (SoldOut(), [404, HTTPException], None),
        (ConfigurationError("x"), [FrameworkException, Exception], FrameworkException),
        (NotFound(), [404, NotFound, HTTPException], NotFound),
        (NotFound(), [404, HTTPException], 404),
        (NotFound(), [HTTPException], HTTPException),
        (RouteNotFound("/", "GET"), [404, NotFound], NotFound),
        (HTTPException("x", 404), [NotFound, 404], 404),
        (HTTPException("x", 404), [NotFound], None),
        (Teapot(), [418, Teapot], Teapot),
        (Teapot(), [418, 500], 418),
        (ServerError(), [500, Exception], 500),
        (HTTPException("x", 503), [500], None),
        (HTTPException("x", 700), [500], 500),
        (NotFound(), [Exception, FrameworkException], None),
        (ValidationError({"a": ["b"]}), [400], 400),
        (KeyError("x"), [LookupError, 500], LookupError),
    ],
)
def test_the_most_specific_handler_answers(
    error: Exception, keys: list[Any], chosen: Any, debug: bool
) -> None:
    for order in (keys, keys[::-1]):
        app = app_raising(error, debug)
        for key in order:
            app.add_exception_handler(key, says(f"handled {key}"))
        text = Client(app).get("/").text
        if chosen is None:
            assert "handled" not in text
        else:
            assert text == f"handled {chosen}"


def test_what_no_route_answers_has_handlers_as_well(debug: bool) -> None:
    app = build(debug)
    app.add_route("/", lambda request: "home", requires_auth=False)
    app.add_route("/closed", lambda request: "closed")
    for status in (401, 404, 405):
        app.add_exception_handler(status, says(f"page {status}"))
    client = Client(app)
    for method, where, status in [
        ("GET", "/missing", 404), ("POST", "/", 405), ("GET", "/closed", 401),
    ]:  # fmt: skip
        response = client.request(method, where)
        assert (response.status_code, response.text) == (status, f"page {status}")
    assert client.post("/").headers["allow"] == "GET, HEAD, OPTIONS"
    assert "www-authenticate" in client.get("/closed").headers


def test_a_request_that_is_refused_at_the_door_has_its_handler() -> None:
    app = build()
    app.add_exception_handler(400, says("who are you"))
    app.add_route("/", lambda request: "home", requires_auth=False)
    response = Client(app, headers={"Host": "evil.example"}).get("/")
    assert (response.status_code, response.text) == (400, "who are you")


def test_a_view_that_returns_an_error_status_meets_no_handler() -> None:
    app = build()
    app.add_exception_handler(404, says("handled"))
    app.add_route("/", lambda request: ("mine", 404), requires_auth=False)
    assert Client(app).get("/").text == "mine"


# What it is called with, and what it returns.


def test_a_handler_gets_the_request_the_error_and_what_it_names() -> None:
    error = SoldOut("Emma")
    app = app_raising(error)
    seen: list[Any] = []

    @app.exception_handler(SoldOut)
    def sold_out(request: Request, caught: SoldOut, cache: Any, *, path_params: Any) -> str:
        seen.extend([request.path, caught, cache, path_params])
        return "sold out"

    assert Client(app).get("/").text == "sold out"
    assert seen == ["/", error, app.cache, {}]
    assert callable(sold_out)


class Desk:
    def method(self, request: Request, error: Exception) -> str:
        return "method"

    def __call__(self, request: Request, error: Exception) -> str:
        return "called"

    @staticmethod
    def static(request: Request, error: Exception) -> str:
        return "static"


@pytest.mark.parametrize(
    ("handler", "word"),
    [
        (Desk().method, "method"),
        (Desk(), "called"),
        (Desk.static, "static"),
        (partial(lambda word, request, error: word, "partial"), "partial"),
        (lambda *args: f"star of {len(args)}", "star of 2"),
        (lambda request, error, /, note="default": note, "default"),
    ],
)
def test_whatever_can_be_called_is_a_handler(handler: Any, word: str) -> None:
    app = app_raising(SoldOut())
    app.add_exception_handler(SoldOut, handler)
    assert Client(app).get("/").text == word


@pytest.mark.parametrize(
    ("returned", "status", "body"),
    [
        ("page", 418, "page"),
        ({"a": 1}, 418, '{"a":1}'),
        ([1], 418, "[1]"),
        (("page", {"X-A": "1"}), 418, "page"),
        (("page", 409), 409, "page"),
        (("page", 200), 200, "page"),
        (({"a": 1}, 409, {"X-A": "1"}), 409, '{"a":1}'),
        (Response("as it is"), 200, "as it is"),
        ((Response("page"), 418), 418, "page"),
        (JSONResponse({"a": 1}, 409), 409, '{"data":{"a":1}}'),
    ],
)
def test_it_returns_whatever_a_view_may_return(
    returned: Any, status: int, body: str, debug: bool
) -> None:
    app = app_raising(Teapot(), debug)
    app.add_exception_handler(418, lambda request, error: returned)
    response = Client(app).get("/")
    assert (response.status_code, response.text) == (status, body)


def test_a_status_may_be_a_member_of_http_status() -> None:
    app = app_raising(NotFound())
    app.add_exception_handler(HTTPStatus.NOT_FOUND, says("nothing"))
    assert Client(app).get("/").text == "nothing"


def test_the_headers_of_the_error_are_kept_unless_the_handler_has_its_own() -> None:
    error = HTTPException("later", 429, headers={"Retry-After": "7", "X-A": "error"})
    app = app_raising(error)
    app.add_exception_handler(429, lambda request, error: ("wait", 429, {"X-A": "handler"}))
    response = Client(app).get("/")
    assert (response.headers["retry-after"], response.headers["x-a"]) == ("7", "handler")
    app = app_raising(error)
    app.add_exception_handler(429, lambda request, error: ("come in", 200))
    assert "retry-after" not in Client(app).get("/").headers


def test_head_is_answered_without_a_body() -> None:
    app = app_raising(NotFound())
    app.add_exception_handler(404, says("nothing"))
    response = Client(app).head("/")
    assert (response.status_code, response.text) == (404, "")


# What happens around it.


def rows_of(app: Application) -> list[str]:
    with app.db_manager.session() as session:
        return list(session.execute(text("SELECT name FROM rows ORDER BY name")).scalars())


def insert(request: Request, name: str) -> None:
    session = request.db_session
    assert session is not None
    session.execute(text("INSERT INTO rows (name) VALUES (:name)"), {"name": name})


@pytest.mark.parametrize(("status", "kept"), [(303, ["handler"]), (409, [])])
def test_what_the_view_wrote_is_undone_before_and_the_handler_may_write(
    tmp_path: Path, status: int, kept: list[str]
) -> None:
    app = build(DATABASE_URL=f"sqlite:///{tmp_path}/rows.sqlite3")
    with app.db_manager.session() as session:
        session.execute(text("CREATE TABLE rows (name TEXT)"))
    signals: list[str] = []
    for name in ("db_session_rolled_back", "db_session_committed"):
        app.dispatcher.connect(name, lambda sender, name=name, **about: signals.append(name))

    @app.route("/", requires_auth=False)
    def buy(request: Request) -> str:
        insert(request, "view")
        raise SoldOut

    @app.exception_handler(SoldOut)
    def sold_out(request: Request, error: SoldOut, db_session: Any) -> tuple[str, int]:
        assert db_session.execute(text("SELECT count(*) FROM rows")).scalar() == 0
        insert(request, "handler")
        return "sold out", status

    assert Client(app).get("/").status_code == status
    assert rows_of(app) == kept
    assert signals.count("db_session_rolled_back") == 1
    assert signals.count("db_session_committed") == len(kept)


def test_a_commit_that_fails_has_its_handler(tmp_path: Path) -> None:
    app = build(DATABASE_URL=f"sqlite:///{tmp_path}/rows.sqlite3")

    @app.route("/", requires_auth=False)
    def write(request: Request, db_session: Any) -> str:
        db_session.execute(text("CREATE TABLE a (id INTEGER PRIMARY KEY)"))
        db_session.execute(
            text("CREATE TABLE b (a INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
        )
        db_session.execute(text("INSERT INTO b VALUES (7)"))
        return "written"

    from sqlalchemy.exc import IntegrityError

    app.add_exception_handler(IntegrityError, lambda request, error: ("conflict", 409))
    response = Client(app).get("/")
    assert (response.status_code, response.text) == (409, "conflict")


def test_a_commit_of_what_the_handler_wrote_may_fail_as_well(tmp_path: Path) -> None:
    app = app_raising(SoldOut(), DATABASE_URL=f"sqlite:///{tmp_path}/rows.sqlite3")

    @app.exception_handler(SoldOut)
    def handler(request: Request, error: Exception, db_session: Any) -> tuple[str, int]:
        db_session.execute(text("CREATE TABLE a (id INTEGER PRIMARY KEY)"))
        db_session.execute(
            text("CREATE TABLE b (a INTEGER REFERENCES a DEFERRABLE INITIALLY DEFERRED)")
        )
        db_session.execute(text("INSERT INTO b VALUES (7)"))
        return "never kept", 200

    app.add_middleware(Marking)
    response = Client(app).get("/")
    assert (response.status_code, response.headers["x-mark"]) == (500, "500")
    assert "never kept" not in response.text


class Marking(BaseMiddleware):
    def process_request(self, request: Request) -> Response | None:
        if request.path == "/forbidden":
            raise Forbidden("not here")
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Mark"] = str(response.status_code)
        return response


def test_response_hooks_run_and_a_refusal_by_a_hook_has_its_handler(debug: bool) -> None:
    app = app_raising(SoldOut(), debug)
    app.add_middleware(Marking)
    app.add_exception_handler(SoldOut, lambda request, error: ("sold out", 409))
    app.add_exception_handler(403, lambda request, error: f"sorry: {error.message}")
    client = Client(app)
    assert client.get("/").headers["x-mark"] == "409"
    refused = client.get("/forbidden")
    assert (refused.status_code, refused.text) == (403, "sorry: not here")
    assert refused.headers["x-mark"] == "403"


class AwayStore(MemorySessionStore):
    def create(self, session_id: str, record: Any) -> None:
        raise SessionsUnavailable


def test_sessions_that_cannot_be_kept_have_their_handler() -> None:
    app = build(MIDDLEWARES=[])
    app.add_middleware(SessionMiddleware, sessions=SessionManager(AwayStore()))
    app.add_exception_handler(503, says("back soon"))

    @app.route("/", requires_auth=False)
    def visit(request: Request, session: Any) -> str:
        session["seen"] = True
        return "seen"

    response = Client(app).get("/")
    assert (response.status_code, response.text) == (503, "back soon")
    assert response.headers["retry-after"] == "5"


@pytest.mark.parametrize(
    ("error", "key", "names"),
    [
        (SoldOut(), SoldOut, ["exception_caught", "error_response_generated"]),
        (SoldOut(), Exception, ["exception_caught", "unhandled_exception_response_generated"]),
        (SoldOut(), 500, ["exception_caught", "unhandled_exception_response_generated"]),
        (NotFound(), 404, ["error_response_generated"]),
        (ServerError(), 500, ["error_response_generated"]),
    ],
)
def test_the_signals_are_those_of_any_error(error: Exception, key: Any, names: list[str]) -> None:
    app = app_raising(error)
    sent: list[tuple[str, Any, dict[str, Any]]] = []
    for name in (
        "exception_caught", "error_response_generated", "unhandled_exception_response_generated",
    ):  # fmt: skip
        app.dispatcher.connect(
            name, lambda sender, name=name, **about: sent.append((name, sender, about))
        )
    app.add_exception_handler(key, says("handled"))
    status = Client(app).get("/").status_code
    assert [name for name, _, _ in sent] == names
    name, sender, about = sent[-1]
    assert sender is app.error_handler
    assert (about["status_code"], about["response"].status_code) == (status, status)
    assert about["request"].path == "/"
    assert about["exception"] is error


def test_only_what_was_not_expected_is_logged_with_its_traceback(
    caplog: pytest.LogCaptureFixture,
) -> None:
    cases: list[tuple[Any, Any, int]] = [
        (SoldOut, ("sold out", 409), logging.INFO),
        (SoldOut, ("sold out", 500), logging.ERROR),
        (Exception, ("sorry", 200), logging.ERROR),
        (500, "sorry", logging.ERROR),
    ]
    for key, returned, level in cases:
        caplog.clear()
        app = app_raising(SoldOut("Emma"))
        app.add_exception_handler(key, lambda request, error, returned=returned: returned)
        with caplog.at_level(logging.INFO, "lback.core.errors.exception_handlers"):
            Client(app).get("/")
        (record,) = [r for r in caplog.records if r.name == "lback.core.errors.exception_handlers"]
        assert record.levelno == level
        assert bool(record.exc_info) is (level == logging.ERROR)


@pytest.mark.parametrize("second", [KeyError("secret"), NotFound("secret"), None])
def test_an_error_in_a_handler_ends_in_the_standard_500(
    second: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    app = app_raising(SoldOut())
    calls: list[Exception] = []

    def handler(request: Request, error: Exception) -> None:
        calls.append(error)
        if second is not None:
            raise second

    for key in (SoldOut, Exception, 404, KeyError):
        app.add_exception_handler(key, handler)
    app.add_middleware(Marking)
    response = Client(app).get("/")
    assert response.status_code == 500
    assert "secret" not in response.text
    assert "The fault is ours" in response.text
    assert response.headers["x-mark"] == "500"
    assert len(calls) == 1
    logged = [record for record in caplog.records if record.exc_info]
    assert len(logged) == 1
    kind = TypeError if second is None else type(second)
    assert logged[0].exc_info is not None
    assert logged[0].exc_info[0] is kind
    json = Client(app).get("/", headers={"Accept": "application/json"})
    assert (json.status_code, json.json()["data"]["error"]) == (500, "Internal Server Error")


def test_while_debug_is_on_an_error_in_a_handler_is_shown() -> None:
    app = app_raising(SoldOut("first"), debug=True)

    @app.exception_handler(SoldOut)
    def handler(request: Request, error: Exception) -> str:
        raise KeyError("second")

    page = Client(app).get("/").text
    assert "KeyError" in page
    assert "SoldOut" in page


def test_what_a_failing_handler_wrote_is_undone(tmp_path: Path) -> None:
    app = build(DATABASE_URL=f"sqlite:///{tmp_path}/rows.sqlite3")
    with app.db_manager.session() as session:
        session.execute(text("CREATE TABLE rows (name TEXT)"))

    @app.route("/", requires_auth=False)
    def view(request: Request) -> str:
        raise SoldOut

    @app.exception_handler(SoldOut)
    def handler(request: Request, error: Exception) -> str:
        insert(request, "handler")
        raise KeyError("second")

    assert Client(app).get("/").status_code == 500
    assert rows_of(app) == []


# Mistakes.


async def generator(request: Request, error: Exception) -> Any:
    yield "never"


class GeneratorDesk:
    async def __call__(self, request: Request, error: Exception) -> Any:
        yield "never"


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        (399, "a status from 400 to 599, not 399"),
        (600, "a status from 400 to 599, not 600"),
        (200, "a status from 400 to 599, not 200"),
        (True, "not for True"),
        ("404", "not for '404'"),
        (None, "not for None"),
        (SoldOut("x"), r"not for SoldOut\('x'\)"),
        (dict, "a class of exceptions, which inherits from Exception, .* not for dict"),
        (KeyboardInterrupt, "not for KeyboardInterrupt"),
        (BaseException, "not for BaseException"),
        ((404, 410), r"not for \(404, 410\)"),
    ],
)
def test_anything_but_an_error_class_is_refused(key: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        build().add_exception_handler(key, says("x"))


@pytest.mark.parametrize(
    ("handler", "reason"),
    [
        (generator, "generator of SoldOut is an asynchronous generator; return a response"),
        (GeneratorDesk(), "is an asynchronous generator"),
        (partial(generator), "is an asynchronous generator"),
        (lambda: "", r"takes \(\): write def handler\(request, error\)"),
        (lambda error: "", r"takes \(error\): write def handler\(request, error\)"),
        (lambda error, request: "", r"takes \(error, request\): write def handler"),
        (lambda request, *, error: "", r"takes \(request, error\): write def handler"),
        (lambda request, error, mailr: "", "nothing fills the parameter 'mailr' .* 'mailer'"),
        (lambda request, error, token_manager: "", "needs the setting JWT_AUDIENCE"),
        (lambda request, error, third, /: "", "takes 'third' by position only"),
        (Desk, "Desk of SoldOut is not a function: write def handler"),
        ("handler", "is not a function"),
        (max, "cannot be read"),
    ],
)
def test_a_handler_that_cannot_be_called_so_is_refused(handler: Any, reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        build().add_exception_handler(SoldOut, handler)


@pytest.mark.parametrize("key", [404, SoldOut])
def test_a_second_handler_is_refused_with_the_name_of_the_first(key: Any) -> None:
    app = build()
    app.add_exception_handler(key, Desk().method)
    with pytest.raises(ConfigurationError, match=r"is the second one; .*Desk.method answers"):
        app.add_exception_handler(key, says("x"))


def test_a_handler_that_comes_after_the_first_request_is_refused() -> None:
    app = build()
    Client(app).get("/")
    with pytest.raises(ConfigurationError, match="the exception handler of 404 comes too late"):
        app.add_exception_handler(404, says("x"))


# In a project.

URLS = """
from lback import include, path, render

class SoldOut(Exception):
    pass

def home(request):
    raise SoldOut("Emma")

def sold_out(request, error):
    return f"sold out: {error}", 409

def not_found(request, error):
    return {"missing": request.path}

urlpatterns = [path("/", home, requires_auth=False)]
exception_handlers = {SoldOut: sold_out, 404: not_found}
"""


@pytest.fixture
def urls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    monkeypatch.syspath_prepend(tmp_path)

    def write(text: str, name: str = "site_urls") -> None:
        (tmp_path / f"{name}.py").write_text(text)

    return write


def test_the_root_urls_module_names_them(urls: Callable[..., None], debug: bool) -> None:
    urls(URLS)
    client = Client(build(debug, ROOT_URLCONF="site_urls"))
    response = client.get("/")
    assert (response.status_code, response.text) == (409, "sold out: Emma")
    response = client.get("/missing")
    assert (response.status_code, response.json()) == (404, {"missing": "/missing"})


@pytest.mark.parametrize(
    ("handlers", "reason"),
    [
        ("[sold_out]", r"site_urls.exception_handlers is a list, not a dict; write exception_h"),
        ("{200: sold_out}", "a status from 400 to 599, not 200"),
        ("{SoldOut: 'sold_out'}", "of SoldOut is not a function"),
    ],
)
def test_mistakes_in_it_stop_the_start(
    handlers: str, reason: str, urls: Callable[..., None]
) -> None:
    urls(f"{URLS}\nexception_handlers = {handlers}\n")
    with pytest.raises(ConfigurationError, match=reason):
        build(ROOT_URLCONF="site_urls")


def test_in_an_included_module_they_are_refused(urls: Callable[..., None]) -> None:
    urls(URLS, "shop_urls")
    urls('from lback import include\nurlpatterns = [include("shop_urls", "/shop/")]\n')
    with pytest.raises(ConfigurationError, match=r"shop_urls\.exception_handlers has no effect"):
        build(ROOT_URLCONF="site_urls")
    with pytest.raises(ConfigurationError, match=r"or use app\.exception_handler"):
        build().include("shop_urls")


def test_a_root_module_without_them_is_fine(urls: Callable[..., None]) -> None:
    urls("urlpatterns = []\n")
    assert Client(build(ROOT_URLCONF="site_urls")).get("/").status_code == 404
