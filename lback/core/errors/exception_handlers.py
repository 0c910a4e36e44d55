"""Exception handlers: functions of an application that turn exceptions into responses."""

import inspect
import logging
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from lback.core.errors.redaction import redacted_path, redacted_text
from lback.core.exceptions import ConfigurationError, HTTPException, MethodNotAllowed
from lback.core.routing.endpoint import (
    REQUEST,
    Source,
    read_parameters,
    refuse_positional_only,
    response_of,
    source_of,
)
from lback.core.routing.views import view_name

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.signals import SignalDispatcher

logger = logging.getLogger(__name__)

Key: TypeAlias = "int | type[Exception]"
Handler: TypeAlias = Callable[..., Any]

_UNEXPECTED: frozenset[Key] = frozenset({500, Exception})


@dataclass(frozen=True, slots=True)
class ExceptionHandler:
    """A function, and the sources of its parameters beyond the request and the error."""

    key: Key
    handler: Handler
    sources: Mapping[str, Source]

    def __call__(self, request: "Request", error: Exception) -> object:
        """Call the function and return its result.

        Args:
            request: The request that failed.
            error: The exception.
        """
        further = {name: source(request) for name, source in self.sources.items()}
        return self.handler(request, error, **further)


class ExceptionHandlers:
    """The exception handlers of an application, by class and by status.

    The handler of the most specific class of the exception is called; without one, that of its
    status, which is 500 for anything but an `HTTPException`; without one, that of `HTTPException`
    or of `Exception`. A handler of `Exception` is never called for an `HTTPException`.

    Args:
        dependencies: Services by name, for further parameters of the handlers.
        dispatcher: Where signals are sent.

    Attributes:
        entries: The handlers by class or status.
    """

    def __init__(self, dependencies: Mapping[str, object], dispatcher: "SignalDispatcher") -> None:
        self._dependencies = dependencies
        self._dispatcher = dispatcher
        self.entries: dict[Key, ExceptionHandler] = {}

    def add(self, key: Key, handler: Handler) -> None:
        """Register a handler for exceptions of a class or with a status.

        Args:
            key: Subclass of `Exception`, or status from 400 to 599.
            handler: Called with the request and the error; services fill further parameters by
                name. It may return whatever a view may return.

        Raises:
            ConfigurationError: The key is not valid or already has a handler, or the handler
                cannot be called with these arguments.
        """
        key = _checked_key(key)
        what = f"the exception handler {_name_of(handler)} of {_shown(key)}"
        taken = self.entries.get(key)
        if taken is not None:
            raise ConfigurationError(
                f"{what} is the second one; {_name_of(taken.handler)} answers it already: "
                "remove one of the two"
            )
        self.entries[key] = ExceptionHandler(key, handler, self._sources(handler, what))

    def _sources(self, handler: Handler, what: str) -> Mapping[str, Source]:
        if not callable(handler) or isinstance(handler, type):
            raise ConfigurationError(f"{what} is not a function: write def handler(request, error)")
        if any(map(inspect.isasyncgenfunction, (handler, type(handler).__call__))):
            raise ConfigurationError(
                f"{what} is an asynchronous generator; return a response instead of yielding parts"
            )
        parameters = read_parameters(handler, what)
        places = [p for p in parameters if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
        swapped = [p.name for p in places[1:2]] == [REQUEST]
        if swapped or (len(places) < 2 and not any(p.kind is p.VAR_POSITIONAL for p in parameters)):
            raise ConfigurationError(
                f"{what} is called with the request and the error, and takes "
                f"({', '.join(p.name for p in parameters)}): write def handler(request, error)"
            )
        rest = [p for p in parameters if p not in places[:2]]
        refuse_positional_only(rest, what)
        return {
            p.name: source_of(p.name, what, self._dependencies)
            for p in rest
            if p.default is p.empty and p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
        }

    def answer(self, request: "Request", error: Exception) -> "Response | None":
        """Call the matching handler and return its response, or `None` if no handler matches.

        A result without a status gets that of the exception. As long as the status is that of the
        exception, its header fields and `Allow` are added unless the handler set them.

        Signals: `error_response_generated` for an error status, or
        `unhandled_exception_response_generated` if a handler of 500 or `Exception` handled
        anything but an `HTTPException`.

        Args:
            request: The request that failed.
            error: The exception.

        Raises:
            TypeError: The handler returned a value that a view may not return.
            Exception: Whatever the handler raised.
        """
        entry = next((self.entries[k] for k in _keys_of(error) if k in self.entries), None)
        if entry is None:
            return None
        status = status_of(error)
        response = response_of(entry(request, error), entry.handler, status)
        if response.status_code == status:
            _add_headers(response, error)
        unexpected = entry.key in _UNEXPECTED and not isinstance(error, HTTPException)
        _log(request, error, response, entry, unexpected=unexpected)
        self._send(request, error, response, unexpected=unexpected)
        return response

    def _send(
        self, request: "Request", error: Exception, response: "Response", *, unexpected: bool
    ) -> None:
        about = {"status_code": response.status_code, "request": request, "response": response}
        send, sender = self._dispatcher.send, request.error_handler
        if unexpected:
            send("unhandled_exception_response_generated", sender, exception=error, **about)
        elif response.status_code >= 400:
            message = error.message if isinstance(error, HTTPException) else str(error)
            send(
                "error_response_generated", sender, error_message=message, exception=error, **about
            )


def status_of(error: Exception) -> int:
    """Return the status of the response to an exception: 500 unless it is an `HTTPException`."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    return status if status in range(400, 600) else 500


def _keys_of(error: Exception) -> Iterator[Key]:
    """Yield the keys that match an exception, most specific first."""
    last: type[Exception] = HTTPException if isinstance(error, HTTPException) else Exception
    bases = last.__mro__  # less specific than the status
    yield from (kind for kind in type(error).__mro__ if kind not in bases)
    yield status_of(error)
    yield last


def _checked_key(key: object) -> Key:
    if isinstance(key, type) and issubclass(key, Exception):
        return key
    if isinstance(key, int) and not isinstance(key, bool):
        if 400 <= key <= 599:
            return int(key)
        raise ConfigurationError(
            f"an exception handler answers a status from 400 to 599, not {int(key)}"
        )
    raise ConfigurationError(
        "an exception handler is for a class of exceptions, which inherits from Exception, "
        f"or for a status from 400 to 599, not for {_shown(key)}"
    )


def _shown(key: object) -> str:
    return key.__qualname__ if isinstance(key, type) else repr(key)


def _name_of(handler: object) -> str:
    return view_name(handler) if callable(handler) else repr(handler)


def _add_headers(response: "Response", error: Exception) -> None:
    if isinstance(error, HTTPException):
        for name, value in error.headers.items():
            response.headers.setdefault(name, value)
    if isinstance(error, MethodNotAllowed):  # RFC 9110 section 15.5.6
        response.headers.setdefault("Allow", ", ".join(error.allowed_methods))


def _log(
    request: "Request",
    error: Exception,
    response: "Response",
    entry: ExceptionHandler,
    *,
    unexpected: bool,
) -> None:
    about = (request.method, redacted_path(request))
    if unexpected or (response.status_code >= 500 and not isinstance(error, HTTPException)):
        logger.error("%s %r failed", *about, exc_info=error, extra={"request": request})
    else:
        logger.info(
            "%s %r answered %d by %s: %s",
            *about, response.status_code, _name_of(entry.handler),
            redacted_text(str(error), request),
        )  # fmt: skip
