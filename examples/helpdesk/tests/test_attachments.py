"""Files that are sent along with a comment."""

import pytest
from lback import Application
from lback.storage import Storage
from lback.testing import Client
from lback.users import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from tickets.models import Comment, Ticket


@pytest.fixture
def lback_settings() -> dict[str, object]:
    """Keep files and mails in memory, wherever the tests run."""
    return {"STORAGES": {"default": {"backend": "memory"}}, "MAIL_BACKEND": "memory"}


@pytest.fixture
def storage(app: Application) -> Storage:
    """The storage of the attachments."""
    found: Storage = app.dependencies["storage"]
    return found


def send(client: Client, ticket: Ticket, name: str, content: bytes) -> int:
    """Send a comment with a file, and return the status."""
    files = {"attachment": (name, content)}
    return client.post(f"/tickets/{ticket.id}", data={"body": "See"}, files=files).status_code


def test_a_file_is_given_back_to_who_may_see_the_ticket(
    client: Client, ticket: Ticket, db_session: Session, grace: User
) -> None:
    assert send(client, ticket, "../../lamp.txt", b"on off on") == 303
    comment = db_session.scalars(select(Comment)).one()

    answer = client.get(f"/tickets/attachments/{comment.id}")
    assert answer.body == b"on off on"
    assert answer.headers["content-disposition"] == 'attachment; filename="lamp.txt"'

    client.force_login(grace)
    assert client.get(f"/tickets/attachments/{comment.id}").status_code == 403


def test_a_comment_needs_no_file(client: Client, ticket: Ticket, db_session: Session) -> None:
    assert client.post(f"/tickets/{ticket.id}", data={"body": "See"}).status_code == 303
    comment = db_session.scalars(select(Comment)).one()
    assert client.get(f"/tickets/attachments/{comment.id}").status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [("page.html", b"<p>"), ("photo.png", b"<script>"), ("big.txt", b"x" * 5_000_001)],
)
def test_other_files_are_refused_and_not_kept(
    client: Client, ticket: Ticket, storage: Storage, name: str, content: bytes
) -> None:
    assert send(client, ticket, name, content) == 422
    assert list(storage.list()) == []


def test_files_go_with_their_ticket(
    client: Client, ticket: Ticket, storage: Storage, db_session: Session
) -> None:
    send(client, ticket, "lamp.txt", b"on off on")
    assert len(list(storage.list())) == 1

    db_session.delete(ticket)
    db_session.commit()
    assert list(storage.list()) == []
