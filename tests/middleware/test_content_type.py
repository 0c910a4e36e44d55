"""The Content-Type field: what clients write, and what nobody should."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.exceptions import BadRequest, HTTPException
from lback.middleware.content_type import codec_of, media_type, parameters, require_codec
from tests.growth import assert_linear

TOKEN = st.text("abcXYZ019!#$%&'*+-.^_`|~", min_size=1, max_size=10)
QUOTABLE = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)


@given(st.dictionaries(TOKEN.map(str.lower), QUOTABLE))
def test_quoted_values_come_back_as_they_were_written(values: dict[str, str]) -> None:
    field = "Text/Plain"
    for name, value in values.items():
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        field += f'; {name.upper()}="{escaped}"'

    assert media_type(field) == "text/plain"
    assert parameters(field) == values


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("text/plain", {}),
        ("", {}),
        ("a/b;", {}),
        ("a/b ; ;; x=1 ;", {"x": "1"}),
        ("a/b;x=1;y=2", {"x": "1", "y": "2"}),
        ("a/b\t;\tx=1\t", {"x": "1"}),
        ("a/b; boundary=----=_Part_1/2", {"boundary": "----=_Part_1/2"}),
        ("a/b; boundary=a,b:c@d{e}$(f)[g]<h>?", {"boundary": "a,b:c@d{e}$(f)[g]<h>?"}),
        ('a/b; x="a;b=c"; y=d', {"x": "a;b=c", "y": "d"}),
        (r'a/b; x="a\"b\\"', {"x": 'a"b\\'}),
    ],
)
def test_parameters_are_read_as_clients_write_them(field: str, expected: dict[str, str]) -> None:
    assert parameters(field) == expected


@pytest.mark.parametrize(
    "field",
    ["a/b; x", "a/b; x=", 'a/b; x="', 'a/b; x="\\"', "a/b; x=a b", "a/b; x = 1", "a/b; x=a,",
     "a/b; x=a, b", 'a/b; x="a"b', "a/b; =1", "a/b; x=1\n", "a/b; x=1 y=2"],
)  # fmt: skip
def test_parameters_that_cannot_be_read_are_refused(field: str) -> None:
    with pytest.raises(BadRequest, match="Content-Type is malformed"):
        parameters(field)


def test_a_parameter_that_comes_twice_means_nothing() -> None:
    with pytest.raises(BadRequest, match="the same parameter twice"):
        parameters("a/b; boundary=a; Boundary=b")


@given(st.text('a=";\\ ,/', max_size=80))
def test_reading_ends_in_values_or_a_refusal(tail: str) -> None:
    try:
        found = parameters("a/b;" + tail)
    except BadRequest:
        return
    assert all(name == name.lower() and name for name in found)


@pytest.mark.parametrize(
    "tail",
    [";" * 60_000, " ;" * 30_000, ";" + " " * 60_000, " " * 60_000 + ";", '; a="' + '\\"' * 30_000,
     ';a="\\' * 15_000, '; a="' * 12_000, "; a" + "=a" * 30_000, "; " + "a" * 60_000,
     "".join(f";a{number}=b" for number in range(9_000))],
    ids=range(10),
)  # fmt: skip
def test_no_field_costs_more_than_its_length(tail: str) -> None:
    def read(tail: str) -> None:
        try:
            parameters("a/b" + tail)
        except BadRequest as error:
            assert len(error.message) < 100

    assert_linear(read, tail)


@pytest.mark.parametrize(
    ("charset", "codec"),
    [
        *((label, "utf-8") for label in (None, "utf-8", "UTF-8", "utf8", "US-ASCII", "ascii")),
        ("ISO-8859-1", "latin_1"), ("latin1", "latin_1"), ("Latin-1", "latin_1"), ("L1", "latin_1"),
        ("windows-1252", "cp1252"), ("CP1252", "cp1252"), ("iso-8859-15", "iso8859_15"),
        ("koi8-r", "koi8_r"), ("GBK", "gbk"), ("Shift_JIS", "shift_jis"), ("big5", "big5"),
        *((label, None) for label in ("utf-16", "UTF-7", "utf-32le", "hz", "iso-2022-jp", "idna",
          "unicode_escape", "base64", "zlib", "cp037", "no-such", "", "os", "x" * 5000, "\u0661")),
    ],
)  # fmt: skip
def test_a_charset_is_read_if_ascii_is_part_of_it(charset: str | None, codec: str | None) -> None:
    assert codec_of(charset) == codec
    if codec is not None:
        letters = "".join(map(chr, range(128)))
        assert letters.encode().decode(codec) == letters


def test_another_charset_is_named_in_the_refusal() -> None:
    with pytest.raises(HTTPException) as refused:
        require_codec("UTF-16", "field 'x'")
    assert refused.value.status_code == 415
    assert refused.value.message == "field 'x' is in 'UTF-16'; send UTF-8"
