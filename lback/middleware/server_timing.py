"""Server-Timing: durations of the view and each middleware, for the browser's network panel."""

from time import perf_counter
from typing import TYPE_CHECKING

from lback.core.base_middleware import BaseMiddleware

if TYPE_CHECKING:
    from collections.abc import Callable

    from lback.core.config import Config
    from lback.core.middleware_manager import MiddlewareManager
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.signals import SignalDispatcher

_TIMES = "server_timing"


class _Times:
    """The measured times of one request."""

    __slots__ = ("begun", "marks", "spans")

    def __init__(self) -> None:
        self.begun = perf_counter()
        self.marks: dict[str, float] = {}
        self.spans: list[tuple[str, float]] = []


class ServerTimingMiddleware(BaseMiddleware):
    """Send the durations of the view and of each middleware hook as `Server-Timing`.

    Put it first in `MIDDLEWARES`; only middlewares after it are measured. It is active only with
    DEBUG on, because durations help attackers. It connects to the signals of the request and of
    the middlewares at the first request; with DEBUG off it connects to none.

    Args:
        config: Settings; `DEBUG` is read on each request and must be exactly True.
        middleware_manager: The chain to measure.
        dispatcher: Dispatcher that sends the signals of the chain.
    """

    def __init__(
        self,
        config: "Config",
        middleware_manager: "MiddlewareManager",
        dispatcher: "SignalDispatcher",
    ) -> None:
        self._config = config
        self._manager = middleware_manager
        self._dispatcher = dispatcher
        self._listens = False

    def process_request(self, request: "Request") -> None:  # noqa: ARG002  the signature of a hook
        """Connect to the signals at the first request."""
        if self._config.DEBUG is True and not self._listens:
            self._listens = True
            self._listen()

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Add the field `Server-Timing` (W3C Server Timing) with durations in milliseconds.

        Args:
            request: The request.
            response: The response to extend.
        """
        times = request.get_context(_TIMES)
        if self._config.DEBUG is True and isinstance(times, _Times):
            spans = [*times.spans, ("total", perf_counter() - times.begun)]
            shown = (f"{name};dur={seconds * 1000:.3f}" for name, seconds in spans)
            response.headers["Server-Timing"] = ", ".join(shown)
        return response

    def _listen(self) -> None:
        connect = self._dispatcher.connect
        connect("request_started", self._request_started)
        for kind in ("request", "response"):
            started, ended = self._pair(kind)
            connect(f"middleware_process_{kind}_started", started)
            for outcome in ("succeeded", "failed"):
                connect(f"middleware_process_{kind}_{outcome}", ended)
            if kind == "request":
                connect("middleware_request_short_circuited", ended)
        started, ended = self._pair("view")
        connect("pre_view_execution", started)
        connect("post_view_execution", ended)

    def _request_started(self, sender: object, request: "Request", **_: object) -> None:
        if getattr(sender, "middleware_manager", None) is self._manager:
            request.add_context(_TIMES, _Times())

    def _pair(self, kind: str) -> "tuple[Callable[..., None], Callable[..., None]]":
        """Return the receivers for the start and the end of one kind of step."""

        def started(request: "Request", middleware_instance: object = None, **_: object) -> None:
            times = request.get_context(_TIMES)
            if isinstance(times, _Times) and middleware_instance is not self:
                times.marks[kind] = perf_counter()

        def ended(request: "Request", middleware_instance: object = None, **_: object) -> None:
            now, times = perf_counter(), request.get_context(_TIMES)
            if isinstance(times, _Times) and kind in times.marks:
                times.spans.append((_name(kind, middleware_instance), now - times.marks.pop(kind)))

        return started, ended


def _name(kind: str, middleware: object) -> str:
    # The name must be a token (RFC 9110 section 5.6.2).
    name = type(middleware).__name__.encode("ascii", "ignore").decode() or "middleware"
    return kind if middleware is None else f"{name}.{kind}"
