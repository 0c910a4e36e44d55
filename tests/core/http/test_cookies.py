"""Cookies: what is written is read again, and what a stranger sends hides nothing."""

from datetime import UTC, datetime, timedelta
from http.cookies import SimpleCookie
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lback.core.http.cookies
from lback.core.http.cookies import cookie_header, parse_cookies
from lback.core.response import Response
from tests.growth import assert_linear

TOKEN = "!#%&'*+-.^_`|~0123456789abcxyzABCXYZ"
PLAIN = "!#%&'()*+-./0123456789:<=>?@ABCXYZ[]^_`abcxyz{|}~"
WRITABLE = st.text(st.characters(exclude_categories=["Cs"]))
BREAKING = ["a\r\nb", "a\nb", "a\0b", "a;b", "a\x7fb"]


def cookie_sent_back(field: str) -> str:
    """Return what a browser sends for a `Set-Cookie` field."""
    return field.split(";")[0]


@given(WRITABLE)
def test_any_text_comes_back_as_it_was_set(value: str) -> None:
    response = Response()
    response.set_cookie("name", value)
    field = response.headers["Set-Cookie"]

    assert isinstance(field, str)
    assert field.isascii()
    assert field.isprintable()
    assert parse_cookies(cookie_sent_back(field)) == {"name": value}


@given(WRITABLE)
def test_the_standard_library_reads_what_we_write(value: str) -> None:
    cookie: SimpleCookie = SimpleCookie(cookie_header("name", value, secure=True))

    assert cookie["name"].value.encode("latin-1").decode() == value
    assert cookie["name"]["path"] == "/"
    assert cookie["name"]["samesite"] == "Lax"
    assert cookie["name"]["secure"]
    assert cookie["name"]["httponly"]


@given(st.dictionaries(st.text("abcxyz_-", min_size=1), st.text(PLAIN)))
def test_well_formed_cookies_are_read_as_the_standard_library_reads_them(
    pairs: dict[str, str],
) -> None:
    field = "; ".join(f"{name}={value}" for name, value in pairs.items())
    expected = {name: morsel.value for name, morsel in SimpleCookie(field).items()}

    assert parse_cookies(field) == expected == pairs


@given(WRITABLE)
def test_cookies_written_by_the_standard_library_are_read(value: str) -> None:
    written: SimpleCookie = SimpleCookie()
    written["name"] = value.encode().decode("latin-1")

    assert parse_cookies(written["name"].OutputString()) == {"name": value}


@given(st.text(max_size=60))
def test_reading_never_fails_and_yields_tokens_as_names(field: str) -> None:
    for name in parse_cookies(field):
        assert name
        assert not set(name) & set('=;, \t"')


@pytest.mark.parametrize(
    "attributes",
    [
        {},
        {"path": "/admin", "domain": "example.org"},
        {"secure": True, "samesite": "None"},
        {"secure": True, "samesite": "None", "partitioned": True},
        {"samesite": "Strict", "httponly": False},
        {"path": None, "samesite": None},
    ],
)
def test_a_cookie_is_removed_with_the_attributes_that_it_was_set_with(
    attributes: dict[str, Any],
) -> None:
    response = Response()
    response.set_cookie("token", "abc", **attributes)
    response.delete_cookie("token", **attributes)

    fields = response.headers["Set-Cookie"]
    assert isinstance(fields, list)
    made, gone = fields
    assert gone.replace("; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT", "") == made.replace(
        "abc", ""
    )
    assert "Max-Age=0" in gone


@pytest.mark.parametrize("moment", [10**12, 1e300, float("inf"), -(10**20)])
def test_an_end_that_no_date_can_name_is_a_value_error(moment: float) -> None:
    with pytest.raises(ValueError, match="out of the range of dates"):
        cookie_header("a", "b", expires=moment)


def test_a_partitioned_cookie_is_secure() -> None:
    with pytest.raises(ValueError, match="partitioned needs secure=True"):
        cookie_header("a", "b", partitioned=True)


def as_browsers_send_it(field: str) -> str:
    """Return the bytes of a field as PEP 3333 hands them over: UTF-8, read as Latin-1."""
    return field.encode().decode("latin-1")


@pytest.mark.parametrize(
    ("field", "cookies"),
    [
        ("a=b; name=leö", {"a": "b", "name": "leö"}),
        ('city="København"', {"city": "København"}),
        ('city="K\\303\\270benhavn ø"', {"city": "København ø"}),
        ("q=тест; e=🦜", {"q": "тест", "e": "🦜"}),
        ("größe=1; тест=2", {"größe": "1", "тест": "2"}),
        ("prefs[theme]=dark; a(b)=1; x:y@z=2", {"prefs[theme]": "dark", "a(b)": "1", "x:y@z": "2"}),
    ],
)  # fmt: skip
def test_what_browsers_send_is_utf_8(field: str, cookies: dict[str, str]) -> None:
    assert parse_cookies(as_browsers_send_it(field)) == cookies


def test_bytes_that_are_not_utf_8_stay_and_hide_nothing() -> None:
    field = "c=\x80; ÿ=1; " + as_browsers_send_it("d=ü")
    assert parse_cookies(field) == {"c": "\x80", "ÿ": "1", "d": "ü"}


@pytest.mark.parametrize("blank", ["\u2000", "\x85", "\xa0", "\ufeff"])
def test_a_blank_of_another_script_makes_another_name(blank: str) -> None:
    # Else a page without HTTPS could set what is then read as a `__Host-` cookie.
    assert "__Host-session" not in parse_cookies(as_browsers_send_it(f"{blank}__Host-session=x"))


@pytest.mark.parametrize(
    "bad", ["", "=", "x", "a b=1", "=value", "a\0b=1", '"q"=1', "a,b=1", "\x7f=1", "\t=1"]
)
def test_a_malformed_pair_hides_no_other(bad: str) -> None:
    assert parse_cookies(f"first=1; {bad}; last=2") == {"first": "1", "last": "2"}


def test_a_cookie_without_a_name_impersonates_nothing() -> None:
    assert parse_cookies("=__Host-session=evil") == {}
    assert parse_cookies("__Host-session; a=1") == {"a": "1"}
    assert parse_cookies("=__Host-session=evil; __Host-session=good") == {"__Host-session": "good"}


def test_of_two_cookies_with_one_name_the_last_counts() -> None:
    assert parse_cookies("a=1;a=2") == {"a": "2"}


def test_a_quote_that_does_not_end_belongs_to_the_value() -> None:
    assert parse_cookies('a="b; c="; d="e"') == {"a": '"b', "c": '"', "d": "e"}


def test_octets_that_are_not_utf_8_stay_as_the_client_sent_them() -> None:
    assert parse_cookies('a="\\377"') == {"a": "\xff"}
    assert parse_cookies('a="€\\101"') == {"a": "€A"}


@pytest.mark.parametrize(
    "hostile",
    [
        'a="' + "\\" * 60_000 + '"',
        'a="' + "\\0" * 30_000 + '"',
        "\\" * 60_000,
        ";" * 60_000,
        "; " * 30_000,
        "=" * 60_000,
        '"' * 60_000,
        "a=" + " " * 60_000 + "b",
    ],
    ids=lambda field: field[:6],
)
def test_a_hostile_field_is_read_in_linear_time(hostile: str) -> None:
    assert_linear(parse_cookies, hostile)


def test_more_names_than_are_remembered_are_read_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lback.core.http.cookies, "_KNOWN_NAMES", set())  # a memory of its own
    names = [f"name{number}" for number in range(2000)]

    assert list(parse_cookies("; ".join(f"{name}=1" for name in names))) == names


def test_two_cookies_are_two_fields() -> None:
    response = Response("x", headers={"Set-Cookie": "old=1"})
    response.set_cookie("a", "1", httponly=False, samesite=None, path=None)
    response.set_cookie("b", "2", max_age=60, domain="example.org", samesite="strict")

    pairs = response.get_wsgi_response()[1]
    assert [value for name, value in pairs if name == "Set-Cookie"] == [
        "old=1",
        "a=1",
        "b=2; Max-Age=60; Path=/; Domain=example.org; HttpOnly; SameSite=Strict",
    ]


@pytest.mark.parametrize(
    "moment",
    [
        datetime(2030, 1, 2, 3, 4, 5, tzinfo=UTC),
        datetime.fromisoformat("2030-01-02T05:04:05+02:00"),
        1893553445,
    ],
)
def test_an_end_of_life_is_written_in_greenwich_time(moment: datetime | float) -> None:
    assert "; Expires=Wed, 02 Jan 2030 03:04:05 GMT;" in cookie_header("a", expires=moment)


def test_a_naive_end_of_life_is_refused() -> None:
    with pytest.raises(ValueError, match="give it a time zone"):
        cookie_header("a", expires=datetime.now(UTC).replace(tzinfo=None) + timedelta(days=1))


def test_an_end_of_life_beyond_all_dates_is_refused() -> None:
    with pytest.raises(ValueError, match="out of the range of dates"):
        cookie_header("a", expires=1e30)


@pytest.mark.parametrize("text", BREAKING)
def test_no_part_of_a_cookie_breaks_out_of_its_field(text: str) -> None:
    with pytest.raises(ValueError, match="is not a cookie name"):
        cookie_header(text, "x")
    with pytest.raises(ValueError, match=r"path .* of cookie a has characters that cookies forbid"):
        cookie_header("a", path=text)
    with pytest.raises(
        ValueError, match=r"domain .* of cookie a has characters that cookies forbid"
    ):
        cookie_header("a", domain=text)
    with pytest.raises(ValueError, match="samesite"):
        cookie_header("a", samesite=text)
    assert parse_cookies(cookie_sent_back(cookie_header("a", text))) == {"a": text}


@pytest.mark.parametrize(
    ("name", "attributes"),
    [
        ("__Host-a", {}),
        ("__Host-a", {"secure": True, "path": "/x"}),
        ("__Host-a", {"secure": True, "path": None}),
        ("__Host-a", {"secure": True, "domain": "example.org"}),
        ("__host-a", {}),
        ("__Secure-a", {}),
        ("__SECURE-a", {}),
    ],
)
def test_a_prefix_that_promises_more_than_the_attributes_is_refused(
    name: str, attributes: dict[str, Any]
) -> None:
    with pytest.raises(ValueError, match=f"cookie {name} needs secure=True"):
        cookie_header(name, "x", **attributes)


def test_a_prefix_that_keeps_its_promise_is_written() -> None:
    assert cookie_header("__Host-a", "x", secure=True).startswith("__Host-a=x; Path=/; Secure;")
    assert "Domain=b.org" in cookie_header("__Secure-a", "x", secure=True, domain="b.org")


def test_samesite_none_needs_secure() -> None:
    with pytest.raises(ValueError, match="needs secure=True"):
        cookie_header("a", samesite="None")
    assert cookie_header("a", samesite="none", secure=True).endswith(
        "Secure; HttpOnly; SameSite=None"
    )


def test_an_unknown_attribute_is_refused() -> None:
    with pytest.raises(TypeError, match="expiry"):
        Response().set_cookie("a", expiry=5)


@pytest.mark.parametrize("name", ["session", "__Host-session", "__Secure-session"])
def test_every_cookie_can_be_deleted(name: str) -> None:
    response = Response()
    response.delete_cookie(name)
    cookie: SimpleCookie = SimpleCookie(str(response.headers["Set-Cookie"]))

    assert cookie[name].value == ""
    assert cookie[name]["max-age"] == "0"
    assert cookie[name]["expires"] == "Thu, 01 Jan 1970 00:00:00 GMT"


def test_a_cookie_is_deleted_where_it_was_set() -> None:
    response = Response()
    response.delete_cookie("a", path="/shop", domain="example.org")

    assert "; Path=/shop; Domain=example.org;" in str(response.headers["Set-Cookie"])


@pytest.mark.parametrize("age", [timedelta(days=1), 86400, 86400.9])
def test_a_lifetime_is_seconds_or_a_timedelta(age: float | timedelta) -> None:
    assert cookie_header("a", "b", max_age=age).startswith("a=b; Max-Age=86400; ")
    assert "Max-Age=-60;" in cookie_header("a", "b", max_age=timedelta(minutes=-1))


def test_an_end_of_life_may_be_an_http_date() -> None:
    date = "Wed, 02 Jan 2030 03:04:05 GMT"
    assert f"; Expires={date};" in cookie_header("a", expires=date)
    assert f"; Expires={date};" in cookie_header("a", expires="Wednesday, 02-Jan-30 03:04:05 GMT")
    with pytest.raises(ValueError, match=r"expires 'tomorrow' is not an HTTP date"):
        cookie_header("a", expires="tomorrow")


@pytest.mark.parametrize(
    ("path", "sent"),
    [
        ("/größe", "/gr%C3%B6%C3%9Fe"),
        ("/two words", "/two%20words"),
        ("/gr%C3%B6%C3%9Fe", "/gr%C3%B6%C3%9Fe"),
        ("/a-b_c.d~e/f,g=h@i:j", "/a-b_c.d~e/f,g=h@i:j"),
    ],
)
def test_a_path_is_sent_as_browsers_write_it(path: str, sent: str) -> None:
    assert f"; Path={sent};" in cookie_header("a", path=path)


@pytest.mark.parametrize(
    ("domain", "sent"),
    [
        ("bücher.example", "xn--bcher-kva.example"),
        (".bücher.example", ".xn--bcher-kva.example"),
        ("Example.ORG", "Example.ORG"),
        ("[::1]", "[::1]"),
    ],
)
def test_a_domain_is_sent_in_ascii(domain: str, sent: str) -> None:
    assert f"; Domain={sent};" in cookie_header("a", domain=domain)


def test_an_empty_domain_is_this_host() -> None:
    assert cookie_header("__Host-a", secure=True, domain="").startswith("__Host-a=; Path=/; Secure")


@pytest.mark.parametrize(
    "domain", ["localhost:8000", "https://a.org", "a b", "a..org", ".", "*.a.org", "é" * 70]
)
def test_a_domain_that_browsers_reject_is_refused(domain: str) -> None:
    with pytest.raises(ValueError, match="write a host name without scheme and port"):
        cookie_header("a", domain=domain)
