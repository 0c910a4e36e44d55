"""Comments reach the pages of those who may see their ticket."""

from lback.testing import Client, PublishedRecorder
from lback.users import User
from sqlalchemy.orm import Session

from tickets.models import Ticket
from tickets.rooms import may_listen


def test_a_comment_is_published(
    client: Client, ticket: Ticket, published: PublishedRecorder
) -> None:
    client.post(f"/tickets/{ticket.id}", data={"body": "Is <b>it</b> on?"})

    (message,) = published.of(f"ticket-{ticket.id}")
    assert message.data["event"] == "refresh"
    assert "Is &lt;b&gt;it&lt;/b&gt; on?" in client.get(f"/tickets/{ticket.id}").text


def test_a_refused_comment_is_not_published(
    client: Client, ticket: Ticket, published: PublishedRecorder
) -> None:
    client.post(f"/tickets/{ticket.id}", data={"body": " "})

    assert published.messages == []


def test_who_may_listen(
    db_session: Session, ticket: Ticket, ada: User, grace: User, sam: User
) -> None:
    assert may_listen(ticket.id, ada, db_session)
    assert may_listen(ticket.id, sam, db_session)
    assert not may_listen(ticket.id, grace, db_session)
    assert not may_listen(ticket.id, None, db_session)
