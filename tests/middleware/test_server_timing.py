"""Server-Timing: a browser shows it, nobody sees it in production, and off it costs nothing."""

import re
from typing import Any

import pytest

from lback import Application, BaseMiddleware, Forbidden, Request, Response
from lback.core import SignalDispatcher
from lback.middleware import ServerTimingMiddleware
from lback.testing import Client

SPAN = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+);dur=(\d+\.\d{3})")


class Passing(BaseMiddleware):
    def process_request(self, request: Request) -> Response | None:
        return Response("busy", 503) if request.path == "/busy" else None

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Passed"] = "yes"
        return response


class Größe(Passing):
    """A class whose name is no token."""


class Failing(Passing):
    def process_response(self, request: Request, response: Response) -> Response:
        raise ValueError("for the test")


def build(*further: Any, **settings: Any) -> Application:
    usual = {"DEBUG": True, "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc", "ALLOWED_HOSTS": ["localhost"]}
    app = Application(
        **{**usual, **settings},
        MIDDLEWARES=["lback.middleware.ServerTimingMiddleware"], dispatcher=SignalDispatcher(),
    )  # fmt: skip
    for middleware in further:
        app.add_middleware(middleware)
    app.add_route("/", lambda request: "hello", requires_auth=False)
    app.add_route("/busy", lambda request: "hello", requires_auth=False)
    return app


def spans(response: Any) -> dict[str, float]:
    field = response.headers["server-timing"]
    found = [SPAN.fullmatch(part) for part in field.split(", ")]
    assert None not in found, field
    return {match[1]: float(match[2]) for match in found if match}


def test_the_view_and_each_hook_are_timed_in_the_order_they_ran() -> None:
    client = Client(build(Passing(), Größe()))
    client.get("/")  # begins to listen

    found = spans(client.get("/"))

    assert list(found) == [
        "Passing.request", "Gre.request", "view", "Gre.response", "Passing.response", "total",
    ]  # fmt: skip
    assert sum(found.values()) - found["total"] <= found["total"] + 0.01


def test_a_request_that_a_middleware_answered_has_no_view() -> None:
    client = Client(build(Passing()))
    client.get("/")

    assert list(spans(client.get("/busy"))) == ["Passing.request", "Passing.response", "total"]


def test_a_hook_that_fails_is_timed_as_well(caplog: pytest.LogCaptureFixture) -> None:
    client = Client(build(Failing()))
    client.get("/")

    assert "Failing.response" in spans(client.get("/"))
    assert "for the test" in caplog.text


def test_an_error_page_is_timed() -> None:
    app = build()

    def refuse(request: Request) -> Response:
        raise Forbidden("not you")

    app.add_route("/refused", refuse, requires_auth=False)
    client = Client(app)
    client.get("/")

    assert list(spans(client.get("/refused"))) == ["total"]


def test_without_debug_nothing_is_told_and_nothing_listens() -> None:
    app = build(Passing(), DEBUG=False)
    client = Client(app)

    for _ in range(2):
        assert "server-timing" not in client.get("/").headers
    assert app.dispatcher.receivers == {}


def test_another_application_on_the_same_dispatcher_is_not_timed() -> None:
    timed = build()
    other = Application(
        DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", MIDDLEWARES=[], dispatcher=timed.dispatcher
    )
    other.add_route("/", lambda request: "other", requires_auth=False)
    Client(timed).get("/")

    assert "server-timing" not in Client(other).get("/").headers
    assert "server-timing" in Client(timed).get("/").headers


def test_it_is_exported() -> None:
    assert ServerTimingMiddleware.__module__ == "lback.middleware.server_timing"
