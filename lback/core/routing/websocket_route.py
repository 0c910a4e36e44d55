"""Routes of WebSockets: the same patterns and guards as those of views, entered by a handshake.

The handshake passes the same middlewares as a request. What follows it is for `lback.realtime`.
"""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.core.exceptions import HTTPException
from lback.core.response import Response
from lback.core.routing.route import Route

if TYPE_CHECKING:
    from lback.core.request import Request

# The name that stands for handshakes where routes are listed by method.
WEBSOCKET = "WEBSOCKET"
# The key of the environ with the `Handshake`, which only the realtime process sets.
HANDSHAKE = "lback.handshake"
# Set in the environ when an open connection is checked again.
RECHECK = "lback.recheck"
# The key of the environ with the account of a ticket: its id and the version of its sessions.
TICKET = "lback.ticket"
# The attribute of a handler with the checks of its decorators, which run at the handshake.
ENTRY_CHECKS = "entry_checks"
# The attribute of a handler's wrapper: the wrapper itself and the handler within.
WITHIN = "_lback_within"
EVENTS = ("connect", "receive", "disconnect")


class UpgradeRequired(HTTPException):
    """A plain request for a WebSocket (status 426, RFC 9110 section 15.5.22)."""

    status_code = 426
    message = "This address is for WebSockets"

    def __init__(self) -> None:
        super().__init__(headers={"Upgrade": "websocket", "Connection": "Upgrade"})


class Entry(NamedTuple):
    """Who has passed a handshake, and by which route.

    Attributes:
        route: The route.
        path_params: The path variables.
        user: The user, or None.
        session_id: Id of the session; None without one.
        ticket: The account of a ticket, as `TICKET` has it; None without one.
        admin_user: The user of the admin in the same session, if a check has read it.
    """

    route: Route
    path_params: dict[str, Any]
    user: Any
    session_id: str | None
    ticket: Any = None
    admin_user: Any = None


class Handshake:
    """A handshake on its way through the middlewares.

    Attributes:
        entry: Who has passed; None before that.
    """

    def __init__(self) -> None:
        self.entry: Entry | None = None

    def accept(self, request: "Request", route: Route, params: dict[str, Any]) -> Response:
        """Note that a request has passed all checks.

        Args:
            request: The request.
            route: Its route.
            params: The path variables.

        Returns:
            The response for the middlewares, which no client gets to see.
        """
        # Read while its database session is open; it may also raise for credentials that fail.
        user = request.user
        session = request.peek_context("session")
        ticket = request.environ.get(TICKET)
        session_id = getattr(session, "session_id", None)
        admin_user = request.peek_context("admin_user")
        self.entry = Entry(route, params, user, session_id, ticket, admin_user)
        return Response(None, 204)


class WebSocketRoute(Route):
    """A path pattern and the handler of its WebSockets.

    Args:
        path: Pattern, such as `"/tickets/{ticket_id:int}"`.
        handler: An `async def`, or a class with `connect`, `receive` or `disconnect`.
        name: Name for `Router.url_for`.
        requires_auth: Whether only signed-in users may connect.

    Raises:
        TypeError: The handler is not callable, or `requires_auth` is neither True nor False.
        ValueError: The pattern is malformed.
    """

    def __init__(
        self,
        path: str,
        handler: Callable[..., Any],
        name: str | None = None,
        requires_auth: bool = True,
    ) -> None:
        super().__init__(path, handler, [WEBSOCKET], name, requires_auth)

    def build_endpoint(self, _: Mapping[str, object]) -> Callable[..., object]:
        """Return the function that is called for a request, after the check of `requires_auth`."""
        handler: Any = self.view
        checks: tuple[Callable[[Request], object], ...] = getattr(handler, ENTRY_CHECKS, ())
        has_check = isinstance(handler, type) and hasattr(handler, "check_access")

        def enter(request: "Request", params: dict[str, Any]) -> Response:
            handshake: Handshake | None = request.environ.get(HANDSHAKE)
            if handshake is None:
                raise UpgradeRequired
            for check in checks:
                check(request)
            if has_check:  # of a mixin such as PermissionRequiredMixin
                handler().check_access(request)
            return handshake.accept(request, self, params)

        return enter


def unguarded(handler: Callable[..., Any]) -> Callable[..., Any]:
    """Return a handler without the wrappers whose checks run at the handshake.

    Args:
        handler: A function or a class.
    """
    while (within := getattr(handler, WITHIN, None)) is not None and within[0] is handler:
        handler = within[1]
    return handler


def is_websocket_class(view: object) -> bool:
    """Return True for a class that handles WebSockets and no requests."""
    return isinstance(view, type) and any(callable(getattr(view, name, None)) for name in EVENTS)
