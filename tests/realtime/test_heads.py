"""Heads of requests that the realtime process reads itself."""

from contextlib import suppress

import pytest

from lback.realtime.heads import BadHead, parse_head
from tests.growth import assert_linear

HEAD = b"GET / HTTP/1.1\r\nHost: localhost\r\n%s\r\n\r\n"


@pytest.mark.parametrize("filling", [b"\t", b" ", b"a ", b"\t\x01"])
@pytest.mark.parametrize("ending", [b"\x01", b"\x7f", b"\n", b""])
def test_a_line_of_spaces_costs_no_more_than_its_length(filling: bytes, ending: bytes) -> None:
    def parse(spaces: bytes) -> None:
        with suppress(BadHead):
            parse_head(HEAD % (b"A:" + spaces + ending))

    assert_linear(parse, filling * (28_000 // len(filling)))


def test_spaces_around_a_value_are_not_part_of_it() -> None:
    head = parse_head(HEAD % b"Cookie: \t a=b \t")
    assert head.values("cookie") == ["a=b"]
