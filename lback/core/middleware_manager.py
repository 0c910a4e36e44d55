"""The chain of middlewares: first to last on the way in, last to first on the way out."""

import inspect
import logging
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any, Protocol, TypeAlias, runtime_checkable

from lback.core.dispatcher_instance import SignalSender
from lback.core.exceptions import HTTPException
from lback.core.idle_hooks import is_idle
from lback.core.response import Response
from lback.core.signals import SignalDispatcher

logger = logging.getLogger(__name__)

_NONE: Mapping[str, Any] = {}
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
    """What the chain asks of a middleware; `BaseMiddleware` documents the two hooks."""

    def process_request(self, request: Any) -> Response | None:
        """Look at the request before it is routed; a response ends its way."""

    def process_response(self, request: Any, response: Response) -> Response:
        """Look at the response on its way out, and return it or another."""


RequestHook: TypeAlias = tuple[Middleware, Callable[[Any], Response | None]]
ResponseHook: TypeAlias = tuple[Middleware, Callable[[Any, Response], Response]]


class MiddlewareManager(SignalSender):
    """Runs the hooks of its middlewares over requests and responses.

    A walk along the chain keeps to the middlewares it began with; a change counts from the next
    walk, which may be the way out of the same request.

    What can be known of a middleware beforehand is not asked of it for every request. A hook that
    only hands back what it was given is left out. One with an attribute `request_loaders`, a
    mapping of names to what loads that value of a request when it is first asked for, is not
    asked for its request hook: see `Request.adopt`. While one of the signals of the chain has a
    receiver, every hook is called.

    Signals: `middleware_manager_initialized`, once.

    Attributes:
        loaders: The loaders of all middlewares; a later middleware wins.
        request_hooks: The hooks to be called, with their middlewares, first to last.
        response_hooks: The same on the way out.
    """

    def __init__(self, *, dispatcher: SignalDispatcher | None = None) -> None:
        self._dispatcher = dispatcher
        self._lock = Lock()
        self.loaders: dict[str, Callable[[Any], Any]] = {}
        self._set_chain([])
        self.dispatcher.send("middleware_manager_initialized", self)

    @property
    def middlewares(self) -> list[Middleware]:
        """The middlewares, in the order they were added; a copy."""
        return [middleware for middleware, _ in self._request_hooks]

    def _set_chain(self, chain: list[Middleware]) -> None:
        self._request_hooks: tuple[RequestHook, ...] = tuple((m, m.process_request) for m in chain)
        self._response_hooks: tuple[ResponseHook, ...] = tuple(
            (m, m.process_response) for m in reversed(chain)
        )
        # One mapping for good: the requests of an application share it.
        loaders = {k: v for m in chain for k, v in getattr(m, "request_loaders", _NONE).items()}
        self.loaders.update(loaders)
        for name in self.loaders.keys() - loaders:
            del self.loaders[name]
        # The same without those that need not be called for each request.
        self.request_hooks = tuple(
            (m, hook)
            for m, hook in self._request_hooks
            if not hasattr(m, "request_loaders") and not is_idle(hook, "process_request")
        )
        self.response_hooks = tuple(
            (m, hook) for m, hook in self._response_hooks if not is_idle(hook, "process_response")
        )

    def add_middleware(self, middleware: Middleware) -> None:
        """Put a middleware at the end of the chain.

        Signals: `middleware_added`, or `middleware_add_failed`.

        Raises:
            TypeError: It is a class, lacks a hook, or has one that is a coroutine function.
        """
        fault = _fault_of(middleware)
        name = type(middleware).__name__
        if fault is not None:
            self.dispatcher.send(
                "middleware_add_failed", self, middleware_instance=middleware,
                middleware_name=name, error_type="invalid_middleware_type",
            )  # fmt: skip
            raise TypeError(fault)
        with self._lock:
            self._set_chain([*self.middlewares, middleware])
        self.dispatcher.send(
            "middleware_added", self, middleware_instance=middleware, middleware_name=name
        )

    def remove_middleware(self, middleware: Middleware) -> None:
        """Take one instance out of the chain, the first if it is there twice.

        Signals: `middleware_removed`, or `middleware_remove_failed` if it is not there.
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
        """Take all instances of a class and of its subclasses out of the chain.

        Signals: `middleware_removed_by_class` if there were any;
        `middleware_remove_by_class_failed` if the argument is no class with the two hooks.

        Raises:
            TypeError: As for the last signal.
        """
        name = getattr(middleware_class, "__name__", str(type(middleware_class).__name__))
        about = {"middleware_class": middleware_class, "middleware_class_name": name}
        if not isinstance(middleware_class, type) or not all(
            callable(getattr(middleware_class, hook, None)) for hook in HOOKS
        ):
            self.dispatcher.send(
                "middleware_remove_by_class_failed", self, error_type="invalid_class_type", **about
            )
            raise TypeError(f"{name} is no middleware class: it lacks {' or '.join(HOOKS)}")
        with self._lock:
            chain = self.middlewares
            removed = [m for m in chain if isinstance(m, middleware_class)]
            self._set_chain([m for m in chain if not isinstance(m, middleware_class)])
        if removed:
            self.dispatcher.send(
                "middleware_removed_by_class", self, removed_count=len(removed),
                removed_instances=removed, **about,
            )  # fmt: skip

    def process_request(self, request: Any) -> Response | None:
        """Run the request hooks until one answers.

        A hook that fails ends the chain with a plain 500; an `HTTPException` goes on to whoever
        turns it into its own answer.

        Signals: `middleware_request_processing_started` and `…_finished` once each; around
        every hook `middleware_process_request_started` and then `…_succeeded`,
        `…_failed` or `middleware_request_short_circuited`.

        Returns:
            The response of the hook that answered, or `None` if the request may go on.

        Raises:
            HTTPException: A hook raised it.
        """
        return self.process_adopted(request, self._request_hooks)

    def process_adopted(
        self, request: Any, hooks: "tuple[RequestHook, ...] | None" = None
    ) -> Response | None:
        """Run `request_hooks` over a request that adopted `loaders`; see `process_request`."""
        dispatcher = self._dispatcher or self.dispatcher
        if dispatcher.receivers and dispatcher.hears_any(CHAIN_SIGNALS):
            return self._request_chain_heard(request)
        for middleware, hook in self.request_hooks if hooks is None else hooks:
            try:
                response = hook(request)
            except HTTPException:
                raise
            except Exception:  # noqa: BLE001  logged there; one fault must not end the server
                return _failed("process_request", middleware)
            if response is not None:
                return response if isinstance(response, Response) else _odd(middleware, response)
        return None

    def process_response(self, request: Any, response: Response) -> Response:
        """Run the response hooks of the whole chain, in reverse order.

        A hook that fails, or returns something that is no response, is logged and passed over.

        Signals: `middleware_response_processing_started` and `…_finished` once each; around
        every hook `middleware_process_response_started` and then `…_succeeded` or `…_failed`.
        """
        dispatcher = self._dispatcher or self.dispatcher
        if dispatcher.receivers and dispatcher.hears_any(CHAIN_SIGNALS):
            return self._response_chain_heard(request, response)
        for middleware, hook in self.response_hooks:
            try:
                processed = hook(request, response)
            except Exception:  # noqa: BLE001  logged there; the chain goes on
                _failed("process_response", middleware)
                continue
            if processed is response:
                continue
            if isinstance(processed, Response):
                response = processed
            else:
                _log_no_response(middleware, processed)
        return response

    # The same two walks with their signals; kept apart so that the usual ones stay bare.

    def _request_chain_heard(self, request: Any) -> Response | None:
        about = {"request": request, "method": request.method, "path": request.path}
        self.dispatcher.send("middleware_request_processing_started", self, **about)
        response: Response | None = None
        try:
            for middleware, hook in self._request_hooks:
                response = self._request_hook_heard(request, middleware, hook)
                if response is not None:
                    break
        finally:
            self.dispatcher.send(
                "middleware_request_processing_finished", self, response=response, **about
            )
        return response

    def _request_hook_heard(
        self, request: Any, middleware: Middleware, hook: Callable[[Any], Response | None]
    ) -> Response | None:
        about = _about(middleware, request)
        send = self.dispatcher.send
        send("middleware_process_request_started", self, **about)
        try:
            response = hook(request)
        except Exception as error:
            send(
                "middleware_process_request_failed", self, error_type="exception",
                exception=error, **about,
            )  # fmt: skip
            if isinstance(error, HTTPException):
                raise
            return _failed("process_request", middleware)
        if response is None:
            send("middleware_process_request_succeeded", self, **about)
        elif isinstance(response, Response):
            send("middleware_request_short_circuited", self, response=response, **about)
        else:
            send(
                "middleware_process_request_failed", self, error_type="invalid_response_type",
                returned_type=type(response), **about,
            )  # fmt: skip
            return _odd(middleware, response)
        return response

    def _response_chain_heard(self, request: Any, response: Response) -> Response:
        about = {"request": request, "method": request.method, "path": request.path}
        self.dispatcher.send(
            "middleware_response_processing_started", self, initial_response=response, **about
        )
        for middleware, hook in self._response_hooks:
            response = self._response_hook_heard(request, response, middleware, hook)
        self.dispatcher.send(
            "middleware_response_processing_finished", self, final_response=response, **about
        )
        return response

    def _response_hook_heard(
        self,
        request: Any,
        response: Response,
        middleware: Middleware,
        hook: Callable[[Any, Response], Response],
    ) -> Response:
        about = _about(middleware, request)
        send = self.dispatcher.send
        send("middleware_process_response_started", self, current_response=response, **about)
        try:
            processed = hook(request, response)
        except Exception as error:  # noqa: BLE001  logged there; the chain goes on
            _failed("process_response", middleware)
            send(
                "middleware_process_response_failed", self, current_response=response,
                error_type="exception", exception=error, **about,
            )  # fmt: skip
            return response
        if not isinstance(processed, Response):
            _log_no_response(middleware, processed)
            send(
                "middleware_process_response_failed", self, current_response=response,
                error_type="invalid_response_type", returned_type=type(processed), **about,
            )  # fmt: skip
            return response
        send("middleware_process_response_succeeded", self, processed_response=processed, **about)
        return processed


def _fault_of(middleware: Any) -> str | None:
    """Say why an object cannot be a middleware, or `None` if it can."""
    if isinstance(middleware, type):
        return f"add an instance, not the class: add_middleware({middleware.__name__}(…))"
    for name in HOOKS:
        hook = getattr(middleware, name, None)
        if not callable(hook):
            return f"{type(middleware).__name__} is no middleware: it has no method {name}"
        if inspect.iscoroutinefunction(hook):
            return f"{type(middleware).__name__}.{name} is a coroutine function: use def"
    return None


def _about(middleware: Middleware, request: Any) -> dict[str, Any]:
    return {
        "middleware_instance": middleware,
        "middleware_name": type(middleware).__name__,
        "request": request,
    }


def _failed(hook: str, middleware: Middleware) -> Response:
    logger.exception("%s.%s failed", type(middleware).__name__, hook)
    return _plain_500()


def _odd(middleware: Middleware, returned: Any) -> Response:
    logger.error(
        "%s.process_request returned %s; it returns a Response or None",
        type(middleware).__name__, type(returned).__name__,
    )  # fmt: skip
    return _plain_500()


def _log_no_response(middleware: Middleware, returned: Any) -> None:
    logger.error(
        "%s.process_response returned %s; it returns a Response",
        type(middleware).__name__, type(returned).__name__,
    )  # fmt: skip


def _plain_500() -> Response:
    return Response("Internal Server Error", 500)
