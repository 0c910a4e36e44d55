"""The models, and how they hang together."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from tests.factories import new_ticket
from tickets.models import Comment


def test_comments_go_with_their_ticket(db_session: Session) -> None:
    ticket = new_ticket(comments=[Comment(body="Since when?"), Comment(body="Since Monday.")])
    db_session.add(ticket)
    db_session.flush()

    db_session.delete(ticket)
    db_session.flush()

    assert db_session.scalar(select(func.count()).select_from(Comment)) == 0
