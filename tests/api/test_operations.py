"""The description of operations, on which schemas and lists build."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Self
from uuid import UUID

import msgspec
import pytest

from lback import Application, Request
from lback.api import (
    Answer,
    Cookie,
    Event,
    File,
    Form,
    Header,
    InvalidInput,
    Operation,
    Parameter,
    Query,
    RequestBody,
    Status,
    operations_of,
)
from lback.core.http.uploaded_file import UploadedFile
from lback.core.router import Route
from lback.testing import Client


class Book(msgspec.Struct):
    title: str


class Filters(msgspec.Struct):
    author: str | None = None
    year: int = msgspec.field(name="published", default=0)


def described(view: Any, path: str = "/", methods: Any = ("GET",)) -> Operation:
    (operation,) = operations_of(Route(path, view, methods, requires_auth=False), {"mailer": None})
    return operation


def test_an_untyped_view_has_its_path_variables() -> None:
    def show(request, number, key, rest):  # type: ignore[no-untyped-def]
        """Show a book.

        More about it.

        Args:
            number: Not shown.
        """

    operation = described(show, "/{number:int}/{key:uuid}/{rest:path}")
    assert operation.parameters == (
        Parameter("number", "number", "path", int),
        Parameter("key", "key", "path", UUID),
        Parameter("rest", "rest", "path", str),
    )
    assert (operation.body, operation.answers, operation.errors) == (None, (), (404,))
    assert (operation.summary, operation.description) == ("Show a book.", "More about it.")


def test_parameters_have_the_names_that_clients_write() -> None:
    page = Annotated[int, msgspec.Meta(ge=1)]

    def show(
        mailer: object,
        page: Annotated[int, msgspec.Meta(ge=1)] = 1,
        words: Annotated[list[str], Query(alias="q", description="Words to find.")] = [],  # noqa: B006
        x_token: Annotated[str | None, Header()] = None,
        theme: Annotated[str, Cookie()] = "light",
    ) -> list[Book]:
        return []

    assert described(show).parameters == (
        Parameter("page", "page", "query", page, False, 1),
        Parameter("q", "words", "query", list[str], False, [], "Words to find."),
        Parameter("x-token", "x_token", "header", str | None, False),
        Parameter("theme", "theme", "cookie", str, False, "light"),
    )


def test_a_struct_in_the_query_is_described_by_its_fields() -> None:
    def show(filters: Annotated[Filters, Query()]) -> list[Book]:
        return []

    assert described(show).parameters == (
        Parameter("author", "filters", "query", str | None, False),
        Parameter("published", "filters", "query", int, False, 0),
    )


def test_bodies() -> None:
    def create(book: Book) -> Book:
        return book

    def change(book: Book | None = None) -> Book:
        return Book("")

    def upload(name: Annotated[str, Form()], file: Annotated[UploadedFile, File()]) -> str:
        return ""

    operation = described(create, methods=["POST"])
    assert operation.body == RequestBody(Book)
    assert operation.errors == (400, 403, 406, 413, 415, 422)
    assert described(change, methods=["PUT"]).body == RequestBody(Book | None, required=False)
    form = described(upload, methods=["POST"])
    assert form.body == RequestBody(None, ("multipart/form-data",))
    assert [(p.name, p.location) for p in form.parameters] == [("name", "form"), ("file", "file")]


@pytest.mark.parametrize(
    ("annotation", "answers"),
    [
        (Book, [Answer(200, Book)]),
        (list[Book], [Answer(200, list[Book])]),
        (Annotated[Book, Status(201, "Created.")], [Answer(201, Book, description="Created.")]),
        (tuple[Book, int], [Answer(200, Book)]),
        (Book | None, [Answer(200, Book), Answer(204, None, "")]),
        (Iterator[Book], [Answer(200, Book, "application/jsonl")]),
        (Iterator[Event[Book]], [Answer(200, Event[Book], "text/event-stream")]),
        (str, []),
    ],
)
def test_answers(annotation: Any, answers: list[Answer]) -> None:
    def view(request: Request) -> Any: ...

    view.__annotations__["return"] = annotation
    assert list(described(view).answers) == answers


def test_a_class_has_an_operation_for_each_method() -> None:
    class Books:
        def get(self, request: Request, page: int = 1) -> list[Book]:
            return []

        def post(self, book: Book) -> Annotated[Book, Status(201)]:
            return book

    found = operations_of(Route("/", Books, ["GET", "POST"]), {})
    assert [(o.method, len(o.parameters), o.body is None, o.errors) for o in found] == [
        ("GET", 1, True, (400, 401, 403, 406, 422)),
        ("POST", 0, False, (400, 401, 403, 406, 413, 415, 422)),
    ]


class Slice:
    """Reads itself from the request, as a page of a list does."""

    def __init__(self, start: int) -> None:
        self.start = start

    @classmethod
    def from_request(cls, request: Request) -> Self:
        text = request.query_params.get("start", "0")
        if not text.isdigit():
            raise InvalidInput(
                [{"parameter": "start", "in": "query", "detail": "No number.", "code": "type"}]
            )
        return cls(int(text))

    @classmethod
    def api_parameters(cls) -> Sequence[Parameter]:
        return [Parameter("start", "start", "query", int, False, 0)]


class Listed(msgspec.Struct):
    items: list[int]

    def response_fields(self, request: Request) -> Mapping[str, str]:
        return {"Link": f'<{request.path}?start=9>; rel="next"'}


def view(part: Slice, limit: int = 3) -> Listed:
    return Listed(list(range(part.start, part.start + limit)))


def test_a_class_that_reads_the_request_is_filled_and_described() -> None:
    app = Application()
    app.add_route("/", view, ["GET"], requires_auth=False)
    client = Client(app)
    answer = client.get("/?start=4")
    assert answer.json() == {"items": [4, 5, 6]}
    assert answer.headers["link"] == '</?start=9>; rel="next"'
    assert [e["parameter"] for e in client.get("/?start=x&limit=y").json()["errors"]] == [
        "start",
        "limit",
    ]
    assert [p.name for p in described(view).parameters] == ["start", "limit"]
