"""A stranger learns from no answer, and from no work behind it, who has an account."""

from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import event

from lback import Application
from lback.mail import Mailer
from lback.testing import Client

pytestmark = pytest.mark.usefixtures("quick_passwords")

KNOWN, UNKNOWN, CLOSED = "ada@example.org", "eve@example.org", "joan@example.org"


class Work:
    """All that the application does for requests: statements, templates, jobs, mails made."""

    def __init__(self) -> None:
        self.steps: list[str] = []

    def taken(self) -> list[str]:
        steps, self.steps = self.steps, []
        return steps


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL="sqlite://",
        LOGIN_ATTEMPTS_STORE="memory",
    )
    app.db_manager.create_tables()
    app.include("lback.accounts.urls", "/accounts/")
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", "correct horse", KNOWN)
        joan = app.user_manager.register(session, "joan", "correct horse", CLOSED)
        app.user_manager.deactivate(session, joan)
    yield app
    app.db_manager.dispose()


@pytest.fixture
def work(app: Application, monkeypatch: pytest.MonkeyPatch) -> Work:
    work = Work()

    def noted(owner: Any, name: str, told: Any) -> None:
        original = getattr(owner, name)

        def call(*args: Any, **kwargs: Any) -> Any:
            work.steps.append(f"{name} {told(*args)}")
            return original(*args, **kwargs)

        monkeypatch.setattr(owner, name, call)

    noted(app.template_renderer, "render_to_string", lambda name: name)
    noted(Mailer, "do_later", lambda *_: "")
    noted(app.token_signer, "sign", lambda *_: "")
    noted(app.token_signer, "fingerprint", lambda *_: "")

    def statement(*arguments: Any) -> None:
        work.steps.append(arguments[2])

    event.listen(app.db_manager.engine, "before_cursor_execute", statement)
    return work


def ask(app: Application, path: str, email: str) -> list[str]:
    client = Client(app)
    answer = client.post(path, data={"email": email})
    assert app.mailer.flush()
    return [str(answer.status_code), answer.text.replace(email, "(address)")]


@pytest.mark.parametrize("stranger", [UNKNOWN, CLOSED])
def test_a_forgotten_password_is_the_same_work_for_an_unknown_address(
    app: Application, work: Work, stranger: str
) -> None:
    ask(app, "/accounts/forgot", KNOWN)
    work.taken()
    answer, steps = ask(app, "/accounts/forgot", KNOWN), work.taken()
    assert ask(app, "/accounts/forgot", stranger) == answer
    assert work.taken() == steps
    assert len(steps) > 4
    assert [mail["To"] for mail in app.mailer.outbox] == [KNOWN, KNOWN]


def test_a_sign_up_is_one_mail_for_both(app: Application, work: Work) -> None:
    answer = ask(app, "/accounts/sign-up", KNOWN)
    jobs = work.taken().count("do_later ")
    assert ask(app, "/accounts/sign-up", UNKNOWN) == answer
    assert work.taken().count("do_later ") == jobs


class Watched:
    """An answer, of which is noted what was done before the server closes it."""

    def __init__(self, app: Application, answer: Any, done: list[int]) -> None:
        self.app, self.answer, self.done = app, answer, done

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.answer)

    def close(self) -> None:
        assert self.app.mailer.flush()
        self.done.append(len(self.app.mailer.outbox))
        self.answer.close()


@pytest.mark.parametrize("path", ["/accounts/forgot", "/accounts/sign-up"])
def test_no_work_begins_before_the_answer_has_left(app: Application, path: str) -> None:
    done: list[int] = []
    client = Client(app)
    client.application = lambda *call: Watched(app, app(*call), done)
    assert client.post(path, data={"email": KNOWN}).status_code == 202
    assert done == [0]
    assert len(app.mailer.outbox) == 1


def test_the_delivery_does_not_follow_the_answer_at_once(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a known address gets a delivery, which the next request must not have to wait for."""
    delays: list[float] = []
    monkeypatch.setattr(app.mailer, "do_later", lambda job, *, delay: delays.append(delay))
    for number in range(5):
        ask(app, "/accounts/forgot", f"{number}@example.org")
    assert len(set(delays)) == 5
    assert min(delays) >= 0.5
    assert max(delays) <= 3


def test_the_token_that_is_made_for_no_one_opens_nothing(app: Application) -> None:
    token = app.dependencies["account_tokens"].for_nobody()
    for path in ("reset", "verify", "sign-up"):
        answer = Client(app).post(f"/accounts/{path}/{token}", data={"password": "battery staple"})
        assert answer.status_code == 410
