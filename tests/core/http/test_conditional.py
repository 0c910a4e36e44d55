"""Preconditions and ranges: what they select, and that hostile ones cost nothing."""

from datetime import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback.core.http.conditional import byte_range, precondition_status, wanted_range
from tests.growth import assert_linear

ETAG = '"v1"'
BEFORE = "Mon, 01 Jan 2024 00:00:00 GMT"
MODIFIED = "Tue, 02 Jan 2024 00:00:00 GMT"
AFTER = "Wed, 03 Jan 2024 00:00:00 GMT"


def status(etag: str | None = ETAG, modified: str | None = MODIFIED, **fields: str) -> int | None:
    environ = {f"HTTP_{name.upper()}": value for name, value in fields.items()}
    return precondition_status(environ, etag, modified)


def test_without_conditions_the_resource_is_sent() -> None:
    assert status() is None


@pytest.mark.parametrize(
    "field",
    ['"v1"', 'W/"v1"', "*", " * ", '"v0", "v1"', '"v0","v1"', '"v0" , W/"v1" ,', '"a,b", "v1"'],
)
def test_who_has_it_already_gets_304(field: str) -> None:
    assert status(if_none_match=field) == 304
    assert status(if_none_match=field, etag='W/"v1"') == 304


@pytest.mark.parametrize("field", ['"v2"', "", "v1", '"v1', 'v1"', '"V1"', '"a, *"', '"v1 "'])
def test_who_has_another_one_gets_it(field: str) -> None:
    assert status(if_none_match=field) is None


def test_an_entity_tag_rules_out_the_date() -> None:
    assert status(if_none_match='"v2"', if_modified_since=AFTER) is None
    assert status(if_none_match='"v1"', if_modified_since=BEFORE) == 304


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (AFTER, 304),
        (MODIFIED, 304),
        (BEFORE, None),
        ("Tuesday, 02-Jan-24 00:00:00 GMT", 304),
        ("Tue Jan  2 00:00:00 2024", 304),
        ("Mon Jan  1 23:59:59 2024", None),
        ("Tue, 02 Jan 2024 00:00:00 -0000", 304),
        ("Tue, 02 Jan 2024 01:00:00 +0100", 304),
        ("Tue, 02 Jan 2024 00:30:00 +0100", None),
    ],
)
def test_who_has_it_since_a_date_gets_it_only_if_it_is_newer(
    field: str, expected: int | None
) -> None:
    assert status(if_modified_since=field) == expected


@pytest.mark.parametrize(
    "field",
    [
        "",
        "0",
        "yesterday",
        "Tue, 99 Jan 2024 00:00:00 GMT",
        "Tue, 02 Jan 99999 00:00:00 GMT",
        "Tue, 02 Jan 2024 25:00:00 GMT",
        f"{AFTER}{' ' * 60}",
    ],
)
def test_invalid_date_is_ignored(field: str) -> None:
    assert status(if_modified_since=field) is None
    assert status(if_unmodified_since=field) is None


def test_a_resource_without_validators_is_always_sent() -> None:
    assert status(None, None, if_none_match='"v1"', if_modified_since=AFTER) is None
    assert status(None, None, if_modified_since=AFTER) is None
    assert status(None, None, if_none_match="*") == 304


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"if_match": '"v1"'}, None),
        ({"if_match": "*"}, None),
        ({"if_match": '"v0", "v1"'}, None),
        ({"if_match": '"v2"'}, 412),
        ({"if_match": 'W/"v1"'}, 412),
        ({"if_unmodified_since": MODIFIED}, None),
        ({"if_unmodified_since": BEFORE}, 412),
        ({"if_match": '"v1"', "if_unmodified_since": BEFORE}, None),
        ({"if_match": '"v1"', "if_none_match": '"v1"'}, 304),
    ],
)
def test_who_insists_on_one_version_gets_no_other(
    fields: dict[str, str], expected: int | None
) -> None:
    assert status(**fields) == expected


def test_a_weak_tag_of_ours_satisfies_no_one_who_insists() -> None:
    assert status(etag='W/"v1"', if_match='W/"v1"') == 412
    assert status(etag='W/"v1"', if_match='"v1"') == 412


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=0-4", range(5)),
        ("bytes=2-", range(2, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-99", range(10)),
        ("bytes=0-99", range(10)),
        ("bytes=9-9", range(9, 10)),
        ("BYTES=1-2", range(1, 3)),
        ("bytes= 1-2 ", range(1, 3)),
    ],
)
def test_one_range_selects_its_bytes(field: str, expected: range) -> None:
    assert byte_range(field, 10) == expected


@pytest.mark.parametrize("field", ["bytes=10-", "bytes=10-20", "bytes=-0", f"bytes={'9' * 50}-"])
def test_a_range_beyond_the_end_selects_nothing(field: str) -> None:
    assert byte_range(field, 10) == range(0)


@pytest.mark.parametrize(
    "field",
    [
        "",
        "bytes",
        "bytes=",
        "bytes=-",
        "bytes=--1",
        "bytes=5-4",
        "bytes=a-b",
        "bytes=0-1,3-4",
        "bytes=0-1,",
        "bytes=0x1-2",
        "bytes=٣-٤",
        "bytes=1_0-20",
        "bytes=+1-2",
        "bytes 0-1",
        "lines=0-1",
        "bytes=0-1\n",
        f"bytes=0-{'9' * 100}",
    ],
)
def test_what_is_not_one_range_means_the_whole(field: str) -> None:
    assert byte_range(field, 10) is None


def test_an_empty_file_has_no_first_byte_but_a_last_part() -> None:
    assert byte_range("bytes=0-", 0) == range(0)
    assert byte_range("bytes=-0", 0) == range(0)
    assert byte_range("bytes=-5", 0) is None


@given(st.integers(0, 30), st.integers(0, 30), st.integers(0, 30))
def test_a_range_selects_what_slicing_selects(size: int, first: int, last: int) -> None:
    whole = bytes(range(size))
    wanted = byte_range(f"bytes={first}-{last}", size)

    if last < first:
        assert wanted is None
    else:
        assert wanted is not None
        assert bytes(wanted) == whole[first : last + 1]


@pytest.mark.parametrize(
    ("field", "part"),
    [
        (ETAG, True),
        (MODIFIED, True),
        ('"v2"', False),
        ('W/"v1"', False),
        (BEFORE, False),
        (AFTER, False),
        ("", False),
        ("*", False),
    ],
)
def test_a_part_is_sent_only_of_the_representation_the_client_has(field: str, part: bool) -> None:
    environ = {"HTTP_RANGE": "bytes=0-0", "HTTP_IF_RANGE": field}

    assert wanted_range(environ, 10, ETAG, MODIFIED) == (range(1) if part else None)


def test_a_weak_tag_of_ours_identifies_no_part() -> None:
    environ = {"HTTP_RANGE": "bytes=0-0", "HTTP_IF_RANGE": 'W/"v1"'}

    assert wanted_range(environ, 10, 'W/"v1"', None) is None


def test_no_range_and_a_lonely_if_range_mean_the_whole() -> None:
    assert wanted_range({}, 10, ETAG, MODIFIED) is None
    assert wanted_range({"HTTP_IF_RANGE": ETAG}, 10, ETAG, MODIFIED) is None


@pytest.mark.parametrize(
    "hostile",
    [
        "bytes=" + "0-1," * 15_000,
        "bytes=" + "9" * 60_000 + "-",
        "bytes=" + " " * 60_000,
        '"' * 60_000,
        '"' + "a" * 60_000,
        '"a ' * 20_000,
        "W/" * 30_000,
        'W/"' * 20_000,
        "," * 60_000,
        "Mon, " * 12_000,
        "1:" * 30_000,
        "(" * 60_000,
    ],
    ids=lambda field: field[:8],
)
def test_hostile_fields_are_read_in_linear_time(hostile: str) -> None:
    def read(field: str) -> None:
        status(if_none_match=field)
        status(if_match=field)
        status(if_modified_since=field)
        status(if_unmodified_since=field)
        environ = {"HTTP_RANGE": field}
        wanted_range(environ | {"HTTP_IF_RANGE": field}, 10, ETAG, MODIFIED)
        assert wanted_range(environ, 10, ETAG, MODIFIED) is None

    assert_linear(read, hostile)


@given(st.text(max_size=64))
def test_no_field_is_an_error(text: str) -> None:
    status(if_none_match=text, if_modified_since=text)
    status(if_modified_since=text, if_unmodified_since=text)
    status(if_match=text)
    wanted_range({"HTTP_RANGE": f"bytes={text}"}, 10, ETAG, MODIFIED)


@given(
    st.text("0123456789 :+-,JanFebMonGMT()", max_size=64),
    st.datetimes(datetime(1970, 1, 1), datetime(9999, 1, 1)),  # noqa: DTZ001  bounds are naive
)
def test_no_date_is_an_error(noise: str, moment: datetime) -> None:
    date = f"{moment:%a, %d %b %Y %H:%M:%S} GMT"

    status(if_modified_since=noise)
    status(if_modified_since=date[: len(noise)] + noise)
    known = moment.replace(microsecond=0) >= datetime(2024, 1, 2)  # noqa: DTZ001  as the bounds
    assert status(if_modified_since=date) == (304 if known else None)


HUGE_DATES = [
    "Fri, 31 Dec 99999 23:59:59 GMT", "Fri, 31 Dec 99999999999999999999 23:59:59 GMT",
    "Fri, 31 Dec 9999 23:59:59 GMT", "Fri, 31 Dec 9999 23:59:59 -9999",
    "Mon, 00 Jan 0000 00:00:00 GMT",
    "Mon, 29 Feb 2023 00:00:00 GMT", "Thu, 01 Jan 1970 99:99:99 GMT",
    "1 Jan 1 0:0:0 +99999999999999",
    "0", ",", "Sat, 01 Jan", "Sat, 01 Jan 2000 12.34", "٣ Jan 2000 00:00:00 GMT",
]  # fmt: skip


@pytest.mark.parametrize("date", HUGE_DATES)
@pytest.mark.parametrize(
    "field", ["IF_MODIFIED_SINCE", "IF_UNMODIFIED_SINCE", "IF_RANGE", "IF_NONE_MATCH", "RANGE"]
)
def test_a_date_that_is_none_is_ignored_and_never_a_failure(field: str, date: str) -> None:
    environ = {f"HTTP_{field}": date}
    if field == "IF_RANGE":
        environ["HTTP_RANGE"] = "bytes=0-1"
    modified = "Thu, 01 Jan 2026 00:00:00 GMT"
    assert precondition_status(environ, '"a"', modified) in (None, 304, 412)
    assert wanted_range(environ, 10, '"a"', modified) is None


@pytest.mark.parametrize("year", ["99999", "99999999999999999999"])
def test_a_year_beyond_9999_does_not_count(year: str) -> None:
    environ = {"HTTP_IF_MODIFIED_SINCE": f"Fri, 31 Dec {year} 23:59:59 GMT"}
    assert precondition_status(environ, None, "Thu, 01 Jan 2026 00:00:00 GMT") is None
