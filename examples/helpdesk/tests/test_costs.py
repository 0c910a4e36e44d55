"""What requests cost, and what they tell while they work."""

from lback import Application
from lback.testing import Client, QueryCounter, SignalRecorder
from lback.users import User
from sqlalchemy.orm import Session

from tests.conftest import register
from tests.factories import new_ticket
from tickets.models import Ticket


def test_a_longer_list_takes_no_more_queries(
    app: Application, client: Client, db_session: Session, sam: User, queries: QueryCounter
) -> None:
    people = [register(app, db_session, f"customer{number}") for number in range(5)]
    db_session.add_all([new_ticket(customer=user) for user in people])
    db_session.commit()
    client.force_login(sam)

    with queries.at_most(8):
        page = client.get("/tickets/")

    assert all(user.username in page.text for user in people)


def test_a_comment_is_committed_once(
    client: Client, ticket: Ticket, signals: SignalRecorder
) -> None:
    client.post(f"/tickets/{ticket.id}", data={"body": "Hello?"})

    signals.assert_sent("db_session_committed", times=1)
