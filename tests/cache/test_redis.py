"""The cache in Redis: the interface of the cache in memory, on a server that may be away."""

import logging
import math
import pickle
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from pathlib import Path
from shutil import which
from time import monotonic, sleep, time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from redis import Connection, Redis

from lback import Application, ConfigurationError
from lback.cache import RedisCache, RedisOptions
from lback.cache.circuit_breaker import shared_breaker
from lback.cache.keys import key_of, text_of
from lback.core import Cache, SignalDispatcher
from lback.sessions import RedisSessionStore, SessionRecord, SessionsUnavailable

MakeCache = Callable[..., RedisCache]
NAMES = ("initialized", "item_fetched", "hit", "miss", "item_set", "item_deleted", "cleared")


class Recorder:
    def __init__(self) -> None:
        self.dispatcher = SignalDispatcher()
        self.heard: list[tuple[str, dict[str, Any]]] = []
        for name in NAMES:
            self.dispatcher.connect(f"cache_{name}", self.hear(name))

    def hear(self, name: str) -> Callable[..., None]:
        return lambda sender, **about: self.heard.append((name, about))


@pytest.fixture
def cache(make_cache: MakeCache) -> RedisCache:
    return make_cache()


# What it shares with the cache in memory.


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 2**63, 1.5, math.inf, "", "Grüße \0", b"\x00\xff", [], [1, [2]], {},
        {"a": {"b": [None]}}, {1: "one"}, datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "x" * 100_000,
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_a_value_comes_back_as_it_was(cache: RedisCache, value: Any) -> None:
    cache.set("key", value)
    found = cache.get("key")
    assert found == value
    assert type(found) is type(value)
    assert cache.has("key")


@pytest.mark.parametrize(
    "value",
    [
        (1, 2), {1, 2}, object(), date(2026, 1, 2), datetime(2026, 1, 2), [(1,)], {"a": (1,)},  # noqa: DTZ001  it has no zone, that is the point
        2**64, math.nan, Exception("x"), lambda: 1, "\ud800", {"a": {1}},
    ],
    ids=lambda value: repr(value)[:20],
)  # fmt: skip
def test_a_value_that_would_come_back_as_another_is_refused(cache: RedisCache, value: Any) -> None:
    with pytest.raises(TypeError, match="cannot be stored in Redis"):
        cache.set("key", value)
    assert not cache.has("key")


def test_a_value_that_contains_itself_is_refused(cache: RedisCache) -> None:
    value: list[Any] = []
    value.append(value)
    with pytest.raises(TypeError, match="cannot be stored"):
        cache.set("key", value)


@pytest.mark.parametrize("key", ["a", "", "ä \0", 1, -2.5, None, ("a", 1), ("a", ("b", None)), ()])
def test_a_key_is_text_a_number_or_a_tuple(cache: RedisCache, key: Any) -> None:
    cache.set(key, "value")
    assert cache.get(key) == "value"
    assert cache.keys() == [key]
    cache.delete(key)
    assert cache.keys() == []


@pytest.mark.parametrize("key", [b"a", object(), math.nan, frozenset(), ("a", b"b")])
def test_no_other_key_is_taken(cache: RedisCache, key: Any) -> None:
    for ask in (cache.get, cache.has, cache.delete, lambda k: cache.set(k, 1)):
        with pytest.raises(TypeError, match="is not a valid key of a Redis cache"):
            ask(key)


def test_an_unhashable_key_is_refused_as_in_memory(cache: RedisCache) -> None:
    for kept in (cache, Cache()):
        with pytest.raises(TypeError, match="unhashable"):
            kept.get([])


KEYS = st.recursive(
    st.text(max_size=5) | st.integers(-10, 10) | st.none(),
    lambda parts: st.lists(parts, max_size=3).map(tuple),
    max_leaves=5,
)


@given(first=KEYS, second=KEYS)
def test_keys_that_differ_have_names_that_differ(first: Any, second: Any) -> None:
    assert (text_of(first) == text_of(second)) == (first == second)
    assert key_of(text_of(first)) == first


@pytest.mark.parametrize("ttl", [0, -1, -0.5])
def test_a_ttl_of_nothing_drops_the_older_value(cache: RedisCache, ttl: float) -> None:
    cache.set("key", "old")
    cache.set("key", "new", ttl)
    assert cache.get("key") is None


@pytest.mark.parametrize("ttl", [0.0001, 1, 3600.5, 10**30, math.inf])
def test_a_ttl_is_any_number_of_seconds(cache: RedisCache, ttl: float) -> None:
    cache.set("key", "value", ttl)
    if ttl > 1:
        assert cache.get("key") == "value"


def test_a_value_expires(cache: RedisCache) -> None:
    cache.set("key", "value", 0.05)
    until = monotonic() + 5
    while cache.has("key"):
        assert monotonic() < until
    assert cache.get("key") is None


@pytest.mark.parametrize("ttl", ["1", True, [], math.nan])
def test_a_ttl_that_is_none_is_refused(cache: RedisCache, ttl: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="the ttl of a cache entry must be a number"):
        cache.set("key", "value", ttl)


def test_signals_are_those_of_the_cache_in_memory(make_cache: MakeCache) -> None:
    told = []
    for build in (make_cache, lambda dispatcher: Cache(dispatcher=dispatcher)):
        recorder = Recorder()
        cache = build(dispatcher=recorder.dispatcher)
        cache.get("a")
        cache.set("a", [1], ttl=60)
        cache.get("a")
        cache.has("a")
        cache.keys()
        cache.delete("a")
        cache.delete("a")
        cache.clear()
        for _, about in recorder.heard:
            if "expires_at" in about:
                about["expires_at"] = round(about["expires_at"] - time(), -1)
        told.append(recorder.heard)
    assert told[0] == told[1]
    assert [name for name, _ in told[0]][:3] == ["initialized", "item_fetched", "miss"]


def test_clear_drops_what_is_ours_and_nothing_else(make_cache: MakeCache, prefix: str) -> None:
    ours, similar = make_cache(), make_cache(prefix=f"{prefix}*")
    for number in range(1200):
        ours.set(number, number)
    similar.set("theirs", 1)
    similar.clear()
    assert len(ours.keys()) == 1200
    ours.set("mine", 1)
    similar.set("theirs", 1)
    ours.clear()
    assert ours.keys() == []
    assert similar.get("theirs") == 1
    similar.clear()


def test_two_workers_share_it(make_cache: MakeCache) -> None:
    first, second = make_cache(), make_cache()
    first.set("key", {"a": 1})
    assert second.get("key") == {"a": 1}
    second.delete("key")
    assert first.get("key") is None


def test_what_another_release_wrote_counts_as_missing(
    make_cache: MakeCache, caplog: pytest.LogCaptureFixture
) -> None:
    make_cache(serializer="pickle").set("key", {1, 2})
    cache = make_cache()
    with caplog.at_level(logging.WARNING):
        assert cache.get("key") is None
    assert "unreadable value treated as missing" in caplog.text


def test_another_serializer_is_chosen_by_name(make_cache: MakeCache) -> None:
    cache = make_cache(serializer="pickle")
    cache.set("key", (1, {2}))
    assert cache.get("key") == (1, {2})


def test_a_serializer_can_be_given(redis_url: str, prefix: str) -> None:
    cache = RedisCache(RedisOptions(redis_url, prefix), serializer=pickle)
    cache.set("key", (1, {2}))
    assert cache.get("key") == (1, {2})
    cache.clear()


@pytest.mark.parametrize(
    ("name", "message"), [("no.such", "No module named"), ("math", "has no dumps and no loads")]
)
def test_a_serializer_that_is_none_is_refused(name: str, message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        RedisCache(RedisOptions("redis://127.0.0.1", serializer=name))


def test_nothing_that_is_read_runs_code(make_cache: MakeCache) -> None:
    class Evil:
        def __reduce__(self) -> Any:
            return (sys.exit, ("run",))

    make_cache(serializer="pickle").set("key", Evil())
    assert make_cache().get("key") is None
    with pytest.raises(SystemExit):
        pickle.loads(pickle.dumps(Evil()))


# Where the server is away.


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator[Any]:
    """A server of our own, which can be stopped, paused and started."""
    program = which("valkey-server") or which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server or valkey-server to start")
    server = OwnServer(program, tmp_path)
    server.start()
    yield server
    server.stop()


class OwnServer:
    def __init__(self, program: str, directory: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory),
            "--save", "", "--appendonly", "yes", "--appendfsync", "always",
        ]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until = monotonic() + 10
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as connection:
                    connection.sendall(b"PING\r\n")
                    if connection.recv(20).startswith(b"+PONG"):
                        return
            except OSError:
                pass
            assert monotonic() < until, "the server does not answer"
            sleep(0.01)

    def stop(self) -> None:
        assert self._process is not None
        self._process.kill()
        self._process.wait(10)

    def pause(self) -> None:
        assert self._process is not None
        self._process.send_signal(19)  # SIGSTOP

    def resume(self) -> None:
        assert self._process is not None
        self._process.send_signal(18)  # SIGCONT


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_server_that_is_away_is_a_miss_and_one_line(
    own_server: OwnServer, caplog: pytest.LogCaptureFixture
) -> None:
    clock = Clock()
    cache = RedisCache(RedisOptions(own_server.url), clock=clock)
    cache.set("key", "value")
    own_server.stop()
    with caplog.at_level(logging.WARNING):
        for _ in range(20):
            assert cache.get("key") is None
            cache.set("key", "newer")
            cache.delete("other")
            cache.clear()
            assert not cache.has("key")
            assert cache.keys() == []
            assert cache.try_lock("key", 1) is not None
            clock.now += 0.3
    assert len(caplog.records) == 1
    assert "the Redis cache is unreachable, its values are missing" in caplog.text

    own_server.start()
    clock.now += 1
    with caplog.at_level(logging.WARNING):
        assert cache.get("key") is None, "the value that was replaced meanwhile must not come back"
    assert caplog.messages[-1].endswith("resolved")
    cache.set("key", "again")
    assert cache.get("key") == "again"


def test_a_value_no_one_changed_is_there_again(own_server: OwnServer) -> None:
    clock = Clock()
    cache = RedisCache(RedisOptions(own_server.url), clock=clock)
    cache.set("key", "value")
    own_server.stop()
    assert cache.get("key") is None
    own_server.start()
    clock.now += 1
    assert cache.get("key") == "value"


def test_after_too_many_changes_everything_is_dropped(
    own_server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lback.cache.redis._MOST_STALE", 3)
    clock = Clock()
    cache = RedisCache(RedisOptions(own_server.url), clock=clock)
    cache.set("kept", "value")
    own_server.stop()
    for number in range(10):
        cache.delete(number)
    own_server.start()
    clock.now += 1
    assert cache.get("kept") is None


def test_a_server_that_hangs_keeps_no_one_waiting(
    own_server: OwnServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = Clock()
    cache = RedisCache(RedisOptions(own_server.url, timeout=0.1), clock=clock)
    cache.set("key", "value")
    own_server.pause()
    try:
        asked: list[Any] = []
        send: Any = Connection.send_packed_command

        def count(connection: Connection, *arguments: Any, **options: Any) -> None:
            asked.append(arguments)
            send(connection, *arguments, **options)

        monkeypatch.setattr(Connection, "send_packed_command", count)
        for _ in range(100):
            assert cache.get("key") is None
        assert len(asked) <= 2, "one request waited, the others were answered at once"
    finally:
        own_server.resume()
    clock.now += 1
    assert cache.get("key") == "value"


def test_a_restart_of_the_server_costs_one_miss_at_most(own_server: OwnServer) -> None:
    clock = Clock()
    cache = RedisCache(RedisOptions(own_server.url), clock=clock)
    cache.set("key", "value")
    own_server.stop()
    own_server.start()
    cache.get("key")
    clock.now += 1
    assert cache.get("key") == "value"


# Locks.


def test_a_lock_is_held_by_one(make_cache: MakeCache) -> None:
    first, second = make_cache(), make_cache()
    release = first.try_lock("key", 60)
    assert release is not None
    assert second.try_lock("key", 60) is None
    assert second.try_lock("other", 60) is not None
    assert first.keys() == []
    release()
    assert second.try_lock("key", 60) is not None


def test_a_lock_that_ended_is_not_taken_from_the_next(make_cache: MakeCache) -> None:
    first, second = make_cache(), make_cache()
    late = first.try_lock("key", 0.02)
    assert late is not None
    until = monotonic() + 5
    while second.try_lock("key", 60) is None:
        assert monotonic() < until
    late()
    assert first.try_lock("key", 60) is None


# Settings.


def build(**settings: Any) -> Application:
    return Application(
        DEBUG=False,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["localhost"],
        MIDDLEWARES=[],
        **settings,
    )


def test_without_caches_it_is_in_memory() -> None:
    app = build()
    assert isinstance(app.cache, Cache)
    assert app.caches == {"default": app.cache}
    small = build(CACHES={"default": {"max_entries": 2}}).cache
    for key in "abc":
        small.set(key, key)
    assert small.keys() == ["b", "c"]


def test_caches_are_chosen_by_name(redis_url: str, prefix: str) -> None:
    entry = {"backend": "redis", "url": redis_url, "prefix": prefix}
    app = build(CACHES={"default": entry, "pages": entry, "here": {"backend": "memory"}})
    assert isinstance(app.cache, RedisCache)
    assert isinstance(app.caches["here"], Cache)
    app.caches["default"].set("key", 1)
    assert app.caches["pages"].get("key") is None
    app.caches["pages"].set("key", 2)
    app.cache.clear()
    assert app.caches["pages"].get("key") == 2
    app.caches["pages"].clear()
    assert app.app_controller.dependencies["cache"] is app.cache
    assert app.app_controller.dependencies["caches"] is app.caches


def test_the_url_is_that_of_redis_url_unless_it_has_one(redis_url: str, prefix: str) -> None:
    app = build(REDIS_URL=redis_url, CACHES={"default": {"backend": "redis", "prefix": prefix}})
    app.cache.set("key", 1)
    assert app.cache.get("key") == 1
    app.cache.clear()


def test_an_application_starts_while_the_server_is_away() -> None:
    app = build(CACHES={"default": {"backend": "redis", "url": "redis://127.0.0.1:1/0"}})
    app.prepare()
    assert app.cache.get("key") is None


@pytest.mark.parametrize(
    ("caches", "message"),
    [
        ({"default": {"backend": "reddis"}}, "did you mean redis"),
        ({"default": {"backend": "redis", "url": "redis://:hush@h:port/0"}}, "write redis://user"),
    ],
)
def test_a_cache_that_cannot_be_built_stops_the_start(caches: Any, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        build(CACHES=caches)
    assert message in str(raised.value)
    assert "hush" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_the_missing_library_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "redis"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "redis", None)
    with pytest.raises(ConfigurationError, match=r'pip install "lback-web\[redis\]"'):
        RedisCache(RedisOptions("redis://127.0.0.1"))


def test_a_server_that_hangs_is_waited_for_once_by_cache_and_sessions(
    own_server: OwnServer, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    cache = RedisCache(RedisOptions(own_server.url))
    sessions = RedisSessionStore.from_url(own_server.url)
    record = SessionRecord("{}", time(), time() + 60)
    sessions.create("id", record)
    own_server.pause()
    try:
        asked: list[Any] = []
        send: Any = Connection.send_packed_command

        def count(connection: Connection, *arguments: Any, **options: Any) -> None:
            asked.append(arguments)
            send(connection, *arguments, **options)

        monkeypatch.setattr(Connection, "send_packed_command", count)
        shared_breaker(connection_of(own_server))._pause = 60
        for _ in range(50):
            assert cache.get("key") is None
            with pytest.raises(SessionsUnavailable):
                sessions.load("id")
        assert len(asked) <= 2, "one call waited, the others failed at once"
    finally:
        own_server.resume()
    shared_breaker(connection_of(own_server))._next_probe_at = 0.0
    assert sessions.load("id") == record
    cache.set("key", "value")
    assert cache.get("key") == "value"
    about = [line for line in caplog.messages if f"Redis at 127.0.0.1:{own_server.port}" in line]
    assert [line.rpartition(": ")[2] for line in about][1:] == ["resolved"]


def test_a_wrong_password_of_the_cache_does_not_end_sessions(own_server: OwnServer) -> None:
    with Redis.from_url(own_server.url) as client:
        client.config_set("requirepass", "open sesame")
    sessions = RedisSessionStore.from_url(own_server.url.replace("//", "//:open%20sesame@"))
    cache = RedisCache(RedisOptions(own_server.url.replace("//", "//:swordfish@")))
    record = SessionRecord("{}", time(), time() + 60)
    sessions.create("id", record)

    for _ in range(3):
        assert cache.get("key") is None
        assert sessions.load("id") == record


def test_an_error_that_the_server_answers_does_not_end_sessions(own_server: OwnServer) -> None:
    cache = RedisCache(RedisOptions(own_server.url))
    sessions = RedisSessionStore.from_url(own_server.url)
    sessions.create("id", SessionRecord("{}", time(), time() + 60))
    with Redis.from_url(own_server.url) as client:
        client.config_set("maxmemory", "1")
    cache.set("key", "value")
    assert cache.get("key") is None
    assert sessions.load("id") is not None


def connection_of(server: OwnServer) -> dict[str, Any]:
    return {"host": "127.0.0.1", "port": server.port}
