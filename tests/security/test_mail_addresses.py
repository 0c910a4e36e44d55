"""The address that is verified is the mailbox that got the mail, however it is written."""

import socketserver
import threading
from collections.abc import Iterator
from email.message import EmailMessage
from typing import Any

import pytest

from lback import Application, Config, ValidationError
from lback.database import DatabaseManager
from lback.mail import Mail, Mailer, SMTPBackend
from lback.testing import Client
from lback.users import UserManager
from lback.users.account_rules import email_problem, username_problem

pytestmark = pytest.mark.usefixtures("quick_passwords")

AMBIGUOUS = [
    "mallory@evil.example(@corp.example",
    "mallory@evil.example(x)@corp.example",
    "<mallory@evil.example>@corp.example",
    '"mallory@evil.example"@corp.example',
    "@evil.example:ceo@corp.example",
    "mallory@evil.example,ceo@corp.example",
    "mallory@evil.example;ceo@corp.example",
    "mallory@evil.example\t@corp.example",
    "mallory@evil.example\0@corp.example",
    "mallory%evil.example\\@corp.example",
    "mallory@evil.example @corp.example",
    "group:mallory@evil.example;@corp.example",
    "=?utf-8?q?mallory=40evil.example=2C?=@corp.example ",
    ".ceo@corp.example",
    "ceo.@corp.example",
    "c..eo@corp.example",
    "ceo@[127.0.0.1]",
    "ceo@127.0.0.1",
    "ceo@corp..example",
    "ceo@-corp.example",
    "ceo@corp.example.",
    "ceo@corp\u3002example",
    "ceo@\uff43orp.example",
    "ceo@fa\xdf.example",
    "ceo\uff20corp.example",
    "c\u0435o@corp.example",
    f"{'x' * 65}@corp.example",
    f"ceo@{'x' * 64}.example",
    "ceo@" + "\xfc" * 62 + ".example",
]


class Server(socketserver.ThreadingTCPServer):
    """A mail server that notes whom it is to deliver to."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Conversation)
        self.recipients: list[str] = []
        self.lines: list[str] = []


class Conversation(socketserver.StreamRequestHandler):
    server: Server

    def handle(self) -> None:
        self.wfile.write(b"220 ready\r\n")
        for raw in self.rfile:
            line = raw.decode().strip()
            self.server.lines.append(line)
            if line.lower().startswith("rcpt to:"):
                self.server.recipients.append(line[8:])
            if line.upper() == "QUIT":
                self.wfile.write(b"221 bye\r\n")
                return
            if line.upper() == "DATA":
                self.wfile.write(b"354 go on\r\n")
                for body in self.rfile:
                    self.server.lines.append(body.decode().strip())
                    if body == b".\r\n":
                        break
            self.wfile.write(b"250 fine\r\n")


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.02], daemon=True)
        thread.start()
        yield server
        server.shutdown()


@pytest.fixture
def app(server: Server) -> Iterator[Application]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL="sqlite://",
        MAIL_HOST="127.0.0.1",
        MAIL_PORT=server.server_address[1],
        MAIL_SECURITY="none",
        LOGIN_ATTEMPTS_PER_ADDRESS=1000,
    )
    app.db_manager.create_tables()
    app.include("lback.accounts.urls", "/accounts/")
    yield app
    app.db_manager.dispose()


@pytest.mark.parametrize("address", AMBIGUOUS, ids=ascii)
def test_what_can_be_read_in_two_ways_is_not_an_address(
    app: Application, server: Server, address: str
) -> None:
    assert email_problem(address) is not None
    answer = Client(app).post("/accounts/sign-up", data={"email": address})
    assert answer.status_code == 422
    assert app.mailer.flush()
    assert server.recipients == []


@pytest.mark.parametrize("address", AMBIGUOUS, ids=ascii)
def test_nor_is_a_mail_sent_to_it_by_other_code(server: Server, address: str) -> None:
    backend = SMTPBackend("127.0.0.1", server.server_address[1], security="none")
    with pytest.raises(ValueError, match=r"not one email address|control characters"):
        Mailer(Config(None), backend=backend).send(Mail(address, "Hi", "text"))
    with pytest.raises(ValueError, match=r"not one email address|control characters"):
        Mailer(Config(None), backend=backend).send(Mail(f"Boss <{address}>", "Hi", "text"))
    assert server.recipients == []


def test_a_message_made_by_hand_goes_to_plain_addresses_alone(server: Server) -> None:
    backend = SMTPBackend("127.0.0.1", server.server_address[1], security="none")
    message = EmailMessage()
    message["From"], message["To"] = "shop@example.com", "ada@example.org, grace@example.org"
    message["Bcc"] = "joan@example.org"
    backend.deliver(message)
    assert server.recipients == [f"<{name}@example.org>" for name in ("ada", "grace", "joan")]
    message.replace_header("To", '"mallory@evil.example"@corp.example')
    with pytest.raises(ValueError, match="an address that is not valid"):
        backend.deliver(message)


@pytest.mark.parametrize(
    "address",
    ["ada@example.org", "ada+shop@example.org", "o'neill@example.org", "ada@localhost"],
)
def test_plain_ones_are_mailed_as_they_are_kept(
    app: Application, server: Server, address: str
) -> None:
    assert Client(app).post("/accounts/sign-up", data={"email": address}).status_code == 202
    assert app.mailer.flush()
    assert server.recipients == [f"<{address}>"]


@pytest.mark.parametrize(
    "typed", ["ada@m\xfcnchen.example", "Ada@M\xdcNCHEN.example", "ada@xn--mnchen-3ya.example",
              "ada@mu\u0308nchen.example"],
    ids=ascii,
)  # fmt: skip
def test_a_domain_has_one_form_that_is_kept_and_one_that_is_mailed(
    app: Application, server: Server, typed: str
) -> None:
    with app.db_manager.session() as session:
        kept = app.user_manager.register(session, "ada", "correct horse", typed)
        assert kept.email == "ada@m\xfcnchen.example"
    Client(app).post("/accounts/forgot", data={"email": typed})
    assert app.mailer.flush()
    assert server.recipients == ["<ada@xn--mnchen-3ya.example>"]
    assert "To: ada@xn--mnchen-3ya.example" in server.lines


@pytest.mark.parametrize(
    "twin",
    ["ada\u3164", "ada\u2800", "a\u034fda", "ada\ufe0f", "\u115fada", "ada\u17b4", "ada\u1160",
     "ada\U000e0100", "\uff21da\uffa0"],
    ids=ascii,
)  # fmt: skip
def test_no_username_looks_exactly_like_another(database: DatabaseManager, twin: str) -> None:
    users = UserManager()
    with database.session() as session:
        ada: Any = users.register(session, "ada", "correct horse")
        with pytest.raises(ValidationError):
            users.register(session, twin, "battery staple")
        assert users.find(session, twin) is ada


@pytest.mark.parametrize("name", ["\u3164", "\u2800\u2800", "\u115f\u1160", "\ufe0f"], ids=ascii)
def test_no_username_is_seen_as_nothing(name: str) -> None:
    assert username_problem(name, None) == "Enter a username without invisible characters."


@pytest.mark.parametrize("at", ["@", "\uff20", "\ufe6b"], ids=ascii)
def test_a_username_that_becomes_an_address_is_that_of_its_owner(
    database: DatabaseManager, at: str
) -> None:
    users = UserManager()
    name = f"ada{at}example.org"
    with database.session() as session:
        ada: Any = users.register(session, "ada", "correct horse", "ada@example.org")
        with pytest.raises(ValidationError) as raised:
            users.register(session, name, "battery staple", "mallory@example.net")
        assert "username" in raised.value.errors
        assert users.find(session, "ada@example.org") is ada
        assert users.find(session, name) in (ada, None)
