"""Comments, and the mails about them."""

import pytest
from lback import Application
from lback.testing import Client
from lback.users import User
from sqlalchemy.orm import Session

from tests.factories import new_ticket
from tickets.models import Ticket


@pytest.fixture
def lback_settings() -> dict[str, object]:
    """Keep mails in memory, wherever the tests run."""
    return {"MAIL_BACKEND": "memory"}


@pytest.fixture
def ticket(db_session: Session, ada: User) -> Ticket:
    """A ticket whose title tries to write a second header field."""
    ticket = new_ticket(title="The lamp\nBcc: all@example.org", customer=ada)
    db_session.add(ticket)
    db_session.commit()
    return ticket


def test_the_customer_gets_a_mail(
    app: Application, client: Client, ticket: Ticket, sam: User
) -> None:
    client.force_login(sam)
    page = client.post(
        f"/tickets/{ticket.id}", data={"body": "Is it <b>on</b>?"}, follow_redirects=True
    )

    assert "Is it &lt;b&gt;on&lt;/b&gt;?" in page.text
    (mail,) = app.mailer.outbox
    assert mail["To"] == "ada@example.org"
    assert mail["Subject"] == "Re: The lamp Bcc: all@example.org"
    assert f"http://localhost/tickets/{ticket.id}" in mail.get_content()


def test_authors_get_no_mail_of_their_own_comment(
    app: Application, client: Client, ticket: Ticket
) -> None:
    assert client.post(f"/tickets/{ticket.id}", data={"body": "Hello?"}).status_code == 303
    assert app.mailer.outbox == []


def test_an_empty_comment_is_refused(client: Client, ticket: Ticket) -> None:
    assert client.post(f"/tickets/{ticket.id}", data={"body": " "}).status_code == 422
