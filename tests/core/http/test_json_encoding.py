"""JSON of what derives from the types that have a form, as libraries and projects do."""

import json
from collections import UserDict, UserList, UserString, deque
from collections.abc import Iterator, Sequence
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from ipaddress import ip_address, ip_network
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from uuid import UUID

import pytest

from lback.core.response import JSONResponse


class Moment(datetime):
    """As pendulum.DateTime and freezegun.FakeDatetime are."""


class Day(date):
    """As pendulum.Date is."""


class Clock(time):
    """As pendulum.Time is."""


class Span(timedelta):
    """As pendulum.Duration is, which counts its weeks apart."""

    @property
    def days(self) -> int:
        return 0


class Number(int): ...


class Measure(float):
    """As numpy.float64 is."""


class Price(Decimal): ...


class Name(str):
    __slots__ = ()


class Octets(bytes): ...


class Key(UUID): ...


class Rows(list[Any]): ...


class Facts(dict[str, Any]): ...


class Pair(NamedTuple):
    left: Any
    right: Any


class Colour(Enum):
    RED = Name("red")


class Size(IntEnum):
    SMALL = 1


class Kind(StrEnum):
    NOVEL = "novel"


class Since(Enum):
    WAR = Day(1945, 5, 8)


class Lines(Sequence[str]):
    def __getitem__(self, index: Any) -> Any:
        return ["a", "b"][index]

    def __len__(self) -> int:
        return 2


VALUES: list[tuple[Any, Any]] = [
    (Moment(2024, 1, 2, 3, 4, 5), "2024-01-02T03:04:05"),
    (Moment(2024, 1, 2, 3, 4, 5, 600), "2024-01-02T03:04:05.000600"),
    (Moment(2024, 1, 2, tzinfo=UTC), "2024-01-02T00:00:00Z"),
    (Moment(2024, 1, 2, tzinfo=timezone(timedelta(hours=2))), "2024-01-02T00:00:00+02:00"),
    (Day(2024, 2, 29), "2024-02-29"),
    (Clock(1, 2, 3), "01:02:03"),
    (Span(days=8, seconds=1), "P8DT1S"),
    (Number(3), 3),
    (Number(2**70), 2**70),
    (Measure(1.5), 1.5),
    (Measure("nan"), None),
    (Price("1.50"), "1.50"),
    (Name("x"), "x"),
    (UserString("x"), "x"),
    (Octets(b"x"), "eA=="),
    (Key(int=1), "00000000-0000-0000-0000-000000000001"),
    (Rows([Day(2024, 1, 1), Rows()]), ["2024-01-01", []]),
    (UserList([1]), [1]),
    (deque([1]), [1]),
    (range(2), [0, 1]),
    (Lines(), ["a", "b"]),
    ({"a": 1}.keys(), ["a"]),
    ({"a": 1}.values(), [1]),
    (Facts(a=Price(1)), {"a": "1"}),
    (UserDict({"a": Size.SMALL}), {"a": 1}),
    ({Name("a"): 1, Kind.NOVEL: 2, Day(2024, 1, 1): 3}, {"a": 1, "novel": 2, "2024-01-01": 3}),
    (Pair(Clock(1), Measure(2)), ["01:00:00", 2.0]),
    ({None: 1, "a": None}, {"null": 1, "a": None}),
    ({ip_address("::1"): PurePosixPath("/a/b")}, {"::1": "/a/b"}),
    ([ip_address("192.0.2.1"), ip_network("10.0.0.0/8")], ["192.0.2.1", "10.0.0.0/8"]),
    ([Colour.RED, Size.SMALL, Kind.NOVEL, Since.WAR], ["red", 1, "novel", "1945-05-08"]),
]


@pytest.mark.parametrize(("value", "expected"), VALUES)
def test_what_derives_from_a_type_is_written_like_it(value: Any, expected: Any) -> None:
    assert json.loads(JSONResponse(value).body) == {"data": expected}


@pytest.mark.parametrize("kind", [datetime, date, time])
def test_classes_that_are_frozen_by_a_test_tool_do_no_harm(
    kind: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As freezegun does: each module that imported the class has a subclass of it meanwhile.
    frozen = {datetime: Moment, date: Day, time: Clock}[kind]
    monkeypatch.setattr(f"lback.core.http.json_encoding.{kind.__name__}", frozen)
    assert json.loads(JSONResponse(frozen(2024, 1, 1) if kind is not time else frozen(1)).body)


def test_what_cannot_be_read_twice_has_no_form() -> None:
    def pieces() -> Iterator[int]:
        yield 1

    with pytest.raises(TypeError, match="generator has no JSON form"):
        JSONResponse(pieces())


@pytest.mark.parametrize("key", [(1, 2), Pair(1, 2), frozenset({1}), ()])
def test_a_collection_is_no_name_in_an_object(key: Any) -> None:
    with pytest.raises(TypeError, match=r"a key of a dict is a .*convert it to text"):
        JSONResponse({"rows": [{key: 1}]})
