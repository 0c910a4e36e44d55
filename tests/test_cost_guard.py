"""What a request costs, counted and not timed, so that no busy machine hides a call that was added.

Two counts for one warm request: Python functions of the package that were called, and files in
which they are. A count that went down is a reason to lower its bound here; a count that went up
needs a reason. A bound serves speed and clarity: where it stands in the way of a correct
program, raise it.
"""

import json
import sys
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple
from urllib.parse import urlencode

import pytest

import lback
from lback import Application, BaseMiddleware, Request, Response
from lback.core import SignalDispatcher

PACKAGE = str(Path(lback.__file__).parent)
PLAIN = "text/plain; charset=utf-8"
FORM = "application/x-www-form-urlencoded"


class Cost(NamedTuple):
    """Calls of one request, and the files in which the called functions are."""

    calls: int
    files: int


BOUNDS = {
    "plaintext": Cost(17, 10),
    "json": Cost(19, 10),
    "params": Cost(19, 10),
    # Two calls to see that the page need not be translated, three for `Vary`, and those that begin
    # its links with the path that the application is mounted at.
    "not found": Cost(56, 21),
    "not allowed": Cost(60, 21),
    "query": Cost(20, 11),
    "cookies": Cost(19, 11),
    "form": Cost(39, 12),
    "json body": Cost(38, 12),
    "eight middlewares": Cost(39, 11),
    "default middlewares": Cost(42, 16),
}


class SetsHeader(BaseMiddleware):
    def process_request(self, request: Request) -> None:
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Name"] = "value"
        return response


def plaintext(request: Request) -> Response:
    return Response("hello", content_type=PLAIN)


def as_json(request: Request) -> dict[str, str]:
    return {"message": "hello"}


def params(request: Request, year: int, number: int) -> Response:
    return Response(f"{year}:{number}", content_type=PLAIN)


def query(request: Request) -> Response:
    return Response(request.query_params["a0"], content_type=PLAIN)


def cookies(request: Request) -> Response:
    return Response(request.cookies["a0"], content_type=PLAIN)


def form(request: Request) -> Response:
    return Response(request.POST["a0"], content_type=PLAIN)


def build(**settings: Any) -> Application:
    app = Application(
        **{"MIDDLEWARES": ["lback.middleware.BodyParsingMiddleware"], **settings},
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"],
        dispatcher=SignalDispatcher(),
    )  # fmt: skip
    for view in (plaintext, as_json, query, cookies):
        app.add_route(f"/{view.__name__}", view, requires_auth=False)
    app.add_route("/form", form, ["POST"], requires_auth=False)
    for number in range(200):
        app.add_route(f"/section{number}/{{year:int}}/{{number:int}}", params, requires_auth=False)
    return app


def build_with_middlewares() -> Application:
    app = build()
    for _ in range(8):
        app.add_middleware(SetsHeader())
    return app


def build_with_defaults() -> Application:
    return build(MIDDLEWARES=Application(DEBUG=True).config.MIDDLEWARES)


EIGHT = {f"a{number}": f"größe {number}" for number in range(8)}
DOCUMENT = json.dumps({"a0": "1", "items": [{"id": number} for number in range(50)]}).encode()
REQUESTS: dict[str, tuple[Callable[[], Application], dict[str, str], bytes]] = {
    "plaintext": (build, {"PATH_INFO": "/plaintext"}, b""),
    "json": (build, {"PATH_INFO": "/as_json"}, b""),
    "params": (build, {"PATH_INFO": "/section199/2026/42"}, b""),
    "not found": (build, {"PATH_INFO": "/nowhere"}, b""),
    "not allowed": (build, {"PATH_INFO": "/plaintext", "REQUEST_METHOD": "DELETE"}, b""),
    "query": (build, {"PATH_INFO": "/query", "QUERY_STRING": urlencode(EIGHT)}, b""),
    "cookies": (
        build,
        {"PATH_INFO": "/cookies", "HTTP_COOKIE": "; ".join(f"a{n}={n}" for n in range(5))},
        b"",
    ),
    "form": (
        build,
        {"PATH_INFO": "/form", "REQUEST_METHOD": "POST", "CONTENT_TYPE": FORM},
        urlencode(EIGHT).encode(),
    ),
    "json body": (
        build,
        {"PATH_INFO": "/form", "REQUEST_METHOD": "POST", "CONTENT_TYPE": "application/json"},
        DOCUMENT,
    ),
    "eight middlewares": (build_with_middlewares, {"PATH_INFO": "/plaintext"}, b""),
    "default middlewares": (build_with_defaults, {"PATH_INFO": "/plaintext"}, b""),
}


def cost_of(name: str) -> Cost:
    build_app, sent, body = REQUESTS[name]
    app = build_app()
    called: list[str] = []

    def request() -> None:
        environ = {
            "REQUEST_METHOD": "GET", "QUERY_STRING": "", "HTTP_HOST": "localhost",
            "CONTENT_LENGTH": str(len(body)) if body else "", **sent, "wsgi.input": BytesIO(body),
        }  # fmt: skip
        assert b"".join(app(environ, lambda status, headers: None))

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            called.append(frame.f_code.co_filename)

    for _ in range(3):
        request()
    sys.setprofile(profile)
    try:
        request()
    finally:
        sys.setprofile(None)
    return Cost(len(called), len(set(called)))


@pytest.mark.parametrize("name", REQUESTS)
def test_a_request_costs_no_more_than_it_did(name: str) -> None:
    found, bound = cost_of(name), BOUNDS[name]
    over = [
        f"{what}: {count}, the bound is {most}"
        for what, count, most in zip(Cost._fields, found, bound, strict=True)
        if count > most
    ]
    assert not over, f"{name} costs more than it did; see tests/test_cost_guard.py"


def test_the_counts_are_the_same_each_time() -> None:
    assert cost_of("form") == cost_of("form")


def test_the_counter_sees_a_call_that_is_added(monkeypatch: pytest.MonkeyPatch) -> None:
    before = cost_of("plaintext")
    validate = lback.core.http.request_validation.RequestValidator.validate

    def slower(self: Any, request: Request, environ: dict[str, Any]) -> None:
        validate(self, request, environ)
        validate(self, request, environ)

    monkeypatch.setattr(lback.core.http.request_validation.RequestValidator, "validate", slower)

    assert cost_of("plaintext").calls > before.calls
