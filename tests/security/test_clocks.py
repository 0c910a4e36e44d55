"""Clocks that are an hour or a day wrong for a while, then right again; leap days; the last year.

Nothing that is valid is lost for good, nothing that was found expired comes back, nothing fails.
Tokens that store nothing cannot know that they had expired by another clock; see the guide.
"""

import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from redis import Redis

from lback import Application, Config
from lback.auth import AccessTokens, ApiKeyManager, TokenManager
from lback.auth.attempts import MemoryAttempts
from lback.auth.database_attempts import DatabaseAttempts
from lback.auth.throttle import LoginThrottle, TooManyAttempts
from lback.cache import remember
from lback.core.cache import Cache
from lback.core.exceptions import HTTPException
from lback.core.http.cookies import cookie_header
from lback.database import DatabaseManager
from lback.middleware.rate_limiting import RateLimiter
from lback.security import TokenSigner
from lback.sessions import (
    DatabaseSessionStore,
    MemorySessionStore,
    RedisSessionStore,
    SessionManager,
    SessionStore,
)
from lback.testing import Client
from lback.users import User, UserManager

pytestmark = pytest.mark.usefixtures("quick_passwords")

HOUR, DAY = 3600.0, 24 * 3600.0
SHIFTS = [HOUR, DAY, -HOUR, -DAY]
LEAP_DAY = datetime(2028, 2, 29, 12, tzinfo=UTC).timestamp()
LAST_DAY = datetime(9999, 12, 31, 12, tzinfo=UTC).timestamp()
SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "JWT_AUDIENCE": "https://api.example.com",
}
users = UserManager()


class Clock:
    """A clock that is right or shifted, at a moment."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now


@pytest.fixture(params=[1_700_000_000.0, LEAP_DAY, LAST_DAY], ids=["usual", "leap", "last"])
def clock(request: pytest.FixtureRequest) -> Clock:
    return Clock(request.param)


@pytest.fixture
def ada(database: DatabaseManager) -> User:
    with database.session() as session:
        return users.register(session, "ada", "correct horse battery")


# Sessions.

Stores = Callable[[Clock], SessionStore]


@pytest.fixture(params=["memory", "database", "redis"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stores]:
    if request.param == "memory":
        yield lambda clock: MemorySessionStore()
    elif request.param == "database":
        database = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'sessions.sqlite3'}")
        yield lambda clock: DatabaseSessionStore(database)
        database.dispose()
    else:
        client: Redis = Redis.from_url(request.getfixturevalue("redis_url"))
        before = set(client.keys())
        yield lambda clock: RedisSessionStore(client, clock=clock)
        for key in set(client.keys()) - before:
            client.delete(key)
        client.close()


@pytest.mark.parametrize("shift", [HOUR, DAY])
def test_a_session_outlives_a_clock_that_was_fast(
    make_store: Stores, clock: Clock, shift: float
) -> None:
    sessions = SessionManager(make_store(clock), clock=clock)
    session = sessions.create()
    session["cart"] = [1]
    assert sessions.save(session)
    key = session.session_id or ""
    clock.now += shift
    fast = sessions.load(key)
    assert fast is not None
    fast["cart"] = [1, 2]
    assert sessions.save(fast)
    sessions.refresh(fast)
    sessions.delete_expired()
    clock.now -= shift
    found = sessions.load(key)
    assert found is not None
    assert found["cart"] == [1, 2]
    sessions.refresh(found)
    assert sessions.save(found)
    assert 0 < sessions.seconds_left(found) <= 14 * DAY


@pytest.mark.parametrize("shift", [HOUR, DAY])
def test_a_session_outlives_a_clock_that_was_slow(
    make_store: Stores, clock: Clock, shift: float
) -> None:
    sessions = SessionManager(make_store(clock), clock=clock)
    session = sessions.create()
    session["cart"] = [1]
    assert sessions.save(session)
    key = session.session_id or ""
    clock.now -= shift
    sessions.load(key)  # refused or not, it must not be deleted
    sessions.delete_expired()
    clock.now += shift
    found = sessions.load(key)
    assert found is not None
    assert found["cart"] == [1]


@pytest.mark.parametrize("shift", [HOUR, DAY])
def test_a_session_that_was_found_expired_stays_so(
    make_store: Stores, clock: Clock, shift: float
) -> None:
    sessions = SessionManager(make_store(clock), idle_timeout=HOUR / 2, clock=clock)
    session = sessions.create()
    session["cart"] = [1]
    assert sessions.save(session)
    key = session.session_id or ""
    clock.now += shift
    assert sessions.load(key) is None
    clock.now -= shift
    assert sessions.load(key) is None


# Tokens.


@pytest.mark.parametrize("shift", SHIFTS)
def test_tokens_are_valid_again_when_the_clock_is_right(
    database: DatabaseManager, ada: User, clock: Clock, shift: float
) -> None:
    signer = TokenSigner(Config(None, settings=SETTINGS), clock=clock)
    access = AccessTokens(Config(None, settings=SETTINGS), clock=clock)
    tokens = TokenManager(access, users, database, clock=clock)
    link = signer.sign("reset", [1])
    with database.session() as session:
        pair = tokens.issue(session, session.merge(ada))
    clock.now += shift
    signer.read("reset", link, 2 * DAY)
    access.read(pair.access_token)
    with database.session() as session:
        other = tokens.issue(session, session.merge(ada))
    pair_then = tokens.refresh(other.refresh_token)
    clock.now -= shift
    assert signer.read("reset", link, 2 * DAY) == [1]
    assert access.read(pair.access_token) is not None
    assert tokens.refresh(pair.refresh_token).access_token
    assert tokens.refresh(pair_then.refresh_token).access_token
    clock.now += 2 * DAY + 1
    assert signer.read("reset", link, 2 * DAY) is None
    assert access.read(pair.access_token) is None


@pytest.mark.parametrize("shift", SHIFTS)
def test_api_keys_are_valid_again_when_the_clock_is_right(
    database: DatabaseManager, ada: User, monkeypatch: pytest.MonkeyPatch, shift: float
) -> None:
    keys = ApiKeyManager(users)
    with database.session() as session:
        account = session.merge(ada)
        text, _ = keys.create(
            session, account, "backup", expires_at=datetime.max.replace(tzinfo=UTC)
        )
        short, _ = keys.create(
            session, account, "test", expires_at=datetime.now(UTC) + timedelta(minutes=30)
        )
    shifted = datetime.now(UTC) + timedelta(seconds=shift)
    with monkeypatch.context() as patch, database.session() as session:
        patch.setattr("lback.auth.api_keys.utc_now", lambda: shifted)
        assert keys.account(session, text) is not None
        assert (keys.account(session, short) is None) is (shift > 0)
        made, _ = keys.create(session, session.merge(ada), "made with a wrong clock")
    with database.session() as session:
        for key in (text, short, made):
            assert keys.account(session, key) is not None
        assert len(keys.keys_of(session, session.merge(ada))) == 3


# Limits.


@pytest.mark.parametrize("shift", SHIFTS)
def test_nobody_is_locked_out_longer_than_the_window(
    database: DatabaseManager, clock: Clock, shift: float
) -> None:
    throttle = LoginThrottle(
        DatabaseAttempts(database, clock=clock), per_account=2, per_address=2, seconds=600
    )
    clock.now += shift
    for _ in range(2):
        throttle.begin("ada", "192.0.2.1")
        throttle.failed("192.0.2.1")
    with pytest.raises(TooManyAttempts) as caught:
        throttle.begin("ada", "192.0.2.1")
    assert 0 < int(caught.value.headers["Retry-After"]) <= 600
    clock.now -= shift
    if abs(shift) > 600:
        throttle.begin("ada", "192.0.2.1")  # the window is over, or began in the future
        throttle.failed("192.0.2.1")
    clock.now += 601
    throttle.begin("ada", "192.0.2.1")
    clock.now -= 601


def test_attempts_in_memory_do_not_follow_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    attempts = MemoryAttempts()
    assert attempts.add("a", 600).number == 1
    monkeypatch.setattr(time, "time", lambda: 0.0)
    assert attempts.add("a", 600).number == 2
    assert attempts.peek("a").seconds_left <= 600


@pytest.mark.parametrize("shift", SHIFTS)
def test_rate_limits_end(monkeypatch: pytest.MonkeyPatch, clock: Clock, shift: float) -> None:
    monkeypatch.setattr(time, "time", clock)
    limiter = RateLimiter(Config(None, settings=SETTINGS))

    def is_refused() -> bool:
        try:
            limiter.check(["2 per minute"], "client", "192.0.2.1")
        except HTTPException as error:
            assert 1 <= int(error.headers["Retry-After"]) <= 120
            return True
        return False

    clock.now += shift
    assert [is_refused() for _ in range(3)] == [False, False, True]
    clock.now -= shift
    for _ in range(4):
        is_refused()
    clock.now += 121
    assert not is_refused()


# Caches.


@pytest.mark.parametrize("shift", [HOUR, DAY])
def test_a_cached_value_that_was_found_expired_stays_so(clock: Clock, shift: float) -> None:
    cache = Cache(clock=clock)
    cache.set("rate", 1, ttl=600)
    cache.set("name", "Corner", ttl=30 * DAY)
    clock.now += shift
    assert cache.get("rate") is None
    assert cache.get("name") == "Corner"
    clock.now -= shift
    assert cache.get("rate") is None
    assert cache.get("name") == "Corner"


@pytest.mark.parametrize("shift", SHIFTS)
def test_a_remembered_result_is_computed_again_in_time(clock: Clock, shift: float) -> None:
    cache, number = Cache(clock=clock), iter(range(9))

    def read() -> int:
        return remember(cache, "n", lambda: next(number), 600, clock=clock)

    clock.now += shift
    assert (read(), read()) == (0, 0)
    clock.now -= shift
    assert (read(), read()) == (1, 1)
    clock.now += 601
    assert read() == 2


# The last year, in what clients send.


def test_a_cookie_expires_in_the_last_second_at_the_latest() -> None:
    last = datetime.max.replace(tzinfo=UTC)
    west = last.replace(tzinfo=timezone(timedelta(hours=-5)))
    for moment in (last, west):
        assert "; Expires=Fri, 31 Dec 9999 23:59:59 GMT;" in cookie_header("a", expires=moment)


DATES = (
    "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -2359", "Mon, 01 Jan 0001 00:00:00",
    "Tue, 29 Feb 2028 12:00:00 GMT", "Thu, 29 Feb 2026 12:00:00 GMT",
    "Fri, 31 Dec 99999 23:59:59 GMT",
)  # fmt: skip


@pytest.mark.parametrize("text", DATES)
def test_dates_that_clients_send(text: str) -> None:
    app = Application(DEBUG=True, STATICFILES_DIRS=["tests/fixtures"], MIDDLEWARES=[])
    app.add_route("/", lambda request: "hello", requires_auth=False)
    client = Client(app)
    for name in ("If-Modified-Since", "If-Unmodified-Since", "If-Range", "Date", "Expires"):
        for path in ("/", f"/?date={quote(text)}"):
            assert client.get(path, headers={name: text}).status_code in (200, 304, 412)
