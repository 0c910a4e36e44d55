"""Tickets in the admin."""

import pytest
from lback import Application
from lback.testing import Client
from sqlalchemy.orm import Session

from tickets.models import Ticket


@pytest.fixture
def admin(app: Application, client: Client, db_session: Session) -> Client:
    """The client, signed in as a superuser of the admin."""
    manager = app.admin_user_manager
    root = manager.register(db_session, "root", "correct horse battery", is_superuser=True)
    db_session.commit()
    client.force_login(root)
    return client


def test_tickets_are_listed_and_changed(admin: Client, ticket: Ticket) -> None:
    page = admin.get("/admin/ticket?q=lamp")
    assert ticket.title in page.text
    assert "ada" in page.text
    assert admin.get(f"/admin/ticket/row/{ticket.id}").status_code == 200


def test_customers_do_not_enter(client: Client) -> None:
    answer = client.get("/admin/ticket")

    assert answer.headers["location"].startswith("/admin/sign-in")
