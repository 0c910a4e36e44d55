"""Middlewares built on `BaseMiddleware`, run by the chain around a view."""

import logging
from collections.abc import Callable
from typing import Any

import pytest

from lback.core.base_middleware import BaseMiddleware
from lback.core.exceptions import Forbidden
from lback.core.middleware_manager import Middleware, MiddlewareManager
from lback.core.request import Request
from lback.core.response import Response
from lback.core.signals import SignalDispatcher

View = Callable[[Request], Response]


class Passing(BaseMiddleware):
    """Lets everything through and notes that it was asked."""

    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log

    def process_request(self, request: Request) -> Response | None:
        self.log.append(f"{self.name} in")
        return None

    def process_response(self, request: Request, response: Response) -> Response:
        self.log.append(f"{self.name} out")
        return response


class Answering(Passing):
    """Answers by itself, before any view."""

    def process_request(self, request: Request) -> Response | None:
        super().process_request(request)
        return Response("closed for lunch", 503)


class Stamping(Passing):
    """Leaves a mark on request and response."""

    def process_request(self, request: Request) -> Response | None:
        request.set_context(stamp=self.name)
        return super().process_request(request)

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Stamp"] = str(request.get_context("stamp", "none"))
        return super().process_response(request, response)


def chain(*middlewares: BaseMiddleware) -> MiddlewareManager:
    manager = MiddlewareManager(dispatcher=SignalDispatcher())
    for middleware in middlewares:
        manager.add_middleware(middleware)
    return manager


def request_to(path: str = "/") -> Request:
    return Request(path, "GET", None, {}, {})


def answer(manager: MiddlewareManager, view: View) -> Response:
    """Take a request through the chain, the view and back."""
    request = request_to()
    response = manager.process_request(request)
    return manager.process_response(request, view(request) if response is None else response)


def hello(request: Request) -> Response:
    return Response("hello")


# what a middleware is


def test_the_base_itself_cannot_be_built() -> None:
    with pytest.raises(TypeError, match="abstract"):
        BaseMiddleware()  # type: ignore[abstract]  # that is what is tested


def test_a_middleware_without_a_request_hook_cannot_be_built() -> None:
    class OnlyOut(BaseMiddleware):
        def process_response(self, request: Request, response: Response) -> Response:
            return response

    with pytest.raises(TypeError, match="process_request"):
        OnlyOut()  # type: ignore[abstract]  # that is what is tested


def test_a_middleware_without_a_response_hook_cannot_be_built() -> None:
    class OnlyIn(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            return None

    with pytest.raises(TypeError, match="process_response"):
        OnlyIn()  # type: ignore[abstract]  # that is what is tested


def test_a_middleware_with_both_hooks_is_what_the_chain_takes() -> None:
    middleware = Passing("one", [])
    assert isinstance(middleware, BaseMiddleware)
    assert isinstance(middleware, Middleware)
    assert chain(middleware).middlewares == [middleware]


# its hooks around a view


def test_both_hooks_run_around_the_view_the_response_hooks_in_reverse() -> None:
    log: list[str] = []

    def view(request: Request) -> Response:
        log.append("view")
        return Response("hello")

    response = answer(chain(Passing("one", log), Passing("two", log)), view)
    assert response.body == "hello"
    assert log == ["one in", "two in", "view", "two out", "one out"]


def test_what_a_request_hook_leaves_on_the_request_is_there_in_the_view() -> None:
    def view(request: Request) -> Response:
        return Response(request.get_context("stamp"))

    assert answer(chain(Stamping("first", [])), view).body == "first"


def test_a_response_from_a_request_hook_ends_the_way_in() -> None:
    log: list[str] = []

    def view(request: Request) -> Response:
        log.append("view")
        return Response("hello")

    manager = chain(Passing("one", log), Answering("two", log), Passing("three", log))
    response = answer(manager, view)
    assert (response.status_code, response.body) == (503, "closed for lunch")
    assert log == ["one in", "two in", "three out", "two out", "one out"]


def test_a_response_hook_may_change_the_response_of_a_view() -> None:
    response = answer(chain(Stamping("a stamp", [])), hello)
    assert (response.body, response.headers["X-Stamp"]) == ("hello", "a stamp")


@pytest.mark.parametrize(("first", "stamp"), [(True, "a stamp"), (False, "none")])
def test_a_response_hook_may_change_the_response_of_a_middleware(first: bool, stamp: str) -> None:
    log: list[str] = []
    stamping, answering = Stamping("a stamp", log), Answering("answering", log)
    response = answer(chain(*((stamping, answering) if first else (answering, stamping))), hello)
    assert response.body == "closed for lunch"
    assert response.headers["X-Stamp"] == stamp, "'none' where its request hook never ran"


def test_a_response_hook_may_replace_the_response() -> None:
    class Replacing(Passing):
        def process_response(self, request: Request, response: Response) -> Response:
            return Response(f"[{response.body!s}]", 201)

    response = answer(chain(Stamping("outer", []), Replacing("inner", [])), hello)
    assert (response.status_code, response.body) == (201, "[hello]")
    assert response.headers["X-Stamp"] == "outer"


def test_one_instance_serves_every_request() -> None:
    log: list[str] = []
    manager = chain(Passing("one", log))
    for _ in range(3):
        answer(manager, hello)
    assert log == ["one in", "one out"] * 3


# hooks that break the rules


@pytest.mark.parametrize("returned", [None, "text", 200, {"status": 200}, Response])
def test_a_response_hook_that_returns_no_response_is_passed_over_and_logged(
    returned: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Forgetful(Passing):
        def process_response(self, request: Request, response: Response) -> Any:
            return returned

    log: list[str] = []
    response = answer(chain(Passing("outer", log), Forgetful("inner", log)), hello)
    assert response.body == "hello"
    assert log == ["outer in", "inner in", "outer out"]
    [record] = [record for record in caplog.records if record.levelno == logging.ERROR]
    assert "Forgetful.process_response returned" in record.getMessage()


@pytest.mark.parametrize("returned", ["text", 200, False, Response])
def test_a_request_hook_that_returns_anything_but_a_response_or_none_fails(
    returned: Any, caplog: pytest.LogCaptureFixture
) -> None:
    class Odd(Passing):
        def process_request(self, request: Request) -> Any:
            return returned

    response = answer(chain(Odd("odd", [])), hello)
    assert response.status_code == 500
    assert "Odd.process_request returned" in caplog.text


def test_an_http_error_of_a_request_hook_keeps_its_status() -> None:
    class Guarding(Passing):
        def process_request(self, request: Request) -> Response | None:
            raise Forbidden("members only")

    with pytest.raises(Forbidden, match="members only"):
        chain(Guarding("guard", [])).process_request(request_to())
