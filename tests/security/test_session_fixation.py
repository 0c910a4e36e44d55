"""Nobody can prepare a session for somebody else, nor keep one that was known before."""

from collections.abc import Iterator

import pytest

from lback import Application
from lback.testing import Client

pytestmark = pytest.mark.usefixtures("quick_passwords")

FORM = {"username": "ada", "password": "correct horse"}


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(DEBUG=True, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", DATABASE_URL="sqlite://")
    app.db_manager.create_tables()
    app.include("lback.accounts.urls", "/accounts/")
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", "correct horse")
    yield app
    app.db_manager.dispose()


def is_signed_in(client: Client) -> bool:
    return client.get("/accounts/").status_code == 200


def test_an_id_that_was_put_into_a_browser_is_not_the_one_that_signs_in(app: Application) -> None:
    attacker, victim = Client(app), Client(app)
    attacker.cookies = known_session(app)
    victim.cookies = dict(attacker.cookies)
    assert victim.post("/accounts/sign-in", data=FORM).status_code == 303
    assert is_signed_in(victim)
    assert victim.cookies != attacker.cookies
    assert not is_signed_in(attacker)


def known_session(app: Application) -> dict[str, str]:
    """Return the cookie of a session that the application itself has given out."""
    session = app.session_manager.create()
    session["visited"] = True
    app.session_manager.save(session)
    return {"session": session.session_id or ""}


@pytest.mark.parametrize("chosen", ["a" * 43, "0" * 43, "admin"])
def test_an_id_that_nobody_gave_out_is_never_adopted(app: Application, chosen: str) -> None:
    victim, attacker = Client(app), Client(app)
    victim.cookies = {"session": chosen}
    victim.post("/accounts/sign-in", data=FORM)
    attacker.cookies = {"session": chosen}
    assert is_signed_in(victim)
    assert not is_signed_in(attacker)


def test_a_cookie_that_was_copied_ends_when_its_owner_signs_out(app: Application) -> None:
    owner, thief = Client(app), Client(app)
    owner.post("/accounts/sign-in", data=FORM)
    thief.cookies = dict(owner.cookies)
    assert is_signed_in(thief)
    owner.post("/accounts/sign-out")
    assert not is_signed_in(thief)
