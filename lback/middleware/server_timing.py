"""Server timing: where the milliseconds of a request went, shown in the browser's network panel."""

from time import perf_counter
from typing import TYPE_CHECKING, Any

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
    """The clock readings of one request."""

    __slots__ = ("begun", "marks", "spans")

    def __init__(self) -> None:
        self.begun = perf_counter()
        self.marks: dict[str, float] = {}
        self.spans: list[tuple[str, float]] = []


class ServerTimingMiddleware(BaseMiddleware):
    """Tells in `Server-Timing` how long the view and each hook of the middlewares behind it took.

    To be put first in `MIDDLEWARES`. It works while DEBUG is on: how long things take is of use
    to attackers as well. It listens to the signals of the chain and of the walk, from the first
    request on; with DEBUG off it listens to nothing, and no hook is timed.

    Args:
        config: `DEBUG` must be exactly `True`.
        middleware_manager: The chain that is timed.
        dispatcher: Where the signals are heard.
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
        """Begin to listen, at the first request."""
        if self._config.DEBUG is True and not self._listens:
            self._listens = True
            self._listen()

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Add the field."""
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

    def _request_started(self, sender: Any, request: "Request", **_: Any) -> None:
        if getattr(sender, "middleware_manager", None) is self._manager:
            request.add_context(_TIMES, _Times())

    def _pair(self, kind: str) -> "tuple[Callable[..., None], Callable[..., None]]":
        """Return the receivers for the beginning and the end of one kind of step."""

        def started(request: "Request", middleware_instance: Any = None, **_: Any) -> None:
            times = request.get_context(_TIMES)
            if isinstance(times, _Times) and middleware_instance is not self:
                times.marks[kind] = perf_counter()

        def ended(request: "Request", middleware_instance: Any = None, **_: Any) -> None:
            now, times = perf_counter(), request.get_context(_TIMES)
            if isinstance(times, _Times) and kind in times.marks:
                times.spans.append((_name(kind, middleware_instance), now - times.marks.pop(kind)))

        return started, ended


def _name(kind: str, middleware: Any) -> str:
    # Of a name only what a token may hold (RFC 9110 §5.6.2).
    name = type(middleware).__name__.encode("ascii", "ignore").decode() or "middleware"
    return kind if middleware is None else f"{name}.{kind}"
