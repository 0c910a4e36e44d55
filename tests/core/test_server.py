"""The outer edge: WSGI in, WSGI out, and the notice board of a deployed process."""

import io
import logging
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from wsgiref.util import FileWrapper
from wsgiref.validate import validator

import pytest

import lback.core
from lback import (
    Application,
    BaseMiddleware,
    FileResponse,
    Forbidden,
    Request,
    Response,
    StreamingResponse,
)
from lback.core import ConfigurationError, Server, SignalDispatcher, server, wsgi_entry
from lback.core.templates import custom_url_tag, set_default_router
from lback.testing import Client

NAMES = (
    "config", "router", "middleware_manager", "template_renderer", "session_manager",
    "admin_user_manager", "user_manager", "app_controller", "db_manager", "error_handler",
    "project_root",
)  # fmt: skip

SETTINGS = """
DEBUG = False
SECRET_KEY = "kT4-q9ZpW2_xR7mL8vNc"
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "server_urls"
SHOP_NAME = "Corner"
PORT = 8123
"""
URLS = """
from lback import path, render

def home(request):
    return f"home of {request.config.SHOP_NAME}"

urlpatterns = [path("/", home, name="home", requires_auth=False)]
"""


def build(dispatcher: SignalDispatcher | None = None, **settings: Any) -> Application:
    return Application(
        dispatcher=dispatcher or SignalDispatcher(),
        **{
            "DEBUG": False,
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
            "ALLOWED_HOSTS": ["localhost"],
            **settings,
        },
    )


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    (tmp_path / "settings.py").write_text(SETTINGS)
    (tmp_path / "server_urls.py").write_text(URLS)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("LBACK_PROJECT_ROOT", raising=False)
    monkeypatch.setattr(sys, "path", list(sys.path))
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    for name in NAMES:
        monkeypatch.setattr(server, name, None)
    monkeypatch.setattr(server, "dispatcher", lback.core.dispatcher)
    yield tmp_path
    set_default_router(None)
    sys.modules.pop("server_urls", None)
    sys.modules.pop("settings", None)
    root.handlers[:] = handlers
    root.setLevel(level)


# The notice board.


def test_before_initialisation_the_answer_is_a_fixed_500(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard: list[dict[str, Any]] = []

    def hear(sender: Any, **about: Any) -> None:
        heard.append(about)

    lback.core.dispatcher.connect("wsgi_application_error", hear)
    answer = Client(lback.core.wsgi_application).get("/")
    lback.core.dispatcher.disconnect("wsgi_application_error", hear)
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert "call lback.core.initialize_core_components()" in caplog.text
    assert heard[0]["error_type"] == "not_initialized"
    assert heard[0]["environ"]["PATH_INFO"] == "/"


def test_a_worker_has_built_what_its_first_requests_need(project: Path) -> None:
    server.initialize_core_components()
    assert server.app_controller is not None
    parts = server.app_controller.dependencies
    for name in ("db_manager", "session_manager", "user_manager", "admin_user_manager"):
        assert parts.is_built(name)


def test_initialisation_publishes_the_application_of_the_project(project: Path) -> None:
    lback.core.initialize_core_components()
    assert all(getattr(server, name) is not None for name in NAMES)
    assert server.project_root == str(project)
    assert server.config is not None
    assert server.config.SHOP_NAME == "Corner"
    assert Client(lback.core.wsgi_application).get("/").text == "home of Corner"
    assert custom_url_tag("home") == "/"


def test_initialising_again_changes_nothing(project: Path) -> None:
    lback.core.initialize_core_components()
    controller = server.app_controller
    lback.core.initialize_core_components()
    assert server.app_controller is controller


def test_the_environment_and_then_the_env_file_come_before_the_settings(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / ".env").write_text("SHOP_NAME=of the file\nPORT=9999\n")
    monkeypatch.setenv("SHOP_NAME", "of the environment")
    monkeypatch.setenv("PORT", "")  # so that the variable that .env sets is taken back
    monkeypatch.delenv("PORT")
    lback.core.initialize_core_components()
    assert server.config is not None
    assert server.config.SHOP_NAME == "of the environment"
    assert server.config.PORT == 9999


@pytest.mark.parametrize(
    ("settings", "reason"),
    [
        ("DEBUG = False\n", "SECRET_KEY"),
        ("DEBUG = True\nROOT_URLCONF = 'no_such_urls'\n", "no_such_urls"),
        ("DEBUG = True\nMIDDLEWARES = ['no.such.Middleware']\n", r"MIDDLEWARES\[0\]"),
        ("DEBUG = True\nAPPLICATION_CLASS = 'no.such.Class'\n", "APPLICATION_CLASS"),
        ("DEBUG = True\nINSTALLED_APPS = ['no_such_app']\n", "INSTALLED_APPS"),
        ("DEBUG = maybe\n", "settings.py, line 1: NameError"),
    ],
)
def test_a_project_that_cannot_work_stops_the_start_and_publishes_nothing(
    project: Path, settings: str, reason: str
) -> None:
    (project / "settings.py").write_text(settings)
    with pytest.raises(ConfigurationError, match=reason):
        lback.core.initialize_core_components()
    assert all(getattr(server, name) is None for name in NAMES)


def test_without_a_project_the_error_says_where_it_looked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LBACK_PROJECT_ROOT", str(tmp_path))
    monkeypatch.setattr(server, "app_controller", None)
    with pytest.raises(FileNotFoundError, match=r"there is no settings\.py"):
        lback.core.initialize_core_components()


def test_the_wsgi_factory_gives_the_same_callable_each_time(project: Path) -> None:
    app = lback.core.create_wsgi_app()
    assert app is lback.core.create_wsgi_app()
    assert app is lback.core.wsgi_application
    assert Client(app).get("/").status_code == 200


def test_the_wsgi_factory_raises_and_never_exits(project: Path) -> None:
    (project / "settings.py").write_text("raise SystemExit(3)\n")
    with pytest.raises(ConfigurationError, match="SystemExit"):
        lback.core.create_wsgi_app()


def test_logging_of_a_wsgi_process_follows_the_settings_that_are_there(project: Path) -> None:
    root = logging.getLogger()
    root.handlers[:] = []
    wsgi_entry.setup_logging()
    assert root.level == logging.WARNING
    assert len(root.handlers) == 1
    wsgi_entry.setup_logging()
    assert len(root.handlers) == 1
    lback.core.initialize_core_components()
    root.setLevel(logging.ERROR)
    wsgi_entry.setup_logging()
    assert root.level == logging.INFO
    assert server.config is not None
    server.config.LOGGING_LEVEL = "ERROR"
    wsgi_entry.setup_logging(server.config)
    assert root.level == logging.ERROR


def test_a_server_adds_routes_for_get_alone(project: Path) -> None:
    served = Server()
    served.add_route("/more", lambda request: "more", requires_auth=False)
    served.add_route("/put", lambda request: "put", ["PUT"], "put", False)
    client = Client(lback.core.wsgi_application)
    assert client.get("/more").text == "more"
    assert client.post("/more").status_code == 405
    assert client.put("/put").text == "put"
    assert custom_url_tag("put") == "/put"


# Answers as PEP 3333 wants them.


@pytest.fixture
def served() -> Application:
    app = build()
    page = "p" * 100
    app.add_route("/", lambda request: page, ["GET", "POST"], requires_auth=False)
    app.add_route("/204", lambda request: Response(None, 204), requires_auth=False)
    app.add_route("/304", lambda request: Response(None, 304), requires_auth=False)
    app.add_route("/fail", lambda request: 1 / 0, requires_auth=False)
    app.add_route(
        "/stream", lambda request: StreamingResponse(iter(["a", "b"])), requires_auth=False
    )
    app.add_route("/file", lambda request: FileResponse(__file__), requires_auth=False)
    return app


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 200),
        ("HEAD", "/", 200),
        ("POST", "/", 200),
        ("OPTIONS", "/", 204),
        ("PUT", "/", 405),
        ("GET", "/204", 204),
        ("GET", "/304", 304),
        ("HEAD", "/304", 304),
        ("GET", "/stream", 200),
        ("HEAD", "/stream", 200),
        ("GET", "/file", 200),
        ("HEAD", "/file", 200),
        ("GET", "/nope", 404),
        ("GET", "/fail", 500),
        ("HEAD", "/fail", 500),
    ],
)
def test_every_answer_is_valid_wsgi(
    served: Application, method: str, path: str, status: int
) -> None:
    answer = Client(served).request(method, path, data=b"x=1" if method == "POST" else None)
    assert answer.status_code == status
    if method == "HEAD" or status in (204, 304):
        assert answer.body == b""


def test_head_has_the_header_fields_of_get(served: Application) -> None:
    client = Client(served)
    assert client.head("/").header_list == client.get("/").header_list


def test_a_file_goes_through_the_wrapper_of_the_server(served: Application) -> None:
    answer = Client(served, environ={"wsgi.file_wrapper": FileWrapper}).get("/file")
    assert answer.body == Path(__file__).read_bytes()


def test_the_body_is_not_read_before_a_view_asks(served: Application) -> None:
    class Untouchable(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            raise AssertionError("read")

        readline = readlines = __iter__ = read  # type: ignore[assignment]

    answer = Client(served).post(
        "/", data=b"x", environ={"wsgi.input": Untouchable(), "CONTENT_LENGTH": "1"}
    )
    assert answer.status_code == 200


def test_start_response_is_called_once_even_when_everything_fails() -> None:
    class Broken(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            return None

        def process_response(self, request: Request, response: Response) -> Response:
            response.status_code = 99
            return response

    app = build()
    app.add_middleware(Broken())
    begun: list[str] = []
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/", "HTTP_HOST": "localhost"}
    body = list(app(environ, lambda status, headers: begun.append(status)))
    assert begun == ["500 Internal Server Error"]
    assert body == [b"Internal Server Error"]


def test_a_failing_error_handler_ends_in_the_fixed_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    app = build()

    class Failing:
        config = app.config

        def __getattr__(self, name: str) -> Any:
            raise RuntimeError("no page left")

    app.app_controller.dependencies["error_handler"] = Failing()
    answer = Client(app).get("/nope")
    assert (answer.status_code, answer.text) == (500, "Internal Server Error")
    assert "no page left" in caplog.text


def test_a_failing_receiver_does_no_harm() -> None:
    dispatcher = SignalDispatcher()

    def fail(sender: Any, **about: Any) -> None:
        raise RuntimeError("receiver")

    for name in ("server_request_received", "request_started", "error_response_generated"):
        dispatcher.connect(name, fail)
    assert Client(build(dispatcher)).get("/nope").status_code == 404


def test_signals_tell_of_a_request_at_the_edge() -> None:
    dispatcher = SignalDispatcher()
    heard: dict[str, dict[str, Any]] = {}
    for name in ("server_request_received", "server_request_finished"):
        dispatcher.connect(name, lambda sender, name=name, **about: heard.__setitem__(name, about))
    app = build(dispatcher)
    app.add_route("/a", lambda request: "a", requires_auth=False)
    Client(app).get("/a?x=1", headers={"X-Odd": "yes"})
    received, finished = heard["server_request_received"], heard["server_request_finished"]
    assert received["method"] == "GET"
    assert received["path"] == "/a"
    assert received["full_path"] == "/a?x=1"
    assert received["headers"]["X-ODD"] == "yes"
    assert received["environ"]["PATH_INFO"] == "/a"
    assert finished["status_code"] == 200
    assert finished["duration"] >= 0
    assert finished["response"].body == "a"
    assert finished["request"].path == "/a"
    assert "environ" not in finished


@pytest.mark.parametrize("chunks", [[b"a", b"b"], ["ü"], []])
def test_a_stream_is_closed_by_the_server(chunks: list[Any]) -> None:
    closed: list[bool] = []

    def pieces() -> Iterator[Any]:
        try:
            yield from chunks
        finally:
            closed.append(True)

    app = build()
    app.add_route("/", lambda request: StreamingResponse(pieces()), requires_auth=False)
    expected = b"".join(c if isinstance(c, bytes) else c.encode() for c in chunks)
    assert Client(app).get("/").body == expected
    assert closed == [True]


def test_the_validator_would_complain() -> None:
    """The guard of the tests above: an answer that breaks PEP 3333 does not pass."""

    def wrong(environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Content-Type", "text/plain"), ("Status", "200")])
        return [b""]

    with pytest.raises(AssertionError):
        Client(validator(wrong)).get("/")


def test_forbidden_in_a_view_is_a_403_at_the_edge() -> None:
    def view(request: Request) -> str:
        raise Forbidden

    app = build()
    app.add_route("/", view, requires_auth=False)
    assert Client(app).get("/").status == "403 Forbidden"
