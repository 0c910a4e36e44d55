"""The chain of middlewares: request hooks run first to last, response hooks last to first."""

import inspect
import logging
import warnings
from threading import Lock
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from lback.core.base_middleware import SimpleMiddleware
from lback.core.dispatcher_instance import SignalSender
from lback.core.exceptions import HTTPException
from lback.core.response import Response
from lback.core.signals import SignalDispatcher

if TYPE_CHECKING:
    from collections.abc import Callable

    from lback.core.request import Request

logger = logging.getLogger(__name__)

HOOKS = ("process_request", "process_response")
CHAIN_SIGNALS = frozenset(
    f"middleware_{name}"
    for name in (
        "request_processing_started",
        "request_processing_finished",
        "process_request_started",
        "process_request_succeeded",
        "process_request_failed",
        "request_short_circuited",
        "response_processing_started",
        "response_processing_finished",
        "process_response_started",
        "process_response_succeeded",
        "process_response_failed",
    )
)


@runtime_checkable
class Middleware(Protocol):
    """Protocol of the two hooks that the chain calls; `BaseMiddleware` documents them."""

    def process_request(self, request: "Request") -> Response | None:
        """Process a request before it is routed; returning a response ends the chain."""

    def process_response(self, request: "Request", response: Response) -> Response:
        """Process a response before it is sent.

        Args:
            request: The request that is answered.
            response: The response so far.

        Returns:
            The response to send: the one given or another.
        """


RequestHook: TypeAlias = "Callable[[Request], Response | None]"
ResponseHook: TypeAlias = "Callable[[Request, Response], Response]"


class MiddlewareManager(SignalSender):
    """Runs the hooks of its middlewares for each request and response.

    The same hooks run with and without signal receivers: while a signal of the chain has a
    receiver, each hook is wrapped in a function that sends the signals. A hook that a subclass of
    `SimpleMiddleware` does not override is left out.

    A middleware that is added or removed while a request is processed takes effect with the next
    pass through the chain, which may be the response pass of that request.

    Args:
        dispatcher: Where the signals are sent; `None` means the dispatcher of the process.

    Attributes:
        request_hooks: Pairs of middleware and hook, in the order in which they are called.
        response_hooks: The same for responses.

    Signals: `middleware_manager_initialized`, once.
    """

    def __init__(self, *, dispatcher: SignalDispatcher | None = None) -> None:
        self._dispatcher = dispatcher
        self._lock = Lock()
        self._set_chain([])
        self.dispatcher.send("middleware_manager_initialized", self)

    @property
    def middlewares(self) -> list[Middleware]:
        """The middlewares in the order in which they were added; a copy."""
        return list(self._chain)

    def _set_chain(self, chain: list[Middleware]) -> None:
        self._chain = tuple(chain)
        self.request_hooks: tuple[tuple[Middleware, RequestHook], ...] = tuple(
            (m, _request_hook(m))
            for m in chain
            if _is_overridden(m, "process_request") or hasattr(m, "request_loaders")
        )
        self.response_hooks: tuple[tuple[Middleware, ResponseHook], ...] = tuple(
            (m, m.process_response)
            for m in reversed(chain)
            if _is_overridden(m, "process_response")
        )
        self._observed_request_hooks = tuple(
            (m, self._observed_request_hook(m, hook)) for m, hook in self.request_hooks
        )
        self._observed_response_hooks = tuple(
            (m, self._observed_response_hook(m, hook)) for m, hook in self.response_hooks
        )

    def add_middleware(self, middleware: Middleware) -> None:
        """Add a middleware at the end of the chain.

        Signals: `middleware_added`, or `middleware_add_failed`.

        Raises:
            TypeError: It is a class and not an instance, lacks a hook, or a hook is a coroutine
                function.
        """
        problem = _problem_of(middleware)
        name = type(middleware).__name__
        if problem is not None:
            self.dispatcher.send(
                "middleware_add_failed", self, middleware_instance=middleware,
                middleware_name=name, error_type="invalid_middleware_type",
            )  # fmt: skip
            raise TypeError(problem)
        with self._lock:
            self._set_chain([*self.middlewares, middleware])
        self.dispatcher.send(
            "middleware_added", self, middleware_instance=middleware, middleware_name=name
        )

    def remove_middleware(self, middleware: Middleware) -> None:
        """Remove one instance from the chain, the first if it was added twice.

        Signals: `middleware_removed`, or `middleware_remove_failed` if it is not in the chain.
        """
        about = {"middleware_instance": middleware, "middleware_name": type(middleware).__name__}
        with self._lock:
            chain = self.middlewares
            place = next((i for i, m in enumerate(chain) if m is middleware), None)
            if place is not None:
                del chain[place]
                self._set_chain(chain)
        if place is None:
            self.dispatcher.send("middleware_remove_failed", self, error_type="not_found", **about)
        else:
            self.dispatcher.send("middleware_removed", self, **about)

    def remove_middleware_by_class(self, middleware_class: type[Middleware]) -> None:
        """Remove all instances of a class and of its subclasses from the chain.

        Signals: `middleware_removed_by_class` if there were any;
        `middleware_remove_by_class_failed` if the argument is not a class with the two hooks.

        Raises:
            TypeError: The argument is not a class with the two hooks.
        """
        name = getattr(middleware_class, "__name__", str(type(middleware_class).__name__))
        about = {"middleware_class": middleware_class, "middleware_class_name": name}
        if not isinstance(middleware_class, type) or not all(
            callable(getattr(middleware_class, hook, None)) for hook in HOOKS
        ):
            self.dispatcher.send(
                "middleware_remove_by_class_failed", self, error_type="invalid_class_type", **about
            )
            raise TypeError(f"{name} is not a middleware class: it lacks {' or '.join(HOOKS)}")
        with self._lock:
            chain = self.middlewares
            removed = [m for m in chain if isinstance(m, middleware_class)]
            self._set_chain([m for m in chain if not isinstance(m, middleware_class)])
        if removed:
            self.dispatcher.send(
                "middleware_removed_by_class", self, removed_count=len(removed),
                removed_instances=removed, **about,
            )  # fmt: skip

    def process_request(self, request: "Request") -> Response | None:
        """Run the request hooks until one returns a response.

        A hook that raises anything but an `HTTPException`, or returns anything but a response or
        None, is logged and ends the chain with a plain 500 response.

        Args:
            request: The request, which the hooks may change.

        Returns:
            The response of the hook that ended the chain, or None to continue.

        Raises:
            HTTPException: A hook raised it.

        Signals: `middleware_request_processing_started` and `…_finished` once each; around
        each hook `middleware_process_request_started` and then `…_succeeded`, `…_failed` or
        `middleware_request_short_circuited`.
        """
        dispatcher = self._dispatcher or self.dispatcher
        if dispatcher.receivers and dispatcher.has_receivers(CHAIN_SIGNALS):
            return self._process_request_observed(request)
        return _run_request_hooks(request, self.request_hooks)

    def _process_request_observed(self, request: "Request") -> Response | None:
        about = {"request": request, "method": request.method, "path": request.path}
        self.dispatcher.send("middleware_request_processing_started", self, **about)
        response: Response | None = None
        try:
            response = _run_request_hooks(request, self._observed_request_hooks)
        finally:
            self.dispatcher.send(
                "middleware_request_processing_finished", self, response=response, **about
            )
        return response

    def process_response(self, request: "Request", response: Response) -> Response:
        """Run the response hooks of the whole chain.

        A hook that raises, or returns anything but a response, is logged and skipped.

        Args:
            request: The request that is answered.
            response: The response of the view, of a middleware or of the error handler.

        Returns:
            The response to send.

        Signals: `middleware_response_processing_started` and `…_finished` once each; around
        each hook `middleware_process_response_started` and then `…_succeeded` or `…_failed`.
        """
        dispatcher = self._dispatcher or self.dispatcher
        if dispatcher.receivers and dispatcher.has_receivers(CHAIN_SIGNALS):
            return self._process_response_observed(request, response)
        return _run_response_hooks(request, response, self.response_hooks)

    def _process_response_observed(self, request: "Request", response: Response) -> Response:
        about = {"request": request, "method": request.method, "path": request.path}
        self.dispatcher.send(
            "middleware_response_processing_started", self, initial_response=response, **about
        )
        response = _run_response_hooks(request, response, self._observed_response_hooks)
        self.dispatcher.send(
            "middleware_response_processing_finished", self, final_response=response, **about
        )
        return response

    def _observed_request_hook(self, middleware: Middleware, hook: RequestHook) -> RequestHook:
        """Wrap a request hook in a function that also sends its signals."""

        def observed(request: "Request") -> Response | None:
            send, about = self.dispatcher.send, _about(middleware, request)
            send("middleware_process_request_started", self, **about)
            try:
                response = hook(request)
            except Exception as error:
                send(
                    "middleware_process_request_failed", self, error_type="exception",
                    exception=error, **about,
                )  # fmt: skip
                raise
            if response is None:
                send("middleware_process_request_succeeded", self, **about)
            elif isinstance(response, Response):
                send("middleware_request_short_circuited", self, response=response, **about)
            else:
                send(
                    "middleware_process_request_failed", self,
                    error_type="invalid_response_type", returned_type=type(response), **about,
                )  # fmt: skip
            return response

        return observed

    def _observed_response_hook(self, middleware: Middleware, hook: ResponseHook) -> ResponseHook:
        """Wrap a response hook in a function that also sends its signals."""

        def observed(request: "Request", response: Response) -> Response:
            send, about = self.dispatcher.send, _about(middleware, request)
            failed = {**about, "current_response": response}
            send("middleware_process_response_started", self, current_response=response, **about)
            try:
                processed = hook(request, response)
            except Exception as error:
                send(
                    "middleware_process_response_failed", self, error_type="exception",
                    exception=error, **failed,
                )  # fmt: skip
                raise
            if isinstance(processed, Response):
                send(
                    "middleware_process_response_succeeded", self,
                    processed_response=processed, **about,
                )  # fmt: skip
            else:
                send(
                    "middleware_process_response_failed", self,
                    error_type="invalid_response_type", returned_type=type(processed), **failed,
                )  # fmt: skip
            return processed

        return observed


def _is_overridden(middleware: Middleware, name: str) -> bool:
    """Return True if a hook is not the empty one of `SimpleMiddleware`."""
    hook = getattr(middleware, name)
    return getattr(hook, "__func__", None) is not getattr(SimpleMiddleware, name)


def _request_hook(middleware: Middleware) -> RequestHook:
    loaders = getattr(middleware, "request_loaders", None)
    if loaders is None:
        return middleware.process_request
    warnings.warn(
        f"{type(middleware).__name__}.request_loaders is deprecated and goes with 0.3: call "
        "request.add_lazy_context(name, load) in process_request",
        DeprecationWarning,
        stacklevel=4,
    )

    def with_loaders(request: "Request") -> Response | None:
        for name, load in loaders.items():
            request.add_lazy_context(name, load)
        return middleware.process_request(request)

    return with_loaders


def _run_request_hooks(
    request: "Request", hooks: tuple[tuple[Middleware, RequestHook], ...]
) -> Response | None:
    for middleware, hook in hooks:
        try:
            response = hook(request)
        except HTTPException:
            raise
        except Exception:
            logger.exception(
                "%s.process_request failed", type(middleware).__name__, extra={"request": request}
            )
            return _plain_500()
        if response is None:
            continue
        if isinstance(response, Response):
            return response
        logger.error(
            "%s.process_request returned %s; expected a Response or None",
            type(middleware).__name__, type(response).__name__,
        )  # fmt: skip
        return _plain_500()
    return None


def _run_response_hooks(
    request: "Request", response: Response, hooks: tuple[tuple[Middleware, ResponseHook], ...]
) -> Response:
    for middleware, hook in hooks:
        try:
            processed = hook(request, response)
        except Exception:
            logger.exception(
                "%s.process_response failed", type(middleware).__name__, extra={"request": request}
            )
            continue
        if processed is response:
            continue
        if isinstance(processed, Response):
            response = processed
        else:
            logger.error(
                "%s.process_response returned %s; expected a Response",
                type(middleware).__name__, type(processed).__name__,
            )  # fmt: skip
    return response


def _problem_of(middleware: object) -> str | None:
    """Return why an object cannot be a middleware, or None if it can."""
    if isinstance(middleware, type):
        return f"add an instance, not the class: add_middleware({middleware.__name__}(…))"
    for name in HOOKS:
        hook = getattr(middleware, name, None)
        if not callable(hook):
            return f"{type(middleware).__name__} is not a middleware: it has no method {name}"
        if inspect.iscoroutinefunction(hook):
            return f"{type(middleware).__name__}.{name} is a coroutine function: use def"
    return None


def _about(middleware: Middleware, request: "Request") -> dict[str, object]:
    return {
        "middleware_instance": middleware,
        "middleware_name": type(middleware).__name__,
        "request": request,
    }


def _plain_500() -> Response:
    return Response("Internal Server Error", 500)
