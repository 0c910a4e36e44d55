"""Weights in Accept and Accept-Encoding: what is refused is never sent, what is preferred is."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.http.accept import accepted_codings, page_weight, prefers_json, weights

BOTH = ("gzip", "br")


@pytest.mark.parametrize(
    ("field", "taken"),
    [
        ("", []),
        ("gzip", ["gzip"]),
        ("GZIP ; Q=1", ["gzip"]),
        ("x-gzip", ["gzip"]),
        ("gzip, deflate, br, zstd", ["gzip", "br"]),
        ("gzip;q=0", []),
        ("gzip; q=0.0", []),
        ("gzip;q=0.000, br;q=0.001", ["br"]),
        ("identity", []),
        ("identity;q=1, gzip;q=0", []),
        ("identity, gzip;q=0.5", []),
        ("identity;q=0.5, gzip;q=1", ["gzip"]),
        ("*", ["gzip", "br"]),
        ("*;q=0", []),
        ("gzip, *;q=0", ["gzip"]),
        ("br;q=0, *", ["gzip"]),
        ("not-gzip, gzipped", []),
        ("gzip;q=x", ["gzip"]),
        (", ,gzip,,", ["gzip"]),
    ],
)
def test_codings_are_taken_by_their_weights(field: str, taken: list[str]) -> None:
    assert accepted_codings(field, BOTH) == taken


@pytest.mark.parametrize(
    ("field", "is_json"),
    [
        ("", False),
        ("*/*", False),
        ("text/html", False),
        ("application/json", True),
        ("Application/JSON; charset=utf-8", True),
        ("application/problem+json", True),
        ("application/vnd.api+json", True),
        ("application/*", True),
        ("application/json, text/plain, */*", True),
        ("application/json;q=0", False),
        ("application/json;q=0, */*", False),
        ("text/html;q=0, application/json", True),
        ("application/json, text/html;q=0.9", True),
        ("application/json;q=0.9, text/html", False),
        ("text/html, application/json", False),
        ("application/xhtml+xml, application/json;q=0.5", False),
        ("application/json;q=0.1, */*", False),
        ("application/*;q=0.5, text/html;q=0.8", False),
        ("application/jsonp", False),
        ('text/plain;x="application/json"', False),
        ('text/plain;x=",application/json,"', False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", False),
    ],
)
def test_json_is_preferred_by_its_weight(field: str, is_json: bool) -> None:
    assert prefers_json(field) is is_json


@pytest.mark.parametrize(("field", "weight"), [("text/html;q=0.5", 0.5), ("*/*", 0.0), ("", 0.0)])
def test_a_page_counts_where_it_is_named(field: str, weight: float) -> None:
    assert page_weight(field) == weight


@given(st.text('gzip*/;q=01.,"\\ json+', max_size=60))
def test_any_field_gives_weights_between_0_and_1(field: str) -> None:
    assert all(0 <= weight <= 1 for weight in weights(field).values())
    assert prefers_json(field) in (True, False)
