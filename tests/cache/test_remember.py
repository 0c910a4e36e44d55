"""Remembering: work is done once, however many ask at the same time, in one worker or several."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from time import sleep
from typing import Any

import pytest

from lback import Application, Request
from lback.cache import AnyCache, RedisCache, cached, remember
from lback.core import Cache
from lback.testing import Client

MakeCache = Callable[..., RedisCache]


class Clock:
    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Work:
    """Counts how often it was done; others may be let in while it is."""

    def __init__(self) -> None:
        self.times = 0
        self.begun = threading.Event()
        self.may_end = threading.Event()
        self.may_end.set()
        self._lock = threading.Lock()

    def __call__(self) -> str:
        with self._lock:
            self.times += 1
            result = f"result {self.times}"
        self.begun.set()
        assert self.may_end.wait(10)
        return result


@pytest.fixture(params=["memory", "redis"])
def cache(request: pytest.FixtureRequest) -> AnyCache:
    if request.param == "memory":
        return Cache()
    made: RedisCache = request.getfixturevalue("make_cache")()
    return made


def test_what_is_there_is_not_made_again(cache: AnyCache) -> None:
    work = Work()
    assert [remember(cache, "key", work, 60) for _ in range(3)] == ["result 1"] * 3
    assert work.times == 1
    assert remember(cache, "other", work, 60) == "result 2"


def test_nothing_is_a_result_too(cache: AnyCache) -> None:
    calls: list[int] = []
    assert [remember(cache, "key", lambda: calls.append(1), 60) for _ in range(3)] == [None] * 3
    assert calls == [1]


def test_after_its_time_it_is_made_again() -> None:
    clock, work = Clock(), Work()
    cache = Cache(clock=clock)
    assert remember(cache, "key", work, 60, clock=clock) == "result 1"
    clock.now += 59
    assert remember(cache, "key", work, 60, clock=clock) == "result 1"
    clock.now += 1
    assert remember(cache, "key", work, 60, clock=clock) == "result 2"


def test_a_failure_is_not_kept_and_the_next_one_tries(cache: AnyCache) -> None:
    def fail() -> str:
        raise RuntimeError("no")

    for _ in range(2):
        with pytest.raises(RuntimeError, match="no"):
            remember(cache, "key", fail, 60)
    assert remember(cache, "key", lambda: "yes", 60) == "yes"


def test_many_who_ask_at_once_wait_for_one(cache: AnyCache) -> None:
    work = Work()
    work.may_end.clear()
    with ThreadPoolExecutor(21) as pool:
        asked = [pool.submit(remember, cache, "key", work, 60) for _ in range(20)]
        assert work.begun.wait(10)
        other = pool.submit(remember, cache, "other", lambda: "at once", 60)
        assert other.result(10) == "at once"
        work.may_end.set()
        assert {future.result(10) for future in asked} == {"result 1"}
    assert work.times == 1


def test_workers_wait_for_each_other(make_cache: MakeCache) -> None:
    work = Work()
    work.may_end.clear()
    first, second = make_cache(), make_cache()
    with ThreadPoolExecutor(4) as pool:
        here = pool.submit(remember, first, "key", work, 60)
        assert work.begun.wait(10)
        there = pool.submit(remember, second, "key", work, 60)
        sleep(0.05)
        assert not there.done()
        work.may_end.set()
        assert here.result(10) == there.result(10) == "result 1"
    assert work.times == 1


def test_no_one_waits_for_ever_for_a_worker_that_died(make_cache: MakeCache) -> None:
    first, second = make_cache(), make_cache()
    assert first.try_lock("key", 60) is not None
    waited: list[float] = []
    assert remember(second, "key", lambda: "mine", 60, sleep=waited.append) == "mine"
    assert sum(waited) == pytest.approx(10, abs=0.1)


def test_in_the_time_of_grace_the_old_value_serves_while_one_works(cache: AnyCache) -> None:
    clock, work = Clock(), Work()
    options: dict[str, Any] = {"grace": 3600, "clock": clock}
    assert remember(cache, "key", work, 60, **options) == "result 1"
    clock.now += 61
    work.begun.clear()
    work.may_end.clear()

    def waits(seconds: float) -> None:
        pytest.fail("it waits for the other one")

    with ThreadPoolExecutor(2) as pool:
        anew = pool.submit(remember, cache, "key", work, 60, grace=3600, clock=clock)
        assert work.begun.wait(10)
        assert remember(cache, "key", work, 60, **options, sleep=waits) == "result 1"
        work.may_end.set()
        assert anew.result(10) == "result 2"
    assert remember(cache, "key", work, 60, **options) == "result 2"


def test_in_the_time_of_grace_other_workers_do_not_wait_either(make_cache: MakeCache) -> None:
    clock, cache, other = Clock(), make_cache(), make_cache()
    options: dict[str, Any] = {"grace": 3600, "clock": clock}
    remember(cache, "key", lambda: "old", 60, **options)
    clock.now += 61
    assert other.try_lock("key", 60) is not None
    assert remember(cache, "key", lambda: "new", 60, **options) == "old"


def test_what_another_user_keeps_under_the_key_is_replaced(cache: AnyCache) -> None:
    for foreign in ("text", [1], [1, 2, 3]):
        cache.set("key", foreign)
        assert remember(cache, "key", lambda: "mine", 60) == "mine"


# The decorator.


def test_a_function_remembers_for_each_set_of_arguments(cache: AnyCache) -> None:
    calls: list[Any] = []

    @cached(60, cache=cache)
    def add(a: int, b: int = 2, *more: int, **named: int) -> int:
        """Add numbers."""
        calls.append((a, b, more, named))
        return a + b + sum(more) + sum(named.values())

    assert [add(1), add(1, 2), add(a=1, b=2), add(b=2, a=1)] == [3] * 4
    assert len(calls) == 1
    assert add(1, 3) == 4
    assert add(1, 2, 3) == 6
    assert add(1, x=1, y=2) == add(1, y=2, x=1) == 6
    assert len(calls) == 4
    assert add.__name__ == "add"  # type: ignore[attr-defined]  # update_wrapper sets it
    assert add.__doc__ == "Add numbers."


def test_one_set_of_arguments_can_be_forgotten(cache: AnyCache) -> None:
    work = Work()

    @cached(60, cache=lambda: cache)
    def result(number: int) -> str:
        return work()

    assert (result(1), result(2)) == ("result 1", "result 2")
    result.forget(number=1)
    assert (result(1), result(2)) == ("result 3", "result 2")


def test_two_functions_do_not_meet(cache: AnyCache) -> None:
    @cached(60, cache=cache)
    def first(number: int) -> str:
        return "first"

    @cached(60, cache=cache)
    def second(number: int) -> str:
        return "second"

    assert (first(1), second(1)) == ("first", "second")


def test_a_method_needs_a_key() -> None:
    with pytest.raises(
        TypeError, match="is a method, and its object is not a cache key; pass a key to"
    ):

        class Wrong:
            @cached(60, cache=Cache())
            def number(self) -> int:
                return 1


def test_a_method_with_a_key_is_remembered(cache: AnyCache) -> None:
    class Shop:
        def __init__(self, number: int) -> None:
            self.number = number
            self.calls = 0

        @cached(60, cache=cache, key=lambda self, item: (self.number, item))
        def price(self, item: str) -> str:
            self.calls += 1
            return f"{self.number} {item}"

    first, second = Shop(1), Shop(2)
    assert [first.price("a"), first.price("a"), second.price("a")] == ["1 a", "1 a", "2 a"]
    assert (first.calls, second.calls) == (1, 1)
    assert isinstance(Shop.price, type(Shop.__dict__["price"]))


def test_an_argument_that_is_not_a_key_is_refused(make_cache: MakeCache) -> None:
    @cached(60, cache=make_cache())
    def function(argument: Any) -> int:
        return 1

    with pytest.raises(TypeError, match="is not a valid key of a Redis cache"):
        function(object())
    with pytest.raises(TypeError, match="unhashable"):
        function([])


def test_the_cache_of_the_application_is_found_by_the_request() -> None:
    calls: list[str] = []

    @cached(60)
    def books(request: Request, genre: str) -> list[str]:
        calls.append(genre)
        return [genre]

    apps = [Application(MIDDLEWARES=[]) for _ in range(2)]
    for app in apps:
        app.add_route("/{genre}", books, requires_auth=False)
        for _ in range(2):
            assert Client(app).get("/crime").json() == ["crime"]
    assert calls == ["crime", "crime"]
    assert len(apps[0].cache.keys()) == 1
    with pytest.raises(TypeError, match="needs a request of an application as its first argument"):
        books(Request("/", "GET", None, {}, {}), "crime")
    with pytest.raises(TypeError, match="needs a request"):
        books("crime", genre="crime")  # type: ignore[arg-type]  # the mistake
