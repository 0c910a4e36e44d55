"""JSON bodies as clients send them: types, strictness, media types."""

import json
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback import BadRequest, Request
from lback.api import Body, InvalidInput
from lback.api.bodies import body_reader
from lback.core.http.json_decoding import parse_json
from lback.core.routing.annotations import EMPTY
from lback.testing import Client
from tests.api.books import (
    BookIn,
    BookOut,
    Point,
    Size,
    build,
    errors_of,
    send,
)


def test_a_struct_is_the_body_and_the_return_annotation_is_the_answer() -> None:
    def create(request: Request, book: BookIn) -> BookOut:
        return BookOut(7, f"{book.title} ({book.pages})")

    answer = send(create, {"title": "Emma", "pages": 400})
    assert (answer.status_code, answer.json()) == (200, {"id": 7, "title": "Emma (400)"})
    assert answer.headers["content-type"] == "application/json; charset=utf-8"


def test_a_view_may_take_the_body_without_the_request() -> None:
    def create(book: BookIn) -> BookOut:
        return BookOut(1, book.title)

    assert send(create, {"title": "Emma", "pages": 1}).json()["title"] == "Emma"


@pytest.mark.parametrize(
    ("annotation", "body", "shown"),
    [
        (Point, {"x": 1}, "Point(x=1, y=0)"),
        (Size, {"width": 3}, "{'width': 3}"),
        (list[Point], [{"x": 1}, {"x": 2, "y": 3}], "[Point(x=1, y=0), Point(x=2, y=3)]"),
        (dict[str, int], {"a": 1}, "{'a': 1}"),
        (Annotated[int, Body()], 5, "5"),
        (Annotated[list[int], Body()], [1, 2], "[1, 2]"),
    ],
)
def test_bodies_of_other_types(annotation: Any, body: object, shown: str) -> None:
    def view(request: Request, value: Any) -> str:
        return repr(value)

    view.__annotations__["value"] = annotation
    assert send(view, body).text.replace("test_typed_views.", "") == shown


def test_every_wrong_place_is_reported_at_once() -> None:
    def create(book: BookIn, dry_run: bool, page: Annotated[int, msgspec.Meta(ge=1)] = 1) -> str:
        return "never"

    client = Client(build(create))
    answer = client.post("/?page=0", json={"title": "", "pages": "many", "tags": ["a", 1]})
    assert answer.headers["content-type"] == "application/problem+json"
    assert errors_of(answer) == [
        {"pointer": "/title", "detail": "Must have a length of 1 or more.", "code": "min_length"},
        {"pointer": "/pages", "detail": "Must be a whole number, not text.", "code": "type"},
        {"pointer": "/tags/1", "detail": "Must be text, not a number.", "code": "type"},
        {
            "parameter": "dry_run",
            "in": "query",
            "detail": "This value is required.",
            "code": "missing",
        },
        {"parameter": "page", "in": "query", "detail": "Must be 1 or more.", "code": "minimum"},
    ]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b'{"title": "Emma", "pages": 1', 400),
        (b'{"title": "Emma", "title": "Emma", "pages": 1}', 400),
        (b'{"title":"Emma","pages":1,"pages":1}', 400),
        (b'{"title": "\xff", "pages": 1}', 400),
        (b'{"title": "\xff", "pages": "x"}', 400),
        (b"[" * 1000 + b"]" * 1000, 400),
        (b"[]", 422),
        (b"\xef\xbb\xbf" + b'{"title": "Emma", "pages": 1}', 200),
        (b'{"title": "Emma", "pages": 1, "unknown": [[1]]}', 200),
        (b'{"title": "Emma", "pages": ' + b"9" * 5000 + b"}", 400),
    ],
)
def test_json_is_read_as_strictly_as_by_other_views(body: bytes, status: int) -> None:
    def create(book: BookIn) -> str:
        return "read"

    client = Client(build(create))
    answer = client.post("/", data=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == status, answer.text


@pytest.mark.parametrize("kind", ["application/json; charset=utf-8", "application/merge+json"])
def test_every_json_type_is_accepted(kind: str) -> None:
    def create(book: BookIn) -> str:
        return book.title

    body = json.dumps({"title": "Emma", "pages": 1}).encode()
    answer = Client(build(create)).post("/", data=body, headers={"Content-Type": kind})
    assert answer.text == "Emma"


@pytest.mark.parametrize(
    "headers",
    [
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
        {"Content-Type": "application/json; charset=latin-1"},
    ],
)
def test_another_media_type_is_refused_with_those_accepted(headers: dict[str, str]) -> None:
    def create(book: BookIn) -> str:
        raise AssertionError

    answer = Client(build(create)).post("/", data=b"{}", headers=headers)
    assert answer.status_code == 415
    assert answer.headers["accept"] == "application/json"  # RFC 9110 section 15.5.16


def test_a_compressed_body_is_refused() -> None:
    def create(book: BookIn) -> str:
        raise AssertionError

    headers = {"Content-Type": "application/json", "Content-Encoding": "gzip"}
    assert Client(build(create)).post("/", data=b"{}", headers=headers).status_code == 415


def test_an_optional_body_has_its_default() -> None:
    def create(book: BookIn | None = None) -> str:
        return str(book)

    assert Client(build(create)).post("/").text == "None"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda parts: st.lists(parts) | st.dictionaries(st.sampled_from(["title", "pages"]), parts),
    max_leaves=8,
)


@given(st.binary(max_size=60) | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_body_is_read_or_refused_as_strictly_as_plain_json(body: bytes) -> None:
    fields = {"Content-Type": "application/json"}
    request = Request("/", "POST", body, fields, {"REQUEST_METHOD": "POST"})
    read = body_reader(BookIn, EMPTY, (), 20)
    try:
        parse_json(body, 20)
    except BadRequest:
        with pytest.raises(BadRequest):
            read(request)
        return
    try:
        value = read(request)
    except InvalidInput as error:
        assert error.errors
    else:
        assert isinstance(value, BookIn)


@pytest.mark.parametrize("number", ["NaN", "-Infinity", "sNaN", "nan123", " N_aN", "1e999999"])
def test_decimals_are_finite(number: str) -> None:
    class Sale(msgspec.Struct):
        name: str
        prices: list[Decimal]

    def create(sale: Sale) -> str:
        return ""

    for spaced in (True, False):
        separators = None if spaced else (",", ":")
        body = json.dumps({"name": "nan", "prices": ["1", number]}, separators=separators).encode()
        answer = Client(build(create)).post(
            "/", data=body, headers={"Content-Type": "application/json"}
        )
        assert errors_of(answer)[0]["pointer"] == "/prices/1"
    hidden = b'{"name":"","prices":["1","\\u004eaN"]}'
    answer = Client(build(create)).post(
        "/", data=hidden, headers={"Content-Type": "application/json"}
    )
    assert errors_of(answer)[0]["code"] == "finite"
