"""Mail is written, sent, kept, and never holds up or tells on the one who asked for it."""

import contextlib
import logging
import socketserver
import stat
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from lback import Application, Config, ConfigurationError
from lback.mail import (
    ConsoleBackend,
    FileBackend,
    Mail,
    Mailer,
    MemoryBackend,
    SMTPBackend,
)
from lback.mail.backends import NoBackend, backend_of

HELLO = Mail("ada@example.org", "Grüße", "Hello Ada,\n.\nhere is a line with a dot.")


def mailer(**settings: Any) -> Mailer:
    return Mailer(Config(None, settings={"MAIL_BACKEND": "memory", **settings}), tries=())


class Server(socketserver.ThreadingTCPServer):
    """A server that takes mail, and offers neither TLS nor to sign in unless told to."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, extensions: tuple[str, ...] = (), refuse: int = 0) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.extensions = extensions
        self.refuse = refuse
        self.received: list[bytes] = []
        self.commands: list[bytes] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class Conversation(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        # A client that is refused what it wants hangs up.
        with contextlib.suppress(ConnectionError):
            self.converse()

    def converse(self) -> None:
        self.say("220 ready")
        for line in self.rfile:
            command = line.strip()
            self.server.commands.append(command)
            word = command.split()[0].upper() if command else b""
            if word == b"QUIT":
                self.say("221 bye")
                return
            self.answer(word)

    def answer(self, word: bytes) -> None:
        if word == b"EHLO":
            lines = ["localhost", *self.server.extensions]
            for line in lines[:-1]:
                self.say(f"250-{line}")
            self.say(f"250 {lines[-1]}")
        elif word == b"AUTH":
            self.say("235 welcome")
        elif word == b"RCPT" and self.server.refuse:
            self.server.refuse -= 1
            self.say("451 later")
        elif word == b"DATA":
            self.say("354 go on")
            self.server.received.append(self.read_data())
            self.say("250 taken")
        else:
            self.say("250 fine")

    def read_data(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)

    def say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


@pytest.fixture
def serve() -> Iterator[Callable[..., Server]]:
    servers: list[Server] = []

    def start(*extensions: str, refuse: int = 0) -> Server:
        server = Server(extensions, refuse)
        threading.Thread(target=server.serve_forever, args=[0.02], daemon=True).start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def waiting(event: threading.Event) -> None:
    assert event.wait(5)


def text_of(message: EmailMessage) -> str:
    body = message.get_body(("plain",))
    assert body is not None
    return str(body.get_content())


def test_a_mail_says_who_to_whom_when_and_what() -> None:
    message = HELLO.as_email("Shop <shop@example.com>")
    assert message["From"] == "Shop <shop@example.com>"
    assert message["To"] == "ada@example.org"
    assert message["Subject"] == "Grüße"
    assert message["Message-ID"].endswith("@example.com>")
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["Date"]
    assert text_of(message).splitlines() == HELLO.text.splitlines()


def test_a_mail_may_have_more_readers_a_sender_and_html() -> None:
    mail = Mail(
        ["a@example.org", "b@example.org"], "Hi", "text", "<b>html</b>", "me@example.org", "c@d.org"
    )
    message = mail.as_email("other@example.org")
    assert (message["To"], message["From"]) == ("a@example.org, b@example.org", "me@example.org")
    assert message["Reply-To"] == "c@d.org"
    html = message.get_body(("html",))
    assert html is not None
    assert html.get_content() == "<b>html</b>\n"


@pytest.mark.parametrize("field", ["to", "subject", "sender", "reply_to"])
@pytest.mark.parametrize("ending", ["\nBcc: all@example.org", "\r\nX: y", "\r"])
def test_no_field_can_be_smuggled_in(field: str, ending: str) -> None:
    values: dict[str, Any] = {"to": "a@example.org", "subject": "Hi", "text": "text"}
    values[field] = values.get(field, "a@example.org") + ending
    with pytest.raises(ValueError, match="must not contain a line break"):
        mailer().send_later(Mail(**values))


@pytest.mark.parametrize("character", ["\0", "\x1b", "\x7f"])
def test_a_field_has_no_control_characters(character: str) -> None:
    with pytest.raises(ValueError, match="must not contain control characters"):
        mailer().send_later(Mail("a@example.org", f"Hi{character}", "text"))


def test_a_server_gets_the_mail_whole(serve: Callable[..., Server]) -> None:
    server = serve("8BITMIME", "AUTH PLAIN")
    backend = SMTPBackend("127.0.0.1", server.port, user="shop", password="secret", security="none")
    backend.deliver(HELLO.as_email("shop@example.com"))
    (received,) = server.received
    message = message_from_bytes(received, policy=policy.default)
    assert message["Subject"] == "Grüße"
    assert text_of(message).splitlines() == HELLO.text.splitlines()
    # Python 3.13 writes commands in lower case, Python 3.12 in both.
    assert b"rcpt to:<ada@example.org>" in [command.lower() for command in server.commands]
    assert "secret" not in repr(backend)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_server_without_tls_gets_nothing(serve: Callable[..., Server], security: str) -> None:
    server = serve("AUTH PLAIN")
    backend = SMTPBackend(
        "127.0.0.1", server.port, user="shop", password="secret", security=security
    )
    with pytest.raises(OSError):
        backend.deliver(HELLO.as_email("shop@example.com"))
    assert server.received == []
    assert not any(command.startswith(b"AUTH") for command in server.commands)


def test_what_cannot_be_delivered_is_tried_again(serve: Callable[..., Server]) -> None:
    server = serve(refuse=2)
    sender = Mailer(
        Config(None),
        backend=SMTPBackend("127.0.0.1", server.port, security="none"),
        tries=(0.0, 0.0),
    )
    sender.send_later(HELLO)
    assert sender.flush()
    assert len(server.received) == 1


def test_what_cannot_be_delivered_at_all_is_logged_without_its_text(
    serve: Callable[..., Server], caplog: pytest.LogCaptureFixture
) -> None:
    backend = SMTPBackend("127.0.0.1", serve(refuse=9).port, security="none")
    sender = Mailer(Config(None), backend=backend, tries=(0.0,))
    with caplog.at_level(logging.DEBUG):
        sender.send_later(Mail("ada@example.org", "A link", "https://example.org/secret-token"))
        assert sender.flush()
    assert "email not delivered: 'A link'" in caplog.text
    assert "secret-token" not in caplog.text
    with pytest.raises(OSError):
        sender.send(HELLO)


def test_mail_is_kept_in_memory_for_tests() -> None:
    sender = mailer()
    sender.send_later(HELLO)
    sender.send(Mail("grace@example.org", "Second", "text"))
    assert sorted(message["Subject"] for message in sender.outbox) == ["Grüße", "Second"]
    for number in range(250):
        sender.send(Mail("a@example.org", str(number), "text"))
    assert len(sender.outbox) == 200


def test_mail_goes_to_files_that_only_the_owner_reads(tmp_path: Path) -> None:
    sender = mailer(MAIL_BACKEND="file", PROJECT_ROOT=str(tmp_path))
    sender.send(HELLO)
    sender.send(HELLO)
    files = list((tmp_path / "mail").glob("*.eml"))
    assert len(files) == 2
    assert stat.S_IMODE(files[0].stat().st_mode) == 0o600
    message = message_from_bytes(files[0].read_bytes(), policy=policy.default)
    assert message["Subject"] == "Grüße"
    assert sender.outbox == []


def test_a_program_that_watches_the_files_never_sees_a_part_of_one(tmp_path: Path) -> None:
    seen: list[list[Path]] = []

    class Watched(EmailMessage):
        def __bytes__(self) -> bytes:
            seen.append(list(tmp_path.glob("*.eml")))
            return super().__bytes__()

    FileBackend(tmp_path).deliver(Watched())
    assert seen == [[]]
    assert [file.suffix for file in tmp_path.iterdir()] == [".eml"]


def test_mail_goes_to_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    mailer(MAIL_BACKEND="console").send(Mail("ada@example.org", "Hi", "Hello Ada"))
    shown = capsys.readouterr()
    assert "To: ada@example.org" in shown.err
    assert "Hello Ada" in shown.err
    assert shown.out == ""


@pytest.mark.parametrize(
    ("settings", "kind"),
    [
        ({"MAIL_HOST": "mail.example.com"}, SMTPBackend),
        ({"MAIL_HOST": "mail.example.com", "DEBUG": True}, SMTPBackend),
        ({"DEBUG": True}, MemoryBackend),
        ({}, NoBackend),
        ({"MAIL_BACKEND": "console", "MAIL_HOST": "x"}, ConsoleBackend),
        ({"MAIL_BACKEND": "file"}, FileBackend),
    ],
)
def test_the_settings_say_where_mail_goes(settings: dict[str, Any], kind: type) -> None:
    assert isinstance(backend_of(Config(None, settings=settings)), kind)


def test_settings_that_cannot_work_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="needs MAIL_HOST"):
        backend_of(Config(None, settings={"MAIL_BACKEND": "smtp"}))
    wrong = {"MAIL_BACKEND": "smpt", "MAIL_SECURITY": "ssl", "MAIL_FROM": "shop", "MAIL_PORT": -1}
    with pytest.raises(ValueError, match="4 settings cannot work") as raised:
        Config.validate(
            Config(None, settings={**wrong, "DEBUG": True, "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc"})
        )
    assert "must be one of smtp, console, file, memory, none; did you mean smtp?" in str(
        raised.value
    )


def test_a_public_server_without_a_mail_server_says_so(caplog: pytest.LogCaptureFixture) -> None:
    mailer(MAIL_BACKEND="").send(Mail("ada@example.org", "A link", "secret"))
    assert caplog.messages == ["email not sent: set MAIL_HOST: 'A link'"]


@pytest.mark.parametrize("error", [RuntimeError("this job fails"), SystemExit(3)])
def test_a_job_that_fails_does_not_end_those_behind_it(
    error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    sender = mailer()

    def fail() -> None:
        raise error

    sender.do_later(fail)
    sender.send_later(HELLO)
    assert len(sender.outbox) == 1
    assert "background mail job failed" in caplog.text


def test_what_waits_is_bounded(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("lback.mail.mailer.MAX_WAITING", 3)
    sender, go_on = mailer(), threading.Event()
    sender.do_later(lambda: waiting(go_on))
    for _ in range(5):
        sender.send_later(HELLO)
    go_on.set()
    assert 2 <= len(sender.outbox) <= 4
    assert "email not sent: queue is full: 3" in caplog.text


def test_jobs_keep_their_order_and_flush_does_not_wait_for_a_delay() -> None:
    sender, begun = mailer(), threading.Event()
    done: list[str] = []
    sender.do_later(lambda: done.append("first"))
    sender.do_later(begun.set)
    sender.do_later(lambda: done.append("delayed"), delay=3600)
    sender.do_later(lambda: done.append("last"))
    sender.send_later(HELLO)
    assert begun.wait(10)
    assert done == ["first"]
    assert len(sender.outbox) == 1
    assert done == ["first", "delayed", "last"]


def test_a_delayed_job_begins_by_itself() -> None:
    sender, begun = mailer(), threading.Event()
    sender.do_later(begun.set, delay=0.05)
    assert begun.wait(10)


def test_flush_gives_up_in_time_and_has_nothing_to_do_before_the_first() -> None:
    sender, go_on = mailer(), threading.Event()
    assert sender.flush(0)
    sender.do_later(lambda: waiting(go_on))
    assert not sender.flush(0)
    go_on.set()
    assert sender.flush()


def test_every_application_has_a_mailer() -> None:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc")
    app.mailer.send(HELLO)
    assert len(app.mailer.outbox) == 1
    assert app.dependencies["mailer"] is app.mailer
