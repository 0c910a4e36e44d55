"""Subclasses of the built-in middlewares: each hook that they override runs, observed or not."""

from collections.abc import Callable
from typing import Any

import pytest

from lback import Application, Request, Response
from lback.core import SignalDispatcher
from lback.core.middleware_manager import CHAIN_SIGNALS
from lback.middleware import (
    AccessLogMiddleware,
    AuthenticationMiddleware,
    BodyParsingMiddleware,
    CORSMiddleware,
    CSRFMiddleware,
    RateLimitMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    ServerTimingMiddleware,
    SessionMiddleware,
)
from lback.testing import Client

BUILT_IN = [
    AccessLogMiddleware,
    AuthenticationMiddleware,
    BodyParsingMiddleware,
    CORSMiddleware,
    CSRFMiddleware,
    RateLimitMiddleware,
    RequestIDMiddleware,
    SecurityHeadersMiddleware,
    ServerTimingMiddleware,
    SessionMiddleware,
]


@pytest.fixture(params=[False, True], ids=["unobserved", "observed"])
def dispatcher(request: pytest.FixtureRequest) -> SignalDispatcher:
    dispatcher = SignalDispatcher()
    if request.param:
        for name in CHAIN_SIGNALS:
            dispatcher.connect(name, lambda sender, **kwargs: None)
    return dispatcher


@pytest.fixture
def client_with(dispatcher: SignalDispatcher) -> Callable[[type[Any]], Client]:
    """Build a client of an application with the default middlewares, one of them replaced."""

    def build(replacement: type[Any]) -> Client:
        names = [f"lback.middleware.{parent.__name__}" for parent in replacement.__mro__]
        chain = list(Application(DEBUG=True).config.MIDDLEWARES)
        places = [chain.index(name) for name in names if name in chain]
        if places:
            chain[places[0]] = replacement
        else:
            chain.insert(0, replacement)
        app = Application(
            DEBUG=False,
            SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
            ALLOWED_HOSTS=["localhost"],
            CORS_ORIGINS=["https://other.example"],
            MIDDLEWARES=chain,
            dispatcher=dispatcher,
        )
        app.add_route("/", lambda request: Response("let in"), requires_auth=False)
        return Client(app)

    return build


@pytest.mark.parametrize("built_in", BUILT_IN)
def test_an_overridden_request_hook_runs(
    built_in: type[Any], client_with: Callable[[type[Any]], Client]
) -> None:
    class Banned(built_in):  # type: ignore[misc]
        def process_request(self, request: Request) -> Response | None:
            return Response("banned", 403)

    assert client_with(Banned).get("/").status_code == 403


@pytest.mark.parametrize("built_in", BUILT_IN)
def test_an_overridden_request_hook_may_call_that_of_its_class(
    built_in: type[Any], client_with: Callable[[type[Any]], Client]
) -> None:
    class Noting(built_in):  # type: ignore[misc]
        def process_request(self, request: Request) -> Response | None:
            request.add_context("noted", "yes")
            answer: Response | None = super().process_request(request)
            return answer

        def process_response(self, request: Request, response: Response) -> Response:
            response = super().process_response(request, response)
            response.headers["X-Noted"] = str(request.get_context("noted"))
            return response

    response = client_with(Noting).get("/")
    assert (response.status_code, response.headers["x-noted"]) == (200, "yes")


@pytest.mark.parametrize("built_in", BUILT_IN)
def test_an_overridden_response_hook_runs(
    built_in: type[Any], client_with: Callable[[type[Any]], Client]
) -> None:
    class Replacing(built_in):  # type: ignore[misc]
        def process_response(self, request: Request, response: Response) -> Response:
            return Response("replaced", 202)

    assert client_with(Replacing).get("/").status_code == 202


def test_a_subclass_of_a_subclass_is_asked_as_well(
    client_with: Callable[[type[Any]], Client],
) -> None:
    class Banned(AuthenticationMiddleware):
        def process_request(self, request: Request) -> Response | None:  # type: ignore[override]
            return Response("banned", 403)

    class Derived(Banned):
        pass

    assert client_with(Derived).get("/").status_code == 403
