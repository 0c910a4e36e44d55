"""A mailbox is not flooded by anybody: letters are counted by who gets them and who asks."""

from collections.abc import Iterator

import pytest

from lback import Application
from lback.testing import Client

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "correct horse"


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL="sqlite://",
        LOGIN_ATTEMPTS_PER_ADDRESS=1000,
    )
    app.db_manager.create_tables()
    app.include("lback.accounts.urls", "/accounts/")
    with app.db_manager.session() as session:
        for name in ("ada", "grace"):
            app.user_manager.register(session, name, PASSWORD, f"{name}@example.org")
    yield app
    app.db_manager.dispose()


def signed_in(app: Application, name: str) -> Client:
    client = Client(app)
    client.post("/accounts/sign-in", data={"username": name, "password": PASSWORD})
    return client


def wish(client: Client, address: str) -> int:
    form = {"email": address, "current_password": PASSWORD}
    return client.post("/accounts/email", data=form).status_code


def letters_to(app: Application, address: str) -> int:
    return sum(mail["To"] == address for mail in app.mailer.outbox)


def test_a_user_does_not_flood_a_stranger_by_changing_the_address(app: Application) -> None:
    client = signed_in(app, "ada")
    answers = [wish(client, "victim@example.com") for _ in range(30)]
    assert answers == [202] * 10 + [429] * 20
    assert letters_to(app, "victim@example.com") == 10


def test_nor_do_several_users_and_forms_together(app: Application) -> None:
    for name in ("ada", "grace"):
        client = signed_in(app, name)
        for _ in range(8):
            wish(client, "victim@example.com")
    for _ in range(8):
        Client(app).post("/accounts/sign-up", data={"email": "victim@example.com"})
    assert letters_to(app, "victim@example.com") == 10


def test_nor_by_other_names_of_one_mailbox(app: Application) -> None:
    for number in range(30):
        Client(app).post("/accounts/sign-up", data={"email": f"victim+{number}@example.com"})
    assert len(app.mailer.outbox) == 10


def test_a_user_does_not_write_to_a_list_of_strangers(app: Application) -> None:
    client = signed_in(app, "ada")
    for number in range(30):
        wish(client, f"victim{number}@example.com")
    assert len(app.mailer.outbox) == 10
