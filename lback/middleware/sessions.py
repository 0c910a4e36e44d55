"""Sessions around a request: found when first asked for, kept when they were changed."""

import logging
from typing import TYPE_CHECKING, Any

from lback.core.base_middleware import BaseMiddleware
from lback.core.exceptions import ConfigurationError
from lback.sessions.store import SessionsUnavailable

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.types import AppSession
    from lback.sessions import SessionManager


logger = logging.getLogger(__name__)


class SessionMiddleware(BaseMiddleware):
    """Brings `request.session`, and the cookie by which its visitor is known again.

    Nothing happens before the session is first read: no look-up, no cookie. A session that was
    read has `Vary: Cookie` and `Cache-Control: private` set, the latter unless the view says
    something itself, so that no cache shows the answer to somebody else. It is stored
    when it was changed, unless the answer is a failure (500 and above); its cookie is sent when
    its id is new. What a streamed response changes while it is sent is lost.

    The cookie is `HttpOnly`, and `Secure` where the request is.

    Args:
        config: `SESSION_COOKIE_NAME` is read here.
        sessions: Finds and keeps the sessions; `None` means what the application has for it.
        samesite: "Lax", "Strict" or "None".
        domain: Shares the cookie with the subdomains of a domain; `None` means this host alone.
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
        """Have the session loaded when it is first read."""
        request.add_lazy_context("session", self._load)

    def _load(self, request: "Request") -> "AppSession":
        sessions = self._sessions_of(request)
        session_id = request.cookies.get(self._cookie)
        found = sessions.load(session_id) if session_id else None
        return sessions.create() if found is None else found

    def _sessions_of(self, request: "Request") -> "SessionManager":
        # Asked for here and not when this is built: most requests touch no session, and a process
        # that meets none need not build what keeps them.
        return self._sessions or request.get_service("session_manager")

    def process_response(self, request: "Request", response: "Response") -> "Response":
        """Keep the session if the request touched and changed it, and send its cookie."""
        session = request.peek_context("session")
        if session is None:
            return response
        try:
            if response.status_code < 500:
                self._keep(request, response, session, self._sessions_of(request))
        except (SessionsUnavailable, ConfigurationError, TypeError) as error:
            # Whoever is told of success must find it kept.
            if request.error_handler is None:
                raise
            handlers = request.get_context("exception_handlers")
            response = request.error_handler.handled_response(error, request, handlers)
        response.headers.add_vary("Cookie")
        # Some caches heed no Vary.
        response.headers.setdefault("Cache-Control", "private")
        return response

    def _keep(
        self,
        request: "Request",
        response: "Response",
        session: "AppSession",
        sessions: "SessionManager",
    ) -> None:
        if not session.modified:
            _refresh(session, sessions)
            return
        if session.session_id is None and not session:
            sessions.delete(session)
            if self._cookie in request.cookies:
                response.delete_cookie(self._cookie, **self._attributes(request))
            return
        kept = sessions.save(session)
        if kept and request.cookies.get(self._cookie) != session.session_id:
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
    except SessionsUnavailable:
        # Nothing was promised: the next request tries again.
        logger.warning("the life of a session could not be prolonged: its store is away")
