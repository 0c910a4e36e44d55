"""What views say every day, in views."""

from pathlib import Path
from typing import Any

import pytest

from lback import Application, ConfigurationError, Request, Response, redirect, render, reverse
from lback.testing import Client


@pytest.fixture
def app(tmp_path: Path) -> Application:
    (tmp_path / "templates").mkdir()
    (tmp_path / "templates" / "page.html").write_text("{{ request.path }} {{ name }}")
    return Application(PROJECT_ROOT=str(tmp_path))


def test_a_view_renders_a_page(app: Application) -> None:
    @app.route("/page", requires_auth=False)
    def page(request: Request) -> Response:
        return render(request, "page.html", name="<Ann>", status_code=201, headers={"X-A": "b"})

    answer = Client(app).get("/page")
    assert answer.status_code == 201
    assert answer.text == "/page &lt;Ann&gt;"
    assert answer.headers["x-a"] == "b"
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_misspelt_template_is_explained_on_the_debug_page(app: Application) -> None:
    app.add_route("/", lambda request: render(request, "pgae.html"), requires_auth=False)
    answer = Client(app).get("/")
    assert answer.status_code == 500
    assert "did you mean &#39;page.html&#39;" in answer.text


def test_a_view_sends_elsewhere_and_names_a_route(app: Application) -> None:
    @app.route("/go/{number:int}", requires_auth=False)
    def go(request: Request, number: int) -> Response:
        return redirect(reverse(request, "go", number=number + 1, page="a b"), status_code=303)

    answer = Client(app).get("/go/7")
    assert answer.status_code == 303
    assert answer.headers["location"] == "/go/8?page=a+b"


def test_a_misspelt_route_or_setting_is_explained_on_the_debug_page(app: Application) -> None:
    @app.route("/route", name="the_route", requires_auth=False)
    def route(request: Request) -> str:
        return reverse(request, "the_rout")

    @app.route("/setting", requires_auth=False)
    def setting(request: Request) -> Any:
        assert request.config is not None
        return request.config.SECRET_KEYS

    client = Client(app)
    assert "did you mean &#39;the_route&#39;" in client.get("/route").text
    assert "did you mean SECRET_KEY" in client.get("/setting").text


def test_a_request_without_an_application_says_so() -> None:
    alone = Request("/", "GET", None, {}, {})
    with pytest.raises(ConfigurationError, match="it belongs to no application"):
        render(alone, "page.html")
    with pytest.raises(ConfigurationError, match="it belongs to no application"):
        reverse(alone, "home")
