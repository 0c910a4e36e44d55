"""With tasks on, an email is a task: it is stored with the data, and lost with nothing."""

import re
import subprocess
import sys
from collections.abc import Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from sqlalchemy import select

from lback import Application
from lback.mail import Attachment, Mail, MemoryBackend
from lback.mail.sending import send_message
from lback.storage import MemoryStorage
from lback.tasks.tables import StoredTask
from lback.testing import Client
from tests.tasks.conftest import Clock
from tests.tasks.kills import Site

SEND_AND_DIE = """
import os, signal
from lback.core import server
from lback.core.wsgi_entry import create_wsgi_app
from lback.mail import Mail

create_wsgi_app()
mailer = server.app_controller.dependencies["mailer"]
with server.db_manager.session():
    for number in range(20):
        mailer.send_later(Mail("ada@example.org", f"Order {number}", "Thank you."))
os.kill(os.getpid(), signal.SIGKILL)
"""


def outbox(app: Application) -> list[EmailMessage]:
    assert isinstance(app.mailer.backend, MemoryBackend)
    return list(app.mailer.backend.outbox)


def stored(app: Application) -> list[StoredTask]:
    with app.db_manager.create_session() as session:
        return list(session.scalars(select(StoredTask).order_by(StoredTask.id)))


def test_a_message_is_stored_with_the_data_and_delivered_by_a_worker(
    app: Application, work: Callable[..., None]
) -> None:
    mail = Mail("Ädä <ada@example.org>", "Grüße", "Hallo Ädä", html="<p>Hallo</p>")
    with pytest.raises(RuntimeError), app.db_manager.session():
        app.mailer.send_later(mail)
        raise RuntimeError
    assert stored(app) == []
    with app.db_manager.session():
        app.mailer.send_later(mail)
    assert outbox(app) == []
    work()

    (sent,) = outbox(app)
    assert sent["Subject"] == "Grüße"
    assert sent["Auto-Submitted"] == "auto-generated"
    assert sent.get_body(("plain",)).get_content() == "Hallo Ädä\n"  # type: ignore[union-attr]
    assert getattr(sent, "recipients") == ("ada@example.org",)  # noqa: B009
    # What has been sent is not kept.
    assert [task.arguments for task in stored(app)] == ["{}"]


def test_a_task_names_the_files_and_a_worker_reads_them(
    app: Application, work: Callable[..., None], clock: Clock
) -> None:
    files = MemoryStorage()
    app.dependencies["storages"]._storages["default"] = files
    content = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4000
    files.save("logo.png", content)
    url = f"https://shop.example.com/unsubscribe/{'x' * 300}"
    mail = Mail(
        "ada@example.org", "Order", "Thank you.", html="<img src='cid:logo'>",
        images={"logo": Attachment("logo.png")},
        attachments=[Attachment("bill.pdf", filename="Ü.pdf")],
        unsubscribe=url, envelope_sender="bounces@example.com",
    )  # fmt: skip
    app.mailer.send_later(mail)
    (task,) = stored(app)
    assert len(task.arguments) < 4000
    work()
    assert outbox(app) == []  # the bill is not written yet
    assert "needs 'bill.pdf' of the storage 'default'" in (stored(app)[0].error or "")
    files.save("bill.pdf", b"%PDF-1.7")
    clock.forward(100)
    work()

    (sent,) = outbox(app)
    assert [task.state for task in stored(app)] == ["successful"]
    assert getattr(sent, "sender_address") == "bounces@example.com"  # noqa: B009
    assert f"List-Unsubscribe: <{url}>\n".encode() in bytes(sent)
    parts = {part.get_filename(): part for part in sent.walk() if part.get_filename()}
    assert parts["Ü.pdf"].get_payload(decode=True) == b"%PDF-1.7"
    assert parts["logo.png"].get_payload(decode=True) == content
    shown = sent.get_body(("html",)).get_content()  # type: ignore[union-attr]
    assert f"cid:{parts['logo.png']['Content-ID'].strip('<>')}" in shown


def test_a_task_of_a_version_without_files_is_delivered(
    app: Application, work: Callable[..., None]
) -> None:
    send_message.enqueue(
        message=b"Subject: Old\r\n\r\nHello", sender="a@example.org", recipients=["b@example.org"],
        is_sent=True,
    )  # fmt: skip
    work()
    assert [message["Subject"] for message in outbox(app)] == ["Old"]


def test_a_server_that_is_away_is_tried_again_with_the_same_message_id(
    app: Application, work: Callable[..., None], clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids: list[str] = []
    deliver = MemoryBackend.deliver

    def failing(self: MemoryBackend, message: EmailMessage) -> None:
        ids.append(message["Message-ID"])
        if len(ids) < 3:
            raise OSError("connection refused")
        deliver(self, message)

    monkeypatch.setattr(MemoryBackend, "deliver", failing)
    app.mailer.send_later(Mail("ada@example.org", "Order", "Thank you."))
    for _ in range(3):
        work()
        clock.forward(100)

    assert len(outbox(app)) == 1
    assert len(set(ids)) == 1


def test_a_message_without_a_recipient_is_the_same_task(
    app: Application, work: Callable[..., None]
) -> None:
    app.mailer.send_later(Mail("ada@example.org", "Order", "Thank you."), is_sent=False)
    work()
    assert [task.state for task in stored(app)] == ["successful"]
    assert outbox(app) == []


@pytest.mark.usefixtures("quick_passwords")
def test_a_password_reset_enqueues_the_same_for_every_address(
    app: Application, work: Callable[..., None]
) -> None:
    app.include("lback.accounts.urls", "/accounts/")
    with app.db_manager.session() as session:
        password = "correct horse battery"  # of nobody
        app.user_manager.register(session, "ada", password, "ada@example.org")
    client = Client(app)
    answers = [
        client.post("/accounts/forgot", data={"email": email})
        for email in ("ada@example.org", "bob@example.org")
    ]

    assert {answer.status_code for answer in answers} == {202}
    known, unknown = stored(app)
    assert known.arguments.replace("ada", "bob") == unknown.arguments
    differing = {"id", "arguments", "created_at", "run_at", "_sa_instance_state"}
    first, second = ({k: v for k, v in vars(t).items() if k not in differing} for t in stored(app))
    assert first == second
    work()
    (sent,) = outbox(app)
    assert sent["To"] == "ada@example.org"
    link = re.search(r"http://localhost(/accounts/\S+)", sent.get_content())
    assert link
    assert client.get(link[1]).status_code == 200
    # Nothing that is stored holds the link.
    assert [task.arguments for task in stored(app)] == ["{}", "{}"]


def test_a_kill_after_the_commit_loses_no_message(tmp_path: Path) -> None:
    site = Site(tmp_path, f"sqlite:///{tmp_path / 'mail.sqlite3'}")
    site.environment |= {"MAIL_BACKEND": "file"}
    done = subprocess.run(
        [sys.executable, "-c", SEND_AND_DIE],
        cwd=site.folder,
        env=site.environment,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == -9, done.stderr
    worker = site.start("work", "--threads", "2")
    while not list((site.folder / "mail").glob("*.eml")):
        assert worker.poll() is None
    worker.kill()
    worker.wait()
    site.run("work", "--burst")
    site.manager.dispose()

    files = list((site.folder / "mail").glob("*.eml"))
    messages = [message_from_bytes(file.read_bytes(), policy=policy.default) for file in files]
    assert {message["Subject"] for message in messages} == {f"Order {n}" for n in range(20)}
    assert len({message["Message-ID"] for message in messages}) == 20
