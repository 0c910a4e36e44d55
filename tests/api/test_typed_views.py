"""Kinds of typed views, and what stays as it was."""

import functools
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated, Any, Generic, Literal, TypeVar

import msgspec
import pytest
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, MappedAsDataclass, mapped_column
from sqlalchemy.orm import Mapped as Column

from lback import Application, ConfigurationError, NotFound, Request
from lback.api import Path, Query, Status
from lback.testing import Client
from tests.api.books import (
    BookIn,
    BookOut,
    build,
    send,
)


def test_a_class_has_types_for_each_method() -> None:
    class Books:
        def get(self, request: Request, page: int = 1) -> list[BookOut]:
            return [BookOut(page, "Emma")]

        def post(self, book: BookIn) -> Annotated[BookOut, Status(201)]:
            return BookOut(2, book.title)

    client = Client(build(Books, methods=["GET", "POST"]))
    assert client.get("/?page=3").json() == [{"id": 3, "title": "Emma"}]
    assert client.post("/", json={"title": "Emma", "pages": 1}).status_code == 201


def test_an_async_view() -> None:
    async def create(book: BookIn) -> Annotated[BookOut, Status(201)]:
        return BookOut(1, book.title)

    assert send(create, {"title": "Emma", "pages": 1}).status_code == 201


def test_a_decorated_view() -> None:
    def logged(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            return view(*args, **kwargs)

        return wrapper

    @logged
    def create(request: Request, book: BookIn) -> BookOut:
        return BookOut(1, book.title)

    assert send(create, {"title": "Emma", "pages": 1}).json()["id"] == 1


def test_what_partial_has_filled_is_not_read_from_the_request() -> None:
    def show(request: Request, template_name: str = "a.html") -> str:
        return template_name

    view = functools.partial(show, template_name="b.html")
    client = Client(build(view, methods=["GET"], name="show"))
    assert client.get("/?template_name=secret.html").text == "b.html"


def test_services_and_values_of_the_request_keep_their_names() -> None:
    def create(config: object, path_params: dict[str, object], book: BookIn) -> str:
        return f"{type(config).__name__} {path_params} {book.title}"

    assert send(create, {"title": "Emma", "pages": 1}).text == "Config {} Emma"


def test_path_variables_keep_their_converters() -> None:
    def show(number: int, page: int = 1) -> str:
        return f"{number!r} {page!r}"

    client = Client(build(show, "/{number:int}", methods=["GET"]))
    assert client.get("/7?page=2").text == "7 2"


def test_a_path_variable_with_a_type_of_its_own() -> None:
    def show(kind: Annotated[Literal["new", "used"], Path()]) -> str:
        return kind

    client = Client(build(show, "/{kind}", methods=["GET"]))
    assert client.get("/new").text == "new"
    assert client.get("/lost").status_code == 404


def test_a_plain_view_is_left_alone() -> None:
    def show(request: Request, page=1, *, options: dict[str, int] | None = None):  # type: ignore[no-untyped-def]
        return {"page": page, "options": options}

    client = Client(build(show, methods=["GET"]))
    assert client.get("/?page=2&options=3").json() == {"page": 1, "options": None}


def test_csrf_protection_holds_for_a_json_body() -> None:
    def create(book: BookIn) -> BookOut:
        raise AssertionError

    client = Client(build(create), enforce_csrf=True)
    answer = client.post("/", json={"title": "Emma", "pages": 1})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"


def test_a_route_that_requires_a_user_answers_401_before_the_body_is_read() -> None:
    def create(book: BookIn) -> BookOut:
        raise AssertionError

    app = build(create)
    app.add_route("/closed", create, ["POST"], "closed")
    answer = Client(app).post("/closed", json={"pages": "x"})
    assert answer.status_code == 401
    assert answer.json()["title"] == "Unauthorized"
    assert "www-authenticate" in answer.headers


def test_none_alone_is_no_content_and_leaves_a_view_plain() -> None:
    def touch(request: Request) -> None:
        if request.query_params:
            raise NotFound

    async def later(request: Request) -> None:
        return None

    app = build(touch)
    app.add_route("/later", later, ["POST"], requires_auth=False)
    client = Client(app)
    assert client.post("/").status_code == 204
    assert client.post("/later").status_code == 204
    missing = client.post("/?x=1", headers={"Accept": "application/json"})
    assert missing.json() == {"data": {"error": "Not Found", "details": None}}


def test_a_view_that_forgets_to_return_is_still_an_error() -> None:
    def forget(request: Request) -> str:
        return None  # type: ignore[return-value]  # the mistake

    assert Client(build(forget)).post("/").status_code == 500


def test_json_needs_no_middleware() -> None:
    def create(book: BookIn) -> BookOut:
        return BookOut(1, book.title)

    app = Application(MIDDLEWARES=[])
    app.add_route("/", create, ["POST"], requires_auth=False)
    assert Client(app).post("/", json={"title": "Emma", "pages": 1}).json()["title"] == "Emma"


def test_an_application_of_plain_views_does_not_import_it() -> None:
    script = """
import sys
from lback import Application, NotFound
app = Application(DEBUG=True)
@app.route("/books/{number:int}", requires_auth=False)
def show(request, number: int, page=1, *, options: dict[str, int] | None = None) -> dict[str, int]:
    return {"number": number}
@app.route("/gone", requires_auth=False)
def gone(request) -> None:
    raise NotFound
app.prepare()
for path in ("/books/7", "/gone", "/nothing"):
    environ = {"REQUEST_METHOD": "GET", "PATH_INFO": path, "HTTP_HOST": "localhost"}
    b"".join(app(environ, lambda status, headers: None))
assert not [name for name in sys.modules if name.startswith("lback.api")]
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


def test_requests_at_once_do_not_share_anything() -> None:
    def create(book: BookIn, tags: Annotated[list[int], Query()] = []) -> BookOut:  # noqa: B006
        tags.append(book.pages)
        return BookOut(sum(tags), book.title)

    app = build(create)

    def ask(number: int) -> tuple[int, str]:
        body = {"title": f"t{number}", "pages": number + 1}
        answer = Client(app).post("/", json=body).json()
        return answer["id"], answer["title"]

    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(ask, range(100)))
    assert found == [(number + 1, f"t{number}") for number in range(100)]


T = TypeVar("T")


class Shelf(msgspec.Struct, Generic[T]):
    items: list[T]


def test_rows_in_a_generic_struct_are_converted() -> None:
    def show() -> Shelf[BookOut]:
        rows: Any = [{"id": 1, "title": "Emma", "password": "x"}]
        return Shelf(rows)

    answer = Client(build(show, methods=["GET"])).get("/")
    assert answer.json() == {"items": [{"id": 1, "title": "Emma"}]}


@dataclass
class Options:
    size: int = 3


def test_options_with_a_default_are_left_to_the_view() -> None:
    def show(
        request: Request,
        one: Options = Options(),  # noqa: B008
        two: Options | None = None,
        three: dict[str, int] | None = None,
        four: list[Options] = [],  # noqa: B006
    ) -> dict[str, object]:
        return {"options": [str(one), two, three, four]}

    answer = Client(build(show)).post("/", json={"size": 9})
    assert answer.json() == {"options": ["Options(size=3)", None, None, []]}


class Mapped(MappedAsDataclass, DeclarativeBase):
    pass


class Member(Mapped):
    __tablename__ = "api_test_members"
    id: Column[int] = mapped_column(primary_key=True)
    password_hash: Column[str] = mapped_column(String(80))


class Team(msgspec.Struct):
    members: list[Member]


def test_a_model_that_is_a_dataclass_is_not_sent_with_all_its_columns() -> None:
    def show(request: Request) -> Team:
        return Team([])

    with pytest.raises(ConfigurationError, match="Member is a model; write a ModelStruct"):
        build(show)

    def plain(request: Request) -> Member:
        return Member(1, "secret")

    answer = Client(build(plain)).post("/")
    assert (answer.status_code, "secret" in answer.text) == (500, False)
