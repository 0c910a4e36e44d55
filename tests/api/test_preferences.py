"""The `Prefer` field as RFC 7240 defines it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.api.preferences import preferences_of, wanted_return


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("return=minimal", {"return": "minimal"}),
        ("Return=minimal", {"return": "minimal"}),
        ('return="minimal"', {"return": "minimal"}),
        ("return = minimal", {"return": "minimal"}),
        ("respond-async, wait=10", {"respond-async": "", "wait": "10"}),
        ('foo; bar="a, b; c"; baz, return=minimal', {"foo": "", "return": "minimal"}),
        ('foo="a\\"b"', {"foo": 'a"b'}),
        ('foo=""', {"foo": ""}),
        # RFC 7240 section 2: of a preference that is given twice the first one counts.
        ("return=minimal, return=representation", {"return": "minimal"}),
        ("=x", {}),
        ('foo="', {}),
        ("x" * 1001, {}),
        ("", {}),
    ],
)
def test_preferences_are_read_by_name(field: str, found: dict[str, str]) -> None:
    assert preferences_of(field) == found


def test_an_unknown_wish_is_none() -> None:
    assert wanted_return("return=everything") == ""
    assert wanted_return("respond-async") == ""


@given(st.text())
def test_no_field_is_an_error(field: str) -> None:
    assert wanted_return(field) in ("", "minimal", "representation")
