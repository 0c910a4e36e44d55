"""Tickets: connect a WebSocket where neither cookies nor headers can be sent."""

from typing import TYPE_CHECKING

from lback.auth import sign_in
from lback.auth.permissions import require_user

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.sessions import SessionManager

USER = "user"
SECONDS = 30


def issue_ticket(request: "Request", *, seconds: float = SECONDS) -> str:
    """Return a ticket with which the user of a request can connect once: `?ticket=…`.

    For pages of another host and for apps that authenticate with a token, because browsers cannot
    set a header in the handshake of a WebSocket.

    Args:
        request: A request of a user who is signed in, by session, token or API key.
        seconds: How long the ticket can be used.

    Raises:
        Unauthorized: The user is not signed in.

    Example:
        >>> from lback.realtime import issue_ticket
        >>> def ticket(request):
        ...     return {"ticket": issue_ticket(request)}
        >>> app.add_route("/api/ticket", ticket, ["POST"])
    """
    user = require_user(request)
    sessions: SessionManager = request.get_service("session_manager")
    return sessions.store_once({USER: sign_in.ticket_values(user)}, seconds)
