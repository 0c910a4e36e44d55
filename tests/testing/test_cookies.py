"""The test client keeps cookies as a browser does, and answers for its own application alone."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from lback import Application, Response, redirect
from lback.core.request import Request
from lback.testing import Client

HTTPS = "https://localhost"


def build(**settings: Any) -> Client:
    app = Application(DEBUG=True, **settings)

    def put(request: Request) -> Response:
        response = Response("set")
        for field in request.query_params.getlist("c"):
            response.headers.append("Set-Cookie", field)
        return response

    def show(request: Request) -> dict[str, str]:
        return dict(request.cookies)

    app.add_route("/set", put, requires_auth=False)
    app.add_route("/deep/er/set", put, requires_auth=False)
    for path in ("/", "/show", "/admin", "/admin/", "/admin/show", "/administrator", "/deep/er/x"):
        app.add_route(path, show, requires_auth=False)
    app.add_route(
        "/go", lambda request: redirect(request.GET["to"], status_code=302), requires_auth=False
    )
    return Client(app)


def after(*fields: str, url: str = "/show", where: str = "/set", **settings: Any) -> dict[str, str]:
    """Return the cookies that come with a request after others were set."""
    client = build(**settings)
    client.get(where, query={"c": list(fields)})
    seen: dict[str, str] = client.get(url).json()
    return seen


@pytest.mark.parametrize(
    ("field", "url", "is_sent"),
    [
        ("a=1", "/show", True),
        ("a=1; Path=/admin", "/show", False),
        ("a=1; Path=/admin", "/admin", True),
        ("a=1; Path=/admin", "/admin/show", True),
        ("a=1; Path=/admin", "/administrator", False),
        ("a=1; Path=/admin/", "/admin", False),
        ("a=1; Path=nonsense", "/show", True),
        ("a=1; Secure", "/show", False),
        ("a=1; Secure", f"{HTTPS}/show", True),
        ("a=1; Domain=other.example", "/show", False),
        ("a=1; Domain=localhost", "/show", True),
        ("a=1; Max-Age=60", "/show", True),
        ("a=1; Max-Age=0", "/show", False),
        ("a=1; Max-Age=-5", "/show", False),
        ("a=1; Max-Age=soon", "/show", True),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "/show", False),
        ("a=1; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=60", "/show", True),
        ("a=1; Expires=Fri, 31 Dec 9999 23:59:59 GMT", "/show", True),
        ("a=1; Expires=never", "/show", True),
        ("__Host-a=1", "/show", False),
        ("__Secure-a=1", f"{HTTPS}/show", False),
        ("=1", "/show", False),
    ],
)
def test_a_cookie_goes_where_a_browser_sends_it(field: str, url: str, is_sent: bool) -> None:
    assert bool(after(field, url=url)) is is_sent


def test_without_a_path_it_is_of_the_directory_where_it_was_set() -> None:
    assert after("a=1", where="/deep/er/set") == {}
    assert after("a=1", where="/deep/er/set", url="/deep/er/x") == {"a": "1"}


def test_a_domain_has_its_subdomains_and_a_host_has_none() -> None:
    hosts = [".shop.example"]
    at: Any = {"where": "http://shop.example/set", "ALLOWED_HOSTS": hosts}
    assert after("a=1", url="http://www.shop.example/show", **at) == {}
    assert after("a=1; Domain=.shop.example", url="http://www.shop.example/show", **at) == {
        "a": "1"
    }
    assert after("a=1; Domain=example", url="http://shop.example/show", **at) == {}
    assert after("a=1; Domain=www.shop.example", url="http://www.shop.example/show", **at) == {}


def test_longer_paths_come_first_and_the_same_cookie_is_replaced() -> None:
    client = build()
    client.get("/set", query={"c": ["a=1; Path=/", "a=2; Path=/admin", "a=3; Path=/"]})
    assert client.get("/show").json() == {"a": "3"}
    assert client.cookies.header is not None
    assert len(client.cookies) == 1


def test_a_value_comes_back_as_it_was_set() -> None:
    app = Application(DEBUG=True)
    value = 'x y;"\\é🦜, [z]'

    def view(request: Request) -> Response:
        response = Response(request.cookies.get("odd", "none"))
        response.set_cookie("odd", value)
        return response

    app.add_route("/", view, requires_auth=False)
    client = Client(app)
    assert [client.get("/").text for _ in range(3)] == ["none", value, value]
    assert client.cookies == {"odd": value}


def test_a_removed_cookie_is_gone() -> None:
    client = build()
    past = datetime.now(UTC) - timedelta(seconds=1)
    client.get("/set", query={"c": ["a=1", "b=1", "c=1; Path=/admin"]})
    response = Response()
    response.set_cookie("a", max_age=0)
    response.set_cookie("b", expires=past)
    response.delete_cookie("c")
    client.get("/set", query={"c": response.headers["Set-Cookie"]})
    assert client.get("/admin/show").json() == {"c": "1"}


def test_a_test_may_set_read_and_drop_cookies() -> None:
    client = build()
    client.cookies["a"] = "1"
    client.cookies["odd"] = "x;y"
    assert client.get("/admin/show").json() == {"a": "1", "odd": "x;y"}
    client.get("/set", query={"c": "a=2"})
    assert client.cookies == {"a": "2", "odd": "x;y"}
    del client.cookies["a"]
    client.cookies.pop("odd")
    assert client.get("/show").json() == {}
    client.cookies = {"b": "1"}
    assert client.get("/show").json() == {"b": "1"}


@pytest.mark.parametrize("to", ["https://elsewhere.example/show", "//elsewhere.example/show"])
def test_a_redirect_to_another_site_is_not_followed(to: str) -> None:
    client = build()
    assert client.get("/go", query={"to": to}).headers["location"] == to
    with pytest.raises(
        AssertionError, match=r"elsewhere\.example/show, which is not on a host of this"
    ):
        client.get("/go", query={"to": to}, follow_redirects=True)


def test_a_redirect_to_a_host_of_the_application_is_followed() -> None:
    client = build(ALLOWED_HOSTS=["localhost", "shop.example"])
    client.cookies["a"] = "1"
    for to in ("/show", "show", "http://localhost/show", "https://localhost/show?x#y",
               "http://shop.example:8000/show"):  # fmt: skip
        answer = client.get("/go", query={"to": to}, follow_redirects=True)
        assert (answer.status_code, answer.json()) == (200, {"a": "1"})


def test_another_host_is_refused_by_the_application_itself() -> None:
    assert build().get("https://elsewhere.example/show").status_code == 400
