"""`lback check --deploy`: state that workers and machines share, and clocks that differ."""

import time
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from redis import Redis

from lback import Application
from lback.cli import shared_state
from lback.cli.deployment import CHECKS
from lback.cli.problems import Problem, run_checks
from lback.cli.shared_state import SHARED_STATE_CHECKS
from tests.cache.test_redis import OwnServer

SETTINGS: dict[str, Any] = {
    "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
    "ALLOWED_HOSTS": ["example.com"],
    "TRUSTED_PROXIES": ["127.0.0.1"],
    "MIDDLEWARES": [],
}
REDIS = {"default": {"backend": "redis"}}
LIMITS = ["lback.middleware.RateLimitMiddleware"]
BUILT: list[Application] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    """Close the databases of the applications that a test built."""
    yield
    while BUILT:
        BUILT.pop().db_manager.dispose()


def found(url: str = "sqlite://", **settings: Any) -> list[Problem]:
    app = Application(**{**SETTINGS, "DATABASE_URL": url, **settings})
    BUILT.append(app)
    return run_checks(SHARED_STATE_CHECKS, app)


def test_one_machine_behind_a_proxy_of_its_own_is_fine() -> None:
    assert found() == []


def test_they_are_checks_of_a_deployment() -> None:
    assert SHARED_STATE_CHECKS.items() <= CHECKS.items()


@pytest.mark.parametrize(
    ("settings", "check", "words"),
    [
        ({"SESSION_STORE": "memory"}, "deploy.sessions", "SESSION_STORE is 'memory'"),
        ({"REALTIME": "memory"}, "deploy.realtime", "REALTIME is 'memory'"),
        (
            {"LOGIN_ATTEMPTS_STORE": "memory"},
            "deploy.login_attempts",
            "LOGIN_ATTEMPTS_STORE is 'memory'",
        ),
        ({"TRUSTED_PROXIES": ["0.0.0.0/0"]}, "deploy.proxies", "matches every address"),
    ],
)
def test_what_breaks_with_several_workers_is_an_error(
    settings: dict[str, Any], check: str, words: str
) -> None:
    errors = [problem for problem in found(**settings) if problem.is_error]
    assert [problem.check for problem in errors] == [check]
    assert words in errors[0].what


@pytest.mark.parametrize(
    ("settings", "check", "words"),
    [
        ({"TRUSTED_PROXIES": []}, "deploy.proxies", "TRUSTED_PROXIES is empty"),
        ({"MIDDLEWARES": LIMITS}, "deploy.caches", "rate limits are counted in memory"),
        (
            {"url": "postgresql://app@127.0.0.1:1/shop"},
            "deploy.caches",
            "the cache 'default' is in memory",
        ),
        (
            {"TRUSTED_PROXIES": ["127.0.0.1", "unix", "10.0.0.0/24"]},
            "deploy.draining",
            "DRAIN_SECONDS is 0, and 10.0.0.0/24 is a proxy on another machine",
        ),
    ],
)
def test_what_may_be_meant_so_is_a_warning(
    settings: dict[str, Any], check: str, words: str
) -> None:
    (problem,) = found(**settings)
    assert (problem.check, problem.is_error) == (check, False)
    assert words in problem.what


def test_settings_for_several_machines_are_fine() -> None:
    settings: dict[str, Any] = {
        "url": "postgresql://app@127.0.0.1:1/shop",
        "CACHES": REDIS,
        "MIDDLEWARES": LIMITS,
        "TRUSTED_PROXIES": ["10.0.0.7"],
        "DRAIN_SECONDS": 10,
    }
    assert found(**settings) == []


@pytest.mark.parametrize("database", ["postgresql_url", "mariadb_url"])
@pytest.mark.parametrize(
    ("ahead", "is_found"), [(-300, True), (-30, False), (30, False), (300, True)]
)
def test_the_clock_is_compared_with_that_of_the_database(
    database: str,
    ahead: int,
    is_found: bool,
    request: pytest.FixtureRequest,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class AnotherTime:
        @staticmethod
        def time() -> float:
            return time.time() + ahead

    monkeypatch.setattr(shared_state, "time", AnotherTime)
    problems = found(request.getfixturevalue(database), CACHES=REDIS)
    assert [problem.check for problem in problems] == ["deploy.clock"] * is_found
    if is_found:
        assert "the clocks of this machine and of the database differ by" in problems[0].what
        assert problems[0].is_error


def test_a_database_that_is_away_tells_no_time() -> None:
    assert found("mysql://app@127.0.0.1:1/shop", CACHES=REDIS) == []


@pytest.fixture
def redis(tmp_path: Path) -> Iterator[tuple[str, Redis]]:
    """A Redis server of our own, whose configuration a test may change."""
    program = which("valkey-server") or which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server or valkey-server to start")
    server = OwnServer(program, tmp_path)
    server.start()
    with Redis.from_url(server.url) as client:
        yield server.url, client
    server.stop()


@pytest.mark.parametrize("setting", ["SESSION_STORE", "LOGIN_ATTEMPTS_STORE"])
def test_sessions_in_redis_need_a_log(setting: str, redis: tuple[str, Redis]) -> None:
    url, client = redis
    settings = {setting: "redis", "REDIS_URL": url}
    assert found(**settings) == []

    client.config_set("appendonly", "no")
    client.config_set("maxmemory-policy", "allkeys-lru")
    assert [(problem.check, problem.what) for problem in found(**settings)] == [
        ("deploy.redis_log", "Redis does not write an append-only log"),
        (
            "deploy.redis_log",
            "Redis removes any keys when its memory is full (maxmemory-policy allkeys-lru)",
        ),
    ]
    assert found(CACHES=REDIS, REDIS_URL=url) == [], "a cache may be lost"


def test_a_redis_that_is_away_is_another_check() -> None:
    assert found(SESSION_STORE="redis", REDIS_URL="redis://127.0.0.1:1/0") == []
