"""From an error to the page that tells of it, and the signal that says so."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lback.core.dispatcher_instance import SignalSender
from lback.core.errors.pages import debug_page, error_page
from lback.core.response import STATUS_LINES, HTMLResponse, JSONResponse, Response
from lback.core.signals import SignalDispatcher

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.router import Router
    from lback.core.templates import TemplateRenderer

logger = logging.getLogger(__name__)

NOT_FOUND = "The address may be mistyped, or what was here has moved."
NOT_ALLOWED = "This address exists, but does not answer this kind of request."
FAILED = "The fault is ours and has been noted. Please try again later."


class ErrorHandler(SignalSender):
    """Makes the responses for errors.

    A project replaces a page by a template of that name: `404.html` and so on, which is given
    `request`, `status_code` and `message`. While DEBUG is on, pages for developers are shown in
    its place. Should a page fail, the plain one is sent.

    Signals: `error_handler_initialized`, once.

    Args:
        config: `DEBUG` must be exactly `True` for details to be shown.
        template_renderer: Where the project's pages are.
        router: Whose routes the debug pages list.
        dispatcher: Where signals are sent; `None` means the dispatcher of the process.
    """

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
        # Looked for once: a page that is not there must not cost a search at each error.
        self._own_pages = _pages_in(getattr(template_renderer, "directories", ()))
        self.dispatcher.send("error_handler_initialized", self)

    def handle_403(
        self,
        request: Any,
        message: str = "Forbidden: You do not have permission to access this resource.",
    ) -> Response:
        """Return the page for status 403, which shows the message.

        Signals: `error_response_generated`.
        """
        page = self._page(403, message, request)
        return self._told(HTMLResponse(page, 403), message, request=request)

    def handle_404(self, request: Any, *, message: str | None = None) -> Response:
        """Return the page for status 404.

        Signals: `error_response_generated`.
        """
        page = self._page(404, message or NOT_FOUND, request)
        return self._told(HTMLResponse(page, 404), message or "Not Found", request=request)

    def handle_405(
        self, request: Any, allowed_methods: list[str], *, message: str | None = None
    ) -> Response:
        """Return the page for status 405, with the methods that would do in `Allow`.

        Signals: `error_response_generated`.
        """
        page = self._page(405, message or NOT_ALLOWED, request)
        # RFC 9110 §15.5.6: a 405 must say which methods would do.
        response = HTMLResponse(page, 405, {"Allow": ", ".join(map(str, allowed_methods))})
        return self._told(
            response,
            message or "Method Not Allowed",
            request=request,
            allowed_methods=allowed_methods,
        )

    def handle_500(self, error: Exception) -> Response:
        """Return the page for an error that was raised on purpose: it says nothing of it.

        Signals: `error_response_generated`.
        """
        response = HTMLResponse(self._public_page(500, FAILED, None), 500)
        return self._told(response, "Internal Server Error", exception=error)

    def handle_custom_error(self, status_code: int, message: str) -> Response:
        """Return a page for any status, which shows the message.

        A status outside 100..599 is logged and becomes 500.

        Signals: `error_response_generated`.
        """
        if status_code not in STATUS_LINES:
            logger.error("%r is no HTTP status: answered as 500", status_code)
            status_code = 500
        page = self._public_page(status_code, message, None)
        return self._told(HTMLResponse(page, status_code), message)

    def handle_exception(self, exception: Exception, request: Any) -> Response:
        """Return the page for an exception that nobody caught; details only while DEBUG is on.

        Signals: `unhandled_exception_response_generated`.
        """
        response = HTMLResponse(self._page(500, FAILED, request, exception), 500)
        self._send_unhandled(exception, request, response)
        return response

    def handle_json_error(
        self,
        status_code: int,
        message: str,
        details: Any = None,
        *,
        request: Any = None,
        exception: Exception | None = None,
    ) -> Response:
        """Return an error for a client that reads JSON: `{"data": {"error", "details"}}`.

        Signals: `error_response_generated`, or `unhandled_exception_response_generated` if an
        exception is given.
        """
        response = JSONResponse({"error": message, "details": details}, status_code)
        if exception is None:
            return self._told(response, message, request=request)
        self._send_unhandled(exception, request, response)
        return response

    def _told(self, response: Response, message: str, **about: Any) -> Response:
        dispatcher = self.dispatcher
        if dispatcher.receivers:
            dispatcher.send(
                "error_response_generated", self, status_code=response.status_code,
                error_message=message, response=response, **about,
            )  # fmt: skip
        return response

    def _send_unhandled(self, exception: Exception, request: Any, response: Response) -> None:
        self.dispatcher.send(
            "unhandled_exception_response_generated", self, status_code=500,
            exception=exception, request=request, response=response,
        )  # fmt: skip

    def _page(
        self, status: int, message: str, request: Any, exception: Exception | None = None
    ) -> str:
        if self.config.get("DEBUG") is not True:
            return self._public_page(status, message, request)
        try:
            return debug_page(
                status, message, self.config, self._router, request=request, exception=exception
            )
        except Exception:
            logger.exception("the debug page failed")
            return error_page(status, message)

    def _public_page(self, status: int, message: str, request: Any) -> str:
        if status in self._own_pages:
            try:
                return self._renderer.render_to_string(
                    f"{status}.html", request=request, status_code=status, message=message
                )
            except Exception:
                logger.exception("the template %d.html failed", status)
        return error_page(status, message)


def _pages_in(directories: Any) -> frozenset[int]:
    return frozenset(
        status
        for status in range(400, 600)
        if any((Path(directory) / f"{status}.html").is_file() for directory in directories)
    )
