"""Rate limits: who comes too often waits, here and in every other worker, and nobody else does."""

import logging
import secrets
import socket
from typing import Any

import pytest

from lback import Application, ConfigurationError, Request
from lback.core.middleware_loader import create_middleware
from lback.middleware import RateLimitMiddleware, rate_limit
from lback.middleware.rate_limiting import RateLimiter, client_key
from lback.testing import Client


def build(**settings: Any) -> Application:
    app = Application(
        **{
            "DEBUG": False,
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
            "ALLOWED_HOSTS": ["localhost"],
            "MIDDLEWARES": ["lback.middleware.RateLimitMiddleware"],
            **settings,
        }
    )
    app.add_route("/", lambda request: "home", requires_auth=False)
    app.add_route("/sign-in", sign_in, ["GET", "POST"], requires_auth=False)
    app.add_route("/by-key", by_key, requires_auth=False)
    app.add_route("/class", Handlers, requires_auth=False)
    return app


@rate_limit("2 per hour", "5/day", methods=["POST"])
def sign_in(request: Request) -> str:
    return "in"


@rate_limit("1 per hour", key=lambda request: str(request.query_params.get("who")))
def by_key(request: Request) -> str:
    return "you"


class Handlers:
    @rate_limit("1/hour")
    def get(self, request: Request) -> str:
        return "got"


def statuses(client: Client, path: str = "/", times: int = 4, **options: Any) -> list[int]:
    return [client.get(path, **options).status_code for _ in range(times)]


def test_a_client_that_comes_too_often_waits() -> None:
    client = Client(build(RATE_LIMITS=["3 per hour"]))
    assert statuses(client, times=5) == [200, 200, 200, 429, 429]
    answer = client.get("/")
    assert 1 <= int(answer.headers["retry-after"]) <= 3600
    assert "Too many requests: try again in" in answer.text


def test_a_client_that_reads_json_is_told_in_json() -> None:
    client = Client(build(RATE_LIMITS=["1/hour"]), headers={"Accept": "application/json"})
    client.get("/")
    answer = client.get("/")
    assert answer.status_code == 429
    assert answer.json()["data"]["error"].startswith("Too many requests")
    assert "retry-after" in answer.headers


def test_another_client_does_not_wait() -> None:
    app = build(RATE_LIMITS=["1 per hour"])
    first, second = (Client(app, environ={"REMOTE_ADDR": f"192.0.2.{n}"}) for n in (1, 2))
    assert statuses(first, times=2) == [200, 429]
    assert statuses(second, times=2) == [200, 429]


def test_no_one_escapes_by_a_header_that_anybody_can_write() -> None:
    client = Client(build(RATE_LIMITS=["1 per hour"]))
    answers = [
        client.get("/", headers={"X-Forwarded-For": f"203.0.113.{n}"}).status_code for n in range(3)
    ]
    assert answers == [200, 429, 429]


def test_behind_a_trusted_proxy_the_client_counts() -> None:
    app = build(RATE_LIMITS=["1 per hour"], TRUSTED_PROXIES=["127.0.0.1", "10.0.0.0/8"])
    client = Client(app)

    def ask(forwarded: str) -> int:
        return client.get("/", headers={"X-Forwarded-For": forwarded}).status_code

    assert ask("203.0.113.1") == 200
    assert ask("203.0.113.2") == 200
    assert ask("203.0.113.1, 10.0.0.3") == 429
    assert ask("198.51.100.9, 203.0.113.2") == 429


def test_a_network_of_ipv6_is_one_client() -> None:
    app = build(RATE_LIMITS=["1 per hour"])
    first = Client(app, environ={"REMOTE_ADDR": "2001:db8:1:2::1"})
    same = Client(app, environ={"REMOTE_ADDR": "2001:db8:1:2:ffff::9"})
    other = Client(app, environ={"REMOTE_ADDR": "2001:db8:1:3::1"})
    mapped = Client(app, environ={"REMOTE_ADDR": "::ffff:192.0.2.1"})
    assert [c.get("/").status_code for c in (first, same, other, mapped)] == [200, 429, 200, 200]
    request = Request("/", "GET", None, {}, {"REMOTE_ADDR": "fe80::1%eth0"})
    assert client_key(request) == "fe80::/64"


def test_a_view_has_a_limit_of_its_own() -> None:
    client = Client(build())
    assert [client.post("/sign-in").status_code for _ in range(3)] == [200, 200, 429]
    assert client.get("/sign-in").status_code == 200
    assert client.get("/").status_code == 200
    assert statuses(client, "/class", times=2) == [200, 429]


def test_a_view_tells_its_limits() -> None:
    assert sign_in.rate_limits == ["2 per hour", "5/day"]  # type: ignore[attr-defined]  # a mark
    both = rate_limit("1/second")(sign_in)
    assert both.rate_limits == ["1/second", "2 per hour", "5/day"]  # type: ignore[attr-defined]


def test_a_limit_can_have_a_key_of_its_own() -> None:
    client = Client(build())
    answers = [client.get("/by-key", query={"who": who}).status_code for who in ("a", "b", "a")]
    assert answers == [200, 200, 429]


def test_without_rates_only_views_are_limited() -> None:
    client = Client(build(RATE_LIMITS=[]))
    assert set(statuses(client, times=20)) == {200}
    assert statuses(client, "/class", times=2) == [200, 429]


@pytest.mark.parametrize("rate", ["", "5", "five per minute", "0/hour", "5 per week", "-1/hour"])
def test_a_rate_that_is_none_is_refused(rate: str) -> None:
    with pytest.raises(ValueError, match="is not a rate; write it like '5 per minute'"):
        rate_limit(rate)
    with pytest.raises(ConfigurationError, match="is not a rate"):
        build(RATE_LIMITS=[rate]).prepare()
    with pytest.raises(ConfigurationError, match="must be a list of texts"):
        build(RATE_LIMITS=[5]).prepare()


@pytest.mark.parametrize("rate", ["5 per minute", "100/hour", "20 per 15 minutes", " 1/1 second "])
def test_a_rate_is_written_in_several_ways(rate: str) -> None:
    app = build(RATE_LIMITS=[rate])
    app.prepare()
    assert Client(app).get("/").status_code == 200


def test_a_limit_without_the_middleware_fails_and_says_why(
    caplog: pytest.LogCaptureFixture,
) -> None:
    client = Client(build(MIDDLEWARES=[]))
    assert client.get("/class").status_code == 500
    assert 'add "lback.middleware.RateLimitMiddleware"' in caplog.text


def test_only_views_can_be_limited() -> None:
    with pytest.raises(TypeError, match="was called without a request"):
        rate_limit("1/hour")(lambda: None)()


# With Redis, all workers count together.


def with_redis(url: str, **options: Any) -> dict[str, Any]:
    return {"default": {"backend": "redis", "url": url, **options}}


def test_two_workers_count_together(redis_url: str, redis_client: Any) -> None:
    caches = with_redis(redis_url, prefix=f"lback:test-{secrets.token_hex(4)}:")
    workers = [Client(build(RATE_LIMITS=["3/hour"], CACHES=caches)) for _ in range(2)]
    answers = [workers[n % 2].get("/").status_code for n in range(5)]
    assert answers == [200, 200, 200, 429, 429]


def test_two_applications_with_prefixes_of_their_own_do_not(
    redis_url: str, redis_client: Any
) -> None:
    for _ in range(2):
        caches = with_redis(redis_url, prefix=f"lback:test-{secrets.token_hex(4)}:")
        assert statuses(Client(build(RATE_LIMITS=["1/hour"], CACHES=caches)), times=2) == [200, 429]


def test_without_redis_each_worker_counts_by_itself(caplog: pytest.LogCaptureFixture) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"redis://:secret@127.0.0.1:{free.getsockname()[1]}/0"
    with caplog.at_level(logging.WARNING, "lback.cache"):
        client = Client(build(RATE_LIMITS=["2/hour"], CACHES=with_redis(url)))
        assert statuses(client, times=4) == [200, 200, 429, 429]
    assert len(caplog.records) == 1
    assert "rate limits count in each worker" in caplog.text
    assert "secret" not in caplog.text


def test_the_counter_may_be_another_cache() -> None:
    app = build(CACHES={"counters": {"backend": "memory"}})
    create_middleware(RateLimitMiddleware, {"config": app.config}, {"cache_name": "counters"})
    with pytest.raises(ConfigurationError, match="CACHES has no 'counter'; did you mean counters"):
        RateLimiter(app.config, "counter")


def test_the_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "limits", None)
    with pytest.raises(ConfigurationError, match=r'pip install "lback-web\[ratelimit\]"'):
        RateLimiter(build(MIDDLEWARES=[]).config)
