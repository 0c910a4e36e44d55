"""Arguments from queries, header fields, cookies, forms, files and paths."""

import enum
import json
from collections.abc import Callable
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal
from urllib.parse import quote, urlencode
from uuid import UUID

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lback import Application, Request
from lback.api import Cookie, File, Form, Header, Query
from lback.core.http.uploaded_file import UploadedFile
from lback.testing import Client


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Size(enum.IntEnum):
    SMALL = 1
    LARGE = 2


seen: list[Any] = []


def client_for(marker: Any, annotation: Any, *default: Any, method: str = "GET") -> Client:
    def view(value: Any) -> str:
        seen.append(value)
        return ""

    view.__annotations__["value"] = Annotated[annotation, marker]
    view.__defaults__ = default
    app = Application(
        DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["testserver", "localhost"]
    )
    app.add_route("/", view, [method], requires_auth=False)
    return Client(app)


def by_query(client: Client, text: str) -> Any:
    return client.get("/?" + urlencode({"value": text}))


def by_header(client: Client, text: str) -> Any:
    return client.get("/", headers={"value": text})


def by_cookie(client: Client, text: str) -> Any:
    client.cookies = {"value": text}
    return client.get("/")


def by_form(client: Client, text: str) -> Any:
    return client.post("/", data={"value": text})


PLACES: dict[str, tuple[Any, str, Callable[[Client, str], Any]]] = {
    "query": (Query(), "GET", by_query),
    "header": (Header(), "GET", by_header),
    "cookie": (Cookie(), "GET", by_cookie),
    "form": (Form(), "POST", by_form),
}

# Text without line breaks, which no header field can carry, and without blanks at its ends.
plain_text = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1)
moments = st.datetimes(timezones=st.just(None))
VALUES: dict[str, tuple[Any, st.SearchStrategy[Any], Callable[[Any], str]]] = {
    "str": (str, plain_text, str),
    "int": (int, st.integers(-(2**63), 2**64), str),
    "float": (float, st.floats(allow_nan=False, allow_infinity=False), repr),
    "bool": (bool, st.booleans(), lambda value: str(value).lower()),
    "decimal": (Decimal, st.decimals(allow_nan=False, allow_infinity=False), str),
    "uuid": (UUID, st.uuids(), str),
    "date": (date, st.dates(), str),
    "datetime": (datetime, moments, lambda value: value.isoformat()),
    "time": (time, st.times(), lambda value: value.isoformat()),
    "timedelta": (
        timedelta,
        st.timedeltas(timedelta(-99), timedelta(99)),
        lambda value: json.loads(msgspec.json.encode(value)),
    ),
    "enum": (Colour, st.sampled_from(Colour), lambda value: value.value),
    "int enum": (Size, st.sampled_from(Size), lambda value: str(value.value)),
    "literal": (Literal["a", "b"], st.sampled_from(["a", "b"]), str),
    "int literal": (Literal[1, 5], st.sampled_from([1, 5]), str),
    "optional": (int | None, st.integers(-5, 5), str),
    "union": (int | date, st.dates() | st.integers(0, 9), str),
}


@pytest.mark.parametrize("kind", VALUES)
@pytest.mark.parametrize("place", PLACES)
def test_every_type_makes_the_round_trip(place: str, kind: str) -> None:
    marker, method, send = PLACES[place]
    annotation, values, text_of = VALUES[kind]
    client = client_for(marker, annotation, method=method)

    @given(values)
    def round_trip(value: Any) -> None:
        seen.clear()
        answer = send(client, text_of(value))
        assert answer.status_code == 200, answer.text
        assert seen == [value]
        assert type(seen[0]) is type(value)

    round_trip()


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, ""), (int, "1.0"), (int, "1e3"), (int, "\u0661"), (int, "0x1"), (int, "9" * 5000),
        (float, "nan"), (float, "inf"), (float, "1e999"), (float, "x"),
        (Decimal, "NaN"), (Decimal, "Infinity"), (Decimal, "1e999999"), (Decimal, "sNaN"),
        (Decimal, "x"),
        (bool, "yes"), (bool, "2"), (bool, ""),
        (date, "1700000000"), (date, "2026-02-30"), (datetime, "1700000000"),
        (UUID, "1"), (Colour, "RED"), (Literal["a"], "b"), (Size, "3"),
        (Annotated[int, msgspec.Meta(ge=1)], "0"),
        (Annotated[str, msgspec.Meta(max_length=1)], "ab"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("place", PLACES)
def test_other_text_is_refused(place: str, annotation: Any, text: str) -> None:
    if place == "cookie" and not text.isascii():
        text = quote(text)
    if place == "header" and not text.isascii():
        pytest.skip("WSGI has Latin-1 alone")
    marker, method, send = PLACES[place]
    answer = send(client_for(marker, annotation, method=method), text)
    assert answer.status_code == 422, answer.text
    (error,) = answer.json()["errors"]
    assert (error["parameter"], error["in"]) == ("value", place)
    assert error["code"] in {
        "type", "format", "choice", "finite", "range", "minimum", "max_length", "missing",
    }  # fmt: skip


@pytest.mark.parametrize("place", PLACES)
def test_a_missing_value_is_named_or_has_its_default(place: str) -> None:
    marker, method, _ = PLACES[place]
    data = {"other": "1"} if method == "POST" else None
    required = client_for(marker, int, method=method)
    assert required.request(method, "/", data=data).json()["errors"][0]["code"] == "missing"
    optional = client_for(marker, int, 7, method=method)
    assert optional.request(method, "/", data=data).status_code == 200
    assert seen[-1] == 7


def test_an_empty_text_is_none_where_text_is_no_value() -> None:
    assert by_query(client_for(Query(), int | None), "").status_code == 200
    assert seen[-1] is None
    by_query(client_for(Query(), str | None), "")
    assert seen[-1] == ""


def test_a_value_given_twice() -> None:
    answer = client_for(Query(), int).get("/?value=1&value=2")
    assert answer.json()["errors"][0]["code"] == "repeated"


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (list[int], [1, 2]),
        (set[int], {1, 2}),
        (tuple[int, ...], (1, 2)),
        (frozenset[int], frozenset({1, 2})),
    ],
)
def test_several_values(annotation: Any, expected: Any) -> None:
    assert client_for(Query(), annotation).get("/?value=1&value=2").status_code == 200
    assert seen[-1] == expected
    client_for(Header(), annotation).get("/", headers={"value": "1, 2"})
    assert seen[-1] == expected
    client_for(Form(), annotation, method="POST").post("/", data={"value": ["1", "2"]})
    assert seen[-1] == expected


def test_each_wrong_item_of_a_list_is_named() -> None:
    answer = client_for(Query(), list[int]).get("/?value=x&value=2&value=")
    assert [error["detail"] for error in answer.json()["errors"]] == [
        "Value 1: Must be a whole number, not text.",
        "Value 3: Must be a whole number, not text.",
    ]


def test_a_default_list_is_not_shared_between_requests() -> None:
    client = client_for(Query(), list[int], [])
    client.get("/")
    seen[-1].append(1)
    client.get("/")
    assert seen[-1] == []


def test_header_names() -> None:
    def view(x_request_token: Annotated[str, Header()]) -> str:
        return x_request_token

    app = Application()
    app.add_route("/", view, ["GET"], requires_auth=False)
    assert Client(app).get("/", headers={"X-Request-Token": "abc"}).text == "abc"


class Filters(msgspec.Struct):
    words: list[str] = []
    year: Annotated[int, msgspec.Meta(ge=1900)] | None = None
    order: Literal["title", "year"] = msgspec.field(name="order_by", default="title")


class Contact(msgspec.Struct, forbid_unknown_fields=True):
    name: Annotated[str, msgspec.Meta(min_length=1)]
    age: int
    news: bool = False

    def __post_init__(self) -> None:
        if self.age < len(self.name):
            raise ValueError("The name is longer than the age.")


def test_a_struct_takes_the_whole_query() -> None:
    client = client_for(Query(), Filters)
    client.get("/?words=a&words=b&year=1999&order_by=year")
    assert seen[-1] == Filters(["a", "b"], 1999, "year")
    client.get("/")
    assert seen[-1] == Filters()
    errors = client.get("/?year=1&order_by=x").json()["errors"]
    assert [error["parameter"] for error in errors] == ["year", "order_by"]


def test_a_struct_takes_a_whole_form() -> None:
    client = client_for(Form(), Contact, method="POST")
    client.post("/", data={"name": "Ada", "age": "36", "news": "on", "csrf_token": "x"})
    assert seen[-1] == Contact("Ada", 36, True)
    errors = client.post("/", data={"name": "", "nws": "1"}).json()["errors"]
    assert [(e["parameter"], e["code"]) for e in errors] == [
        ("name", "min_length"),
        ("age", "missing"),
        ("nws", "unknown"),
    ]
    (error,) = client.post("/", data={"name": "Ada", "age": "1"}).json()["errors"]
    assert (error["detail"], error["code"]) == ("The name is longer than the age.", "invalid")


def test_a_form_is_not_json() -> None:
    answer = client_for(Form(), int, method="POST").post("/", json={"value": 1})
    assert answer.status_code == 415
    assert "multipart/form-data" in answer.headers["accept"]


def test_files() -> None:
    def upload(
        request: Request,
        cover: UploadedFile,
        pages: Annotated[list[UploadedFile], File()] = [],  # noqa: B006
        title: Annotated[str, Form()] = "",
    ) -> dict[str, object]:
        return {"cover": cover.filename, "pages": len(pages), "title": title}

    app = Application()
    app.add_route("/", upload, ["POST"], requires_auth=False)
    client = Client(app)
    file = ("a.png", b"data", "image/png")
    answer = client.post("/", data={"title": "Emma"}, files={"cover": file})
    assert answer.json() == {"cover": "a.png", "pages": 0, "title": "Emma"}
    missing = client.post("/", data={"title": "Emma"}, files={"pages": file})
    assert missing.json()["errors"] == [
        {
            "parameter": "cover",
            "in": "file",
            "detail": "This value is required.",
            "code": "missing",
        }
    ]
    assert client.post("/", data={"title": "Emma"}).status_code == 415


def test_the_limits_of_forms_hold() -> None:
    def view(value: Annotated[str, Form()]) -> str:
        return value

    app = Application(MAX_FORM_FIELDS=3, MAX_REQUEST_BODY_SIZE=1000, MAX_JSON_DEPTH=5)
    app.add_route("/", view, ["POST"], requires_auth=False)
    client = Client(app)
    assert client.post("/", data={str(n): "x" for n in range(9)}).status_code == 400
    assert client.post("/", data={"value": "x" * 2000}).status_code == 413


def test_a_form_needs_the_middleware_that_parses_it(caplog: pytest.LogCaptureFixture) -> None:
    def view(value: Annotated[str, Form()]) -> str:
        return value

    app = Application(MIDDLEWARES=[])
    app.add_route("/", view, ["POST"], requires_auth=False)
    assert Client(app).post("/", data={"value": "x"}).status_code == 500
    assert "BodyParsingMiddleware" in caplog.text
