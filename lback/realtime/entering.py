"""Who may connect: a handshake passes the middlewares of the application as a request does."""

import copy
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.core.exceptions import Forbidden
from lback.core.http.multidict import parse_query
from lback.core.http.origins import Origins, origin_of, own_origin
from lback.core.routing.route import Route
from lback.core.routing.websocket_route import HANDSHAKE, RECHECK, TICKET, Entry, Handshake
from lback.core.server import serve
from lback.realtime.tickets import USER

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.router import Router


TICKET_FIELD = "ticket"


class Answer(NamedTuple):
    """What the application says to a handshake.

    Attributes:
        entry: Who has passed; None if the client gets the response instead.
        status: Such as "403 Forbidden".
        headers: Fields of the response.
        body: Its body.
    """

    entry: Entry | None
    status: str
    headers: list[tuple[str, str]]
    body: bytes


REFUSED_TICKET = Answer(
    None,
    "401 Unauthorized",
    [("Content-Type", "text/plain; charset=utf-8"), ("Cache-Control", "no-store")],
    b"The ticket is not valid, or has been used. Ask for another one.\n",
)


class _CheckedHandshake(Handshake):
    """A handshake that a page of another host cannot begin."""

    def __init__(self, origins: Origins) -> None:
        super().__init__()
        self._origins = origins

    def accept(self, request: "Request", route: Route, params: dict[str, Any]) -> "Response":
        """Note that a request has passed all checks.

        Args:
            request: The request.
            route: Its route.
            params: The path variables.

        Raises:
            Forbidden: The page that asks is of another host.
        """
        check_origin(request, self._origins)
        return super().accept(request, route, params)


def check_origin(request: "Request", allowed: Origins) -> None:
    """Raise if the page that sends a request is not of this host and not listed.

    Args:
        request: The request. Clients that are not browsers send no `Origin`.
        allowed: Further origins, as in `REALTIME_ORIGINS`.

    Raises:
        Forbidden: The origin may not connect.
    """
    sent = request.environ.get("HTTP_ORIGIN")
    if sent is None or allowed.has_all:
        return
    origin = origin_of(sent)
    # Scheme and port as well: another service of this host is another site.
    if origin is None or (origin != own_origin(request) and origin not in allowed):
        raise Forbidden(
            f"This page may not connect: it is of {sent[:200]!r}, the request was sent to "
            f"{own_origin(request)!r}; behind a proxy with HTTPS, set TRUSTED_PROXIES; list the "
            "pages of other hosts in REALTIME_ORIGINS"
        )


class _Handshakes:
    """The router as handshakes see it: only the routes of WebSockets and of events."""

    def __init__(self, router: "Router", others: Mapping[str, Route]) -> None:
        self._router = router
        self._others = others
        self.routes = router.routes
        self.secret_paths = router.secret_paths

    def find(self, path: str, _: str) -> tuple[Route, dict[str, object]] | None:
        """Return the route of a path, and its variables."""
        other = self._others.get(path)
        return (other, {}) if other is not None else self._router.find_websocket(path)

    def allowed_methods(self, _: str) -> None:
        """Return None: there is no route."""


class Entrance:
    """Passes handshakes through the middlewares and the guards of their routes.

    Its methods block; call them in a thread.

    Args:
        app: The application.
        routes: Further routes by path, such as that of events.
    """

    def __init__(self, app: "Application", routes: Mapping[str, Route] | None = None) -> None:
        app.prepare()
        self._dispatcher = app.dispatcher
        self._services = app.dependencies
        self._origins = Origins(app.config.REALTIME_ORIGINS)
        # A copy that shares everything with the one of requests, except how routes are found.
        self._controller = copy.copy(app.app_controller)
        router: Any = _Handshakes(app.router, routes or {})
        self._controller.router = router
        self._controller.early_answers = {}

    def enter(self, environ: dict[str, Any]) -> Answer:
        """Return what the application says to a handshake.

        Args:
            environ: The WSGI environ of the handshake; changed.

        Raises:
            BadRequest: The query has too many fields.
        """
        # Most handshakes have no query, or none that could name a ticket.
        text = environ["QUERY_STRING"]
        query = parse_query(text) if "ticket" in text or "%" in text else {}
        if TICKET_FIELD in query:
            values = self._values_of(str(query[TICKET_FIELD]))
            if values is None:
                return REFUSED_TICKET
            environ[TICKET] = values
        return self._enter(environ)

    def enter_again(self, environ: dict[str, Any], ticket: Any) -> Answer:
        """Return what the application says to the handshake of an open connection.

        Args:
            environ: The WSGI environ of the handshake; changed.
            ticket: The account of its ticket, which can be used once; None without one.
        """
        environ[RECHECK] = True
        if ticket is not None:
            environ[TICKET] = ticket
        return self._enter(environ)

    def _values_of(self, ticket: str) -> Any:
        taken = self._services["session_manager"].take_once(ticket)
        return None if taken is None else taken.get(USER)

    def _enter(self, environ: dict[str, Any]) -> Answer:
        handshake = environ[HANDSHAKE] = _CheckedHandshake(self._origins)
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            started[:] = status, headers

        body = serve(self._controller, self._dispatcher, environ, start_response)
        try:
            content = b"".join(body)
        finally:
            close = getattr(body, "close", None)
            if close is not None:
                close()
        status, headers = started
        # A middleware may refuse what the route has accepted.
        entry = handshake.entry if status.startswith("2") else None
        return Answer(entry, status, headers, content)
