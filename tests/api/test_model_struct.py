"""Structs of models: what they take of the columns, and a resource built with them."""

import enum
from datetime import UTC, datetime
from decimal import Decimal
from typing import Annotated, Any

import msgspec
import pytest
from sqlalchemy import JSON, ForeignKey, Numeric, String, select
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from sqlalchemy.types import TypeDecorator

from lback import Application, ConfigurationError, NotFound, Request
from lback.api import ModelStruct, Status
from lback.database import Base, DatabaseManager, UTCDateTime
from lback.database.models import utc_now
from lback.storage import StoredFile, mapped_file
from lback.testing import Client


class Kind(enum.Enum):
    NEW = "new"
    USED = "used"


class ApiAuthor(Base):
    __tablename__ = "api_test_authors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))
    api_key: Mapped[str] = mapped_column(String(50), default="k")
    books: Mapped[list["ApiBook"]] = relationship(back_populates="author")


class ApiBook(Base):
    __tablename__ = "api_test_books"
    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2), default=Decimal(0))
    kind: Mapped[Kind]
    note: Mapped[str | None] = mapped_column(String(200))
    labels: Mapped[dict[str, int]] = mapped_column(JSON, default=dict)
    access_token: Mapped[str | None] = mapped_column(String(50))
    added: Mapped[datetime] = mapped_column(UTCDateTime, default=utc_now)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("api_test_authors.id"))
    author: Mapped[ApiAuthor | None] = relationship(back_populates="books")


class AuthorOut(ModelStruct, model=ApiAuthor):
    name: str


class BookOut(ModelStruct, model=ApiBook, exclude=("author_id",)):
    id: int
    author: AuthorOut | None


class BookIn(ModelStruct, model=ApiBook, for_create=True, exclude=["labels"]):
    title: Annotated[str, msgspec.Meta(min_length=1, max_length=80)]


class BookChanges(ModelStruct, model=ApiBook, partial=True):
    pass


def types_of(struct: Any) -> dict[str, Any]:
    return {field.name: field.type for field in msgspec.structs.fields(struct)}


INTEGER = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]


def test_types_are_those_of_the_columns() -> None:
    assert types_of(BookOut) == {
        "id": int,
        "title": Annotated[str, msgspec.Meta(max_length=80)],
        "price": Decimal,
        "kind": Kind,
        "note": Annotated[str, msgspec.Meta(max_length=200)] | None,
        "labels": Any,
        "added": Annotated[datetime, msgspec.Meta(tz=True)],
        "author": AuthorOut | None,
    } | {"labels": dict[str, int]}


def test_input_for_a_new_row_leaves_out_what_the_server_sets() -> None:
    assert list(types_of(BookIn)) == ["title", "price", "kind", "note", "author_id"]
    assert BookIn(title="Emma", kind=Kind.NEW).to_values() == {
        "title": "Emma",
        "kind": Kind.NEW,
        "note": None,
        "author_id": None,
    }


def test_a_change_has_the_fields_that_were_sent() -> None:
    assert "id" not in types_of(BookChanges)
    changes = msgspec.json.decode(b'{"note":null,"price":"5.50"}', type=BookChanges)
    assert changes.to_values() == {"note": None, "price": Decimal("5.50")}
    row = ApiBook(title="Emma", price=Decimal("5.50"), note="old")
    assert changes.apply_to(row) == ["note"]
    assert (row.title, row.note) == ("Emma", None)


@pytest.mark.parametrize("struct", [BookIn, BookChanges])
def test_input_refuses_unknown_names(struct: Any) -> None:
    with pytest.raises(msgspec.ValidationError, match="unknown field `access_token`"):
        msgspec.json.decode(b'{"title":"x","kind":"new","access_token":"x"}', type=struct)


def test_secret_columns_have_to_be_named() -> None:
    assert "access_token" not in types_of(BookOut)
    assert "api_key" not in types_of(AuthorOut)

    class Named(ModelStruct, model=ApiAuthor, include=["api_key"]):
        pass

    class Declared(ModelStruct, model=ApiAuthor):
        api_key: str

    assert list(types_of(Named)) == ["api_key"]
    assert set(types_of(Declared)) == {"id", "name", "api_key"}


def test_files_are_described_and_are_no_input() -> None:
    class Local(DeclarativeBase): ...

    class Film(Local):
        __tablename__ = "films"
        id: Mapped[int] = mapped_column(primary_key=True)
        title: Mapped[str]
        reel: Mapped[StoredFile | None] = mapped_file()

    class FilmOut(ModelStruct, model=Film): ...

    class FilmIn(ModelStruct, model=Film, for_create=True, include=["title", "reel"]): ...

    class FilmChanges(ModelStruct, model=Film, partial=True): ...

    assert FilmOut.__struct_fields__ == ("id", "title", "reel")
    assert FilmIn.__struct_fields__ == FilmChanges.__struct_fields__ == ("title",)
    with pytest.raises(msgspec.ValidationError, match="reel"):
        msgspec.convert({"reel": {"storage": "default", "name": "other"}}, FilmChanges)


def test_relations_by_an_option() -> None:
    class WithBooks(ModelStruct, model=ApiAuthor, relations={"books": list[BookOut]}):
        pass

    assert types_of(WithBooks)["books"] == list[BookOut]


def test_options_of_the_struct_are_kept() -> None:
    class Camel(ModelStruct, model=ApiBook, include=("author_id",), rename="camel"):
        pass

    assert msgspec.json.encode(Camel(author_id=3)) == b'{"authorId":3}'


def test_from_row() -> None:
    book = ApiBook(
        id=1, title="Emma", price=Decimal("1.5"), kind=Kind.USED, labels={}, added=datetime.now(UTC)
    )
    assert BookOut.from_row(book).author is None


class TestMistakes:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"exclude": ["titel"]}, "exclude names 'titel', .*; did you mean title"),
            ({"include": ["titel"]}, "include names 'titel', .*; did you mean title"),
            ({"relations": {"autor": int}}, "relations names 'autor', .*; did you mean author"),
            ({"include": ["id"], "exclude": ["title"]}, "include and exclude are given"),
            ({"for_create": True, "partial": True}, "write a class for each"),
        ],
    )
    def test_names_and_options(self, options: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigurationError, match=message):

            class Wrong(ModelStruct, model=ApiBook, **options):
                pass

    def test_a_declared_field_that_the_model_lacks(self) -> None:
        with pytest.raises(ConfigurationError, match="'titel' is not an attribute of ApiBook"):

            class Wrong(ModelStruct, model=ApiBook):
                titel: str

    def test_a_class_without_a_mapping(self) -> None:
        with pytest.raises(ConfigurationError, match="is not a mapped class"):

            class Wrong(ModelStruct, model=int):
                pass

    def test_a_type_without_a_json_form(self) -> None:
        class Odd(TypeDecorator[complex]):
            impl = String(20)
            cache_ok = True

        class Own(DeclarativeBase):
            pass

        class Wave(Own):
            __tablename__ = "waves"
            id: Mapped[int] = mapped_column(primary_key=True)
            phase: Mapped[complex] = mapped_column(Odd)

        with pytest.raises(ConfigurationError, match=r"'phase' has the type .*`phase: str`"):

            class Wrong(ModelStruct, model=Wave):
                pass

        class Right(ModelStruct, model=Wave, exclude=["phase"]):
            pass

        assert list(types_of(Right)) == ["id"]


# A resource, on each database.


def list_books(request: Request) -> list[BookOut]:
    rows: Any = request.db_session.scalars(select(ApiBook).order_by(ApiBook.id)).all()
    return rows  # type: ignore[no-any-return]  # rows, which are converted


def create_book(request: Request, book: BookIn) -> Annotated[BookOut, Status(201)]:
    row: Any = ApiBook(**book.to_values())
    request.db_session.add(row)
    return row  # type: ignore[no-any-return]  # a row, which is converted


def change_book(request: Request, book_id: int, changes: BookChanges) -> BookOut:
    row = request.db_session.get(ApiBook, book_id)
    if row is None:
        raise NotFound
    changes.apply_to(row)
    return BookOut.from_row(row)


@pytest.fixture
def client(database: DatabaseManager, database_url: str) -> Client:
    app = Application(DATABASE_URL=database_url)
    app.add_route("/books", list_books, ["GET"], requires_auth=False)
    app.add_route("/books", create_book, ["POST"], "create", requires_auth=False)
    app.add_route("/books/{book_id:int}", change_book, ["PATCH"], requires_auth=False)
    return Client(app)


def test_a_resource(client: Client, database: DatabaseManager) -> None:
    with database.session() as session:
        session.add(ApiAuthor(id=1, name="Jane Austen"))
    body = {"title": "Emma", "kind": "used", "price": "9.90", "author_id": 1}
    created = client.post("/books", json=body)
    assert created.status_code == 201, created.text
    book = created.json()
    assert book.pop("added").endswith("Z")
    number = book.pop("id")
    assert book == {
        "title": "Emma",
        "price": "9.90",
        "kind": "used",
        "note": None,
        "labels": {},
        "author": {"id": 1, "name": "Jane Austen"},
    }
    changed = client.patch(f"/books/{number}", json={"note": "Signed.", "kind": "new"})
    assert (changed.json()["note"], changed.json()["kind"]) == ("Signed.", "new")
    assert [row["note"] for row in client.get("/books").json()] == ["Signed."]
    assert client.patch("/books/999", json={}).status_code == 404


def test_what_a_column_cannot_store_is_refused_before(client: Client) -> None:
    body = {"title": "x" * 81, "kind": "lost", "author_id": 2**40}
    errors = client.post("/books", json=body).json()["errors"]
    assert [(e["pointer"], e["code"]) for e in errors] == [
        ("/title", "max_length"),
        ("/kind", "choice"),
        ("/author_id", "maximum"),
    ]


def test_what_only_the_database_refuses_is_a_problem_too(client: Client) -> None:
    body = {"title": "nul \0", "kind": "new", "price": "9.5"}
    answer = client.post("/books", json=body)
    assert answer.status_code in (201, 400)  # SQLite stores it
    if answer.status_code == 400:
        assert answer.headers["content-type"] == "application/problem+json"
