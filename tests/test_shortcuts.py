"""What views say every day, in views."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.exc import MultipleResultsFound

from lback import (
    Application,
    ConfigurationError,
    NotFound,
    Request,
    Response,
    get_object_or_404,
    redirect,
    render,
    reverse,
)
from lback.database import DatabaseManager
from lback.testing import Client
from lback.users import User


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


@pytest.fixture
def users(database: DatabaseManager) -> DatabaseManager:
    with database.session() as session:
        session.add(User(id=7, username="ada", password_hash="-", email="ada@example.org"))
        session.add(User(id=8, username="grace", password_hash="-"))
    return database


def test_a_row_is_found_by_key_by_values_or_by_a_statement(users: DatabaseManager) -> None:
    with users.session() as session:
        ada = get_object_or_404(session, User, 7)
        assert ada.username == "ada"
        assert get_object_or_404(session, User, username="ada") is ada
        assert get_object_or_404(session, User, username="ada", id=7) is ada
        assert get_object_or_404(session, select(User).where(User.id < 8)) is ada


def test_a_row_that_is_missing_is_not_found(users: DatabaseManager) -> None:
    with users.session() as session:
        for key in (9, None, -1):
            with pytest.raises(NotFound):
                get_object_or_404(session, User, key)
        with pytest.raises(NotFound):
            get_object_or_404(session, User, username="ada", id=8)
        with pytest.raises(NotFound):
            get_object_or_404(session, select(User).where(User.id > 8))


def test_a_row_has_to_be_the_only_one_that_matches(users: DatabaseManager) -> None:
    with users.session() as session, pytest.raises(MultipleResultsFound):
        get_object_or_404(session, User, is_active=True)


def test_a_row_is_asked_for_in_one_way(users: DatabaseManager) -> None:
    asked: Any = get_object_or_404
    with users.session() as session:
        for arguments, values in [
            ((User,), {}),
            ((User, 7), {"username": "ada"}),
            ((select(User), 7), {}),
            ((select(User),), {"username": "ada"}),
        ]:
            with pytest.raises(TypeError, match="either a key or values"):
                asked(session, *arguments, **values)
