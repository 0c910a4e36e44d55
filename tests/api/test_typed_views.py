"""Typed views as their clients meet them: input from annotations, and encoded answers."""

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

import msgspec
import pytest

from lback import Application, ConfigurationError, Request, Response
from lback.api import AnswerError, Body, Form, Path, Query, Status
from lback.testing import Client, ClientResponse


class BookIn(msgspec.Struct):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]
    pages: Annotated[int, msgspec.Meta(ge=1)]
    tags: list[str] = []


class BookOut(msgspec.Struct):
    id: int
    title: str


class Refused(msgspec.Struct):
    reason: str


@dataclass
class Point:
    x: int
    y: int = 0


class Size(TypedDict):
    width: int


def build(view: Callable[..., Any], path: str = "/", **options: Any) -> Application:
    app = Application(
        DEBUG=False, SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc", ALLOWED_HOSTS=["testserver", "localhost"]
    )
    options.setdefault("methods", ["POST"])
    app.add_route(path, view, requires_auth=False, **options)
    return app


def send(view: Callable[..., Any], body: object, **options: Any) -> ClientResponse:
    return Client(build(view, **options)).post("/", json=body)


def errors_of(response: ClientResponse) -> list[dict[str, str]]:
    assert response.status_code == 422, response.text
    found: list[dict[str, str]] = response.json()["errors"]
    return found


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


class TestAnswers:
    def test_a_status_beside_the_type(self) -> None:
        def create() -> Annotated[BookOut, Status(201)]:
            return BookOut(1, "Emma")

        assert send(create, None).status_code == 201

    def test_unions_choose_the_status_by_the_type(self) -> None:
        def create(
            book: BookIn,
        ) -> Annotated[BookOut, Status(201)] | Annotated[Refused, Status(409)]:
            return Refused("exists") if book.pages == 2 else BookOut(1, book.title)

        client = Client(build(create))
        assert client.post("/", json={"title": "a", "pages": 1}).status_code == 201
        refused = client.post("/", json={"title": "a", "pages": 2})
        assert (refused.status_code, refused.json()) == (409, {"reason": "exists"})

    def test_value_status_and_header_fields(self) -> None:
        def create() -> tuple[BookOut, Literal[201], dict[str, str]]:
            return BookOut(1, "Emma"), 201, {"Location": "/books/1"}

        answer = send(create, None)
        assert (answer.status_code, answer.headers["location"]) == (201, "/books/1")

    def test_a_status_that_the_view_computes(self) -> None:
        def create() -> tuple[BookOut, int]:
            return BookOut(1, "Emma"), 202

        assert send(create, None).status_code == 202

    def test_none_has_no_content(self) -> None:
        def delete(reason: str = "") -> None:
            return None

        answer = send(delete, None)
        assert (answer.status_code, answer.body) == (204, b"")

    def test_none_in_a_union(self) -> None:
        def find(found: bool = True) -> BookOut | None:
            return BookOut(1, "Emma") if found else None

        client = Client(build(find, methods=["GET"]))
        assert client.get("/").status_code == 200
        assert client.get("/?found=false").status_code == 204

    def test_a_response_is_sent_as_it_is(self) -> None:
        def create() -> BookOut | Response:
            return Response("raw", 418)

        assert send(create, None).status_code == 418

    def test_a_dict_or_an_object_gives_only_what_the_type_names(self) -> None:
        class Row:
            id, title, password = 1, "Emma", "secret"

        def create(kind: str = "dict") -> BookOut:
            values: Any = {"id": 1, "title": "Emma", "password": "secret"}
            return values if kind == "dict" else Row()  # type: ignore[return-value]  # a row

        client = Client(build(create, methods=["GET"]))
        for kind in ("dict", "row"):
            assert client.get(f"/?kind={kind}").json() == {"id": 1, "title": "Emma"}

    def test_a_list_of_rows_is_converted(self) -> None:
        def create() -> list[BookOut]:
            rows: Any = [{"id": 1, "title": "Emma", "password": "x"}, BookOut(2, "Persuasion")]
            return rows  # type: ignore[no-any-return]  # rows

        assert send(create, None).json() == [
            {"id": 1, "title": "Emma"},
            {"id": 2, "title": "Persuasion"},
        ]

    def test_a_subclass_gives_no_more_than_the_type(self) -> None:
        class Full(BookOut):
            password: str = "secret"

        def create() -> BookOut:
            return Full(1, "Emma")

        assert send(create, None).json() == {"id": 1, "title": "Emma"}

    def test_a_value_that_does_not_fit_is_an_error_in_tests(
        self, caplog: pytest.LogCaptureFixture
    ) -> None:
        def create() -> list[BookOut]:
            return [BookOut(1, "Emma"), BookOut(2, 5)]  # type: ignore[arg-type]  # the mistake

        assert send(create, None).status_code == 500
        assert "/1/title: Must be text, not a number." in caplog.text

    def test_it_is_sent_in_production(self) -> None:
        def create() -> BookOut:
            return BookOut(1, 5)  # type: ignore[arg-type]  # the mistake

        app = build(create)
        started: list[str] = []
        environ = Client(app).environ | {
            "REQUEST_METHOD": "POST",
            "PATH_INFO": "/",
            "HTTP_HOST": "localhost",
        }
        del environ["lback.check_answers"]
        body = b"".join(app(environ, lambda status, headers: started.append(status)))
        assert (started, body) == (["200 OK"], b'{"id":1,"title":5}')

    def test_the_error_has_a_name(self) -> None:
        assert issubclass(AnswerError, TypeError)


class TestKindsOfViews:
    def test_a_class_has_types_for_each_method(self) -> None:
        class Books:
            def get(self, request: Request, page: int = 1) -> list[BookOut]:
                return [BookOut(page, "Emma")]

            def post(self, book: BookIn) -> Annotated[BookOut, Status(201)]:
                return BookOut(2, book.title)

        client = Client(build(Books, methods=["GET", "POST"]))
        assert client.get("/?page=3").json() == [{"id": 3, "title": "Emma"}]
        assert client.post("/", json={"title": "Emma", "pages": 1}).status_code == 201

    def test_an_async_view(self) -> None:
        async def create(book: BookIn) -> Annotated[BookOut, Status(201)]:
            return BookOut(1, book.title)

        assert send(create, {"title": "Emma", "pages": 1}).status_code == 201

    def test_a_decorated_view(self) -> None:
        def logged(view: Callable[..., Any]) -> Callable[..., Any]:
            @functools.wraps(view)
            def wrapper(*args: Any, **kwargs: Any) -> Any:
                return view(*args, **kwargs)

            return wrapper

        @logged
        def create(request: Request, book: BookIn) -> BookOut:
            return BookOut(1, book.title)

        assert send(create, {"title": "Emma", "pages": 1}).json()["id"] == 1

    def test_what_partial_has_filled_is_not_read_from_the_request(self) -> None:
        def show(request: Request, template_name: str = "a.html") -> str:
            return template_name

        view = functools.partial(show, template_name="b.html")
        client = Client(build(view, methods=["GET"], name="show"))
        assert client.get("/?template_name=secret.html").text == "b.html"

    def test_services_and_values_of_the_request_keep_their_names(self) -> None:
        def create(config: object, path_params: dict[str, object], book: BookIn) -> str:
            return f"{type(config).__name__} {path_params} {book.title}"

        assert send(create, {"title": "Emma", "pages": 1}).text == "Config {} Emma"

    def test_path_variables_keep_their_converters(self) -> None:
        def show(number: int, page: int = 1) -> str:
            return f"{number!r} {page!r}"

        client = Client(build(show, "/{number:int}", methods=["GET"]))
        assert client.get("/7?page=2").text == "7 2"

    def test_a_path_variable_with_a_type_of_its_own(self) -> None:
        def show(kind: Annotated[Literal["new", "used"], Path()]) -> str:
            return kind

        client = Client(build(show, "/{kind}", methods=["GET"]))
        assert client.get("/new").text == "new"
        assert client.get("/lost").status_code == 404

    def test_a_plain_view_is_left_alone(self) -> None:
        def show(request: Request, page=1, *, options: dict[str, int] | None = None):  # type: ignore[no-untyped-def]
            return {"page": page, "options": options}

        client = Client(build(show, methods=["GET"]))
        assert client.get("/?page=2&options=3").json() == {"page": 1, "options": None}

    def test_csrf_protection_holds_for_a_json_body(self) -> None:
        def create(book: BookIn) -> BookOut:
            raise AssertionError

        client = Client(build(create), enforce_csrf=True)
        answer = client.post("/", json={"title": "Emma", "pages": 1})
        assert answer.status_code == 403
        assert answer.headers["content-type"] == "application/problem+json"

    def test_a_route_that_requires_a_user_answers_401_before_the_body_is_read(self) -> None:
        def create(book: BookIn) -> BookOut:
            raise AssertionError

        app = build(create)
        app.add_route("/closed", create, ["POST"], "closed")
        answer = Client(app).post("/closed", json={"pages": "x"})
        assert answer.status_code == 401
        assert answer.json()["title"] == "Unauthorized"
        assert "www-authenticate" in answer.headers


class TestMistakes:
    def test_unannotated_views_say_what_they_said(self) -> None:
        with pytest.raises(ConfigurationError, match="nothing fills the parameter 'b'"):
            build(lambda a, b: "")

    def test_two_bodies(self) -> None:
        def create(book: BookIn, point: Point) -> str:
            return ""

        with pytest.raises(ConfigurationError, match="'book' and 'point' are both the body"):
            build(create)

    def test_a_body_of_a_get(self) -> None:
        def show(book: BookIn) -> str:
            return ""

        with pytest.raises(ConfigurationError, match=r"'book' is the body.* GET has none"):
            build(show, methods=["GET"])

    def test_a_marker_on_a_path_variable(self) -> None:
        def show(number: Annotated[int, Query()]) -> str:
            return ""

        with pytest.raises(ConfigurationError, match="'number' is a variable of the path"):
            build(show, "/{number:int}", methods=["GET"])

    def test_a_path_marker_without_its_variable(self) -> None:
        def show(request: Request, numbr: Annotated[int, Path()]) -> str:
            return ""

        with pytest.raises(ConfigurationError, match="did you mean number"):
            build(show, "/{number:int}", methods=["GET"])

    def test_a_default_that_does_not_fit(self) -> None:
        def show(page: int = "one") -> str:  # type: ignore[assignment]  # the mistake
            return ""

        with pytest.raises(ConfigurationError, match="the default 'one' of 'page'"):
            build(show, methods=["GET"])

    def test_body_and_form(self) -> None:
        def create(book: BookIn, note: Annotated[str, Form()]) -> str:
            return ""

        with pytest.raises(ConfigurationError, match="a request has one body"):
            build(create)

    def test_a_list_without_a_marker(self) -> None:
        def show(tags: list[str] = []) -> str:  # noqa: B006
            return ""

        with pytest.raises(ConfigurationError, match=r"mark it with Annotated\[…, Query"):
            build(show, methods=["GET"])

    def test_all_mistakes_of_a_view_are_named(self) -> None:
        def create(book: BookIn, point: Point, page: int = "x") -> str:  # type: ignore[assignment]
            return ""

        with pytest.raises(ConfigurationError) as caught:
            build(create)
        assert "both the body" in str(caught.value)
        assert "the default 'x'" in str(caught.value)

    def test_an_annotation_that_is_imported_for_the_type_checker_alone(self) -> None:
        def view(request: Request, book: "Missing") -> str:  # type: ignore[name-defined]  # noqa: F821
            return ""

        with pytest.raises(ConfigurationError, match="outside of TYPE_CHECKING"):
            build(view)
