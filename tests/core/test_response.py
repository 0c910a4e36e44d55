"""Responses, as a WSGI server and a browser meet them."""

import json
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from decimal import Decimal
from enum import Enum
from http import HTTPStatus
from io import BytesIO
from types import MappingProxyType
from typing import Any
from uuid import UUID
from wsgiref.util import setup_testing_defaults
from wsgiref.validate import validator

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup

from lback.core.response import HTMLResponse, JSONResponse, RedirectResponse, Response

PLAIN = "text/plain; charset=utf-8"
BYTES = "application/octet-stream"


def sent(response: Response, method: str = "GET") -> tuple[str, list[tuple[str, str]], bytes]:
    """Let a strict WSGI server send a response, and return what went over the line."""
    environ: dict[str, Any] = {"REQUEST_METHOD": method, "QUERY_STRING": ""}
    setup_testing_defaults(environ)
    started: list[Any] = []

    def start_response(*arguments: Any) -> Any:
        started.extend(arguments[:2])
        return BytesIO().write

    body = validator(response)(environ, start_response)
    try:
        content = b"".join(body)
    finally:
        body.close()  # type: ignore[attr-defined]  # the validator's iterator has it
    status, headers = started
    return status, headers, content


def field(response: Response, name: str, method: str = "GET") -> str | None:
    return {key.lower(): value for key, value in sent(response, method)[1]}.get(name.lower())


class Closable:
    """An iterable that counts how often it was closed."""

    def __init__(self, *pieces: Any) -> None:
        self.pieces = pieces
        self.closed = 0

    def __iter__(self) -> Iterator[Any]:
        return iter(self.pieces)

    def close(self) -> None:
        self.closed += 1


def test_a_response_is_200_and_empty_by_default() -> None:
    response = Response()

    assert (response.status_code, dict(response.headers), response.content_type) == (200, {}, None)
    assert sent(response) == ("200 OK", [("Content-Type", PLAIN), ("Content-Length", "0")], b"")


@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_text_is_sent_as_utf_8_plain_text(method: str) -> None:
    status, headers, body = sent(Response("grün", 201), method)

    assert status == "201 Created"
    assert headers == [("Content-Type", PLAIN), ("Content-Length", "5")]
    assert body == "grün".encode()


@pytest.mark.parametrize("body", [b"\xff\x00", bytearray(b"\xff\x00"), memoryview(b"\xff\x00")])
def test_bytes_are_sent_as_they_are(body: Any) -> None:
    assert sent(Response(body)) == (
        "200 OK",
        [("Content-Type", BYTES), ("Content-Length", "2")],
        b"\xff\x00",
    )


def test_subclasses_of_text_and_bytes_are_sent_like_text_and_bytes() -> None:
    class Blob(bytes):
        pass

    assert sent(Response(Markup("<b>")))[1:] == (
        [("Content-Type", PLAIN), ("Content-Length", "3")],
        b"<b>",
    )
    assert sent(Response(Blob(b"x")))[2] == b"x"
    assert sent(HTMLResponse(Markup("<b>")))[2] == b"<b>"
    assert sent(Response([Blob(b"x"), Markup("y")]))[2] == b"xy"


def test_an_iterable_body_is_read_and_closed_at_once() -> None:
    source = Closable("é", b"\x00", bytearray(b"x"))
    response = Response(source)

    assert source.closed == 1
    assert response.body == b"\xc3\xa9\x00x"
    assert field(response, "Content-Length") == "4"


def test_an_iterable_body_is_closed_after_an_error_too() -> None:
    source = Closable("text", 5)

    with pytest.raises(TypeError, match="must yield text or bytes, not int"):
        Response(source)
    assert source.closed == 1


@pytest.mark.parametrize("body", [{"a": 1}, [1, 2], [{"a": 1}], MappingProxyType({})])
def test_data_as_body_is_refused_and_the_message_points_to_json(body: Any) -> None:
    with pytest.raises(TypeError, match=f"type {type(body).__name__} needs JSONResponse"):
        Response(body)


@pytest.mark.parametrize("body", [5, 1.5, True, object()])
def test_a_body_of_another_type_is_refused_by_name(body: Any) -> None:
    with pytest.raises(TypeError, match=f"not {type(body).__name__}; use str"):
        Response(body)


def test_a_body_may_be_replaced_by_text_or_bytes() -> None:
    response = Response("old", content_type="text/plain; charset=latin-1")

    response.body = Markup("né")
    assert sent(response)[2] == b"n\xe9"
    response.body = bytearray(b"x")
    assert sent(response)[2] == b"x"
    response.body = None
    assert sent(response)[2] == b""


def test_a_body_replaced_by_anything_else_is_an_error_instead_of_an_empty_answer() -> None:
    response = Response("old")
    response.body = iter([b"once"])

    with pytest.raises(TypeError, match=r"replaced by list_iterator; .* StreamingResponse"):
        response.get_wsgi_response()


@pytest.mark.parametrize(
    ("charset", "body"),
    [("latin-1", b"caf\xe9"), ("UTF-16-LE", b"c\0a\0f\0\xe9\0"), ('"utf-8"', b"caf\xc3\xa9")],
)
def test_text_is_encoded_with_the_charset_of_its_type(charset: str, body: bytes) -> None:
    response = Response("café", content_type=f"text/csv; charset={charset}")

    assert sent(response)[2] == body
    assert field(response, "Content-Type") == f"text/csv; charset={charset}"


@pytest.mark.parametrize("charset", ["nonsense", "ascii", "base64", "idna_" * 50, "latin-1"])
def test_a_charset_that_cannot_write_the_text_gives_way_to_utf_8(charset: str) -> None:
    response = Response("5 €", content_type=f"text/csv; charset={charset}; header=present")

    assert sent(response)[2] == "5 €".encode()
    assert field(response, "Content-Type") == "text/csv; charset=utf-8; header=present"


def test_a_type_without_charset_is_sent_as_it_is_and_the_text_as_utf_8() -> None:
    response = Response("é", content_type="application/xml")

    assert sent(response)[2] == "é".encode()
    assert field(response, "Content-Type") == "application/xml"


def test_a_type_in_the_headers_wins_over_the_argument() -> None:
    response = Response("x", headers={"content-type": "text/css"}, content_type="text/csv")

    assert response.content_type == "text/css"
    assert field(response, "Content-Type") == "text/css"


def test_the_type_can_be_read_and_changed_through_both_ways_in() -> None:
    response = Response("x", content_type="text/csv")
    assert response.content_type == response.headers["Content-Type"] == "text/csv"

    response.content_type = "text/css"
    assert response.headers["content-type"] == "text/css"
    assert field(response, "Content-Type") == "text/css"


def test_the_mapping_of_the_caller_is_not_touched() -> None:
    headers = {"X-Name": "1"}
    response = RedirectResponse("/", headers=headers)
    response.headers["X-More"] = "2"
    response.get_wsgi_response()

    assert headers == {"X-Name": "1"}


def test_content_length_is_that_of_the_body_whatever_was_claimed() -> None:
    response = Response("four", headers={"content-length": "9999"})

    assert sent(response)[1] == [("Content-Type", PLAIN), ("Content-Length", "4")]
    assert response.headers["Content-Length"] == "9999"


@pytest.mark.parametrize(
    "response",
    [
        Response("x", headers={"Content-Length": "5", "Link": ["a", "b"]}),
        JSONResponse({"a": 1}),
        RedirectResponse("/x"),
        Response(None, 204, {"X-A": "1"}),
        Response("x", content_type="text/plain; charset=nonsense"),
    ],
    ids=repr,
)
def test_two_calls_give_the_same_answer(response: Response) -> None:
    assert response.get_wsgi_response() == response.get_wsgi_response()
    assert sent(response) == sent(response)


@pytest.mark.parametrize("status", [204, 304])
def test_no_content_means_neither_body_nor_type_nor_length(status: int) -> None:
    headers = {"Content-Type": "text/html", "Content-Length": "9", "ETag": '"1"'}
    response = Response("ignored", status, headers)

    assert sent(response)[1:] == ([("ETag", '"1"')], b"")


def test_an_interim_response_has_neither_body_nor_length() -> None:
    # The type is for the validators of WSGI, which want one here.
    for response in (Response("x", 103), Response("x", 103, content_type=PLAIN)):
        assert sent(response) == ("103 Early Hints", [("Content-Type", PLAIN)], b"")


def test_head_sends_the_fields_of_get_without_the_body() -> None:
    response = Response("four", headers={"X-Name": "1"})
    status, headers, body = sent(response, "HEAD")

    assert (status, headers) == sent(response)[:2]
    assert ("Content-Length", "4") in headers
    assert body == b""


@pytest.mark.parametrize("status", [99, 600, 0, -1, "200", None, 200.0, True, [200]])
def test_invalid_status_is_refused(status: Any) -> None:
    with pytest.raises(ValueError, match="is not an HTTP status: an integer from 100 to 599"):
        Response("x", status)


@pytest.mark.parametrize("status", [99, 600, "200", True, None])
def test_a_status_that_was_replaced_by_none_is_refused_when_sent(status: Any) -> None:
    response = Response("x")
    response.status_code = status

    with pytest.raises(ValueError, match="is not an HTTP status: an integer from 100 to 599"):
        response.get_wsgi_response()


@pytest.mark.parametrize(
    ("status", "line"),
    [(HTTPStatus.IM_A_TEAPOT, "418 I'm a Teapot"), (599, "599 Unknown"), (299, "299 Unknown")],
)
def test_any_status_has_a_line(status: int, line: str) -> None:
    assert sent(Response("x", status))[0] == line
    assert type(Response("x", status).status_code) is int


def test_a_page_is_html() -> None:
    response = Response.html("<p>é", 404, {"X-Name": "1"})

    assert type(response) is HTMLResponse
    assert sent(response) == sent(HTMLResponse("<p>é", 404, {"X-Name": "1"}))
    assert sent(response)[2] == "<p>é".encode()
    assert field(response, "Content-Type") == "text/html; charset=utf-8"


def test_json_comes_in_an_envelope() -> None:
    response = JSONResponse({"name": "Zoë"}, 201, {"X-Name": "1"}, "made")

    assert sent(response)[2] == '{"data":{"name":"Zoë"},"message":"made"}'.encode()
    assert field(response, "Content-Type") == "application/json; charset=utf-8"
    assert (response.data, response.message) == ({"name": "Zoë"}, "made")
    assert sent(Response.json({"name": "Zoë"}, 201, {"X-Name": "1"}, "made")) == sent(response)


def test_the_envelope_has_a_message_only_where_one_was_given() -> None:
    assert Response.json().body == b'{"data":null}'
    assert Response.json(1, message="").body == b'{"data":1,"message":""}'


class Colour(Enum):
    RED = "red"


class Celsius(int):
    """A whole number with a meaning."""


@dataclass
class Point:
    x: int
    tags: set[str]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (datetime(2024, 1, 2, 3, 4, 5, tzinfo=UTC), "2024-01-02T03:04:05Z"),
        (date(2024, 1, 2), "2024-01-02"),
        (time(3, 4, 5), "03:04:05"),
        (Decimal("1.10"), "1.10"),
        (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (Colour.RED, "red"),
        ({1}, [1]),
        ((1, 2), [1, 2]),
        (Point(1, {"a"}), {"x": 1, "tags": ["a"]}),
        (float("nan"), None),
        ([float("inf"), -float("inf")], [None, None]),
        (Markup("<b>"), "<b>"),
        (Celsius(5), 5),
        (OrderedDict(a=1), {"a": 1}),
        (MappingProxyType({"a": Markup("x")}), {"a": "x"}),
        ({1: "one"}, {"1": "one"}),
    ],
)
def test_values_beyond_json_have_their_usual_form(value: Any, expected: Any) -> None:
    response = JSONResponse({"value": value})

    assert json.loads(sent(response)[2]) == {"data": {"value": expected}}


class Secretive:
    def __repr__(self) -> str:
        return "the password"


@pytest.mark.parametrize("value", [Secretive(), [Secretive()], {"a": Secretive()}])
def test_data_without_a_json_form_is_refused_by_type_and_not_by_value(value: Any) -> None:
    with pytest.raises(TypeError, match="type Secretive has no JSON form") as caught:
        JSONResponse(value)
    assert "password" not in str(caught.value)


@pytest.mark.parametrize("value", ["\ud800", ["secret\udfff"], {"\ud800": 1}])
def test_half_a_surrogate_pair_is_refused_at_construction(value: Any) -> None:
    with pytest.raises(ValueError, match="half a surrogate pair") as caught:
        JSONResponse(value)
    assert "secret" not in str(caught.value)


JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("äb"), inner),
    max_leaves=10,
)


@given(JSON_VALUES)
def test_any_json_value_arrives_as_it_was_given(value: Any) -> None:
    assert json.loads(sent(JSONResponse(value))[2]) == {"data": value}


@pytest.mark.parametrize(
    ("response", "status", "message"),
    [
        (Response.error(), 500, "Internal Server Error"),
        (Response.error("gone", 410), 410, "gone"),
        (Response.bad_request(), 400, "Bad Request"),
        (Response.unauthorized(), 401, "Unauthorized"),
        (Response.forbidden(), 403, "Forbidden"),
        (Response.not_found(), 404, "Not Found"),
        (Response.conflict(), 409, "Conflict"),
        (Response.conflict("taken"), 409, "taken"),
    ],
    ids=repr,
)
def test_an_error_is_json_with_its_status(response: Response, status: int, message: str) -> None:
    assert type(response) is JSONResponse
    assert response.status_code == status
    assert json.loads(sent(response)[2]) == {"data": {"error": message}}


def test_a_redirect_is_302_and_empty_by_default() -> None:
    response = RedirectResponse("/next")

    assert response.redirect_url == "/next"
    assert sent(response)[0] == "302 Found"
    assert field(response, "Location") == "/next"
    assert sent(response)[2] == b""


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, HTTPStatus.SEE_OTHER])
def test_each_redirect_status_is_kept(status: int) -> None:
    assert sent(Response.redirect("/x", status, {"X-Name": "1"}))[0].startswith(str(int(status)))


@pytest.mark.parametrize("status", [200, 300, 304, 306, 400, True, "302", None])
def test_another_status_is_not_a_redirect(status: Any) -> None:
    with pytest.raises(ValueError, match="is not a redirect status; use 301, 302, 303, 307 or 308"):
        RedirectResponse("/x", status)


@pytest.mark.parametrize(
    ("url", "location"),
    [
        ("/grün weg?q=ä b#ö", "/gr%C3%BCn%20weg?q=%C3%A4%20b#%C3%B6"),
        ("https://example.org/a%20b?x=1&y=[2]", "https://example.org/a%20b?x=1&y=[2]"),
        ("https://[::1]:8000/", "https://[::1]:8000/"),
        ("https://bücher.example/ä?u=ü", "https://xn--bcher-kva.example/%C3%A4?u=%C3%BC"),
        ("//bücher.example:8000/", "//xn--bcher-kva.example:8000/"),
        ("https://ä:ö@bücher.example", "https://%C3%A4:%C3%B6@xn--bcher-kva.example"),
        ("https://straße.example/", "https://stra%C3%9Fe.example/"),
        ("https://evil.example\uff0fü.example/", "https://evil.example%EF%BC%8F%C3%BC.example/"),
        ("/bücher//ü", "/b%C3%BCcher//%C3%BC"),
        ("mailto:a@example.org", "mailto:a@example.org"),
        ("/\\evil.example", "/%5Cevil.example"),
        ("?page=2", "?page=2"),
        ("/javascript:alert(1)", "/javascript:alert(1)"),
    ],
)
def test_a_location_is_ascii_and_keeps_its_structure(url: str, location: str) -> None:
    assert field(RedirectResponse(url), "Location") == location


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "JaVaScRiPt:alert(1)",
        " javascript:alert(1)",
        "\u00a0javascript:alert(1)",
        "javascript :alert(1)",
        "data:text/html,<script>",
        "vbscript:x",
    ],
)
def test_a_scheme_that_runs_script_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="would run script"):
        RedirectResponse(url)


@pytest.mark.parametrize(
    "url",
    [
        "java\tscript:x",
        "\x01javascript:x",
        "/a\r\nSet-Cookie: a=1",
        "/a\nb",
        "/\0",
        "/\t/evil",
        "/\x7f",
    ],
)
def test_a_control_character_in_a_redirect_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        RedirectResponse(url)


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=50))
def test_any_redirect_is_either_refused_or_a_clean_location(url: str) -> None:
    try:
        location = field(RedirectResponse(url), "Location")
    except ValueError:
        return
    assert location is not None
    assert location.isascii()
    assert location.isprintable()
    assert not set(location) & set(' \\<>"')
    assert not location.lower().startswith(("javascript:", "data:", "vbscript:"))


def test_a_class_of_your_own_is_a_response_like_any_other() -> None:
    class Teapot(Response):
        def __init__(self, text: str) -> None:
            super().__init__(text, 418, {"X-Pot": "tea"})

    response = Teapot("short and stout")
    response.set_cookie("pot", "tea")

    assert repr(response) == "<Teapot 418 ->"
    assert sent(response)[0] == "418 I'm a Teapot"
    assert field(response, "X-Pot") == "tea"
    assert sent(response)[2] == b"short and stout"
    assert repr(JSONResponse("secret")) == "<JSONResponse 200 application/json; charset=utf-8>"
