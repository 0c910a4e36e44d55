"""Turns errors into responses: pages for browsers, JSON for clients that prefer it."""

import logging
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

from lback.core.dispatcher_instance import SignalSender
from lback.core.errors.debug_page import failures
from lback.core.errors.http_errors import wants_json
from lback.core.errors.pages import debug_page, error_page
from lback.core.errors.redaction import redacted_path, redacted_text
from lback.core.exceptions import (
    HTTPException,
    MethodNotAllowed,
    RouteNotFound,
    ServiceUnavailable,
    Unauthorized,
)
from lback.core.response import STATUS_LINES, HTMLResponse, JSONResponse, Response
from lback.core.signals import SignalDispatcher
from lback.translation import gettext
from lback.translation import gettext_noop as _

# Returns an error as problem details, or None for the page or the envelope.
ProblemDetails: TypeAlias = Callable[[Exception, int, str, "Request"], Response | None]

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.errors.exception_handlers import ExceptionHandlers
    from lback.core.request import Request
    from lback.core.router import Router
    from lback.core.templates import TemplateRenderer

logger = logging.getLogger(__name__)

NOT_FOUND = _("The address may be mistyped, or what was here has moved.")
NOT_ALLOWED = _("This address exists, but does not answer this kind of request.")
FAILED = _("The fault is ours and has been noted. Please try again later.")
FORBIDDEN = _("Forbidden: You do not have permission to access this resource.")

SIGN_IN_HINT = (
    "this route wants a signed-in user; open it to everybody with requires_auth=False, "
    "or add an authentication middleware that signs users in"
)


class ErrorHandler(SignalSender):
    """Builds the responses for errors.

    A project replaces a page by a template named after the status, such as `404.html`, which is
    rendered with `request`, `status_code` and `message`. While DEBUG is on, pages for developers
    are shown instead. If a page fails to render, a plain one is sent.

    Signals: `error_handler_initialized`, once.

    Args:
        config: Settings. Details are shown only if `DEBUG` is exactly `True`.
        template_renderer: Renders the pages of the project.
        router: Its routes are listed on the debug pages.
        dispatcher: Where signals are sent; `None` means the dispatcher of the process.

    Attributes:
        problem_details: Returns an error as problem details (RFC 9457), or None for a request
            that gets a page or the envelope; the application sets it.
    """

    problem_details: ProblemDetails | None = None

    def __init__(
        self,
        config: "Config",
        template_renderer: "TemplateRenderer",
        router: "Router",
        *,
        dispatcher: SignalDispatcher | None = None,
    ) -> None:
        self.config = config
        self._renderer = template_renderer
        self._router = router
        self._dispatcher = dispatcher
        # Looked up once: a missing page must not cost a search of the directories per error.
        self._project_pages = _pages_in(getattr(template_renderer, "directories", ()))
        self.dispatcher.send("error_handler_initialized", self)

    def error_response(self, error: Exception, request: "Request") -> Response:
        """Return the response for an exception: a page, or JSON for a client that prefers it.

        An `HTTPException` that carries `data` is always answered with JSON. The status is that of
        the exception, or 500 for one outside 400..599. The message of a 5xx is never shown.

        Signals: those of the method that builds the response, such as `handle_404`.

        Args:
            error: The exception; anything but an `HTTPException` is answered as by
                `failure_response`.
            request: The request that failed.

        Example:
            >>> from lback import NotFound
            >>> app.error_handler.error_response(NotFound(), request).status_code
            404
        """
        if not isinstance(error, HTTPException):
            return self.failure_response(error, request)
        status = error.status_code if error.status_code in range(400, 600) else 500
        level = logging.INFO if status < 500 else logging.WARNING
        if isinstance(error, ServiceUnavailable):
            level = logging.DEBUG  # the outage was logged once, where it was noticed
        if logger.isEnabledFor(level):
            path = redacted_path(request)
            message = redacted_text(error.message, request)
            logger.log(level, "%s %r answered %d: %s", request.method, path, status, message)
        build = error.problem_details or self.problem_details
        problem = build and self._problem(build, error, status, request)
        if problem:
            response = problem
        elif error.data is not None or wants_json(request):
            response = self._json_for(error, status, request)
        else:
            build = _PAGES.get(status, ErrorHandler._page_for_other_status)
            response = build(self, error, request)
        if error.data is None:
            # The client chose the format, and caches may keep a 404 (RFC 9110 section 15.1).
            response.headers.add_vary("Accept")
        for name, value in error.headers.items():
            response.headers[name] = value
        return response

    def handled_response(
        self, error: Exception, request: "Request", handlers: "ExceptionHandlers | None"
    ) -> Response:
        """Return the response of the matching exception handler, or else of `error_response`.

        Signals: `error_response_generated` or `unhandled_exception_response_generated`.

        Args:
            error: The exception, of any class.
            request: The request that failed.
            handlers: The exception handlers of the application; `None` if there are none. An
                exception raised by one of them is answered as by `failure_response`.
        """
        try:
            response = None if handlers is None else handlers.answer(request, error)
        except Exception as failure:  # noqa: BLE001  logged there
            return self.failure_response(failure, request)
        return self.error_response(error, request) if response is None else response

    def failure_response(self, error: Exception, request: "Request") -> Response:
        """Log an unexpected exception and return a response with status 500.

        Exception handlers of the application are not called. Where errors are problem details, a
        violated constraint of the database is a conflict with status 409.

        Signals: `unhandled_exception_response_generated`; `error_response_generated` for a
        conflict.

        Args:
            error: The exception, of any class; logged with its traceback.
            request: The request that failed.
        """
        build = self.problem_details
        problem = None if build is None else build(error, 500, FAILED, request)
        if problem is not None and problem.status_code < 500:
            return self._conflict(problem, error, request)
        logger.error(
            "%s %r failed",
            request.method, redacted_path(request), exc_info=error, extra={"request": request},
        )  # fmt: skip
        if problem is not None:
            self._send_unhandled(error, request, problem)
            return problem
        if not wants_json(request):
            return self.handle_exception(error, request)
        details = _exception_details(error, request) if self._is_debug else None
        return self.handle_json_error(
            500, "Internal Server Error", details, request=request, exception=error
        )

    def handle_403(self, request: "Request | None", message: str = FORBIDDEN) -> Response:
        """Return the page for status 403.

        Signals: `error_response_generated`.

        Args:
            request: The request that is refused.
            message: Text for the visitor; shown on the page, escaped.
        """
        page = self._page(403, message, request)
        return self._send_generated(HTMLResponse(page, 403), message, request=request)

    def handle_404(self, request: "Request | None", *, message: str | None = None) -> Response:
        """Return the page for status 404.

        Signals: `error_response_generated`.

        Args:
            request: The request whose path does not exist. While DEBUG is on, the page suggests
                similar paths.
            message: Text for the visitor; `None` shows a general one.
        """
        page = self._page(404, message or NOT_FOUND, request)
        return self._send_generated(
            HTMLResponse(page, 404), message or "Not Found", request=request
        )

    def handle_405(
        self, request: "Request | None", allowed_methods: list[str], *, message: str | None = None
    ) -> Response:
        """Return the page for status 405, with an `Allow` header field.

        Signals: `error_response_generated`.

        Args:
            request: The request whose method is not allowed.
            allowed_methods: Names of the methods to list in `Allow` (RFC 9110 section 15.5.6).
            message: Text for the visitor; `None` shows a general one.
        """
        page = self._page(405, message or NOT_ALLOWED, request)
        response = HTMLResponse(page, 405, {"Allow": ", ".join(map(str, allowed_methods))})
        return self._send_generated(
            response,
            message or "Method Not Allowed",
            request=request,
            allowed_methods=allowed_methods,
        )

    def handle_500(self, error: Exception) -> Response:
        """Return the page for a `ServerError` that was raised deliberately.

        The page never shows the message of the exception, not even while DEBUG is on.

        Signals: `error_response_generated`.
        """
        response = HTMLResponse(self._public_page(500, FAILED, None), 500)
        return self._send_generated(response, "Internal Server Error", exception=error)

    def handle_custom_error(self, status_code: int, message: str) -> Response:
        """Return a page for any status.

        Signals: `error_response_generated`.

        Args:
            status_code: Status from 100 to 599; any other one is logged and becomes 500.
            message: Text for the visitor; shown on the page, escaped.
        """
        if status_code not in STATUS_LINES:
            logger.error("%r is not an HTTP status: answered as 500", status_code)
            status_code = 500
        page = self._public_page(status_code, message, None)
        return self._send_generated(HTMLResponse(page, status_code), message)

    def handle_exception(self, exception: Exception, request: "Request | None") -> Response:
        """Return the page for an unhandled exception, with status 500.

        Signals: `unhandled_exception_response_generated`.

        Args:
            exception: The exception; its details are shown only while DEBUG is on.
            request: The request that failed, if there is one.
        """
        response = HTMLResponse(self._page(500, FAILED, request, exception), 500)
        self._send_unhandled(exception, request, response)
        return response

    def handle_json_error(
        self,
        status_code: int,
        message: str,
        details: object = None,
        *,
        request: "Request | None" = None,
        exception: Exception | None = None,
    ) -> Response:
        """Return an error as JSON: `{"data": {"error": message, "details": details}}`.

        Signals: `error_response_generated`, or `unhandled_exception_response_generated` if an
        exception is given.

        Args:
            status_code: Status of the response.
            message: What went wrong, for the client.
            details: Any value with a JSON form, such as validation errors by field.
            request: The request that failed; sent with the signal.
            exception: The exception, if it was not expected; sent with the signal.

        Example:
            >>> app.error_handler.handle_json_error(409, "Sold out").body
            b'{"data":{"error":"Sold out","details":null}}'
        """
        response = JSONResponse({"error": message, "details": details}, status_code)
        if exception is None:
            return self._send_generated(response, message, request=request)
        self._send_unhandled(exception, request, response)
        return response

    @property
    def _is_debug(self) -> bool:
        return self.config.get("DEBUG") is True

    def _page_for_403(self, error: HTTPException, request: "Request") -> Response:
        return self.handle_403(request, error.message)

    def _page_for_404(self, error: HTTPException, request: "Request") -> Response:
        if isinstance(error, RouteNotFound) or error.message == type(error).message:
            return self.handle_404(request)
        return self.handle_404(request, message=error.message)

    def _page_for_405(self, error: HTTPException, request: "Request") -> Response:
        allowed = getattr(error, "allowed_methods", None)
        if allowed is None:  # an HTTPException with that status, without methods for Allow
            return self.handle_custom_error(405, error.message)
        return self.handle_405(request, allowed)

    def _page_for_500(self, error: HTTPException, request: "Request") -> Response:  # noqa: ARG002  one signature
        return self.handle_500(error)

    def _page_for_other_status(self, error: HTTPException, request: "Request") -> Response:
        status = error.status_code
        return self.handle_custom_error(status, self._message(error, status, request))

    def _json_for(self, error: HTTPException, status: int, request: "Request") -> Response:
        response = self.handle_json_error(
            status, self._message(error, status, request), error.data, request=request
        )
        if isinstance(error, MethodNotAllowed):
            response.headers["Allow"] = ", ".join(error.allowed_methods)
        return response

    def _conflict(self, problem: Response, error: Exception, request: "Request") -> Response:
        status, name = problem.status_code, type(error).__name__
        path = redacted_path(request)
        # Without the text of the error, which has values of the row.
        logger.info("%s %r answered %d: %s", request.method, path, status, name)
        return self._send_generated(problem, STATUS_LINES[status][4:], request=request)

    def _problem(
        self, build: ProblemDetails, error: HTTPException, status: int, request: "Request"
    ) -> Response | None:
        message = self._message(error, status, request)
        response = build(error, status, message, request)
        return response and self._send_generated(response, message, request=request)

    def _message(self, error: HTTPException, status: int, request: "Request") -> str:
        if status >= 500:
            return STATUS_LINES[status][4:]
        if isinstance(error, Unauthorized) and request.route_requires_auth and self._is_debug:
            return f"{error.message}: {SIGN_IN_HINT}"
        return error.message

    def _send_generated(self, response: Response, message: str, **about: object) -> Response:
        dispatcher = self.dispatcher
        if dispatcher.receivers:
            dispatcher.send(
                "error_response_generated", self, status_code=response.status_code,
                error_message=message, response=response, **about,
            )  # fmt: skip
        return response

    def _send_unhandled(
        self, exception: Exception, request: "Request | None", response: Response
    ) -> None:
        self.dispatcher.send(
            "unhandled_exception_response_generated", self, status_code=500,
            exception=exception, request=request, response=response,
        )  # fmt: skip

    def _page(
        self,
        status: int,
        message: str,
        request: "Request | None",
        exception: Exception | None = None,
    ) -> str:
        if self.config.get("DEBUG") is not True:  # as `_is_debug`, without its call
            return self._public_page(status, message, request)
        try:
            return debug_page(
                status, message, self.config, self._router, request=request, exception=exception
            )
        except Exception:
            logger.exception("the debug page failed")
            return error_page(status, message)

    def _public_page(self, status: int, message: str, request: "Request | None") -> str:
        if status in self._project_pages:
            try:
                # Translated here, so that logs, signals and JSON have that of the exception.
                shown = gettext(message) if message else message
                return self._renderer.render_to_string(
                    f"{status}.html", request=request, status_code=status, message=shown
                )
            except Exception:
                logger.exception("the template %d.html failed", status)
        return error_page(status, message)


_PAGES = {
    403: ErrorHandler._page_for_403,
    404: ErrorHandler._page_for_404,
    405: ErrorHandler._page_for_405,
    500: ErrorHandler._page_for_500,
}


def _exception_details(error: Exception, request: "Request") -> dict[str, object]:
    last = failures(error)[0]
    details: dict[str, object] = {
        "exception": last.kind,
        "message": redacted_text(last.message, request),
        "frames": [f"{frame.file}:{frame.line} {frame.function}" for frame in last.frames],
    }
    if last.notes:
        details["notes"] = [redacted_text(note, request) for note in last.notes]
    return details


def _pages_in(directories: Iterable[Path]) -> frozenset[int]:
    return frozenset(
        status
        for status in range(400, 600)
        if any((Path(directory) / f"{status}.html").is_file() for directory in directories)
    )
