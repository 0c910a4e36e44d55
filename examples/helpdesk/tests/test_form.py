"""New tickets, as customers write them."""

from lback import Application
from lback.testing import Client
from lback.users import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from tickets.models import Ticket

TICKET = {"title": "The lamp is broken", "body": "It flickers."}


def test_a_ticket_is_kept_and_shown(client: Client, db_session: Session) -> None:
    page = client.post("/tickets/new", data=TICKET, follow_redirects=True)

    assert "Thank you." in page.text
    assert db_session.scalars(select(Ticket.title)).all() == ["The lamp is broken"]


def test_what_is_wrong_is_said_and_what_was_entered_stays(client: Client) -> None:
    page = client.post("/tickets/new", data={**TICKET, "title": "Lamp"})

    assert page.status_code == 422
    assert "Please write at least 5 characters; you wrote 4." in page.text
    assert "It flickers." in page.text


def test_the_description_is_not_the_title(client: Client) -> None:
    page = client.post("/tickets/new", data={"title": "It is broken", "body": "It is broken"})

    assert "in other words than the title" in page.text


def test_only_our_own_form_is_taken(app: Application, ada: User) -> None:
    browser = Client(app, enforce_csrf=True)
    browser.force_login(ada)
    assert browser.post("/tickets/new", data=TICKET).status_code == 403
