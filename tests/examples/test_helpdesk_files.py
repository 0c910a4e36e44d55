"""Attachments of `examples/helpdesk` on S3: one setting, and the same answers."""

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lback.storage import S3Storage
from tests.cli.serving import running
from tests.examples.test_helpdesk import EXAMPLE, PRIVATE, environment
from tests.examples.visitors import Visitor
from tests.storage import seaweed
from tests.storage.conftest import s3_server

__all__ = ["s3_server"]  # a fixture

PASSWORD = "correct horse battery staple"
ROWS = f"""
from tickets.models import Priority, Ticket
ada, grace = (
    app.user_manager.register(db_session, name, {PASSWORD!r}, name + "@example.org")
    for name in ("ada", "grace")
)
ticket = Ticket(title="The door is stuck", body="Room 5.", priority=Priority.NORMAL, customer=ada)
db_session.add(ticket)
db_session.commit()
"""
BUCKET = "helpdesk"


@pytest.fixture
def site(tmp_path: Path, s3_server: seaweed.Server) -> Iterator[str]:
    """The address of the deployed helpdesk, whose files are on S3."""
    project = tmp_path / "helpdesk"
    shutil.copytree(EXAMPLE, project, ignore=PRIVATE)
    variables = environment(
        DEBUG="false",
        ALLOWED_HOSTS="localhost",
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
        STORAGES=json.dumps({"default": {"backend": "s3", **s3_server.options(BUCKET)}}),
    )
    for command, text in ((["migrate"], ""), (["shell"], ROWS)):
        subprocess.run(
            [sys.executable, "-m", "lback", *command],
            cwd=project,
            env=variables,
            input=text,
            text=True,
            check=True,
            timeout=120,
        )
    with running("serve", "--port", "0", "--workers", "1", cwd=project, **variables) as server:
        yield f"http://localhost:{server.port}"
    assert not (project / "uploads").exists()


def signed_in(site: str, name: str) -> Visitor:
    visitor = Visitor(site)
    visitor.send("/accounts/sign-in", username=name, password=PASSWORD)
    return visitor


def test_an_attachment_is_on_s3_and_given_to_who_may_see_it(
    site: str, s3_server: seaweed.Server
) -> None:
    ada, grace = signed_in(site, "ada"), signed_in(site, "grace")
    page = ada.send("/tickets/1", {"attachment": ("door.txt", b"It is blue.")}, body="See")
    (path,) = re.findall(r'href="(/tickets/attachments/\d+)"', page.text)

    (stored,) = S3Storage(**s3_server.options(BUCKET)).list("comments")
    assert stored.size == 11
    assert ada.get(path).text == "It is blue."
    assert grace.get(path).status == 403
    assert "Sign in" in Visitor(site).get(path).text
