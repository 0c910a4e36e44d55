"""Every invalid place of a value is found, wherever it is."""

import enum
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Meta

from lback.api.wrong_places import MAX_PLACES, json_pointer, message_place, wrong_places
from tests.growth import assert_linear_in


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Address(msgspec.Struct, forbid_unknown_fields=True):
    street: str
    number: Annotated[int, Meta(ge=1, le=9999)]


class Order(msgspec.Struct):
    buyer: str
    addresses: list[Address]
    prices: dict[str, float]
    colour: Colour = Colour.RED
    note: Annotated[str, Meta(max_length=5)] | None = None


class Stay(msgspec.Struct):
    begins: date
    ends: date

    def __post_init__(self) -> None:
        if self.ends < self.begins:
            raise ValueError("Ends before it begins.")


class Node(msgspec.Struct):
    name: str
    children: list["Node"] = []


class Cat(msgspec.Struct, tag="cat"):
    lives: int


class Dog(msgspec.Struct, tag="dog"):
    tricks: list[str]


@pytest.mark.parametrize(
    ("annotation", "value", "code", "detail"),
    [
        (int, "1", "type", "Must be a whole number, not text."),
        (int, 1.5, "type", "Must be a whole number, not a number."),
        (int, None, "type", "Must be a whole number, not null."),
        (bool, 1, "type", "Must be true or false, not a number."),
        (str, True, "type", "Must be text, not true."),
        (list[int], {}, "type", "Must be a list, not an object."),
        (Address, [], "type", "Must be an object, not a list."),
        (int | None, "x", "type", "Must be a whole number, not text."),
        (int | list[int], "x", "type", "Must be a whole number, not text."),
        (int | list[int], {}, "type", "Must be a whole number or a list, not an object."),
        (Annotated[int, Meta(ge=1)], 0, "minimum", "Must be 1 or more."),
        (Annotated[float, Meta(gt=1)], 1, "exclusive_minimum", "Must be greater than 1."),
        (Annotated[float, Meta(le=1.5)], 2, "maximum", "Must be 1.5 or less."),
        (Annotated[float, Meta(lt=1)], 1, "exclusive_maximum", "Must be less than 1."),
        (Annotated[int, Meta(multiple_of=5)], 1, "multiple_of", "Must be a multiple of 5."),
        (Annotated[str, Meta(min_length=2)], "a", "min_length", "Must have a length of 2 or more."),
        (Annotated[list[int], Meta(max_length=0)], [1], "max_length",
         "Must have a length of 0 or less."),
        (Annotated[str, Meta(pattern="^a")], "b", "pattern", "Must match the pattern ^a."),
        (Colour, "green", "choice", "Must be one of: red, blue."),
        (Literal["a", "c"], "b", "choice", "Must be one of: a, c."),
        (UUID, "x", "format", "Must be a UUID."),
        (date, "2026-02-30", "format", "Must be a date such as 2026-01-31."),
        (datetime, "soon", "format", "Must be a date and time such as 2026-01-31T12:00:00Z."),
        (timedelta, "1h", "format", "Must be a duration such as PT1H30M."),
        (Decimal, "a", "format", "Must be a decimal number."),
        (Decimal, "NaN", "finite", "Must be a finite number."),
        (Annotated[datetime, Meta(tz=True)], "2026-01-31T12:00:00", "time_zone",
         "Must be a time with a time zone."),
        (tuple[int, int], [1], "min_length", "Must have a length of 2 or more."),
    ],
)  # fmt: skip
def test_codes_and_messages(annotation: Any, value: object, code: str, detail: str) -> None:
    assert wrong_places(value, annotation) == [((), code, detail)]


def test_every_place_is_reported() -> None:
    value = {
        "addresses": [
            {"street": "Main", "number": 0},
            {"number": 1, "zip": 5, "street": None},
            "none",
        ],
        "prices": {"a/b": "free", "c~d": 1},
        "colour": "green",
        "note": "too long",
    }
    assert [(json_pointer(p.path), p.code) for p in wrong_places(value, Order)] == [
        ("/buyer", "missing"),
        ("/addresses/0/number", "minimum"),
        ("/addresses/1/street", "type"),
        ("/addresses/1/zip", "unknown"),
        ("/addresses/2", "type"),
        ("/prices/a~1b", "type"),
        ("/colour", "choice"),
        ("/note", "max_length"),
    ]


def test_a_rule_of_the_struct_is_reported_where_it_is() -> None:
    value = [{"begins": "2026-02-01", "ends": "2026-01-01"}, {"begins": "2026-02-01"}]
    places = wrong_places(value, list[Stay])
    assert [(json_pointer(p.path), p.detail) for p in places] == [
        ("/0", "Ends before it begins."),
        ("/1/ends", "This value is required."),
    ]


def test_unions_of_structs_are_told_apart_by_their_tag() -> None:
    places = wrong_places(
        [{"type": "cat", "lives": "x"}, {"type": "cow"}, {"lives": 1}, {"type": "dog"}],
        list[Cat | Dog],
    )
    assert [(json_pointer(p.path), p.code) for p in places] == [
        ("/0/lives", "type"),
        ("/1/type", "choice"),
        ("/2/type", "missing"),
        ("/3/tricks", "missing"),
    ]


def test_the_number_of_places_is_limited() -> None:
    assert len(wrong_places(["x"] * 1000, list[int])) == MAX_PLACES


def test_a_place_far_away_is_reported_without_a_long_walk() -> None:
    places = wrong_places([1] * 200_000 + ["x"], list[int])
    assert [(p.path, p.code) for p in places] == [((200_000,), "invalid")]


def test_the_walk_is_linear() -> None:
    def work(scale: int) -> None:
        value: object = {"name": 1}
        for _ in range(20 * scale):
            value = {"name": "x", "children": [value]}
        assert len(wrong_places([value] * 30, list[Node])) == 30

    assert_linear_in(work)


def test_unions_of_scalars() -> None:
    assert wrong_places("2026-01-01", int | date) == []
    (place,) = wrong_places("soon", int | date | None)
    assert place.code == "type"
    assert place.detail.endswith("or null, not text.")


def test_valid_values_have_no_wrong_places() -> None:
    assert wrong_places({"street": "Main", "number": 1}, Address) == []


@pytest.mark.parametrize(
    ("path", "pointer"),
    # The examples of RFC 6901 section 5 that names of members can have.
    [
        ((), ""),
        (("foo", 0), "/foo/0"),
        (("",), "/"),
        (("a/b",), "/a~1b"),
        (("c%d",), "/c%d"),
        (("e^f",), "/e^f"),
        (("g|h",), "/g|h"),
        (("i\\j",), "/i\\j"),
        (('k"l',), '/k"l'),
        ((" ",), "/ "),
        (("m~n",), "/m~0n"),
        (("~1",), "/~01"),
    ],
)
def test_rfc_6901_section_3_and_5(path: tuple[str | int, ...], pointer: str) -> None:
    assert json_pointer(path) == pointer


def test_places_in_messages_of_msgspec() -> None:
    assert message_place("Wrong - at `$.a[3].b`") == (("a", 3, "b"), "invalid", "Wrong")
    assert message_place("Wrong") == ((), "invalid", "Wrong")


# Generated types: each has a valid value, and a way to spoil a place of it.

SCALARS: list[tuple[Any, Any, Any]] = [
    (int, 1, "x"),
    (str, "a", 1),
    (bool, True, "x"),
    (float, 1.5, None),
    (date, "2026-01-31", "no"),
    (UUID, "12345678-1234-5678-1234-567812345678", "no"),
    (Literal["a", "b"], "a", "c"),
    (Annotated[int, Meta(ge=0)], 0, -1),
    (int | None, None, []),
    (Colour, "red", "none"),
]
NAMES = ["a", "b", "c", "d"]


@st.composite
def spoilt(draw: st.DrawFn, depth: int = 3) -> tuple[Any, Any, list[str]]:
    """Return a type, a value, and the pointers of its places that are wrong."""
    kind = draw(st.sampled_from(["scalar", "list", "dict", "struct"])) if depth else "scalar"
    if kind == "scalar":
        annotation, valid, wrong = draw(st.sampled_from(SCALARS))
        is_wrong = draw(st.booleans())
        return annotation, wrong if is_wrong else valid, [""] if is_wrong else []
    if kind == "struct":
        parts = {name: draw(spoilt(depth - 1)) for name in draw(st.sets(st.sampled_from(NAMES)))}
        missing = draw(st.sets(st.sampled_from(sorted(parts)))) if parts else set()
        struct = msgspec.defstruct("S", [(name, part[0]) for name, part in parts.items()])
        value = {name: part[1] for name, part in parts.items() if name not in missing}
        pointers = [f"/{n}{p}" for n, part in parts.items() if n not in missing for p in part[2]]
        return struct, value, [*pointers, *(f"/{name}" for name in missing)]
    annotation, valid, pointers = draw(spoilt(depth - 1))
    times = draw(st.integers(1, 3))
    if kind == "list":
        return (
            list.__class_getitem__(annotation),
            [valid] * times,
            [f"/{i}{p}" for i in range(times) for p in pointers],
        )
    names = ["x/y", "~", "z"][:times]
    escaped = ["/x~1y", "/~0", "/z"][:times]
    value = dict.fromkeys(names, valid)
    return (
        dict.__class_getitem__((str, annotation)),
        value,
        [f"{n}{p}" for n in escaped for p in pointers],
    )


@given(spoilt())
def test_all_wrong_places_of_generated_types_are_found(case: tuple[Any, Any, list[str]]) -> None:
    annotation, value, pointers = case
    found = [json_pointer(place.path) for place in wrong_places(value, annotation)]
    assert sorted(found) == sorted(pointers)


def test_a_value_that_is_nested_too_deeply_for_the_walk() -> None:
    value: object = {"name": 1}
    for _ in range(400):
        value = {"name": "x", "children": [value]}
    (place,) = wrong_places(value, Node)
    assert place.path[-3:] == ("children", 0, "name")


@pytest.mark.parametrize(
    ("annotation", "value", "pointers"),
    [
        (dict[str, int], [], [""]),
        (dict[int, str], {"1": "a", "x": 1}, ["/x", "/x"]),
        (tuple[int, str], {}, [""]),
        (tuple[int, str], ["x", 1, 2], ["", "/0", "/1"]),
        (Annotated[dict[str, int], Meta(min_length=2)], {"a": "x"}, ["", "/a"]),
        (Annotated[list[int], Meta(min_length=1)], [], [""]),
        (list[set[int]], [[1], ["x"]], ["/1/0"]),
        (list[int | str], [1, None], ["/1"]),
    ],
)
def test_collections(annotation: Any, value: object, pointers: list[str]) -> None:
    strict = not str(annotation).startswith("dict[int")
    found = wrong_places(value, annotation, strict=strict)
    assert [json_pointer(place.path) for place in found] == pointers
