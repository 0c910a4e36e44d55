"""The walk of a request is short: counted in calls and files, which no busy machine changes."""

import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import pytest

from lback import Application, BaseMiddleware, Request, Response

CALLS = 40
FILES = 8
CALLS_OF_A_MIDDLEWARE = 6


class Passing(BaseMiddleware):
    def process_request(self, request: Request) -> None:
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        return response


def hello(request: Request) -> Response:
    return Response("hello", content_type="text/plain; charset=utf-8")


def show(request: Request, number: int) -> Response:
    return Response(str(number), content_type="text/plain; charset=utf-8")


def build(middlewares: int = 0) -> Application:
    app = Application(
        DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["localhost"], MIDDLEWARES=[]
    )
    app.add_route("/", hello, requires_auth=False)
    app.add_route("/numbers/{number:int}", show, requires_auth=False)
    for _ in range(middlewares):
        app.add_middleware(Passing())
    return app


def walk(app: Application, path: str, method: str = "GET") -> tuple[int, set[str]]:
    """Answer one request twice and return the Python calls of the second, and their files."""
    calls: list[str] = []

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        if event == "call":
            calls.append(frame.f_code.co_filename)

    def request() -> None:
        environ = {"REQUEST_METHOD": method, "PATH_INFO": path, "HTTP_HOST": "localhost"}
        assert app(environ, lambda status, headers: None)

    request()
    sys.setprofile(profile)
    try:
        request()
    finally:
        sys.setprofile(None)
    ours = [name for name in calls if not name.endswith("test_request_walk.py")]
    return len(ours), set(ours)


@pytest.mark.parametrize("path", ["/", "/numbers/7"])
def test_a_warm_request_is_a_short_walk(path: str) -> None:
    calls, files = walk(build(), path)
    assert calls <= CALLS
    assert len(files) <= FILES, files


def test_a_middleware_adds_its_hooks_and_no_more() -> None:
    bare, _ = walk(build(), "/")
    with_eight, _ = walk(build(middlewares=8), "/")
    assert with_eight - bare <= 8 * CALLS_OF_A_MIDDLEWARE


def test_the_walk_does_not_grow_with_the_number_of_routes() -> None:
    few, many = build(), build()
    for number in range(2000):
        many.add_route(f"/more/{number}/{{item:int}}", show_item, requires_auth=False)
    few.add_route("/more/1999/{item:int}", show_item, requires_auth=False)
    assert walk(many, "/more/1999/3")[0] == walk(few, "/more/1999/3")[0]


def show_item(request: Request, item: int) -> Response:
    return Response(str(item))


def test_a_view_sees_few_frames_beneath_it() -> None:
    depth: list[int] = []

    def deep(request: Request) -> str:
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_name != "outermost":
            depth.append(1)
            frame = frame.f_back
        return "deep"

    app = build()
    app.add_route("/deep", deep, requires_auth=False)
    outermost(app)
    assert len(depth) <= 8


def outermost(app: Callable[..., Any]) -> None:
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": "/deep", "HTTP_HOST": "localhost"}
    assert app(environ, lambda status, headers: None)
