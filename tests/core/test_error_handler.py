"""Error pages: what visitors see, what developers see while DEBUG is on, and what is told."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import pytest

from lback import Application, NotFound
from lback.core import (
    Config,
    ErrorHandler,
    HTMLResponse,
    Request,
    Router,
    SignalDispatcher,
    TemplateRenderer,
)
from lback.core.errors.pages import style_hash
from lback.testing import Client

SECRET = "s3cr3t-of-the-site-0123456789"


class Handled:
    """An error handler, and the signals that it sent."""

    def __init__(self, root: Path, *, debug: Any = False) -> None:
        self.heard: list[tuple[str, dict[str, Any]]] = []
        dispatcher = SignalDispatcher()
        for name in (
            "error_handler_initialized",
            "error_response_generated",
            "unhandled_exception_response_generated",
        ):
            dispatcher.connect(name, self.hear(name))
        settings = {"PROJECT_ROOT": str(root), "SECRET_KEY": SECRET, "DEBUG": debug}
        config = Config(None, settings=settings)
        self.router = Router()
        self.router.add_route("/api/entries", list_entries, ["GET"], "entries")
        templates = TemplateRenderer(config, router=self.router)
        self.handler = ErrorHandler(config, templates, self.router, dispatcher=dispatcher)

    def hear(self, name: str) -> Any:
        return lambda sender, **kwargs: self.heard.append((name, kwargs))


def list_entries(request: Request) -> str:
    return "entries"


@pytest.fixture
def quiet(tmp_path: Path) -> Handled:
    return Handled(tmp_path)


@pytest.fixture
def debugging(tmp_path: Path) -> Handled:
    return Handled(tmp_path, debug=True)


def request(path: str = "/", **headers: str) -> Request:
    return Request(path, "GET", None, headers, {"REMOTE_ADDR": "192.0.2.7"})


def failure() -> Exception:
    try:
        raise ValueError(f"cannot sign with {SECRET} <b>")
    except ValueError as error:
        return error


def with_a_password() -> Exception:
    password = " ".join(["correct", "horse"])
    try:
        raise ValueError(len(password))
    except ValueError as error:
        return error


def test_building_one_is_told_once(quiet: Handled) -> None:
    assert [name for name, _ in quiet.heard] == ["error_handler_initialized"]


def test_a_403_shows_its_message_escaped(quiet: Handled) -> None:
    response = quiet.handler.handle_403(request(), "not <you>")
    assert isinstance(response, HTMLResponse)
    assert response.status_code == 403
    assert "not &lt;you&gt;" in response.body
    assert "Forbidden: You do not have" in quiet.handler.handle_403(request()).body


@pytest.mark.parametrize("given", [None, object()])
def test_any_request_will_do(quiet: Handled, debugging: Handled, given: Any) -> None:
    for handled in (quiet, debugging):
        assert handled.handler.handle_403(given).status_code == 403
        assert handled.handler.handle_404(given).status_code == 404
        assert handled.handler.handle_405(given, ["GET"]).status_code == 405
        assert handled.handler.handle_exception(failure(), given).status_code == 500


def test_a_404_is_a_page(quiet: Handled) -> None:
    response = quiet.handler.handle_404(request("/nope"))
    assert isinstance(response, HTMLResponse)
    assert response.status_code == 404
    assert "There is nothing here" in response.body
    assert "/api/entries" not in response.body


def test_a_405_names_the_methods_that_would_do(quiet: Handled) -> None:
    response = quiet.handler.handle_405(request(), ["GET", "POST"])
    assert response.status_code == 405
    assert response.headers["Allow"] == "GET, POST"


def test_a_500_says_nothing_of_the_error_even_while_debugging(
    quiet: Handled, debugging: Handled
) -> None:
    for handled in (quiet, debugging):
        response = handled.handler.handle_500(failure())
        assert response.status_code == 500
        assert "cannot sign" not in response.body
        assert "ValueError" not in response.body


def test_a_custom_error_shows_status_and_message(quiet: Handled) -> None:
    response = quiet.handler.handle_custom_error(418, "short <and> stout")
    assert response.status_code == 418
    assert "short &lt;and&gt; stout" in response.body
    assert "418" in response.body


@pytest.mark.parametrize("status", [0, 99, 600, 1000, -1])
def test_a_number_that_is_not_a_status_becomes_500_and_is_logged(
    quiet: Handled, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    assert quiet.handler.handle_custom_error(status, "x").status_code == 500
    assert f"{status} is not an HTTP status" in caplog.text


def test_every_response_is_told_with_one_signal(quiet: Handled) -> None:
    asked, error = request("/nope"), failure()
    quiet.heard.clear()
    handler = quiet.handler
    responses = [
        handler.handle_403(asked, "no"),
        handler.handle_404(asked),
        handler.handle_405(asked, ["GET"]),
        handler.handle_500(error),
        handler.handle_custom_error(418, "teapot"),
    ]
    assert [name for name, _ in quiet.heard] == ["error_response_generated"] * 5
    arguments = [about for _, about in quiet.heard]
    assert [about["status_code"] for about in arguments] == [403, 404, 405, 500, 418]
    assert [about["response"] for about in arguments] == responses
    assert arguments[0]["error_message"] == "no"
    assert arguments[0]["request"] is asked
    assert arguments[2]["allowed_methods"] == ["GET"]
    assert arguments[3]["exception"] is error
    assert "request" not in arguments[3]


def test_an_unhandled_exception_has_a_signal_of_its_own(quiet: Handled) -> None:
    asked, error = request(), failure()
    quiet.heard.clear()
    response = quiet.handler.handle_exception(error, asked)
    assert quiet.heard == [
        (
            "unhandled_exception_response_generated",
            {"status_code": 500, "exception": error, "request": asked, "response": response},
        )
    ]


def test_visitors_see_nothing_of_an_exception(quiet: Handled) -> None:
    body = quiet.handler.handle_exception(failure(), request("/secret-path")).body
    for telling in ("ValueError", "cannot sign", "test_error_handler", "/secret-path", SECRET):
        assert telling not in body


@pytest.mark.parametrize("debug", [False, 1, "true"])
def test_only_true_is_debug(tmp_path: Path, debug: Any) -> None:
    handled = Handled(tmp_path)
    handled.handler.config.DEBUG = debug
    assert "ValueError" not in handled.handler.handle_exception(failure(), request()).body


def test_a_developer_sees_the_exception_with_its_source(debugging: Handled) -> None:
    body = debugging.handler.handle_exception(failure(), request("/sign")).body
    assert "ValueError" in body
    assert "cannot sign with" in body
    assert "test_error_handler.py:" in body
    assert "raise ValueError" in body
    assert "/sign" in body
    assert "/api/entries" in body
    assert "list_entries" in body


def test_a_developer_sees_what_led_to_an_exception(debugging: Handled) -> None:
    def chained() -> Exception:
        try:
            try:
                raise KeyError("inner")
            except KeyError as inner:
                raise RuntimeError("outer") from inner
        except RuntimeError as outer:
            return outer

    def during() -> Exception:
        try:
            try:
                raise KeyError("inner")
            finally:
                raise RuntimeError("outer")
        except RuntimeError as outer:
            return outer

    caused = debugging.handler.handle_exception(chained(), request()).body
    assert "caused by KeyError" in caused
    followed = debugging.handler.handle_exception(during(), request()).body
    assert "raised while handling KeyError" in followed


def test_a_syntax_error_shows_the_line_that_cannot_be_read(
    debugging: Handled, tmp_path: Path
) -> None:
    module = tmp_path / "broken.py"
    module.write_text("def view(request:\n    return 'x'\n")
    try:
        compile(module.read_text(), str(module), "exec")
    except SyntaxError as error:
        body = debugging.handler.handle_exception(error, request()).body
    assert "broken.py:1" in body
    assert "def view(request:" in body


def test_everything_on_the_debug_page_is_escaped(debugging: Handled) -> None:
    attack = "<script>alert(1)</script>"
    asked = Request(f"/{attack}", "GET", None, {"User-Agent": attack}, {"QUERY_STRING": attack})
    for response in (
        debugging.handler.handle_exception(ValueError(attack), asked),
        debugging.handler.handle_404(asked),
        debugging.handler.handle_403(asked, attack),
    ):
        assert "<script>" not in response.body
        assert "&lt;script&gt;" in response.body


def test_secrets_are_masked_wherever_they_turn_up(debugging: Handled) -> None:
    debugging.handler.config.DATABASE_URL = "postgresql://shop:hunter2hunter2@db/shop"
    asked = Request(
        "/",
        "GET",
        None,
        {
            "Authorization": "Bearer abcdef",
            "Cookie": "session=abcdef",
            "Proxy-Authorization": "Basic abcdef",
            "X-Api-Key": "abcdef",
            "X-CSRF-Token": "abcdef",
            "Accept": "text/html",
        },
        {"QUERY_STRING": "token=abcdef&page=2"},
    )
    error = RuntimeError(f"{SECRET} postgresql://shop:hunter2hunter2@db/shop mysql://a:abcdef@b/c")
    body = debugging.handler.handle_exception(error, asked).body
    for secret in (SECRET, "abcdef", "hunter2hunter2"):
        assert secret not in body
    assert "********" in body
    assert "AUTHORIZATION" in body
    assert "text/html" in body
    assert "?page" in body


def test_the_debug_page_shows_no_values_of_variables(debugging: Handled) -> None:
    body = debugging.handler.handle_exception(with_a_password(), request()).body
    assert "raise ValueError(len(password))" in body
    assert "correct horse" not in body


@pytest.mark.parametrize(
    ("path", "pattern"),
    [("/api/entrys", "/api/entries"), ("/bok/17/pages", "/book/{book_id:int}/pages")],
)
def test_a_mistyped_address_is_told_what_comes_near_while_debugging(
    debugging: Handled, path: str, pattern: str
) -> None:
    debugging.router.add_route("/book/{book_id:int}/pages", list_entries)
    body = debugging.handler.handle_404(request(path)).body
    assert f"Did you mean <code>{pattern}</code>?" in body


def test_a_text_comes_near_no_number(debugging: Handled) -> None:
    debugging.router.add_route("/{number:int}", list_entries)
    debugging.router.add_route("/admin/", list_entries)
    body = debugging.handler.handle_404(request("/admin")).body
    assert "Did you mean <code>/admin/</code>?" in body


def test_without_routes_the_page_says_how_to_add_one(debugging: Handled) -> None:
    debugging.router.remove_route("/api/entries")
    assert "There are none yet" in debugging.handler.handle_404(request("/")).body


def test_an_exception_without_end_is_shown_all_the_same(debugging: Handled) -> None:
    def deep(level: int) -> None:
        if level == 0:
            raise ValueError("at the bottom")
        deep(level - 1)

    with pytest.raises(ValueError, match="at the bottom") as caught:
        deep(300)
    caught.value.__context__ = caught.value.__cause__ = caught.value
    body = debugging.handler.handle_exception(caught.value, request()).body
    assert "at the bottom" in body
    assert body.count("<details") <= 60


class Unprintable:
    path = "/"

    @property
    def headers(self) -> dict[str, str]:
        raise OSError("away")


def test_a_debug_page_that_fails_gives_way_to_the_plain_one(
    debugging: Handled, caplog: pytest.LogCaptureFixture
) -> None:
    request: Any = Unprintable()
    body = debugging.handler.handle_exception(failure(), request).body
    assert "Something went wrong" in body
    assert "cannot sign" not in body
    assert "the debug page failed" in caplog.text


def test_the_style_of_the_pages_can_be_allowed_by_its_hash(quiet: Handled) -> None:
    page = quiet.handler.handle_404(None).body
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert style_hash() == f"'sha256-{digest}'"


def test_a_project_replaces_a_page_by_a_template_of_its_number(tmp_path: Path) -> None:
    templates = tmp_path / "templates"
    templates.mkdir()
    (templates / "404.html").write_text("{{ status_code }}: no {{ request.path }}, {{ message }}")
    (templates / "500.html").write_text("{{ 1 / 0 }}")
    handled = Handled(tmp_path)
    body = handled.handler.handle_404(request("/<b>"), message="sold out").body
    assert body == "404: no /&lt;b&gt;, sold out"
    assert "There is nothing here" in Handled(tmp_path, debug=True).handler.handle_404(None).body


def test_a_page_of_the_project_that_fails_gives_way_to_the_plain_one(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "500.html").write_text("{{ 1 / 0 }}")
    body = Handled(tmp_path).handler.handle_exception(failure(), request()).body
    assert "Something went wrong" in body
    assert "the template 500.html failed" in caplog.text


@pytest.mark.parametrize("debug", [True, False])
def test_an_error_page_has_browsers_ask_for_no_icon(debug: bool) -> None:
    app = Application(
        DEBUG=debug, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"], MIDDLEWARES=[]
    )

    assert '<link rel="icon" href="data:,">' in Client(app).get("/nothing").text


def test_caches_are_told_that_the_client_chose_the_format() -> None:
    app = Application(DEBUG=True)

    @app.route("/data", requires_auth=False)
    def data(request: Request) -> str:
        raise NotFound(data={"code": 7})

    client = Client(app)
    for accept in ("text/html", "application/json"):
        for path in ("/missing", "/data"):
            answer = client.get(path, headers={"Accept": accept})
            assert answer.status_code == 404
            # An error with data is JSON for everybody.
            assert answer.headers.get("vary") == ("Accept" if path == "/missing" else None)
