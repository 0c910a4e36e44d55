"""Files that are sent along with a comment."""

from pathlib import Path

import pytest
from lback.testing import Client
from lback.users import User
from sqlalchemy import select
from sqlalchemy.orm import Session

from tickets.models import Attachment, Ticket


@pytest.fixture
def lback_settings(tmp_path: Path) -> dict[str, object]:
    """Keep files in a folder of the test."""
    return {"UPLOADS": str(tmp_path / "uploads"), "MAIL_BACKEND": "memory"}


def send(client: Client, ticket: Ticket, name: str, content: bytes) -> int:
    """Send a comment with a file, and return the status."""
    files = {"file": (name, content)}
    return client.post(f"/tickets/{ticket.id}", data={"body": "See"}, files=files).status_code


def test_a_file_is_given_back_to_who_may_see_the_ticket(
    client: Client, ticket: Ticket, db_session: Session, grace: User
) -> None:
    assert send(client, ticket, "../../lamp.txt", b"on off on") == 303
    attachment = db_session.scalars(select(Attachment)).one()
    assert attachment.filename == "lamp.txt"

    answer = client.get(f"/tickets/attachments/{attachment.id}")
    assert answer.body == b"on off on"
    assert answer.headers["content-disposition"] == 'attachment; filename="lamp.txt"'

    client.force_login(grace)
    assert client.get(f"/tickets/attachments/{attachment.id}").status_code == 403


@pytest.mark.parametrize(
    ("name", "content"),
    [("page.html", b"<p>"), ("photo.png", b"<script>"), ("big.txt", b"x" * 5_000_001)],
)
def test_other_files_are_refused_and_not_kept(
    client: Client, ticket: Ticket, tmp_path: Path, name: str, content: bytes
) -> None:
    assert send(client, ticket, name, content) == 422
    assert not (tmp_path / "uploads").exists()
