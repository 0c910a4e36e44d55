"""From an exception to the method of the error handler that answers it: one table."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from lback.core.errors.debug_page import failures
from lback.core.errors.redaction import redacted_path, redacted_text
from lback.core.exceptions import (
    HTTPException,
    MethodNotAllowed,
    RouteNotFound,
    Unauthorized,
)
from lback.core.http.accept import prefers_json
from lback.core.response import STATUS_LINES, Response

if TYPE_CHECKING:
    from lback.core.error_handler import ErrorHandler
    from lback.core.errors.exception_handlers import ExceptionHandlers
    from lback.core.request import Request

logger = logging.getLogger(__name__)

Page = Callable[["ErrorHandler", HTTPException, "Request"], Response]

WAY_IN = (
    "this route wants a signed-in user; open it to everybody with requires_auth=False, "
    "or add an authentication middleware that signs users in"
)


def error_response(handler: "ErrorHandler", error: Exception, request: "Request") -> Response:
    """Return the answer to an exception: a page, or JSON for a client that reads JSON.

    So is the answer to an `HTTPException` that carries `data`. Its status is its own, or 500 for
    one outside 400..599; the message of a 5xx is never shown.
    """
    if not isinstance(error, HTTPException):
        return failure_response(handler, error, request)
    status = error.status_code if error.status_code in range(400, 600) else 500
    level = logging.INFO if status < 500 else logging.WARNING
    if logger.isEnabledFor(level):
        path = redacted_path(request)
        message = redacted_text(error.message, request)
        logger.log(level, "%s %r answered %d: %s", request.method, path, status, message)
    if error.data is not None or wants_json(request):
        response = _json(handler, error, status, request)
    else:
        response = _PAGES.get(status, _other)(handler, error, request)
    for name, value in error.headers.items():
        response.headers[name] = value
    return response


def handled_response(
    handler: "ErrorHandler",
    error: Exception,
    request: "Request",
    handlers: "ExceptionHandlers | None",
) -> Response:
    """Return what an exception handler answers, or else what `error_response` does.

    Args:
        handler: Makes the page where no exception handler fits.
        error: Of any class.
        request: The request that failed.
        handlers: The exception handlers of the application, if it has any. An error in one of
            them is answered as `failure_response` does.
    """
    try:
        response = None if handlers is None else handlers.answer(request, error)
    except Exception as failure:  # noqa: BLE001  logged there
        return failure_response(handler, failure, request)
    return error_response(handler, error, request) if response is None else response


def failure_response(handler: "ErrorHandler", error: Exception, request: "Request") -> Response:
    """Log an error and return the standard answer to what the application did not expect: 500.

    Args:
        handler: Makes the page.
        error: Of any class; no exception handler is asked.
        request: The request that failed.
    """
    logger.error(
        "%s %r failed", request.method, redacted_path(request),
        exc_info=error, extra={"request": request},
    )  # fmt: skip
    return _unhandled(handler, error, request)


def wants_json(request: "Request") -> bool:
    """Return True if the client reads JSON and does not prefer pages (`Accept`)."""
    return prefers_json(request.environ.get("HTTP_ACCEPT") or "")


def _unhandled(handler: "ErrorHandler", error: Exception, request: "Request") -> Response:
    if not wants_json(request):
        return handler.handle_exception(error, request)
    details = None
    if handler.config.get("DEBUG") is True:
        last = failures(error)[0]
        places = [f"{frame.file}:{frame.line} {frame.function}" for frame in last.frames]
        message = redacted_text(last.message, request)
        details = {"exception": last.kind, "message": message, "frames": places}
        if last.notes:
            details["notes"] = [redacted_text(note, request) for note in last.notes]
    return handler.handle_json_error(
        500, "Internal Server Error", details, request=request, exception=error
    )


def _json(handler: "ErrorHandler", error: HTTPException, status: int, request: Any) -> Response:
    response = handler.handle_json_error(
        status, _message(handler, error, status, request), error.data, request=request
    )
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.allowed_methods)
    return response


def _message(handler: "ErrorHandler", error: HTTPException, status: int, request: Any) -> str:
    if status >= 500:
        return STATUS_LINES[status][4:]
    if isinstance(error, Unauthorized) and request.route_requires_auth and is_debug(handler):
        return f"{error.message}: {WAY_IN}"
    return error.message


def is_debug(handler: "ErrorHandler") -> bool:
    """Tell whether details may be shown: DEBUG is exactly `True`."""
    return handler.config.get("DEBUG") is True


def _forbidden(handler: "ErrorHandler", error: HTTPException, request: "Request") -> Response:
    return handler.handle_403(request, error.message)


def _not_found(handler: "ErrorHandler", error: HTTPException, request: "Request") -> Response:
    if isinstance(error, RouteNotFound) or error.message == type(error).message:
        return handler.handle_404(request)
    return handler.handle_404(request, message=error.message)


def _not_allowed(handler: "ErrorHandler", error: HTTPException, request: "Request") -> Response:
    allowed = getattr(error, "allowed_methods", None)
    if allowed is None:  # an HTTPException with that number, and nothing to say in Allow
        return handler.handle_custom_error(405, error.message)
    return handler.handle_405(request, allowed)


def _failed(handler: "ErrorHandler", error: HTTPException, request: "Request") -> Response:  # noqa: ARG001  one signature
    return handler.handle_500(error)


def _other(handler: "ErrorHandler", error: HTTPException, request: "Request") -> Response:
    status = error.status_code
    return handler.handle_custom_error(status, _message(handler, error, status, request))


_PAGES: dict[int, Page] = {403: _forbidden, 404: _not_found, 405: _not_allowed, 500: _failed}
