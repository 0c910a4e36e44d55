"""An API for a bookshop in one file: typed views, API keys, a stream, and its documentation."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta
from sqlalchemy import String, func, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application, NotFound
from lback.api import Event, ModelStruct, Problem, Status, describe
from lback.database import Base

HERE = Path(__file__).parent


class Genre(Enum):
    """What kind of book it is."""

    NOVEL = "novel"
    POETRY = "poetry"
    SCIENCE = "science"


class Book(Base):
    """A book on the shelf."""

    __tablename__ = "bookshop_books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(200), unique=True)
    genre: Mapped[Genre]
    cents: Mapped[int]


# Text without control characters, which some databases cannot store.
Title = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*$")]
Cents = Annotated[int, Meta(ge=0, le=10_000_00, description="Price in cents.")]


class BookOut(ModelStruct, model=Book):
    """A book as the shop shows it."""

    id: int
    title: str
    genre: Genre
    cents: int


class BookIn(ModelStruct, model=Book, for_create=True, exclude=("id",)):
    """A book as clients send it."""

    title: Title
    genre: Genre
    cents: Cents


class BookPatch(ModelStruct, model=Book, partial=True, exclude=("id",)):
    """What may be changed of a book."""

    title: Title | msgspec.UnsetType = msgspec.UNSET
    cents: Cents | msgspec.UnsetType = msgspec.UNSET


class Price(msgspec.Struct):
    """The price of a book at this moment."""

    title: str
    cents: int


def build_app(**settings: Any) -> Application:
    """Build the application; tests pass a database of their own."""
    defaults = {
        "PROJECT_ROOT": str(HERE),
        "DATABASE_URL": f"sqlite:///{HERE / 'bookshop.sqlite3'}",
        "API_PREFIXES": ["/api/"],
        "API_TITLE": "Bookshop",
    }
    app = Application(**{**defaults, **settings})
    app.db_manager.create_tables(Base.metadata)
    app.include("lback.api.urls", "/api/docs")
    app.add_route("/api/books", list_books, ["GET"], "list_books", requires_auth=False)
    app.add_route("/api/books", add_book, ["POST"], "add_book")
    app.add_route("/api/books/{book_id:int}", show_book, ["GET"], "show_book", requires_auth=False)
    app.add_route("/api/books/{book_id:int}", change_book, ["PATCH"], "change_book")
    app.add_route("/api/books/{book_id:int}", delete_book, ["DELETE"], "delete_book")
    app.add_route("/api/prices", stream_prices, ["GET"], "stream_prices", requires_auth=False)
    return app


def list_books(
    db_session: Session,
    genre: Genre | None = None,
    page: Annotated[int, Meta(ge=1, le=1000)] = 1,
) -> list[BookOut]:
    """List the books by title, 20 on a page."""
    query = select(Book).order_by(Book.title, Book.id).limit(20).offset((page - 1) * 20)
    if genre is not None:
        query = query.where(Book.genre == genre)
    return [BookOut.from_row(book) for book in db_session.scalars(query)]


@describe(errors=[409], request_example={"title": "Emma", "genre": "novel", "cents": 990})
def add_book(db_session: Session, new: BookIn) -> Annotated[BookOut, Status(201)]:
    """Add a book to the shelf."""
    _check_title(db_session, new.title)
    book = Book(**new.to_values())
    db_session.add(book)
    db_session.flush()
    return BookOut.from_row(book)


def show_book(db_session: Session, book_id: int) -> BookOut:
    """Show one book."""
    return BookOut.from_row(_get(db_session, book_id))


@describe(errors=[409])
def change_book(db_session: Session, book_id: int, changes: BookPatch) -> BookOut:
    """Change the fields of a book that are sent."""
    book = _get(db_session, book_id)
    if changes.title is not msgspec.UNSET and changes.title != book.title:
        _check_title(db_session, changes.title)
    changes.apply_to(book)
    return BookOut.from_row(book)


def delete_book(db_session: Session, book_id: int) -> Annotated[None, Status(204)]:
    """Remove a book from the shelf."""
    db_session.delete(_get(db_session, book_id))


def stream_prices(db_session: Session) -> Iterator[Event[Price]]:
    """Send the price of each book as an event."""
    for book in db_session.scalars(select(Book).order_by(Book.id).limit(100)).all():
        yield Event(Price(book.title, book.cents), event="price", id=str(book.id))


def _get(db_session: Session, book_id: int) -> Book:
    book = db_session.get(Book, book_id) if book_id < 2**31 else None
    if book is None:
        raise NotFound("The shop has no such book.")
    return book


def _check_title(db_session: Session, title: str) -> None:
    query = select(func.count()).select_from(Book).where(Book.title == title)
    if db_session.scalar(query):
        raise Problem(409, title="Title taken", detail="Another book has this title.")


if __name__ == "__main__":
    build_app().run()
