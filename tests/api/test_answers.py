"""What a view returns, and what its return annotation makes of it."""

from typing import Annotated, Any, Literal

import msgspec
import pytest

from lback import Response
from lback.api import AnswerError, Status
from lback.testing import Client
from tests.api.books import (
    BookIn,
    BookOut,
    Refused,
    build,
    send,
)


def test_a_status_beside_the_type() -> None:
    def create() -> Annotated[BookOut, Status(201)]:
        return BookOut(1, "Emma")

    assert send(create, None).status_code == 201


def test_unions_choose_the_status_by_the_type() -> None:
    def create(
        book: BookIn,
    ) -> Annotated[BookOut, Status(201)] | Annotated[Refused, Status(409)]:
        return Refused("exists") if book.pages == 2 else BookOut(1, book.title)

    client = Client(build(create))
    assert client.post("/", json={"title": "a", "pages": 1}).status_code == 201
    refused = client.post("/", json={"title": "a", "pages": 2})
    assert (refused.status_code, refused.json()) == (409, {"reason": "exists"})


def test_value_status_and_header_fields() -> None:
    def create() -> tuple[BookOut, Literal[201], dict[str, str]]:
        return BookOut(1, "Emma"), 201, {"Location": "/books/1"}

    answer = send(create, None)
    assert (answer.status_code, answer.headers["location"]) == (201, "/books/1")


def test_a_status_that_the_view_computes() -> None:
    def create() -> tuple[BookOut, int]:
        return BookOut(1, "Emma"), 202

    assert send(create, None).status_code == 202


def test_none_has_no_content() -> None:
    def delete(reason: str = "") -> None:
        return None

    answer = send(delete, None)
    assert (answer.status_code, answer.body) == (204, b"")


def test_none_in_a_union() -> None:
    def find(found: bool = True) -> BookOut | None:
        return BookOut(1, "Emma") if found else None

    client = Client(build(find, methods=["GET"]))
    assert client.get("/").status_code == 200
    assert client.get("/?found=false").status_code == 204


def test_a_response_is_sent_as_it_is() -> None:
    def create() -> BookOut | Response:
        return Response("raw", 418)

    assert send(create, None).status_code == 418


def test_a_dict_or_an_object_gives_only_what_the_type_names() -> None:
    class Row:
        id, title, password = 1, "Emma", "secret"

    def create(kind: str = "dict") -> BookOut:
        values: Any = {"id": 1, "title": "Emma", "password": "secret"}
        return values if kind == "dict" else Row()  # type: ignore[return-value]  # a row

    client = Client(build(create, methods=["GET"]))
    for kind in ("dict", "row"):
        assert client.get(f"/?kind={kind}").json() == {"id": 1, "title": "Emma"}


def test_a_list_of_rows_is_converted() -> None:
    def create() -> list[BookOut]:
        rows: Any = [{"id": 1, "title": "Emma", "password": "x"}, BookOut(2, "Persuasion")]
        return rows  # type: ignore[no-any-return]  # rows

    assert send(create, None).json() == [
        {"id": 1, "title": "Emma"},
        {"id": 2, "title": "Persuasion"},
    ]


def test_a_subclass_gives_no_more_than_the_type() -> None:
    class Full(BookOut):
        password: str = "secret"

    def create() -> BookOut:
        return Full(1, "Emma")

    assert send(create, None).json() == {"id": 1, "title": "Emma"}


def test_a_value_that_does_not_fit_is_an_error_in_tests(caplog: pytest.LogCaptureFixture) -> None:
    def create() -> list[BookOut]:
        return [BookOut(1, "Emma"), BookOut(2, 5)]  # type: ignore[arg-type]  # the mistake

    assert send(create, None).status_code == 500
    assert "/1/title: Must be text, not a number." in caplog.text


def test_it_is_sent_in_production() -> None:
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


def test_the_error_has_a_name() -> None:
    assert issubclass(AnswerError, TypeError)


def test_one_status_for_all_of_a_union() -> None:
    def create(kind: str = "") -> Annotated[BookOut | Refused, Status(202)]:
        return Refused("no") if kind else BookOut(1, "Emma")

    client = Client(build(create))
    assert client.post("/").status_code == 202
    assert client.post("/?kind=x").json() == {"reason": "no"}


def test_a_limit_beside_a_status() -> None:
    titles = Annotated[list[BookOut], msgspec.Meta(max_length=1), Status(201)]

    def create(count: int) -> Any:
        return [BookOut(1, "Emma")] * count

    create.__annotations__["return"] = titles
    client = Client(build(create))
    assert client.post("/?count=1").status_code == 201
    assert client.post("/?count=2").status_code == 500


def test_a_tuple_of_values_is_a_list() -> None:
    def show() -> tuple[BookOut, ...]:
        return (BookOut(1, "Emma"),)

    def pair(page: int = 1) -> tuple[int, str]:
        return page, "x"

    assert Client(build(show)).post("/").json() == [{"id": 1, "title": "Emma"}]
    assert Client(build(pair)).post("/").json() == [1, "x"]


def test_a_page_or_json() -> None:
    def show(page: bool) -> str | dict[str, int]:
        return "<p>Page</p>" if page else {"page": 0}

    client = Client(build(show, methods=["GET"]))
    assert client.get("/?page=1").headers["content-type"] == "text/html; charset=utf-8"
    assert client.get("/?page=0").json() == {"page": 0}


@pytest.mark.parametrize("value", [None, "text", 5])
def test_a_value_that_no_alternative_takes(value: Any, caplog: pytest.LogCaptureFixture) -> None:
    def show() -> BookOut | Refused:
        return value  # type: ignore[no-any-return]  # the mistake

    assert Client(build(show)).post("/").status_code == 500
    assert "returned" in caplog.text


def test_none_instead_of_a_struct(caplog: pytest.LogCaptureFixture) -> None:
    def show() -> BookOut:
        return None  # type: ignore[return-value]  # the mistake

    assert Client(build(show)).post("/").status_code == 500
    assert "Must be an object, not null." in caplog.text


def test_accept_decides_before_the_view_runs() -> None:
    def show() -> BookOut:
        raise AssertionError

    client = Client(build(show, methods=["GET"]))
    for field in ("text/csv", "application/json;q=0", "text/*, */*;q=0"):
        refused = client.get("/", headers={"Accept": field})
        assert refused.status_code == 406
        assert refused.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("field", ["application/*", "text/html, */*;q=0.1", "application/json"])
def test_accept_that_allows_json(field: str) -> None:
    def show(page: int = 1) -> BookOut:
        return BookOut(page, "Emma")

    client = Client(build(show, methods=["GET"]))
    assert client.get("/?page=2", headers={"Accept": field}).json()["id"] == 2
