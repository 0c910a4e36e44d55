"""Nobody can prepare a session for somebody else, nor keep one that was known before."""

from collections.abc import Iterator

import pytest

from lback import Application
from lback.sessions import MemorySessionStore, SessionManager
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
def test_an_id_that_no_one_gave_out_is_never_adopted(app: Application, chosen: str) -> None:
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


def kept_session(app: Application) -> str:
    session = app.session_manager.create()
    session["_user"] = [1, 1]
    app.session_manager.save(session)
    return session.session_id or ""


def test_a_rotation_in_flight_does_not_outlive_the_sign_out(app: Application) -> None:
    sessions = app.session_manager
    session_id = kept_session(app)
    in_flight, signing_out = sessions.load(session_id), sessions.load(session_id)
    assert in_flight is not None
    assert signing_out is not None
    sessions.rotate(in_flight)
    sessions.end(signing_out)
    sessions.save(signing_out)
    assert not sessions.save(in_flight)
    assert in_flight.session_id is None
    assert "_user" not in signing_out


def test_of_two_rotations_in_flight_one_goes_on(app: Application) -> None:
    sessions = app.session_manager
    session_id = kept_session(app)
    both = [sessions.load(session_id), sessions.load(session_id)]
    kept = []
    for session in both:
        assert session is not None
        sessions.rotate(session)
        kept.append(sessions.save(session))
    assert kept == [True, False]


def test_a_sign_in_in_flight_is_not_undone_by_the_end_of_the_session_before(
    app: Application,
) -> None:
    sessions = app.session_manager
    session_id = kept_session(app)
    signing_in, ended = sessions.load(session_id), sessions.load(session_id)
    assert signing_in is not None
    assert ended is not None
    sessions.rotate(signing_in, restart=True)
    sessions.delete(ended)
    assert sessions.save(signing_in)


def test_a_password_that_is_changed_beside_a_sign_out_leaves_the_browser_out(
    app: Application,
) -> None:
    browser = Client(app)
    browser.post("/accounts/sign-in", data=FORM)
    other = Client(app)
    other.cookies = dict(browser.cookies)

    def sign_out_meanwhile(**_: object) -> None:
        app.dispatcher.disconnect("db_session_committed", sign_out_meanwhile)
        assert other.post("/accounts/sign-out").status_code == 303

    app.dispatcher.connect("db_session_committed", sign_out_meanwhile)
    form = {"current_password": "correct horse", "password": "battery staple"}
    browser.post("/accounts/password", data=form)
    assert not is_signed_in(browser)
    assert not is_signed_in(other)


def test_who_rotates_the_id_during_a_sign_out_stays_signed_in_no_longer() -> None:
    store = MemorySessionStore()
    sessions = SessionManager(store)
    session = sessions.create()
    session["user_id"] = 7
    sessions.save(session)
    assert session.session_id is not None
    first = session.session_id
    leaving, rotating = sessions.load(first), sessions.load(first)
    assert leaving is not None
    assert rotating is not None
    sessions.rotate(rotating)
    assert sessions.save(rotating)
    sessions.rotate(rotating)
    assert sessions.save(rotating)
    assert rotating.session_id is not None
    assert sessions.load(rotating.session_id) is not None
    sessions.end(leaving)
    sessions.save(leaving)
    assert sessions.load(rotating.session_id) is None
    assert not sessions.save(rotating)
