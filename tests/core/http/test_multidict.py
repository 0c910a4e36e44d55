"""Query strings: read as the standard library reads them, text where it was one, a list else."""

from urllib.parse import parse_qsl, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.exceptions import BadRequest
from lback.core.http.multidict import MultiDict, parse_query
from tests.growth import assert_linear

SENT = st.lists(
    st.sampled_from(["a", "b", "=", "&", "+", "%", "%41", "%3D", "%26", "%FF", "%zz", ";", "ä"])
).map("".join)


@given(SENT | st.text(max_size=50))
def test_it_reads_as_the_standard_library_does(text: str) -> None:
    expected: dict[str, list[str]] = {}
    for name, value in parse_qsl(text, keep_blank_values=True, separator="&"):
        expected.setdefault(name, []).append(value)
    values = parse_query(text)

    assert {name: values.getlist(name) for name in values} == expected
    assert list(values) == list(expected)
    for name, held in expected.items():
        assert values[name] == (held if len(held) > 1 else held[0])


@given(st.dictionaries(st.text(), st.text() | st.lists(st.text(), min_size=2)))
def test_what_was_encoded_comes_back(fields: dict[str, str | list[str]]) -> None:
    assert parse_query(urlencode(fields, doseq=True)) == fields


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("&&", {}),
        ("a", {"a": ""}),
        ("a=", {"a": ""}),
        ("=a", {"": "a"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1;b=2", {"a": "1;b=2"}),
        ("a=1&a=1", {"a": ["1", "1"]}),
        ("a=&a=&b=1", {"a": ["", ""], "b": "1"}),
        ("a+b=c+d", {"a b": "c d"}),
        ("%C3%BC=%E2%82%AC", {"ü": "€"}),
        ("a=%FF", {"a": "\ufffd"}),
        ("a=%", {"a": "%"}),
    ],
)
def test_the_cases_one_asks_about(text: str, expected: dict[str, str | list[str]]) -> None:
    assert parse_query(text) == expected


@given(
    st.text(alphabet="%=&+ ;_aAfF0129zZ\n\r\t\0\1\2é€.~", max_size=60),
    st.sampled_from(["replace", "strict"]),
)
def test_percent_encoding_is_read_as_the_standard_library_reads_it(text: str, errors: str) -> None:
    try:
        pairs = parse_qsl(text, keep_blank_values=True, separator="&", errors=errors)
    except UnicodeDecodeError:
        with pytest.raises(UnicodeDecodeError):
            parse_query(text, errors=errors)
        return
    values = parse_query(text, errors=errors)
    assert {name: values.getlist(name) for name in values} == {
        name: [value for other, value in pairs if other == name] for name, _ in pairs
    }


@pytest.mark.parametrize(
    "value",
    ["%%", "%%41", "%\n", "%\r\n41", "%3D=%", "%4", "%4%41", "%25%3d=", "==%41", "%é1", "% 41",
     "%01", "%02", "\1%41", "%41\2", "%26%3D%2B%25", "%E2%82", "%0A%0D"],
)  # fmt: skip
def test_what_only_looks_percent_encoded_stays(value: str) -> None:
    for text in (f"a={value}", f"a={value}&b=%41", f"b=%41&a={value}", f"b=1&c={value}"):
        expected = dict(parse_qsl(text, keep_blank_values=True, separator="&"))
        assert parse_query(text) == expected, text


def test_bytes_that_are_not_text_can_be_refused() -> None:
    assert parse_query("a=%C3%BC", errors="strict") == {"a": "ü"}
    for text in ("a=%FF", "%FF=a", "a=1&b=%C3"):
        with pytest.raises(UnicodeDecodeError):
            parse_query(text, errors="strict")


def test_the_number_of_parameters_is_limited_before_they_are_read() -> None:
    assert len(parse_query("&".join(f"a{n}=1" for n in range(1000)))) == 1000
    with pytest.raises(BadRequest, match="more than 1000 parameters"):
        parse_query("&".join(f"a{n}=1" for n in range(1001)))
    with pytest.raises(BadRequest, match="more than 2 parameters"):
        parse_query("a&b&c", 2)
    with pytest.raises(BadRequest):
        parse_query("&" * 10_000_000)


def test_a_long_query_is_read_in_linear_time() -> None:
    assert_linear(lambda text: parse_query(text, 10), "a=" + "%41" * 300_000)
    assert_linear(lambda text: parse_query(text, 10), "a=" + "%" * 1_000_000)
    assert_linear(lambda text: parse_query(text, 200_000), "&".join(["a=1"] * 200_000))


def test_getlist_spares_the_difference() -> None:
    values = MultiDict({"one": "1", "two": ["1", "2"]})

    assert values.getlist("one") == ["1"]
    assert values.getlist("two") == ["1", "2"]
    assert values.getlist("none") == []
    values.getlist("two").append("3")
    assert values["two"] == ["1", "2"]


def test_a_value_can_be_added_beside_others() -> None:
    values = MultiDict()
    for number in range(3):
        values.add("a", number)
    assert values == {"a": [0, 1, 2]}
    assert isinstance(values, dict)
