"""Converters: which texts they take, which values they write, and how one adds one's own."""

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.routing.converters import (
    CONVERTERS,
    MAX_DIGITS,
    IntegerConverter,
    PathConverter,
    StringConverter,
    TypeConverter,
    UUIDConverter,
    register_converter,
)
from lback.core.routing.patterns import PathPattern

INTEGER = IntegerConverter()
CANONICAL = "0b1b7a3e-8f64-4c55-9d42-6f2c1e8a7b90"


@pytest.fixture(autouse=True)
def without_hex() -> Iterator[None]:
    """Leave no converter of ours to the next test."""
    yield
    CONVERTERS.pop("hex", None)


class HexConverter(TypeConverter):
    def to_python(self, value: str) -> int:
        return int(value, 16)

    def to_url(self, value: Any) -> str:
        return f"{value:x}"


@given(st.integers(min_value=0, max_value=10**300))
def test_a_whole_number_survives_the_way_through_a_url(number: int) -> None:
    assert INTEGER.to_python(INTEGER.to_url(number)) == number


@pytest.mark.parametrize(
    "text", ["", "-1", "+1", "1.0", " 1", "1 ", "1_000", "0x10", "abc", "1\n", "٣", "²", "12a"]
)
def test_an_integer_is_written_in_ascii_digits_alone(text: str) -> None:
    with pytest.raises(ValueError, match="whole number"):
        INTEGER.to_python(text)


def test_leading_zeros_are_only_digits() -> None:
    assert INTEGER.to_python("007") == 7


def test_a_number_of_more_digits_than_python_reads_is_refused_and_not_computed() -> None:
    assert INTEGER.to_python("9" * MAX_DIGITS) == int("9" * MAX_DIGITS)
    with pytest.raises(ValueError, match=f"at most {MAX_DIGITS} digits"):
        INTEGER.to_python("9" * (MAX_DIGITS + 1))
    with pytest.raises(ValueError, match="not a non-negative whole number"):
        INTEGER.to_url("9" * (MAX_DIGITS + 1))
    with pytest.raises(ValueError):
        INTEGER.to_url(10**MAX_DIGITS)


@pytest.mark.parametrize("value", [-1, 1.0, 1.5, "x", "", None, True, False, "1\n", "٣"])
def test_invalid_whole_number_makes_no_url(value: Any) -> None:
    with pytest.raises(ValueError, match="is not a non-negative whole number"):
        INTEGER.to_url(value)


def test_a_refused_value_is_not_shown_in_full_length() -> None:
    with pytest.raises(ValueError) as refused:
        INTEGER.to_url("x" * 10_000)
    assert len(str(refused.value)) < 200


@given(st.uuids())
def test_a_uuid_survives_the_way_through_a_url(value: UUID) -> None:
    converter = UUIDConverter()
    assert converter.to_python(converter.to_url(value)) == value
    assert converter.to_url(str(value).upper()) == str(value)


@pytest.mark.parametrize(
    "text",
    [
        "",
        CANONICAL.replace("-", ""),
        f"{{{CANONICAL}}}",
        f"urn:uuid:{CANONICAL}",
        f"{CANONICAL}\n",
        f" {CANONICAL}",
        CANONICAL.replace("0", "\u0660", 1),
        CANONICAL[:-1],
        CANONICAL.replace("b", "g", 1),
    ],
)
def test_only_the_canonical_form_of_a_uuid_is_read(text: str) -> None:
    with pytest.raises(ValueError, match="canonical form"):
        UUIDConverter().to_python(text)
    with pytest.raises(ValueError, match="canonical form"):
        UUIDConverter().to_url(text)


def test_text_stays_as_it_is_but_holds_no_slash() -> None:
    converter = StringConverter()
    assert converter.to_python("a b") == "a b"
    assert converter.to_url(12) == "12"
    with pytest.raises(ValueError, match="'a/b' contains a slash; use the converter path"):
        converter.to_url("a/b")
    assert PathConverter().to_url("a/b") == "a/b"


def test_each_converter_says_what_it_is_in_an_openapi_schema() -> None:
    assert {name: CONVERTERS[name].openapi_type for name in ("str", "int", "uuid", "path")} == {
        "str": {"type": "string"},
        "int": {"type": "integer", "format": "int64"},
        "uuid": {"type": "string", "format": "uuid"},
        "path": {"type": "string"},
    }


def test_your_own_converter_reads_and_writes_a_variable() -> None:
    register_converter("hex", HexConverter())
    pattern = PathPattern("/colours/{colour:hex}")
    assert pattern.match("/colours/ff") == {"colour": 255}
    assert pattern.match("/colours/fg") is None
    assert pattern.fill({"colour": 255}) == "/colours/ff"


def test_a_converter_is_an_instance_under_a_free_name() -> None:
    the_class_itself: Any = HexConverter
    with pytest.raises(TypeError, match="instance of TypeConverter, not <class"):
        register_converter("hex", the_class_itself)
    with pytest.raises(ValueError, match="'he-x' is not a name for a converter"):
        register_converter("he-x", HexConverter())
    with pytest.raises(ValueError, match="the converter 'int' exists: IntegerConverter"):
        register_converter("int", HexConverter())
    assert "hex" not in CONVERTERS


def test_a_converter_without_its_two_methods_says_so() -> None:
    class Empty(TypeConverter):
        pass

    with pytest.raises(NotImplementedError, match="Empty has no to_python"):
        Empty().to_python("x")
    with pytest.raises(NotImplementedError, match="Empty has no to_url"):
        Empty().to_url("x")


def test_a_uuid_of_another_spelling_is_the_same_value() -> None:
    value = uuid4()
    assert UUIDConverter().to_python(str(value).upper()) == value
