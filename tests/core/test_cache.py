"""The cache as its users meet it: values, lifetimes, signals, threads and memory."""

import gc
import logging
import math
import threading
import time
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from random import Random
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

import lback.core.dispatcher_instance
from lback.core.cache import Cache, CacheItem
from lback.core.signals import SignalDispatcher
from tests.growth import assert_linear_in

SIGNALS = (
    "cache_initialized",
    "cache_cleared",
    "cache_item_set",
    "cache_item_deleted",
    "cache_item_fetched",
    "cache_hit",
    "cache_miss",
    "cache_item_expired",
)


class Clock:
    """A clock that is moved by hand."""

    def __init__(self, now: float = 1_000_000.0) -> None:
        self.now = now

    def __call__(self) -> float:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += seconds


class Ear:
    """Hears every signal of a cache and keeps name and arguments in order."""

    def __init__(self) -> None:
        self.dispatcher = SignalDispatcher()
        self.heard: list[tuple[str, dict[str, Any]]] = []
        self.senders: list[object] = []
        for name in SIGNALS:
            self.dispatcher.connect(name, self._receiver(name))

    def _receiver(self, name: str) -> Callable[..., None]:
        def receive(sender: object, **arguments: Any) -> None:
            self.senders.append(sender)
            self.heard.append((name, arguments))

        return receive

    def take(self) -> list[tuple[str, dict[str, Any]]]:
        """Return what was heard since the last time."""
        heard, self.heard = self.heard, []
        return heard

    def names(self) -> list[str]:
        return [name for name, _ in self.take()]


class Thing:
    """A value that can be watched with a weak reference."""


def cache_and_clock() -> tuple[Cache, Clock]:
    clock = Clock()
    return Cache(dispatcher=SignalDispatcher(), clock=clock), clock


def cache_and_ear() -> tuple[Cache, Clock, Ear]:
    clock, ear = Clock(), Ear()
    cache = Cache(dispatcher=ear.dispatcher, clock=clock)
    ear.take()
    return cache, clock, ear


# values


def test_a_value_comes_back_until_it_is_replaced() -> None:
    cache = Cache()
    value = {"title": "Emma"}
    cache.set("book", value)
    assert cache.get("book") is value
    cache.set("book", "another")
    assert cache.get("book") == "another"
    assert cache.keys() == ["book"]


def test_an_absent_key_is_none() -> None:
    cache = Cache()
    assert cache.get("nothing") is None
    assert not cache.has("nothing")


@pytest.mark.parametrize("value", [None, 0, "", False, []])
def test_has_tells_a_stored_falsy_value_from_an_absent_one(value: object) -> None:
    cache = Cache()
    cache.set("key", value, ttl=5)
    assert cache.get("key") is value
    assert cache.has("key")


def test_delete_removes_one_key_and_clear_all() -> None:
    cache = Cache()
    for key in "abc":
        cache.set(key, key)
    cache.delete("b")
    assert cache.get("b") is None
    assert cache.keys() == ["a", "c"]
    cache.clear()
    assert cache.keys() == []
    assert not cache.has("a")


def test_delete_and_clear_of_nothing_are_silent() -> None:
    cache = Cache()
    cache.delete("nothing")
    cache.clear()
    assert cache.keys() == []


@pytest.mark.parametrize("filled", [False, True])
@pytest.mark.parametrize(
    "use",
    [
        lambda cache: cache.get([]),
        lambda cache: cache.set([], 1),
        lambda cache: cache.set([], 1, ttl=5),
        lambda cache: cache.set([], 1, ttl=0),
        lambda cache: cache.has([]),
        lambda cache: cache.delete([]),
    ],
)
def test_an_unhashable_key_is_refused_as_a_dict_would(
    use: Callable[[Cache], object], filled: bool
) -> None:
    cache = Cache()
    if filled:
        cache.set("key", "value")
    with pytest.raises(TypeError, match="unhashable"):
        use(cache)
    assert cache.keys() == (["key"] if filled else [])


# lifetimes


def test_an_item_is_expired_from_its_moment_on() -> None:
    clock = Clock(100.0)
    assert not CacheItem("v", 100.5, clock=clock).is_expired()
    assert CacheItem("v", 100.0, clock=clock).is_expired()
    assert CacheItem("v", 99.5, clock=clock).is_expired()
    assert not CacheItem("v", clock=clock).is_expired()


def test_an_item_reads_the_time_of_day_unless_told_otherwise() -> None:
    item = CacheItem("value", time.time() + 3600)
    assert item.value == "value"
    assert not item.is_expired()
    assert CacheItem("value", time.time() - 1).is_expired()
    assert CacheItem("value").expires_at is None


def test_a_value_lives_for_its_ttl() -> None:
    cache, clock = cache_and_clock()
    cache.set("short", 1, ttl=10)
    cache.set("half", 2, ttl=10.5)
    cache.set("for ever", 3)
    clock.advance(9.99)
    assert cache.keys() == ["short", "half", "for ever"]
    clock.advance(0.01)
    assert cache.get("short") is None
    assert not cache.has("short")
    assert cache.get("half") == 2
    clock.advance(1_000_000)
    assert cache.keys() == ["for ever"]
    assert cache.get("for ever") == 3


def test_setting_again_begins_a_new_lifetime() -> None:
    cache, clock = cache_and_clock()
    cache.set("key", "old", ttl=10)
    clock.advance(8)
    cache.set("key", "new", ttl=10)
    clock.advance(8)
    cache.set("other", 1)
    assert cache.get("key") == "new"
    cache.set("key", "eternal")
    clock.advance(100)
    cache.set("other", 2)
    assert cache.get("key") == "eternal"


@pytest.mark.parametrize("ttl", [0, -1, -0.5, -math.inf])
def test_a_ttl_that_is_over_keeps_nothing(ttl: float) -> None:
    cache, _ = cache_and_clock()
    cache.set("new", 1, ttl=ttl)
    assert not cache.has("new")
    cache.set("old", 1)
    cache.set("old", 2, ttl=ttl)
    assert cache.get("old") is None
    assert cache.keys() == []


def test_an_infinite_ttl_lives_for_ever() -> None:
    cache, clock = cache_and_clock()
    cache.set("key", 1, ttl=math.inf)
    clock.advance(1e15)
    assert cache.get("key") == 1


@pytest.mark.parametrize("ttl", [True, False, "5", "", b"5", [1]])
def test_a_ttl_that_is_not_a_number_is_refused(ttl: Any) -> None:
    cache, _ = cache_and_clock()
    cache.set("key", "old")
    with pytest.raises(TypeError, match=f"number of seconds or None, not {type(ttl).__name__}"):
        cache.set("key", "new", ttl=ttl)
    assert cache.get("key") == "old"


def test_a_ttl_of_nan_is_refused() -> None:
    cache, _ = cache_and_clock()
    with pytest.raises(ValueError, match="not NaN"):
        cache.set("key", 1, ttl=math.nan)


def test_a_clock_set_back_prolongs_what_is_still_there() -> None:
    cache, clock = cache_and_clock()
    cache.set("key", 1, ttl=10)
    clock.advance(-86_400)
    assert cache.get("key") == 1
    clock.advance(86_409)
    assert cache.get("key") == 1
    clock.advance(1)
    assert cache.get("key") is None


def test_what_was_dropped_as_expired_is_not_revived_by_the_clock() -> None:
    cache, clock = cache_and_clock()
    cache.set("key", 1, ttl=10)
    clock.advance(86_400)
    assert cache.get("key") is None
    clock.advance(-86_400)
    assert cache.get("key") is None


# signals


def test_a_new_cache_announces_itself() -> None:
    ear = Ear()
    cache = Cache(dispatcher=ear.dispatcher)
    assert ear.take() == [("cache_initialized", {})]
    assert ear.senders == [cache]


def test_set_is_heard_once_with_what_was_set() -> None:
    cache, clock, ear = cache_and_ear()
    cache.set("key", "value", ttl=5)
    cache.set("key", "value")
    assert ear.take() == [
        ("cache_item_set", {"key": "key", "ttl": 5, "expires_at": clock() + 5}),
        ("cache_item_set", {"key": "key", "ttl": None, "expires_at": None}),
    ]


def test_a_ttl_that_is_over_is_heard_as_set_and_nothing_else() -> None:
    cache, _, ear = cache_and_ear()
    cache.set("key", "old")
    ear.take()
    cache.set("key", "value", ttl=0)
    assert ear.names() == ["cache_item_set"]
    cache.get("key")
    assert ear.names() == ["cache_item_fetched", "cache_miss"]


@pytest.mark.parametrize("value", ["value", None])
def test_a_hit_is_heard_as_fetched_and_hit(value: str | None) -> None:
    cache, _, ear = cache_and_ear()
    cache.set("key", value)
    ear.take()
    assert cache.get("key") == value
    assert ear.take() == [
        ("cache_item_fetched", {"key": "key", "outcome": "hit"}),
        ("cache_hit", {"key": "key"}),
    ]


def test_a_miss_is_heard_as_fetched_and_miss() -> None:
    cache, _, ear = cache_and_ear()
    cache.get("key")
    assert ear.take() == [
        ("cache_item_fetched", {"key": "key", "outcome": "miss"}),
        ("cache_miss", {"key": "key"}),
    ]


def test_an_expired_read_is_heard_as_expired_fetched_and_miss_and_then_as_a_miss() -> None:
    cache, clock, ear = cache_and_ear()
    cache.set("key", "value", ttl=1)
    clock.advance(1)
    ear.take()
    assert cache.get("key") is None
    assert ear.take() == [
        ("cache_item_expired", {"key": "key", "expires_at": clock()}),
        ("cache_item_fetched", {"key": "key", "outcome": "expired"}),
        ("cache_miss", {"key": "key"}),
    ]
    cache.get("key")
    assert ear.names() == ["cache_item_fetched", "cache_miss"]


def test_one_receiver_of_four_is_enough_to_be_heard() -> None:
    dispatcher, missed = SignalDispatcher(), []
    cache = Cache(dispatcher=dispatcher)
    dispatcher.connect("something_else", lambda sender: None)
    cache.get("before")
    dispatcher.connect("cache_miss", lambda sender, key: missed.append(key))
    cache.get("after")
    assert missed == ["after"]


def test_delete_is_heard_only_when_something_was_removed() -> None:
    cache, clock, ear = cache_and_ear()
    cache.delete("key")
    assert ear.take() == []
    cache.set("key", "value", ttl=5)
    ear.take()
    cache.delete("key")
    assert ear.take() == [("cache_item_deleted", {"key": "key"})]
    cache.set("key", "value", ttl=5)
    clock.advance(5)
    ear.take()
    cache.delete("key")
    assert ear.take() == [("cache_item_expired", {"key": "key", "expires_at": clock()})]


def test_clear_is_heard_once_even_when_empty() -> None:
    cache, _, ear = cache_and_ear()
    cache.clear()
    assert ear.take() == [("cache_cleared", {"cleared_count": 0})]
    cache.set("a", 1)
    cache.set("b", 1)
    ear.take()
    cache.clear()
    assert ear.take() == [("cache_cleared", {"cleared_count": 2})]


def test_has_and_keys_are_not_heard() -> None:
    cache, clock, ear = cache_and_ear()
    cache.set("live", 1)
    cache.set("dead", 1, ttl=1)
    clock.advance(1)
    ear.take()
    assert cache.has("live")
    assert not cache.has("dead")
    assert not cache.has("absent")
    assert cache.keys() == ["live"]
    assert ear.take() == []


def test_what_set_sweeps_away_is_heard_as_expired() -> None:
    cache, clock, ear = cache_and_ear()
    cache.set("old", "value", ttl=1)
    clock.advance(2)
    ear.take()
    cache.set("new", 1)
    assert [name for name, _ in ear.heard] == ["cache_item_expired", "cache_item_set"]
    assert ear.take()[0][1] == {"key": "old", "expires_at": clock() - 1}
    cache.get("old")
    assert ear.names() == ["cache_item_fetched", "cache_miss"]


def test_without_a_dispatcher_signals_go_to_that_of_the_process(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cache, ear = Cache(), Ear()
    monkeypatch.setattr(lback.core.dispatcher_instance, "dispatcher", ear.dispatcher)
    cache.set("key", 1)
    assert ear.names() == ["cache_item_set"]


@pytest.mark.parametrize("signal", SIGNALS[1:])
def test_a_receiver_may_use_the_cache_from_any_thread(signal: str) -> None:
    clock, dispatcher = Clock(), SignalDispatcher()
    cache = Cache(dispatcher=dispatcher, clock=clock)
    seen = []

    def look(sender: Cache, **_: object) -> None:
        # In a thread of its own, so that a lock still held would be noticed even if reentrant.
        dispatcher.disconnect(signal, look)
        inner = threading.Thread(target=lambda: seen.append(use(sender)), daemon=True)
        inner.start()
        inner.join(timeout=10)

    def use(sender: Cache) -> list[str]:
        sender.set("seen", 1)
        sender.delete("absent")
        sender.get("seen")
        return sender.keys()

    dispatcher.connect(signal, look)
    cache.set("key", "value", ttl=10)
    cache.get("key")
    cache.get("absent")
    clock.advance(10)
    cache.get("key")
    cache.set("key", "value")
    cache.delete("key")
    cache.clear()
    assert len(seen) == 1
    assert "seen" in seen[0]


def test_a_failing_receiver_does_not_keep_the_value_away() -> None:
    dispatcher = SignalDispatcher()
    cache = Cache(dispatcher=dispatcher)

    def fail(**_: object) -> None:
        raise RuntimeError("a receiver is broken")

    for name in SIGNALS:
        dispatcher.connect(name, fail)
    cache.set("key", "value")
    assert cache.get("key") == "value"


def test_keys_and_values_are_never_logged(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    cache, clock, _ = cache_and_ear()
    cache.set("secret-key", "secret-value", ttl=1)
    cache.get("secret-key")
    clock.advance(1)
    cache.get("secret-key")
    cache.set("secret-key", "secret-value")
    cache.delete("secret-key")
    cache.clear()
    assert caplog.records, "the dispatcher logs each send"
    assert "secret" not in caplog.text


# memory


def test_an_expired_value_is_set_free_by_the_read_that_finds_it() -> None:
    cache, clock = cache_and_clock()
    thing = Thing()
    watched = weakref.ref(thing)
    cache.set("key", thing, ttl=1)
    del thing
    assert watched() is not None
    clock.advance(1)
    cache.get("key")
    assert watched() is None


def test_expired_values_that_no_one_reads_are_set_free_by_later_sets() -> None:
    cache, clock = cache_and_clock()
    things: weakref.WeakSet[Thing] = weakref.WeakSet()
    for number in range(1000):
        thing = Thing()
        things.add(thing)
        cache.set(number, thing, ttl=1 + number % 7)
    del thing
    assert len(things) == 1000
    clock.advance(10)
    for _ in range(200):
        cache.set("one key", "value", ttl=60)
    assert len(things) == 0
    assert cache.keys() == ["one key"]


class Name:
    """A key that equals others of its text and can be watched."""

    def __init__(self, text: str) -> None:
        self.text = text

    def __hash__(self) -> int:
        return hash(self.text)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Name) and other.text == self.text


@pytest.mark.parametrize("between", [lambda cache, key: None, Cache.delete])
def test_setting_one_key_for_ever_does_not_grow(between: Callable[[Cache, Name], None]) -> None:
    cache, clock = cache_and_clock()
    cache.set("unlimited", 1)
    cache.set("soon", 1, ttl=30)
    names: list[weakref.ref[Name]] = []
    for _ in range(1000):
        name = Name("same")
        names.append(weakref.ref(name))
        cache.set(name, 1, ttl=86_400)
        between(cache, name)
    assert sum(name() is not None for name in names) < 100
    clock.advance(30)
    cache.set("sweep", 1)
    assert not cache.has("soon")
    assert cache.has("unlimited")


def test_clear_sets_keys_and_values_free() -> None:
    cache, _ = cache_and_clock()
    key, value = Name("key"), Thing()
    watched = weakref.ref(key), weakref.ref(value)
    cache.set(key, value, ttl=86_400)
    del key, value
    assert [ref() is None for ref in watched] == [False, False]
    cache.clear()
    assert [ref() is None for ref in watched] == [True, True]


def test_a_destructor_may_use_the_cache() -> None:
    cache, clock = cache_and_clock()
    closed: list[str] = []

    class Closing:
        def __del__(self) -> None:
            cache.set("closed", "yes")
            closed.extend(cache.keys())

    cache.set("key", Closing())
    cache.set("key", Closing())
    cache.delete("key")
    cache.set("key", Closing(), ttl=1)
    clock.advance(1)
    cache.set("sweep", 1)
    cache.set("key", Closing())
    cache.clear()
    gc.collect()
    assert closed.count("closed") == 4


# threads


def test_eight_threads_share_a_cache_without_an_error() -> None:
    clock, dispatcher = Clock(), SignalDispatcher()
    cache = Cache(dispatcher=dispatcher, clock=clock)
    wrong: list[object] = []

    def work(seed: int) -> int:
        random, calls = Random(seed), 0
        for step in range(1500):
            key = random.randrange(40)
            action = random.randrange(8)
            if action < 3:
                cache.set(key, ("value", key), ttl=random.choice((None, 0, 1, 5)))
            elif action < 6:
                found = cache.get(key)
                if found not in (None, ("value", key)):
                    wrong.append(found)
            elif action == 6:
                cache.delete(key)
                clock.advance(0.25)
            elif step % 50 == 0:
                cache.clear()
            else:
                calls += len(cache.keys()) <= 40 and cache.has(key) in (True, False)
            calls += 1
        return calls

    with ThreadPoolExecutor(max_workers=8) as pool:
        results = list(pool.map(work, range(8)))
    assert min(results) >= 1500
    assert not wrong
    cache.clear()
    assert cache.keys() == []


@pytest.mark.parametrize("read", [Cache.get, Cache.delete])
def test_each_expiry_and_each_deletion_is_heard_by_one_thread_only(
    read: Callable[[Cache, int], object],
) -> None:
    dispatcher, clock = SignalDispatcher(), Clock()
    cache = Cache(dispatcher=dispatcher, clock=clock)
    heard: list[int] = []
    dispatcher.connect("cache_item_expired", lambda sender, key, expires_at: heard.append(key))
    for number in range(300):
        cache.set(number, number, ttl=1)
    clock.advance(1)
    together = threading.Barrier(8)

    def read_all(_: int) -> None:
        together.wait()
        for number in range(300):
            read(cache, number)

    with ThreadPoolExecutor(max_workers=8) as pool:
        list(pool.map(read_all, range(8)))
    assert sorted(heard) == list(range(300))


@pytest.mark.parametrize("read", [Cache.get, Cache.delete])
def test_an_entry_that_another_thread_replaced_meanwhile_is_left_alone(
    read: Callable[[Cache, str], object],
) -> None:
    """The clock stands for the other thread: it sets the key between the look and the drop."""
    ear = Ear()
    meanwhile: list[Callable[[], None]] = []

    def clock() -> float:
        if meanwhile:
            meanwhile.pop()()
            return 10.0
        return 0.0

    cache = Cache(dispatcher=ear.dispatcher, clock=clock)
    cache.set("key", "old", ttl=5)
    meanwhile.append(lambda: cache.set("key", "new", ttl=50))
    ear.take()
    read(cache, "key")
    assert "cache_item_expired" not in ear.names()
    assert cache.get("key") == "new"


# everything at once, against a dict

KEYS = st.integers(0, 6) | st.sampled_from(["a", "", None, (1, 2)])
TTLS = st.none() | st.sampled_from([-1, 0, 0.5, 1, 2, 5, 60])


class CacheAgainstDict(RuleBasedStateMachine):
    """A dict with moments, searched in full each time, must always agree with the cache."""

    def __init__(self) -> None:
        super().__init__()
        self.clock, self.ear = Clock(1000.0), Ear()
        self.cache = Cache(dispatcher=self.ear.dispatcher, clock=self.clock)
        self.model: dict[object, tuple[int, float]] = {}
        self.ear.take()

    def alive(self) -> dict[object, int]:
        return {k: v for k, (v, end) in self.model.items() if self.clock.now < end}

    @rule(key=KEYS, value=st.integers(), ttl=TTLS)
    def set(self, key: object, value: int, ttl: float | None) -> None:
        self.cache.set(key, value, ttl)
        if ttl is not None and ttl <= 0:
            self.model.pop(key, None)
        else:
            self.model[key] = value, math.inf if ttl is None else self.clock.now + ttl
        *swept, last = self.ear.take()
        expires_at = None if ttl is None else self.clock.now + ttl
        assert last == ("cache_item_set", {"key": key, "ttl": ttl, "expires_at": expires_at})
        for name, about in swept:
            assert name == "cache_item_expired"
            assert about["key"] not in self.alive()

    @rule(key=KEYS)
    def get(self, key: object) -> None:
        assert self.cache.get(key) == self.alive().get(key)
        names = self.ear.names()
        if key in self.alive():
            assert names == ["cache_item_fetched", "cache_hit"]
        else:
            assert names[-2:] == ["cache_item_fetched", "cache_miss"]
            assert names[:-2] in ([], ["cache_item_expired"])
            assert key in self.model or len(names) == 2
            self.model.pop(key, None)

    @rule(key=KEYS)
    def delete(self, key: object) -> None:
        was_alive = key in self.alive()
        self.cache.delete(key)
        self.model.pop(key, None)
        assert ("cache_item_deleted" in self.ear.names()) == was_alive

    @rule(seconds=st.sampled_from([0.25, 0.5, 1, 3, 100]))
    def time_passes(self, seconds: float) -> None:
        self.clock.advance(seconds)

    @precondition(lambda self: self.model)
    @rule()
    def clear(self) -> None:
        self.cache.clear()
        self.model.clear()
        assert self.ear.names() == ["cache_cleared"]

    @invariant()
    def it_holds_what_the_model_holds(self) -> None:
        assert set(self.cache.keys()) == set(self.alive())
        for key in self.model:
            assert self.cache.has(key) == (key in self.alive())
        assert self.ear.take() == []


TestCacheAgainstDict = CacheAgainstDict.TestCase
TestCacheAgainstDict.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


def test_those_that_were_first_kept_make_room() -> None:
    recorder: list[Any] = []
    dispatcher = SignalDispatcher()
    dispatcher.connect("cache_item_deleted", lambda sender, key: recorder.append(key))
    cache = Cache(dispatcher=dispatcher, max_entries=3)
    for key in "abca":
        cache.set(key, key)
    assert cache.keys() == ["a", "b", "c"]
    cache.set("d", "d", ttl=60)
    assert cache.keys() == ["b", "c", "d"]
    assert recorder == ["a"]
    cache.set("e", "e", ttl=0)
    assert cache.keys() == ["b", "c", "d"]


def test_a_full_cache_stays_quick_and_small() -> None:
    def fill(scale: int) -> None:
        size, writes = 1250 * scale, 12_500 * scale
        cache = Cache(max_entries=size)
        for number in range(writes):
            cache.set(number, number, ttl=3600)
        assert len(cache.keys()) <= size
        assert cache.get(writes - 1) == writes - 1
        assert len(cache._moments) < 2.4 * size

    assert_linear_in(fill)
