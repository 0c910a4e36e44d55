"""Which annotations of views are for `lback.api`, and how they are resolved."""

import enum
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Generic, Literal, NewType, TypedDict, TypeVar, Union

import msgspec
import pytest

from lback import Response
from lback.api import Query, Status
from lback.core.routing.annotations import (
    EMPTY,
    is_input,
    is_output,
    plain,
    reads_request,
    resolved,
    resolved_or_empty,
)

T = TypeVar("T")
Limited = TypeVar("Limited", bound=int)
Number = NewType("Number", int)


class Out(msgspec.Struct, Generic[T]):
    item: T


class Bare(msgspec.Struct):
    pass


@dataclass
class Point:
    x: int


class Size(TypedDict):
    width: int


class Colour(enum.Enum):
    RED = 1


class Reader:
    @classmethod
    def from_request(cls, request: object) -> "Reader":
        return cls()

    @classmethod
    def api_parameters(cls) -> list[object]:
        return []


class Service:
    pass


@pytest.mark.parametrize(
    ("annotation", "required", "optional"),
    [
        (int, True, True),
        (Number, True, True),
        (str | None, True, True),
        (Colour, True, True),
        (Literal["a"], True, True),
        (list[int], True, True),
        (Sequence[Decimal], True, True),
        (tuple[int, ...], True, True),
        (Annotated[int, msgspec.Meta(ge=1)], True, True),
        (Annotated[Service, Query()], True, True),
        (Bare, True, True),
        (Bare | None, True, True),
        (Out[int], True, True),
        (list[Bare], True, True),
        (Reader, True, True),
        (Point, True, False),
        (Size, True, False),
        (dict[str, int], True, False),
        (Point | None, True, False),
        (list[Point], True, False),
        (Service, False, False),
        (Service | None, False, False),
        (list[Service], False, False),
        (list, False, False),
        (dict, False, False),
        (Any, False, False),
        (object, False, False),
        (bytes, False, False),
    ],
)
def test_what_the_request_fills(annotation: Any, required: bool, optional: bool) -> None:
    assert is_input(annotation) is required
    assert is_input(annotation, default=None) is optional


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Bare, True),
        (Out[int], True),
        (list[Bare], True),
        (dict[str, list[Point]], True),
        (Bare | None, True),
        (tuple[Size, int], True),
        (Iterator[int], True),
        (Generator[int, None, None], True),
        (Annotated[None, Status(202)], True),
        (Annotated[Bare, "text"], True),
        (Annotated[int, "text"], False),
        (int, False),
        (str, False),
        (None, False),
        (EMPTY, False),
        (Any, False),
        (Response, False),
        (Response | str, False),
        (dict[str, object], False),
        (tuple[dict[str, int], int], False),
        (list[Service], False),
    ],
)
def test_what_is_encoded_by_its_annotation(annotation: Any, expected: bool) -> None:
    assert is_output(annotation) is expected


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (Annotated[Number, "text"], int),
        (T, object),
        (Limited, int),
        (Union[int, str], int | str),  # noqa: UP007  the other spelling
    ],
)
def test_plain_types(annotation: Any, expected: Any) -> None:
    assert plain(annotation) == expected


def test_names_of_the_module_and_of_the_function_are_known() -> None:
    class Local(msgspec.Struct):
        pass

    def view(value: "Local", later: "Later") -> "list[Local]":  # type: ignore[name-defined]  # noqa: F821
        return [Local() for _ in unfilled]

    def filled() -> list[int]:
        return unfilled

    assert resolved("list[Local]", view) == list[Local]
    assert resolved("Bare | None", partial(view)) == Bare | None
    assert resolved(None, view) is None
    assert resolved_or_empty("Later", view) is EMPTY
    assert resolved_or_empty("no type(", view) is EMPTY
    assert resolved("int", print) is int
    unfilled = [1]
    assert filled() == [1]


def test_a_class_that_reads_the_request() -> None:
    assert reads_request(Reader)
    assert not reads_request(Service)
