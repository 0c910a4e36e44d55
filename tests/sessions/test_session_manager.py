"""A visitor is recognised, cannot choose who to be, and is forgotten in time."""

import math
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.types import AppSession
from lback.database import Base, DatabaseManager
from lback.sessions import DatabaseSessionStore, MemorySessionStore, SessionManager, SessionRecord
from lback.users import UserManager

HOUR, DAY = 3600.0, 24 * 3600.0
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


class Clock:
    """A clock that moves when it is told to, in seconds."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store() -> MemorySessionStore:
    return MemorySessionStore()


@pytest.fixture
def sessions(store: MemorySessionStore, clock: Clock) -> SessionManager:
    return SessionManager(store, lifetime=DAY, idle_timeout=HOUR, clock=clock)


def saved(sessions: SessionManager, **kept: Any) -> str:
    """Keep a new session and return its id."""
    session = sessions.create()
    session.update(kept)
    assert sessions.save(session)
    assert session.session_id is not None
    return session.session_id


def values(sessions: SessionManager, session_id: str | None) -> dict[str, Any] | None:
    """Return what the session with an id holds, `None` where there is none."""
    session = sessions.load(session_id or "")
    return None if session is None else dict(session)


def test_a_visitor_is_recognised_by_the_id(sessions: SessionManager) -> None:
    session = sessions.load(saved(sessions, name="Ada", cart=[1, 2]))
    assert session is not None
    assert dict(session) == {"name": "Ada", "cart": [1, 2]}
    assert not session.modified


def test_a_new_session_is_kept_when_it_is_saved(sessions: SessionManager) -> None:
    session = sessions.create()
    assert isinstance(session, AppSession)
    assert (session.session_id, session.modified, dict(session)) == (None, False, {})
    session["name"] = "Ada"
    sessions.save(session)
    assert not session.modified
    assert values(sessions, session.session_id) == dict(session)


def test_a_session_made_by_hand_can_be_kept_and_ended(sessions: SessionManager) -> None:
    session = AppSession({"name": "Ada"})
    assert sessions.save(session)
    session_id = session.session_id or ""
    assert values(sessions, session_id) == {"name": "Ada"}
    sessions.delete(session)
    assert sessions.load(session_id) is None
    with pytest.raises(TypeError, match=r"not made by a session manager; use one from create\(\)"):
        sessions.rotate(session)


def test_changes_are_kept_by_the_next_save(sessions: SessionManager) -> None:
    session_id = saved(sessions, count=1)
    session = sessions.load(session_id)
    assert session is not None
    session["count"] = 2
    assert sessions.save(session)
    assert session.session_id == session_id
    assert values(sessions, session_id) == {"count": 2}


def test_the_last_of_two_saves_wins(sessions: SessionManager) -> None:
    session_id = saved(sessions)
    first, second = sessions.load(session_id), sessions.load(session_id)
    assert first is not None
    assert second is not None
    first["a"], second["b"] = 1, 2
    assert sessions.save(first)
    assert sessions.save(second)
    assert values(sessions, session_id) == {"b": 2}


def test_ids_are_long_random_and_safe_in_a_cookie(sessions: SessionManager) -> None:
    ids = {saved(sessions) for _ in range(100)}
    assert len(ids) == 100
    assert all(len(i) == 43 and i.replace("-", "").replace("_", "").isalnum() for i in ids)


class Untouchable(MemorySessionStore):
    def load(self, session_id: str) -> SessionRecord | None:
        raise AssertionError("nothing is looked up")


@pytest.mark.parametrize(
    "chosen",
    ["", "admin", "a" * 42, "a" * 44, "a" * 42 + "\n", "a" * 43 + "\n", "ä" * 43, "a" * 9999],
)
def test_what_cannot_be_an_id_is_not_looked_up(chosen: str) -> None:
    assert SessionManager(Untouchable()).load(chosen) is None


def test_an_id_that_a_client_chose_is_never_adopted(sessions: SessionManager) -> None:
    chosen = "a" * 43
    assert sessions.load(chosen) is None
    assert saved(sessions, name="Ada") != chosen
    assert sessions.load(chosen) is None


def test_a_session_ends_when_it_is_not_used(sessions: SessionManager, clock: Clock) -> None:
    session_id = saved(sessions, name="Ada")
    clock.advance(HOUR - 1)
    session = sessions.load(session_id)
    assert session is not None
    sessions.save(session)
    clock.advance(HOUR - 1)
    assert sessions.load(session_id) is not None
    clock.advance(1)
    assert sessions.load(session_id) is None


def test_a_session_ends_at_last_however_much_it_is_used(
    sessions: SessionManager, clock: Clock
) -> None:
    session_id = saved(sessions, name="Ada")
    for minute in range(30, 24 * 60, 30):
        clock.advance(HOUR / 2)
        session = sessions.load(session_id)
        assert session is not None
        assert sessions.seconds_left(session) == DAY - minute * 60
        sessions.rotate(session)
        sessions.save(session)
        session_id = session.session_id or ""
    clock.advance(HOUR / 2)
    assert sessions.load(session_id) is None


def test_signing_in_restarts_the_lifetime_of_a_session(
    sessions: SessionManager, clock: Clock
) -> None:
    session = sessions.create()
    sessions.save(session)
    clock.advance(HOUR - 1)
    sessions.rotate(session, restart=True)
    sessions.save(session)
    assert sessions.seconds_left(session) == DAY


def test_reading_keeps_a_session_alive_and_leaves_its_values(
    sessions: SessionManager, store: MemorySessionStore, clock: Clock
) -> None:
    session_id = saved(sessions, name="Ada")
    clock.advance(HOUR / 2)
    reading = sessions.load(session_id)
    assert reading is not None
    writing = sessions.load(session_id)
    assert writing is not None
    writing["name"] = "Grace"
    sessions.save(writing)
    sessions.refresh(reading)
    assert values(sessions, session_id) == {"name": "Grace"}
    clock.advance(HOUR - 1)
    assert sessions.load(session_id) is not None


def test_a_session_that_is_read_often_is_written_seldom(
    sessions: SessionManager, store: MemorySessionStore, clock: Clock
) -> None:
    session = sessions.load(saved(sessions))
    assert session is not None
    session_id = session.session_id or ""
    written = 0
    for _ in range(60):
        before = store.load(session_id)
        clock.advance(30)
        sessions.refresh(session)
        written += store.load(session_id) != before
    assert written == 5


def test_an_ended_session_is_forgotten_when_it_is_next_saved(sessions: SessionManager) -> None:
    session_id = saved(sessions, user_id=7)
    session = sessions.load(session_id)
    assert session is not None
    sessions.end(session)
    assert dict(session) == {}
    assert sessions.load(session_id) is not None
    session["said"] = "goodbye"
    sessions.save(session)
    assert sessions.load(session_id) is None
    assert values(sessions, session.session_id) == {"said": "goodbye"}


def test_a_session_made_by_hand_is_not_refreshed(sessions: SessionManager) -> None:
    session = AppSession({"name": "Ada"})
    sessions.refresh(session)
    assert session.session_id is None
    assert sessions.seconds_left(session) == DAY


def test_a_lifetime_that_was_lowered_ends_older_sessions(
    store: MemorySessionStore, clock: Clock
) -> None:
    """As in a deploy with another SESSION_LIFETIME."""
    session_id = saved(SessionManager(store, lifetime=DAY, idle_timeout=DAY, clock=clock), a=1)
    clock.advance(HOUR)

    lowered = SessionManager(store, lifetime=HOUR, idle_timeout=HOUR, clock=clock)
    assert values(lowered, session_id) is None
    raised = SessionManager(store, lifetime=DAY, idle_timeout=DAY, clock=clock)
    assert values(raised, session_id) is None, "it has ended for good"


def test_a_clock_set_back_revives_nothing(sessions: SessionManager, clock: Clock) -> None:
    seen, unseen = saved(sessions), saved(sessions)
    clock.advance(DAY)
    assert sessions.load(seen) is None
    clock.advance(-DAY + 1)
    assert sessions.load(seen) is None
    clock.advance(-DAY)
    assert sessions.load(unseen) is None


@pytest.mark.parametrize("ahead", [1, 30, 60])
def test_a_machine_may_be_ahead_by_the_tolerance(
    sessions: SessionManager, clock: Clock, ahead: int
) -> None:
    session_id = saved(sessions, user_id=7)
    clock.advance(-ahead)
    assert values(sessions, session_id) == {"user_id": 7}
    assert dict(sessions.open(session_id)) == {"user_id": 7}


def test_the_tolerance_can_be_chosen(store: MemorySessionStore, clock: Clock) -> None:
    strict = SessionManager(store, clock=clock, clock_tolerance=0)
    generous = SessionManager(store, clock=clock, clock_tolerance=600)
    session_id = saved(strict, user_id=7)
    clock.advance(-300)
    assert strict.load(session_id) is None
    assert values(generous, session_id) == {"user_id": 7}


def test_a_session_from_the_future_is_not_valid_and_not_replaced(
    sessions: SessionManager, store: MemorySessionStore, clock: Clock
) -> None:
    session_id = saved(sessions, user_id=7, _csrf="secret")
    clock.advance(-300)
    session = sessions.open(session_id)
    # Forms work, so that a visitor can sign in at a machine whose clock is behind.
    assert dict(session) == {"_csrf": "secret"}
    assert session.session_id is None
    session["seen"] = True
    sessions.rotate(session)
    assert sessions.is_substitute(session)
    assert not sessions.save(session)
    sessions.refresh(session)
    assert session.session_id is None
    clock.advance(300)
    assert values(sessions, session_id) == {"user_id": 7, "_csrf": "secret"}
    assert not sessions.is_substitute(sessions.open(session_id))


def test_a_sign_in_replaces_a_session_from_the_future(
    sessions: SessionManager, clock: Clock
) -> None:
    session_id = saved(sessions, user_id=7)
    clock.advance(-300)
    session = sessions.open(session_id)
    sessions.rotate(session, restart=True)
    session["user_id"] = 8
    assert not sessions.is_substitute(session)
    assert sessions.save(session)
    assert values(sessions, session.session_id) == {"user_id": 8}
    clock.advance(300)
    assert sessions.load(session_id) is None


def test_a_sign_out_ends_a_session_from_the_future(sessions: SessionManager, clock: Clock) -> None:
    session_id = saved(sessions, user_id=7)
    clock.advance(-300)
    session = sessions.open(session_id)
    sessions.delete(session)
    clock.advance(300)
    assert sessions.load(session_id) is None


def test_a_difference_of_clocks_is_logged_once_an_hour(
    sessions: SessionManager, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    session_id = saved(sessions)
    clock.advance(-300)
    for _ in range(3):
        assert sessions.load(session_id) is None
    message = (
        "refused a session from 300 s in the future: the clocks of the machines differ by more "
        "than CLOCK_TOLERANCE (60 s); synchronize them"
    )
    assert caplog.messages.count(message) == 1
    clock.advance(-3600)
    assert sessions.load(session_id) is None
    assert sum("in the future" in line for line in caplog.messages) == 2


class Counting(MemorySessionStore):
    looked_up = 0

    def load(self, session_id: str) -> SessionRecord | None:
        self.looked_up += 1
        return super().load(session_id)


class Bound(SessionManager):
    """A manager of a project, which accepts some sessions only."""

    def load(self, session_id: str) -> AppSession | None:
        session = super().load(session_id)
        return None if session is None or session.get("banned") else session


def test_sessions_are_opened_by_load_of_a_subclass(clock: Clock) -> None:
    store = Counting()
    manager = Bound(store, clock=clock)
    banned, good = saved(manager, banned=True), saved(manager, name="Ada")
    assert dict(manager.open(banned)) == {}
    assert dict(manager.open(good)) == {"name": "Ada"}
    assert dict(manager.open(None)) == {}
    assert dict(manager.open("a" * 43)) == {}
    assert store.looked_up == 3, "one look-up each"


def test_signing_in_changes_the_id_and_keeps_the_values(sessions: SessionManager) -> None:
    before = saved(sessions, cart=[1])
    session = sessions.load(before)
    assert session is not None
    sessions.rotate(session)
    sessions.rotate(session)
    session["user_id"] = 7
    assert session.modified
    assert sessions.save(session)
    assert session.session_id not in (None, before)
    assert sessions.load(before) is None
    assert values(sessions, session.session_id) == {"cart": [1], "user_id": 7}
    assert sessions.save(session)


def test_a_new_session_may_be_rotated_too(sessions: SessionManager) -> None:
    session = sessions.create()
    sessions.rotate(session)
    assert sessions.save(session)
    assert values(sessions, session.session_id) == {}


@pytest.mark.parametrize("rotated", [False, True])
def test_signing_out_ends_the_session(sessions: SessionManager, rotated: bool) -> None:
    session_id = saved(sessions, user_id=7)
    session = sessions.load(session_id)
    assert session is not None
    if rotated:
        sessions.rotate(session)
    sessions.delete(session)
    assert sessions.load(session_id) is None
    assert (session.session_id, session.modified, dict(session)) == (None, False, {})


def test_signing_out_wins_against_a_request_that_still_runs(sessions: SessionManager) -> None:
    session_id = saved(sessions, user_id=7)
    slow, leaving = sessions.load(session_id), sessions.load(session_id)
    assert slow is not None
    assert leaving is not None
    sessions.delete(leaving)
    slow["page"] = 2
    assert not sessions.save(slow)
    assert slow.modified
    assert sessions.load(session_id) is None


@given(st.dictionaries(st.text(), JSON, max_size=4))
def test_every_value_with_json_comes_back(kept: dict[str, Any]) -> None:
    sessions = SessionManager(MemorySessionStore())
    session = sessions.create()
    session.update(kept)
    sessions.save(session)
    assert values(sessions, session.session_id) == kept


@pytest.mark.parametrize("value", [date(2024, 1, 1), {1}, b"bytes", math.nan, object()])
def test_a_value_without_json_is_refused_and_nothing_is_changed(
    sessions: SessionManager, value: object
) -> None:
    session_id = saved(sessions, name="Ada")
    session = sessions.load(session_id)
    assert session is not None
    session["odd"] = value
    with pytest.raises(
        TypeError, match=r"the session cannot be stored as JSON: .*; store text, numbers"
    ):
        sessions.save(session)
    assert values(sessions, session_id) == {"name": "Ada"}


def test_what_has_expired_is_cleaned_away_once_an_hour(
    sessions: SessionManager, store: MemorySessionStore, clock: Clock
) -> None:
    expired = saved(sessions)
    clock.advance(HOUR - 1)
    saved(sessions)
    clock.advance(2)
    assert store.load(expired) is not None
    saved(sessions)
    assert store.load(expired) is None
    assert sessions.delete_expired() == 0


def test_a_visitor_signs_up_and_in_within_one_request(database: DatabaseManager) -> None:
    """The id changes while the request has written to the database and not committed yet."""
    sessions = SessionManager(DatabaseSessionStore(database))
    before = saved(sessions, cart=[1])
    session = sessions.load(before)
    assert session is not None
    with database.session() as request_session:
        ada = UserManager().register(request_session, "ada", "correct horse")
        sessions.rotate(session)
        session["user_id"] = ada.id
    sessions.save(session)
    assert sessions.load(before) is None
    assert values(sessions, session.session_id) == {"cart": [1], "user_id": ada.id}


def test_the_real_clock_and_a_real_table_work_together(database: DatabaseManager) -> None:
    sessions = SessionManager(DatabaseSessionStore(database))
    session_id = saved(sessions, text="🌷 \0 \ud800")
    assert values(sessions, session_id) == {"text": "🌷 \0 \ud800"}
    assert "lback_sessions" in Base.metadata.tables
