"""Cookies (class 13): one bad cookie hides no other, impersonates none, and costs nothing."""

from typing import Any

import pytest

from lback import Application, Request
from lback.testing import Client
from tests.growth import assert_linear

BAD = [
    "bad", "=", "=x", ";", ";;;", "a b=c", 'q="unclosed', "k=\x00", "é=x", "a=b=c=d", '"="', "{}",
    "[a]=b", "a\tb=c", "(x)=1", ",", ", x=1", "__proto__", "a=\x7f", "$Version=1", "path=/", '="',
    "expires=Thu, 01-Jan-1970", "Domain=evil",
]  # fmt: skip


def build(**settings: Any) -> Application:
    app = Application(DEBUG=True, MIDDLEWARES=[], **settings)
    app.add_route("/", lambda request: dict(request.cookies), requires_auth=False)
    return app


def cookies(field: str) -> Any:
    wire = field.encode().decode("latin-1")
    return Client(build()).get("/", headers={"Cookie": wire}).json()


@pytest.mark.parametrize("bad", BAD, ids=repr)
def test_a_bad_cookie_hides_no_other(bad: str) -> None:
    found = cookies(f"first=1; {bad}; last=2")
    assert found["first"] == "1"
    assert found["last"] == "2"
    assert cookies(f"{bad};session=mine")["session"] == "mine"


@pytest.mark.parametrize(
    "field",
    [
        "=__Host-session=evil", "=__Host-session", " =__Host-session=evil", "=; __Host-sessio=evil",
        "__Host -session=evil", "__Host-session", "\u00a0__Host-session=evil",
        "x=__Host-session=evil",
        "__Host-session\t\x0b=evil", "\ufeff__Host-session=evil", '"__Host-session"=evil',
        "__host-session=evil", "__HOST-SESSION=evil", "__Host-session;=evil",
        "\x0b__Host-session=e",
    ],
)  # fmt: skip
def test_nothing_impersonates_a_cookie_of_the_host(field: str) -> None:
    assert "__Host-session" not in cookies(field)
    assert "" not in cookies(field)
    assert cookies(f"__Host-session=mine; {field}")["__Host-session"] == "mine"


@pytest.mark.parametrize(
    "hostile",
    [
        "a=" + "\\" * 60_000, 'a="' + "\\" * 60_000, 'a="' + "\\" * 60_000 + '"', "a" * 60_000,
        ";" * 60_000, "=" * 60_000, " " * 60_000, 'a="' + "\\0" * 30_000 + '"', "a=b;" * 15_000,
        '"' * 60_000, "a=" + "\\" * 60_000 + ";" + "=" * 100, ("a" * 200 + "=b; ") * 290,
    ],
    ids=lambda hostile: repr(hostile[:8]),
)  # fmt: skip
def test_a_long_field_is_refused_or_read_in_linear_time(hostile: str) -> None:
    answer = Client(build()).get("/", headers={"Cookie": hostile})
    assert answer.status_code == 431
    client = Client(build(MAX_COOKIE_SIZE=100_000))

    def read(hostile: str) -> None:
        assert client.get("/", headers={"Cookie": hostile}).status_code == 200

    assert_linear(read, hostile)


def test_a_view_that_reads_no_cookies_is_not_troubled_by_them() -> None:
    app = Application(DEBUG=True, MIDDLEWARES=[])
    app.add_route("/", lambda request: "fine", requires_auth=False)
    assert Client(app).get("/", headers={"Cookie": "a" * 60_000}).text == "fine"


def test_values_come_back_as_they_were_set() -> None:
    values = ["", " ", ";", ",", '"', "\\", "é", "a=b", "\t", "a" * 1000, "☃", '"quoted"', "%3B"]
    app = Application(DEBUG=True, MIDDLEWARES=[])

    def write(request: Request) -> Any:
        response = app.error_handler.handle_json_error(200, "x")
        for number, value in enumerate(values):
            response.set_cookie(f"c{number}", value)
        return response

    app.add_route("/", write, requires_auth=False)
    app.add_route("/read", lambda request: list(request.cookies.values()), requires_auth=False)
    first = Client(app).get("/")
    pairs = [v.partition(";")[0] for name, v in first.header_list if name == "Set-Cookie"]
    assert Client(app).get("/read", headers={"Cookie": "; ".join(pairs)}).json() == values
