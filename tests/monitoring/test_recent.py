"""A slow function is called once at a time, and never waited for longer than its limit."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event
from typing import Any

import pytest

from lback.monitoring.recent import ABANDONED_AFTER, LONGEST_AGE, RecentResult

PATIENCE = 20.0


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


class Work:
    """A function that waits to be told how to end."""

    def __init__(self) -> None:
        self.calls = 0
        self.began, self.may_end = Event(), Event()

    def __call__(self) -> str:
        self.calls += 1
        self.began.set()
        assert self.may_end.wait(PATIENCE)
        return f"result {self.calls}"


def recent(work: Callable[[], str], clock: Clock, limit: float = PATIENCE) -> RecentResult[str]:
    return RecentResult(work, late="late", age=1.0, limit=limit, clock=clock)


def test_a_result_is_kept_for_its_age() -> None:
    work, clock = Work(), Clock()
    work.may_end.set()
    result = recent(work, clock)
    assert [result.get() for _ in range(3)] == ["result 1"] * 3
    clock.now += 0.9
    assert result.get() == "result 1"
    clock.now += 0.1
    assert result.get() == "result 2"


def test_all_who_come_before_the_first_result_get_it() -> None:
    work, clock = Work(), Clock()
    result = recent(work, clock)
    with ThreadPoolExecutor() as pool:
        waiting = [pool.submit(result.get) for _ in range(4)]
        assert work.began.wait(PATIENCE)
        work.may_end.set()
        assert {future.result() for future in waiting} == {"result 1"}
    assert work.calls == 1


def test_the_last_result_stands_in_while_a_new_one_is_made() -> None:
    work, clock = Work(), Clock()
    result = recent(work, clock)
    work.may_end.set()
    assert result.get() == "result 1"
    work.may_end.clear()
    work.began.clear()
    clock.now += 2
    with ThreadPoolExecutor() as pool:
        first = pool.submit(result.get)
        assert work.began.wait(PATIENCE)
        assert result.get() == "result 1"
        clock.now += LONGEST_AGE
        late = pool.submit(result.get)
        work.may_end.set()
        assert (first.result(), late.result()) == ("result 2", "result 2")


def test_a_call_that_hangs_is_waited_for_once() -> None:
    work, clock = Work(), Clock()
    result = recent(work, clock, limit=0.01)
    assert [result.get() for _ in range(3)] == ["late"] * 3
    clock.now += 30
    assert result.get() == "late"
    assert work.calls == 1
    clock.now += ABANDONED_AFTER
    assert result.get() == "late"
    assert work.calls == 2
    work.may_end.set()


def test_a_call_that_raises_counts_as_late_and_is_tried_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raised: list[Any] = []
    monkeypatch.setattr(threading, "excepthook", lambda facts: raised.append(facts.exc_type))
    clock, outcomes = Clock(), iter(["first", "", "last"])

    def make() -> str:
        outcome = next(outcomes)
        if not outcome:
            raise LookupError
        return outcome

    result = recent(make, clock)
    for expected in ("first", "late", "last"):
        assert result.get() == expected
        clock.now += 1
    assert raised == [LookupError]
