"""Who sees which ticket."""

from lback import Application
from lback.testing import Client
from lback.users import User
from sqlalchemy.orm import Session

from tickets.models import Ticket


def test_customers_see_their_own_tickets(client: Client, ticket: Ticket, grace: User) -> None:
    assert client.get(f"/tickets/{ticket.id}").status_code == 200
    assert ticket.title in client.get("/tickets/").text

    client.force_login(grace)
    assert client.get(f"/tickets/{ticket.id}").status_code == 403
    assert ticket.title not in client.get("/tickets/").text


def test_support_sees_and_closes_all(
    client: Client, ticket: Ticket, sam: User, db_session: Session
) -> None:
    assert client.post(f"/tickets/{ticket.id}/close").status_code == 403

    client.force_login(sam)
    assert ticket.title in client.get("/tickets/").text
    assert client.post(f"/tickets/{ticket.id}/close").status_code == 303
    db_session.refresh(ticket)
    assert not ticket.is_open


def test_strangers_are_sent_to_sign_in(app: Application, client: Client) -> None:
    browser = Client(app, headers={"Accept": "text/html"})

    assert browser.get("/tickets/").headers["location"] == "/accounts/sign-in?next=%2Ftickets%2F"
