"""What clients send back: positions of one room, of many, and what is no position."""

import pytest

from lback.realtime.positions import (
    UNKNOWN,
    Position,
    decode_positions,
    encode_positions,
)


def test_positions_of_rooms_come_back() -> None:
    given = {"a": Position("ab-_", 3), "b": Position(at=1_800_000_000.125), "c": Position("x", 0)}

    assert decode_positions(encode_positions(given), list(given)) == given


def test_twenty_rooms_with_long_names_fit_in_a_header() -> None:
    given = {f"{number}-{'x' * 180}": Position("abcdefgh", 10**12) for number in range(20)}

    text = encode_positions(given)

    assert len(text) < 700
    assert decode_positions(text, list(given)) == given


def test_no_position_is_no_position() -> None:
    assert decode_positions("", ["a"]) == {}


def test_one_moment_is_that_of_all_rooms() -> None:
    assert decode_positions("@12.5", ["a", "b"]) == {"a": Position(at=12.5), "b": Position(at=12.5)}


def test_a_room_that_the_text_does_not_name_must_reload() -> None:
    text = encode_positions({"a": Position("x", 1)})

    assert decode_positions(text, ["a", "b"]) == {"a": Position("x", 1), "b": UNKNOWN}


@pytest.mark.parametrize(
    "text",
    ["x", "x.1", "x.1,y.2", "@", "@x", "@-1", "@1e9", "abcdef.x", ",", "abcdef.x.1,", "x.1\n",
     "abcdef.?.0", "\u0663.1", "abcdef.x.\u0663", "@" + "9" * 400, "a" * 5000, "\0",
     "abcdef.x." + "1" * 30],
)  # fmt: skip
def test_what_is_no_position_is_unknown(text: str) -> None:
    assert decode_positions(text, ["a", "b"]) == {"a": UNKNOWN, "b": UNKNOWN}
