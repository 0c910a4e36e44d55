"""An owner who takes an account back by mail leaves the thief nothing."""

import re
from collections.abc import Iterator
from datetime import timedelta
from threading import Event

import pytest

from lback import Application
from lback.database import utc_now
from lback.testing import Client
from lback.users import User

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD, NEW = "correct horse", "battery staple"


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", DATABASE_URL="sqlite://")
    app.db_manager.create_tables()
    app.include("lback.accounts.urls", "/accounts/")
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", PASSWORD, "ada@example.org")
    yield app
    app.db_manager.dispose()


@pytest.fixture
def thief(app: Application) -> Client:
    """Somebody who has learned the password, and is signed in by it."""
    client = Client(app)
    client.post("/accounts/sign-in", data={"username": "ada", "password": PASSWORD})
    return client


def link_to(app: Application, address: str) -> str:
    mail = [mail for mail in app.mailer.outbox if mail["To"] == address][-1]
    found = re.search(r"https?://[^/\s]+(/\S+)", str(mail.get_content()))
    assert found is not None
    return found[1]


def recover(app: Application) -> None:
    owner = Client(app)
    owner.post("/accounts/forgot", data={"email": "ada@example.org"})
    answer = owner.post(link_to(app, "ada@example.org"), data={"password": NEW})
    assert answer.status_code == 303


def ada(app: Application) -> User:
    with app.db_manager.session() as session:
        user = app.user_manager.get_by_username(session, "ada")
        assert isinstance(user, User)
        return user


def ask_for(client: Client, address: str) -> None:
    form = {"email": address, "current_password": PASSWORD}
    assert client.post("/accounts/email", data=form).status_code == 202


def test_a_change_of_address_that_the_thief_asked_for_is_off(
    app: Application, thief: Client
) -> None:
    ask_for(thief, "mallory@example.net")
    link = link_to(app, "mallory@example.net")
    recover(app)
    assert Client(app).post(link).status_code == 410
    assert ada(app).email == "ada@example.org"


def test_so_it_is_when_the_owner_signs_out_everywhere(app: Application, thief: Client) -> None:
    ask_for(thief, "mallory@example.net")
    link = link_to(app, "mallory@example.net")
    owner = Client(app)
    owner.post("/accounts/sign-in", data={"username": "ada", "password": PASSWORD})
    owner.post("/accounts/sign-out-everywhere")
    assert Client(app).post(link).status_code == 410


def test_a_mail_that_is_written_after_the_recovery_holds_a_link_from_before(
    app: Application, thief: Client
) -> None:
    with app.db_manager.session() as session:
        token = app.dependencies["account_tokens"].for_reset(session.get_one(User, 1))
    go_on = Event()

    def slow_delivery() -> None:
        go_on.wait()

    app.mailer.do_later(slow_delivery)
    ask_for(thief, "mallory@example.net")
    Client(app).post(f"/accounts/reset/{token}", data={"password": NEW})
    go_on.set()
    assert Client(app).post(link_to(app, "mallory@example.net")).status_code == 410


def test_keys_that_the_thief_made_end(app: Application) -> None:
    keys = app.dependencies["api_key_manager"]
    with app.db_manager.session() as session:
        thiefs, _ = keys.create(session, session.get_one(User, 1), "backdoor")
    recover(app)
    with app.db_manager.session() as session:
        assert keys.account(session, thiefs) is None
        owners, _ = keys.create(session, session.get_one(User, 1), "deployment")
    with app.db_manager.session() as session:
        assert keys.account(session, owners) is not None


def test_keys_end_when_an_administrator_sets_the_password(app: Application) -> None:
    keys = app.dependencies["api_key_manager"]
    with app.db_manager.session() as session:
        user = session.get_one(User, 1)
        thiefs, _ = keys.create(session, user, "backdoor")
        app.user_manager.set_password(session, user, NEW)
        assert keys.account(session, thiefs) is None
        # Not even a clock that is set back revives one, or makes a new one dead.
        user.keys_valid_from = utc_now() + timedelta(days=1)
        owners, _ = keys.create(session, user, "deployment")
        assert keys.account(session, thiefs) is None
        assert keys.account(session, owners) is user


def test_keys_that_a_machine_ahead_of_this_one_made_end(app: Application) -> None:
    keys = app.dependencies["api_key_manager"]
    with app.db_manager.session() as session:
        user = session.get_one(User, 1)
        backdoor, row = keys.create(session, user, "backdoor")
        row.created_at = utc_now() + timedelta(seconds=50)
        app.user_manager.set_password(session, user, NEW)
        assert keys.account(session, backdoor) is None
        owners, _ = keys.create(session, user, "deployment")
        assert keys.account(session, owners) is user


def test_keys_of_someone_who_knows_the_password_stay(app: Application, thief: Client) -> None:
    keys = app.dependencies["api_key_manager"]
    with app.db_manager.session() as session:
        text, _ = keys.create(session, session.get_one(User, 1), "deployment")
    form = {"current_password": PASSWORD, "password": NEW}
    assert thief.post("/accounts/password", data=form).status_code == 303
    with app.db_manager.session() as session:
        assert keys.account(session, text) is not None
