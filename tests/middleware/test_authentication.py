"""Who must sign in is shown the way: browsers by a redirect, programs by a header."""

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

import pytest

from lback import Application, Request, Unauthorized
from lback.core.urls_utils import is_local_url
from lback.testing import Client

if TYPE_CHECKING:
    from lback.testing.client import ClientResponse

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
PROGRAM = {"Accept": "application/json"}
SETTINGS: dict[str, Any] = {
    "DEBUG": False,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "ALLOWED_HOSTS": ["localhost"],
    "SESSION_STORE": "memory",
    "LOGIN_URL": "/sign-in",
}


def build(**settings: Any) -> Application:
    app = Application(**{**SETTINGS, **settings})
    app.add_route("/books/{title}", private, methods=["GET", "POST"])
    app.add_route("/basic", basic, requires_auth=False)
    app.add_route("/own", own, requires_auth=False)
    app.add_route("/sign-in", private)
    return app


def private(request: Request, title: str = "") -> str:
    raise AssertionError("nobody is signed in")


def basic(request: Request) -> str:
    raise Unauthorized(headers={"WWW-Authenticate": 'Basic realm="printer"'})


def own(request: Request) -> tuple[str, int]:
    return "a page of its own", 401


def ask(path: str, method: str = "GET", accept: dict[str, str] = BROWSER, **how: Any) -> Any:
    settings = how.pop("settings", {})
    answer: ClientResponse = Client(build(**settings)).request(method, path, headers=accept, **how)
    return answer


def test_a_browser_is_sent_to_sign_in_and_knows_the_way_back() -> None:
    answer = ask("/books/War%20%26%20Peace?page=2&q=%C3%A4")
    assert answer.status_code == 302
    target = urlsplit(answer.headers["location"])
    assert target.path == "/sign-in"
    (back,) = parse_qs(target.query)["next"]
    assert back == "/books/War%20&%20Peace?page=2&q=%C3%A4"
    assert is_local_url(back)


def test_where_the_way_in_has_a_query_the_way_back_is_added() -> None:
    answer = ask("/books/a", settings={"LOGIN_URL": "https://id.example.com/?app=shop"})
    assert answer.headers["location"] == "https://id.example.com/?app=shop&next=%2Fbooks%2Fa"


def test_the_way_back_leads_through_the_place_where_the_application_is_mounted() -> None:
    answer = ask("/books/a", environ={"SCRIPT_NAME": "/shop"})
    assert answer.headers["location"] == "/sign-in?next=%2Fshop%2Fbooks%2Fa"


def test_a_form_that_came_too_late_is_not_sent_again() -> None:
    answer = ask("/books/a", "POST")
    assert (answer.status_code, answer.headers["location"]) == (303, "/sign-in")


@pytest.mark.parametrize("accept", [PROGRAM, {"Accept": "*/*"}, {}])
def test_a_program_is_told_to_authenticate(accept: dict[str, str]) -> None:
    answer = ask("/books/a", accept=accept)
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == 'Bearer realm="users", Session realm="users"'


def test_without_a_login_page_browsers_get_a_page() -> None:
    answer = ask("/books/a", settings={"LOGIN_URL": ""})
    assert answer.status_code == 401
    assert "Please sign in" in answer.text
    assert answer.headers["www-authenticate"]


def test_who_names_another_way_to_authenticate_is_left_alone() -> None:
    answer = ask("/basic")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (
        401,
        'Basic realm="printer"',
    )


def test_a_401_of_a_view_leads_to_the_login_page_as_well() -> None:
    assert ask("/own").status_code == 302


def test_a_login_page_that_wants_a_user_is_not_an_endless_loop() -> None:
    assert ask("/sign-in").status_code == 401
    mounted = {"LOGIN_URL": "/shop/sign-in"}
    assert ask("/sign-in", environ={"SCRIPT_NAME": "/shop"}, settings=mounted).status_code == 401


def test_no_cache_shows_the_refusal_to_others() -> None:
    assert ask("/books/a").headers["vary"] == "Cookie"


def test_a_login_url_that_is_not_an_address_is_refused_at_the_start() -> None:
    with pytest.raises(ValueError, match=r"LOGIN_URL = 'sign-in' .*must be a path such as"):
        Client(build(LOGIN_URL="sign-in")).get("/")


def test_no_warning_of_closed_routes_where_users_can_sign_in(
    caplog: pytest.LogCaptureFixture,
) -> None:
    Client(build()).get("/")
    assert "always answer 401" not in caplog.text
