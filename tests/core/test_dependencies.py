"""What an application shares by name: there at once, or built when it is first asked for."""

from threading import Barrier, Thread
from typing import Any

import pytest

from lback.core.dependencies import Dependencies, LazyService


def counted(value: Any = "made") -> tuple[LazyService, list[int]]:
    calls: list[int] = []

    def build(_: Dependencies) -> Any:
        calls.append(1)
        return value

    return LazyService(build), calls


def test_an_instance_is_found_by_its_name() -> None:
    shared = Dependencies({"cache": "c"})
    assert shared["cache"] == shared.get("cache") == "c"
    assert shared.is_built("cache")
    assert dict(shared) == {"cache": "c"}
    assert len(shared) == 1


def test_what_is_not_there_is_told_as_by_any_mapping() -> None:
    shared = Dependencies({})
    assert shared.get("cache") is None
    assert shared.get("cache", "other") == "other"
    assert "cache" not in shared
    assert not shared.is_built("cache")
    with pytest.raises(KeyError, match="cache"):
        shared["cache"]


def test_a_part_is_built_once_and_not_before_someone_asks() -> None:
    later, calls = counted()
    shared = Dependencies({"part": later})
    assert "part" in shared
    assert list(shared) == ["part"]
    assert not shared.is_built("part")
    assert calls == []
    assert shared["part"] == shared["part"] == shared.get("part") == "made"
    assert shared.is_built("part")
    assert calls == [1]


def test_get_builds_as_well() -> None:
    later, calls = counted()
    assert Dependencies({"part": later}).get("part") == "made"
    assert calls == [1]


def test_a_part_may_ask_for_another_while_it_is_built() -> None:
    shared = Dependencies({"base": LazyService(lambda _: 1)})
    shared["sum"] = LazyService(lambda parts: parts["base"] + 1)
    assert shared["sum"] == 2
    assert shared.is_built("base")


def test_what_a_builder_raises_reaches_anyone_who_asks_each_time() -> None:
    def fail(_: Dependencies) -> None:
        raise ValueError("no such store")

    shared = Dependencies({"part": LazyService(fail)})
    for _ in range(2):
        with pytest.raises(ValueError, match="no such store"):
            shared["part"]
    assert not shared.is_built("part")


def test_threads_that_ask_at_once_get_the_same_part() -> None:
    barrier, found = Barrier(8), []
    shared = Dependencies({"part": LazyService(lambda _: object())})

    def ask() -> None:
        barrier.wait()
        found.append(shared["part"])

    threads = [Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 8
    assert len(set(map(id, found))) == 1


def test_a_part_may_be_replaced_or_taken_away() -> None:
    shared = Dependencies({"part": LazyService(lambda _: "made")})
    shared["part"] = "mine"
    assert shared["part"] == "mine"
    del shared["part"]
    assert "part" not in shared


def test_the_mapping_that_was_given_stays_as_it_was() -> None:
    later, _ = counted()
    given = {"part": later}
    assert Dependencies(given)["part"] == "made"
    assert given == {"part": later}
