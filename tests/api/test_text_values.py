"""Text as values, beyond the round trips of tests/api/test_request_values.py."""

from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest

from lback.api.text_values import InvalidText, TextValue, is_text_type


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (int, True),
        (int | None, True),
        (list[int], True),
        (tuple[int, ...], True),
        (tuple[int, int], False),
        (list[list[int]], False),
        (dict[str, int], False),
        (bytes, False),
        (Any, False),
        (Annotated[int, msgspec.Meta(ge=1)] | None, True),
    ],
)
def test_which_types_text_can_have(annotation: Any, expected: bool) -> None:
    assert is_text_type(annotation) is expected


def test_a_limit_around_an_optional_type() -> None:
    value = TextValue(Annotated[int | None, msgspec.Meta(ge=1)])
    assert value.convert("1") == 1
    assert value.convert("") is None
    with pytest.raises(InvalidText, match="Must be 1 or more"):
        value.convert("0")


def test_null_is_text() -> None:
    with pytest.raises(InvalidText):
        TextValue(int | None).convert("null")
    assert TextValue(str | None).convert("null") == "null"


def test_numbers_of_lists_are_finite() -> None:
    with pytest.raises(InvalidText) as caught:
        TextValue(list[Decimal]).convert_all(["1", "NaN", "Infinity"])
    assert [place.path for place in caught.value.places] == [(1,), (2,)]
