"""JSON: everything the standard says, and a clear no to everything it leaves open."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.exceptions import BadRequest
from lback.middleware.json_body import parse_json
from tests.growth import assert_linear

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT | st.sampled_from(['"', "\\", '\\"', ':"{[', "]}"]),
    lambda children: st.lists(children) | st.dictionaries(TEXT, children),
)  # fmt: skip


@given(VALUES, st.booleans())
def test_every_value_comes_back_as_it_was_sent(value: Any, ascii_only: bool) -> None:
    assert parse_json(json.dumps(value, ensure_ascii=ascii_only).encode(), 200) == value
    assert parse_json(json.dumps(value, indent=1).encode(), 200) == value


@given(VALUES)
def test_the_depth_is_counted_exactly(value: Any) -> None:
    def depth(node: Any) -> int:
        children = node.values() if isinstance(node, dict) else node
        if isinstance(node, (dict, list)):
            return 1 + max(map(depth, children), default=0)
        return 0

    body, levels = json.dumps(value).encode(), depth(value)
    assert parse_json(body, levels) == value
    if levels:
        with pytest.raises(BadRequest, match=f"deeper than {levels - 1} levels"):
            parse_json(body, levels - 1)


@given(st.binary(max_size=60) | st.text('{}[]":,\\ua10 ', max_size=60).map(str.encode))
def test_what_is_accepted_means_the_same_to_the_standard_library(body: bytes) -> None:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        assert len(dict(pairs)) == len(pairs)
        return dict(pairs)

    try:
        value = parse_json(body, 200)
    except BadRequest:
        return
    assert value == json.loads(body, object_pairs_hook=unique)
    assert msgspec.json.decode(msgspec.json.encode(value)) == value


@pytest.mark.parametrize(
    "text",
    ["NaN", "[Infinity]", "-Infinity", "nan", "1e400", "-1e400", "01", "+1", ".5", "1.", "[1,]",
     '{"a":1,}', "{a: 1}", "{'a': 1}", "// x\n1", "1 2", " ", "[", "]", '"', '"\t"', '"\\x41"',
     "tru", "undefined", "\ufeff\ufeff1", '"\\ud800"', '"\\udc00"', '"\\ud800\\u0041"',
     '["\\udc00\\ud800"]', '{"\\ud800": 1}', '"\\ud800 and more text"'],
)  # fmt: skip
def test_invalid_json_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="the body is not valid JSON: "):
        parse_json(text.encode(), 200)


@pytest.mark.parametrize("body", [b'"\xff"', b'"\xed\xa0\x80"', b'"\xc0\xaf"', b'{"\xe9": 1}',
                                  b"\xff", b"[1] \xff", '{"a": 1}'.encode("utf-16")])  # fmt: skip
def test_invalid_utf_8_is_refused(body: bytes) -> None:
    with pytest.raises(BadRequest, match="the JSON is not valid UTF-8"):
        parse_json(body, 200)


def test_a_byte_order_mark_in_front_is_ignored() -> None:
    assert parse_json(b'\xef\xbb\xbf{"a": "\xef\xbb\xbf"}', 4) == {"a": "\ufeff"}
    for body in (b"\xef\xbb\xbf", b"\xef\xbb\xbf\xef\xbb\xbf1", b"1\xef\xbb\xbf", b"\xef\xbb1"):
        with pytest.raises(BadRequest):
            parse_json(body, 4)


def test_utf_16_is_not_json() -> None:
    for encoding in ("utf-16", "utf-16-le", "utf-32-be"):
        with pytest.raises(BadRequest):
            parse_json('{"a": 1}'.encode(encoding), 200)


@pytest.mark.parametrize(
    "text",
    ['{"a":1,"a":1}', '{"a":1,"b":2,"\\u0061":3}', '[{"x":{"k":1,"k":[]}}]', '{"":0,"":0}',
     '{"a:\\"":1,"a:\\"":2}'],
)  # fmt: skip
def test_a_name_that_comes_twice_in_an_object_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="the same name twice"):
        parse_json(text.encode(), 200)


def test_a_name_may_come_again_in_another_object() -> None:
    text = '[{"a": {"a": ":"}}, {"a": "\\":\\\\"}]'
    assert parse_json(text.encode(), 200) == [{"a": {"a": ":"}}, {"a": '":\\'}]


def test_brackets_in_strings_nest_nothing() -> None:
    text = json.dumps(["[" * 1000, '"[' * 1000, "\\[" * 1000, {"{" * 1000: "\\"}])
    assert parse_json(text.encode(), 2) == json.loads(text)


def test_a_depth_beyond_the_interpreter_is_refused_as_well() -> None:
    body = b"[" * 100_000 + b"]" * 100_000
    with pytest.raises(BadRequest, match="the JSON is nested too deeply"):
        parse_json(body, 1_000_000)


@pytest.mark.parametrize(
    "body",
    [b"[" * 100_000, b"[" * 100_000 + b"]" * 100_000, b'{"a":' * 100_000, b"1" * 100_000,
     b"-" + b"1" * 100_000, b"1e" + b"1" * 100_000, b'"' + b'\\"' * 4_000_000, b'"' * 8_000_001,
     b"[]" * 4_000_000, b'["' + b"\\\\" * 4_000_000, b":" * 8_000_000, b"{" * 8_000_000],
    ids=range(12),
)  # fmt: skip
def test_a_bomb_is_refused_before_it_goes_off(body: bytes) -> None:
    def refuse(body: bytes) -> None:
        with pytest.raises(BadRequest) as refused:
            parse_json(body, 200)
        assert len(refused.value.message) < 200

    assert_linear(refuse, body)


def test_a_long_number_that_python_reads_is_read_and_written() -> None:
    assert parse_json(b"9" * 4300, 200) == int("9" * 4300)
    with pytest.raises(BadRequest, match="out of range"):
        parse_json(b"9" * 4301, 200)
    assert parse_json(b"0." + b"1" * 100_000, 200) == pytest.approx(1 / 9)
