"""Who may listen to what happens to a ticket."""

from lback.realtime import room
from lback.users import User
from sqlalchemy.orm import Session

from tickets.models import SEE, Ticket


@room("ticket-{ticket_id:int}")
def may_listen(ticket_id: int, user: User | None, db_session: Session) -> bool:
    """Return True if the user may see the ticket."""
    ticket = db_session.get(Ticket, ticket_id)
    return user is not None and ticket is not None and ticket.allows(user, SEE)
