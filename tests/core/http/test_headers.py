"""Header fields: case, repetition, and that nothing breaks out of its line."""

from enum import StrEnum
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import lback.core.http.headers
from lback.core.http.headers import Headers, RequestHeaders
from lback.core.response import Response

BREAKING = ["a\r\nX-Evil: 1", "a\rb", "a\nb", "a\0b", "a\tb", "a\x7fb", "\n", "\x1b[31m"]


class Field(StrEnum):
    CACHE = "Cache-Control"
    NO_STORE = "no-store"


def test_a_look_up_ignores_case_and_the_output_keeps_it() -> None:
    headers = Headers({"X-Request-Id": "7"})

    assert headers["x-request-id"] == headers.get("X-REQUEST-ID") == "7"
    assert "x-REQUEST-id" in headers
    assert 7 not in headers  # type: ignore[comparison-overlap]  # what the line is about
    assert list(headers) == ["X-Request-Id"]
    assert headers.pairs() == [("X-Request-Id", "7")]


def test_a_later_value_replaces_the_earlier_in_any_spelling() -> None:
    headers = Headers({"Vary": "Cookie"})
    headers["vary"] = "Accept"

    assert headers.pairs() == [("vary", "Accept")]
    assert len(headers) == 1


def test_a_field_can_be_sent_several_times() -> None:
    headers = Headers({"Link": ["</a>", "</b>"]})
    headers.append("link", "</c>")

    assert headers["Link"] == ["</a>", "</b>", "</c>"]
    assert headers.pairs() == [("Link", "</a>"), ("Link", "</b>"), ("Link", "</c>")]
    assert repr(headers) == "Headers({'Link': ['</a>', '</b>', '</c>']})"


def test_replacing_or_deleting_a_repeated_field_leaves_nothing_of_it() -> None:
    headers = Headers({"Link": ("</a>", "</b>"), "Vary": "Cookie"})
    headers["LINK"] = "</c>"
    assert headers.pairs() == [("LINK", "</c>"), ("Vary", "Cookie")]

    headers["Link"] = ["</d>", "</e>"]
    del headers["link"]
    headers.append("Link", "</f>")
    assert headers["Link"] == "</f>"
    del headers["vary"]
    assert "Vary" not in headers


def test_an_empty_list_removes_the_field() -> None:
    headers = Headers({"Link": "</a>"})
    headers["Link"] = []

    assert "Link" not in headers


@pytest.mark.parametrize("value", BREAKING)
def test_a_value_that_breaks_out_of_its_line_is_refused_wherever_it_enters(value: str) -> None:
    response = Response("x")
    with pytest.raises(ValueError, match="line break or control character"):
        Response("x", headers={"X-Name": value})
    with pytest.raises(ValueError, match="line break or control character"):
        Response("x", headers={"X-Name": ["fine", value]})
    with pytest.raises(ValueError, match="line break or control character"):
        Response("x", content_type=f"text/plain{value}")
    with pytest.raises(ValueError, match="line break or control character"):
        response.headers["X-Name"] = value
    with pytest.raises(ValueError, match="line break or control character"):
        response.headers.append("X-Name", value)
    with pytest.raises(ValueError, match="line break or control character"):
        response.headers.update({"X-Name": value})
    with pytest.raises(ValueError, match="line break or control character"):
        response.headers.setdefault("X-Name", value)
    with pytest.raises(ValueError, match="line break or control character"):
        response.content_type = value

    assert dict(response.headers) == {}


@pytest.mark.parametrize("name", ["", "a b", "a:b", "a\r\nb", "a\n", "a\0", "ä", '"', "(x)", "a/b"])
def test_a_name_that_is_not_a_token_is_refused_wherever_it_enters(name: str) -> None:
    headers = Headers()
    with pytest.raises(ValueError, match="is not a header name"):
        Headers({name: "x"})
    with pytest.raises(ValueError, match="is not a header name"):
        headers[name] = "x"
    with pytest.raises(ValueError, match="is not a header name"):
        headers.append(name, "x")


@pytest.mark.parametrize("value", [None, 5, b"bytes", 1.5, ["text", 5]])
def test_a_value_that_is_not_text_is_refused_by_type(value: Any) -> None:
    with pytest.raises(TypeError, match="the value of header X-Name must be text, not"):
        Headers({"X-Name": value})


def test_a_name_that_is_not_text_is_refused_by_type() -> None:
    with pytest.raises(TypeError, match="a header name must be text, not int"):
        Headers()[5] = "x"  # type: ignore[index]  # what the test is about


def test_a_character_outside_latin_1_is_refused_with_a_hint() -> None:
    with pytest.raises(ValueError, match="outside Latin-1; percent-encode it"):
        Headers({"X-Name": "5 €"})
    assert Headers({"X-Name": "café"})["X-Name"] == "café"


def test_members_of_an_enumeration_are_sent_as_the_plain_text_that_servers_take() -> None:
    for _ in range(2):  # the second time the pair is known already
        headers = Headers({Field.CACHE: Field.NO_STORE})
        headers.append(Field.CACHE, Field.NO_STORE)

        assert headers.pairs() == [("Cache-Control", "no-store")] * 2
        assert {type(text) for pair in headers.pairs() for text in pair} == {str}


def test_more_fields_than_are_remembered_are_checked_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lback.core.http.headers, "_KNOWN_NAMES", {})  # a memory of its own
    monkeypatch.setattr(lback.core.http.headers, "_CHECKED_PAIRS", {})
    fields = {f"X-{number}": str(number) for number in range(2000)}

    assert Headers(fields).pairs() == list(fields.items())
    with pytest.raises(ValueError, match="line break"):
        Headers({"X-0": "a\nb"})


def test_no_cookie_is_remembered_beyond_its_response() -> None:
    Response("x").set_cookie("session", "a-secret-nobody-else-may-see")

    assert "a-secret-nobody-else-may-see" not in repr(vars(lback.core.http.headers))


@given(st.text(max_size=20), st.text(max_size=40))
def test_any_field_is_either_refused_or_comes_out_intact(name: str, value: str) -> None:
    headers = Headers()
    try:
        headers[name] = value
    except ValueError:
        assert headers.pairs() == []
    else:
        assert headers.pairs() == [(name, value)]
        line = f"{name}: {value}".encode("latin-1")
        assert not set(line) & {*range(32), 127}


@given(
    st.dictionaries(
        st.sampled_from(["A", "a", "Set-Cookie", "set-cookie", "B"]),
        st.one_of(st.text("xyz"), st.lists(st.text("xyz"), max_size=3)),
    )
)
def test_a_copy_sends_what_the_original_sends(fields: dict[str, str | list[str]]) -> None:
    headers = Headers(fields)

    assert Headers(headers).pairs() == headers.pairs()


def test_the_fields_of_a_request_are_found_in_any_spelling() -> None:
    headers = RequestHeaders.from_environ(
        {
            "HTTP_USER_AGENT": "curl",
            "CONTENT_TYPE": "text/plain",
            "CONTENT_LENGTH": "",
            "REQUEST_METHOD": "GET",
        }
    )

    assert dict(headers) == {"USER-AGENT": "curl", "CONTENT-TYPE": "text/plain"}
    assert headers["user-agent"] == headers["User_Agent"] == headers.get("USER-agent") == "curl"
    assert "content-type" in headers
    assert 5 not in headers  # type: ignore[comparison-overlap]  # what the line is about
    assert headers.get("content-length", "none") == "none"


def test_the_fields_of_a_request_can_be_set_and_deleted() -> None:
    headers = RequestHeaders({"x-name": "1"})
    headers["X_NAME"] = "2"
    assert dict(headers) == {"X-NAME": "2"}

    del headers["x-Name"]
    assert "X-Name" not in headers
    with pytest.raises(KeyError):
        headers["x-name"]


def test_missing_fields_are_filled_from_others() -> None:
    headers = Headers({"x-a": "mine", "Set-Cookie": ["a=1", "b=2"]})
    headers.fill(Headers({"X-A": "theirs", "X-B": "theirs"}))
    assert dict(headers.items()) == {"X-B": "theirs", "x-a": "mine", "Set-Cookie": ["a=1", "b=2"]}


@pytest.mark.parametrize(
    ("held", "names", "vary"),
    [
        (None, ["Cookie"], "Cookie"),
        ("Origin", ["Cookie"], "Origin, Cookie"),
        ("cookie, Origin", ["Cookie"], "cookie, Origin"),
        (["Origin", "Accept"], ["Cookie", "accept"], "Origin, Accept, Cookie"),
        ("*", ["Cookie"], "*"),
    ],
)
def test_an_answer_varies_on_each_field_once(
    held: str | list[str] | None, names: list[str], vary: str
) -> None:
    headers = Headers({} if held is None else {"Vary": held})
    for name in names:
        headers.add_vary(name)
    assert headers["Vary"] == vary


@pytest.mark.parametrize(
    ("said", "sent"),
    [
        (None, "private"),
        ("max-age=60", "private, max-age=60"),
        ("public, max-age=60", "private, max-age=60"),
        ("PUBLIC,s-maxage=9 , Max-Age=60", "private, Max-Age=60"),
        ("private, max-age=60", "private, max-age=60"),
        ("no-store", "no-store"),
        ("no-cache", "private, no-cache"),
        ('private="set-cookie", max-age=1', "private, max-age=1"),
        ('no-cache="a, public", max-age=1', 'private, no-cache="a, public", max-age=1'),
        ("", "private"),
    ],
)
def test_a_cookie_is_kept_out_of_shared_caches(said: str | None, sent: str) -> None:
    headers = Headers({"Set-Cookie": "a=b", "CDN-Cache-Control": "max-age=60"})
    if said is not None:
        headers["Cache-Control"] = said
    headers.keep_cookies_private()
    assert headers["Cache-Control"] == sent
    assert "CDN-Cache-Control" not in headers


def test_without_a_cookie_the_cache_fields_stay() -> None:
    headers = Headers({"Cache-Control": "public, max-age=60", "CDN-Cache-Control": "max-age=9"})
    headers.keep_cookies_private()
    assert dict(headers) == {
        "Cache-Control": "public, max-age=60",
        "CDN-Cache-Control": "max-age=9",
    }
