"""Rows to try the helpdesk with; `lback db seed tickets` adds them to an empty table."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tickets.models import Comment, Priority, Ticket

THINGS = ("The printer", "The projector", "The coffee machine", "The door of room 5")
FAULTS = ("makes a noise", "does not start", "is too slow", "smells of smoke", "shows an error")


def seed(db_session: Session) -> None:
    """Add twenty tickets, the first of them answered."""
    if db_session.scalar(select(func.count()).select_from(Ticket)):
        return
    titles = [f"{thing} {fault}" for fault in FAULTS for thing in THINGS]
    tickets = [
        Ticket(title=title, body="Since this morning.", priority=Priority.NORMAL)
        for title in titles
    ]
    tickets[0].comments.append(Comment(body="Please switch it off. We are on our way."))
    db_session.add_all(tickets)
