"""Idle hooks: only one that does nothing at all is left out of the chain."""

from collections.abc import Callable
from typing import Any

import pytest

from lback import Application, BaseMiddleware, Request, Response
from lback.core import SignalDispatcher
from lback.core.idle_hooks import is_idle
from lback.core.middleware_manager import MiddlewareManager
from lback.testing import Client


class Idle(BaseMiddleware):
    def process_request(self, request: Request) -> None:
        """Say something about it, and do nothing."""

    def process_response(self, request: Request, response: Response) -> Response:
        """Return it under any name."""
        return response


class Busy(BaseMiddleware):
    def process_request(self, request: Request) -> Response | None:
        return request.get_context("answer")

    def process_response(self, request: Request, response: Response) -> Response:
        response.headers["X-Busy"] = "yes"
        return response


class Odd(BaseMiddleware):
    def process_request(self, request: Request) -> Any:
        return request

    def process_response(self, request: Request, response: Response) -> Any:
        return request


class Stepping(BaseMiddleware):
    """Its hook looks idle and is not: what is called is the wrapper."""

    @staticmethod
    def counted(hook: Callable[..., Any]) -> Callable[..., Any]:
        def wrapper(self: Any, *arguments: Any) -> Any:
            self.calls += 1
            return hook(self, *arguments)

        return wrapper

    calls = 0

    @counted
    def process_request(self, request: Request) -> None:
        return None

    @counted
    def process_response(self, request: Request, response: Response) -> Response:
        return response


class HookObjects:
    """A middleware whose hooks are objects of their own."""

    def __init__(self) -> None:
        self.process_request = self.Hook()
        self.process_response = self.Hook()

    class Hook:
        def __call__(self, *arguments: Any) -> Any:
            return arguments[1] if len(arguments) > 1 else None


@pytest.mark.parametrize("middleware", [Busy(), Odd(), Stepping(), HookObjects()])
def test_what_does_anything_is_not_idle(middleware: Any) -> None:
    assert not is_idle(middleware.process_request, "process_request")
    assert not is_idle(middleware.process_response, "process_response")


def test_a_hook_that_hands_back_what_it_was_given_is_idle() -> None:
    assert is_idle(Idle().process_request, "process_request")
    assert is_idle(Idle().process_response, "process_response")
    assert not is_idle(Idle().process_response, "process_request")


def test_an_idle_hook_is_not_called_and_its_middleware_is_in_the_chain_all_the_same() -> None:
    manager = MiddlewareManager()
    idle, busy = Idle(), Busy()
    manager.add_middleware(idle)
    manager.add_middleware(busy)

    assert manager.middlewares == [idle, busy]
    assert [middleware for middleware, _ in manager.request_hooks] == [busy]
    assert [middleware for middleware, _ in manager.response_hooks] == [busy]


def test_a_decorated_hook_is_called() -> None:
    app = Application(DEBUG=True, MIDDLEWARES=[], dispatcher=SignalDispatcher())
    stepping = Stepping()
    app.add_middleware(stepping)
    app.add_route("/", lambda request: "x", requires_auth=False)

    Client(app).get("/")

    assert stepping.calls == 2


def test_while_somebody_listens_every_hook_sends_its_signals() -> None:
    dispatcher = SignalDispatcher()
    app = Application(DEBUG=True, MIDDLEWARES=[], dispatcher=dispatcher)
    app.add_middleware(Idle())
    app.add_route("/", lambda request: "x", requires_auth=False)
    heard: list[str] = []

    def listen(sender: Any, middleware_name: str, **_: Any) -> None:
        heard.append(middleware_name)

    dispatcher.connect("middleware_process_request_succeeded", listen)
    dispatcher.connect("middleware_process_response_succeeded", listen)

    Client(app).get("/")

    assert heard == ["Idle", "Idle"]
