"""Guessing is slow: wrong passwords are counted, by account and by address."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis

from lback import Application, HTTPException, Request
from lback.auth import LoginThrottle, TooManyAttempts, authenticate
from lback.auth.attempts import Attempts, MemoryAttempts, RedisAttempts
from lback.auth.throttle import address_key
from lback.core.dispatcher_instance import dispatcher
from lback.testing import Client
from lback.testing.client import ClientResponse

pytestmark = pytest.mark.usefixtures("quick_passwords")

SETTINGS: dict[str, Any] = {
    "DEBUG": True,
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
    "DATABASE_URL": "sqlite://",
}
LIMITS = {"LOGIN_ATTEMPTS_PER_ACCOUNT": 3, "LOGIN_ATTEMPTS_PER_ADDRESS": 5}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def build(**settings: Any) -> Application:
    app = Application(**{**SETTINGS, **LIMITS, **settings})
    app.db_manager.create_tables()
    with app.db_manager.session() as session:
        for name in ("ada", "grace"):
            app.user_manager.register(session, name, "correct horse", f"{name}@example.org")
        app.admin_user_manager.register(session, "ada", "battery staple")
    app.add_route("/try", enter, requires_auth=False)
    app.add_route("/try-admin", enter_admin, requires_auth=False)
    return app


@pytest.fixture
def app() -> Iterator[Application]:
    app = build()
    yield app
    app.db_manager.dispose()


def enter(request: Request) -> str:
    account = authenticate(request, str(request.GET["name"]), str(request.GET["password"]))
    return "nobody" if account is None else account.username


def enter_admin(request: Request) -> str:
    manager = request.admin_user_manager
    password = str(request.GET["password"])
    account = authenticate(request, str(request.GET["name"]), password, manager=manager)
    return "nobody" if account is None else account.username


def try_to(
    app: Application, name: str, password: str, *, at: str = "127.0.0.1", path: str = "/try"
) -> ClientResponse:
    client = Client(app, environ={"REMOTE_ADDR": at})
    return client.get(path, query={"name": name, "password": password})


def test_the_right_password_opens(app: Application) -> None:
    assert try_to(app, "ada", "correct horse").text == "ada"
    assert try_to(app, "ada@example.org", "correct horse").text == "ada"
    assert try_to(app, "ada", "battery staple").text == "nobody"
    assert try_to(app, "ada", "battery staple", path="/try-admin").text == "ada"


@pytest.mark.parametrize("name", ["ada", "nobody we know", "ada@example.org", "\u3000"])
def test_after_some_wrong_ones_no_one_is_asked_for_a_while(app: Application, name: str) -> None:
    for number in range(3):
        assert try_to(app, name, "wrong", at=f"192.0.2.{number}").text == "nobody"
    refused = try_to(app, name, "correct horse", at="192.0.2.9")
    assert refused.status_code == 429
    assert 0 < int(refused.headers["retry-after"]) <= 600


def test_however_the_name_is_written(app: Application) -> None:
    for name in ("ada", "ADA", " Ada "):
        try_to(app, name, "wrong")
    assert try_to(app, "aDa", "correct horse").status_code == 429
    assert try_to(app, "grace", "correct horse").text == "grace"
    assert try_to(app, "ada", "battery staple", path="/try-admin").text == "ada"


def test_the_owner_starts_again(app: Application) -> None:
    for _ in range(3):
        try_to(app, "ada", "wrong")
        try_to(app, "ada", "wrong", at="192.0.2.1")
        assert try_to(app, "ada", "correct horse", at="192.0.2.2").text == "ada"


def test_one_address_cannot_try_many_names(app: Application) -> None:
    for number in range(5):
        assert try_to(app, f"name{number}", "wrong").status_code == 200
    assert try_to(app, "ada", "correct horse").status_code == 429
    assert try_to(app, "ada", "correct horse", at="192.0.2.1").text == "ada"


def test_many_who_sign_in_from_one_address_do_not_count(app: Application) -> None:
    for _ in range(10):
        assert try_to(app, "ada", "correct horse").text == "ada"


def test_receivers_hear_of_a_failure(app: Application) -> None:
    heard: list[str] = []

    def hear(sender: object, request: Request, username: str) -> None:
        heard.append(username)

    dispatcher.connect("user_login_failed", hear)
    try:
        try_to(app, "ada", "wrong")
        try_to(app, "ada", "correct horse")
    finally:
        dispatcher.disconnect("user_login_failed", hear)
    assert heard == ["ada"]


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8:1:2::1", "2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:2::1", "2001:db8:1:3::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("", "unix", True),
    ],
)
def test_addresses_count_as_those_of_one_customer(one: str, other: str, same: bool) -> None:
    assert (address_key(one) == address_key(other)) == same


@pytest.fixture(params=["memory", pytest.param("redis", marks=pytest.mark.redis)])
def attempts(request: pytest.FixtureRequest) -> Attempts:
    if request.param == "memory":
        return MemoryAttempts()
    return RedisAttempts(request.getfixturevalue("redis_client"))


def test_counts_go_up_and_are_forgotten(attempts: Attempts) -> None:
    assert attempts.peek("a") == (0, 0.0)
    assert [attempts.add("a", 60).number for _ in range(3)] == [1, 2, 3]
    number, left = attempts.peek("a")
    assert number == 3
    assert 0 < left <= 60
    assert attempts.peek("b").number == 0
    attempts.forget("a")
    assert attempts.add("a", 60).number == 1


def test_many_at_once_do_not_all_pass(attempts: Attempts) -> None:
    throttle = LoginThrottle(attempts, per_account=3)

    def begin(_: int) -> bool:
        try:
            throttle.begin("ada", "192.0.2.1")
        except TooManyAttempts:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(begin, range(40))) == 3


def test_the_time_that_was_waited_counts() -> None:
    clock = Clock()
    throttle = LoginThrottle(MemoryAttempts(clock=clock), per_account=1, seconds=600)
    throttle.begin("ada", "")
    clock.now = 599.5
    with pytest.raises(TooManyAttempts) as raised:
        throttle.begin("ada", "")
    assert raised.value.headers["Retry-After"] == "1"
    clock.now = 600
    throttle.begin("ada", "")


def test_a_flood_of_names_does_not_fill_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lback.auth.attempts.MAX_KEYS", 10)
    clock = Clock()
    attempts = MemoryAttempts(clock=clock)
    for number in range(25):
        attempts.add(str(number), 60)
    assert len(attempts._counts) == 10
    assert attempts.peek("24").number == 1
    clock.now = 61
    attempts.add("new", 60)
    assert len(attempts._counts) == 1


@pytest.mark.redis
def test_processes_count_together_in_redis(redis_url: str, redis_client: Redis) -> None:
    settings = {"LOGIN_ATTEMPTS_STORE": "redis", "REDIS_URL": redis_url}
    one, two = build(**settings), build(**settings)
    for app in (one, two, one):
        assert try_to(app, "ada", "wrong").text == "nobody"
    assert try_to(two, "ada", "correct horse").status_code == 429
    keys = redis_client.keys("lback:attempts:*")
    assert not any(b"ada" in key for key in keys)
    assert all(redis_client.pttl(key) > 0 for key in keys)
    for app in (one, two):
        app.db_manager.dispose()


def test_who_cannot_be_counted_is_not_let_in() -> None:
    away = RedisAttempts.from_url("redis://127.0.0.1:1/0")
    with pytest.raises(HTTPException) as raised:
        LoginThrottle(away).begin("ada", "192.0.2.1")
    assert raised.value.status_code == 503


def test_names_that_differ_beyond_their_longest_length_are_counted_as_one() -> None:
    throttle = LoginThrottle(MemoryAttempts(), per_account=2)
    longest = "a" * 150
    throttle.begin(longest + "x", "")
    throttle.begin(longest + "y" * 1000, "")
    with pytest.raises(TooManyAttempts):
        throttle.begin(longest + "z", "")
    throttle.begin("a" * 149, "")
