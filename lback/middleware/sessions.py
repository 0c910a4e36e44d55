"""Session middleware: load the session on first access, save it if it was changed."""

import logging
from typing import TYPE_CHECKING, Any

from lback.core.base_middleware import BaseMiddleware
from lback.core.exceptions import ConfigurationError, ServiceUnavailable
from lback.core.routing.websocket_route import RECHECK

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.types import AppSession
    from lback.sessions import SessionManager


logger = logging.getLogger(__name__)


class SessionMiddleware(BaseMiddleware):
    """Set `request.session`, and send the session cookie.

    The session is loaded on first access; a request that does not read it costs no look-up and
    gets no cookie. A response to a request that read its session gets `Vary: Cookie` and, unless
    the view sets `Cache-Control` itself, `Cache-Control: private`. A changed session is saved
    unless the status is 500 or above; the cookie is sent if the session id is new. Changes that a
    streamed response makes while it is sent are lost.

    The cookie is `HttpOnly`, and `Secure` if the request came over HTTPS. A session that was
    created further in the future than `CLOCK_TOLERANCE` allows is not valid; its cookie stays, and
    changes are not saved, until the visitor signs in or out.

    Args:
        config: Settings; `SESSION_COOKIE_NAME` is read at start-up.
        sessions: Session manager. None uses that of the application.
        samesite: Attribute `SameSite` of the cookie: "Lax", "Strict" or "None".
        domain: Domain whose subdomains share the cookie. None restricts it to this host.
        path: Path below which the client sends the cookie.
    """

    sets_session = True

    def __init__(
        self,
        config: "Config",
        *,
        sessions: "SessionManager | None" = None,
        samesite: str = "Lax",
        domain: str | None = None,
        path: str = "/",
    ) -> None:
        self._sessions = sessions
        self._cookie = config.SESSION_COOKIE_NAME
        self._samesite = samesite
        self._domain = domain
        self._path = path
        self._always_secure = self._cookie.lower().startswith(("__host-", "__secure-"))

    def process_request(self, request: "Request") -> None:
        """Register the session as a lazy value."""
        request.add_lazy_context("session", self._load)

    def _load(self, request: "Request") -> "AppSession":
        return self._sessions_of(request).open(request.cookies.get(self._cookie))

    def _sessions_of(self, request: "Request") -> "SessionManager":
        # Read per request, so that a process without sessions does not build their store.
        return self._sessions or request.get_service("session_manager")

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Save the session if it was changed, and send its cookie.

        Args:
            request: The request.
            response: The response to extend. If the session cannot be saved, it is replaced by
                an error response, so that a client is not told of a success that is lost.
        """
        session = request.peek_context("session")
        if session is None:
            return response
        try:
            if response.status_code < 500:
                self._save(request, response, session, self._sessions_of(request))
        except (ServiceUnavailable, ConfigurationError, TypeError) as error:
            if request.error_handler is None:
                raise
            handlers = request.get_context("exception_handlers")
            response = request.error_handler.handled_response(error, request, handlers)
        response.headers.add_vary("Cookie")
        # Some caches ignore Vary.
        response.headers.setdefault("Cache-Control", "private")
        return response

    def _save(
        self,
        request: "Request",
        response: "Response",
        session: "AppSession",
        sessions: "SessionManager",
    ) -> None:
        if not session.modified:
            # An open connection does not count as use: the session would never become idle.
            if RECHECK not in request.environ:
                _refresh(session, sessions)
            return
        if sessions.is_substitute(session):
            return  # another machine may still accept the session of the cookie
        if session.session_id is None and not session:
            sessions.delete(session)
            if self._cookie in request.cookies:
                response.delete_cookie(self._cookie, **self._attributes(request))
            return
        is_saved = sessions.save(session)
        if is_saved and request.cookies.get(self._cookie) != session.session_id:
            response.set_cookie(
                self._cookie,
                session.session_id or "",
                max_age=sessions.seconds_left(session),
                **self._attributes(request),
            )

    def _attributes(self, request: "Request") -> dict[str, Any]:
        return {
            "secure": self._always_secure or request.is_secure,
            "samesite": self._samesite,
            "path": self._path,
            "domain": self._domain,
        }


def _refresh(session: "AppSession", sessions: "SessionManager") -> None:
    try:
        sessions.refresh(session)
    except ServiceUnavailable:
        # The response does not depend on it, and the next request tries again.
        logger.warning("sessions: lifetime not extended: the store is unavailable")
