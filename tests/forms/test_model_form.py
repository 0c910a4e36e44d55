"""A form made from a model writes rows, and no more of them than it was told."""

import enum
import io
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import (
    JSON,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Numeric,
    PickleType,
    SmallInteger,
    String,
    Table,
    Text,
    UniqueConstraint,
    event,
    func,
    select,
)
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from lback import ConfigurationError, UploadedFile, ValidationError
from lback.core.http.multidict import MultiDict
from lback.database import Base, DatabaseManager, utc_now
from lback.forms import (
    CharField,
    ForeignKeyField,
    Form,
    ImageField,
    ManyToManyField,
    ModelForm,
    Textarea,
    model_form,
)

# The beginning of an image of two by three pixels.
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x02\0\0\0\x03\x08\0\0\0\0"


def upload(name: str, content: bytes) -> UploadedFile:
    return UploadedFile(name, "image/png", io.BytesIO(content), "cover", len(content))


class Genre(enum.Enum):
    NOVEL = 1
    ESSAY = 2


book_tags = Table(
    "forms_book_tags",
    Base.metadata,
    Column("book_id", ForeignKey("forms_books.id"), primary_key=True),
    Column("tag_id", ForeignKey("forms_tags.id"), primary_key=True),
)


class Author(Base):
    __tablename__ = "forms_authors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(40), unique=True)
    books: Mapped[list["Book"]] = relationship(lambda: Book, back_populates="author")

    def __str__(self) -> str:
        return self.name


class Tag(Base):
    __tablename__ = "forms_tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(20))


class Book(Base):
    __tablename__ = "forms_books"
    __table_args__ = (UniqueConstraint("author_id", "title"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(60))
    blurb: Mapped[str | None] = mapped_column(Text)
    genre: Mapped[Genre] = mapped_column(default=Genre.NOVEL)
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    stars: Mapped[float | None]
    pages: Mapped[int | None] = mapped_column(SmallInteger)
    in_print: Mapped[bool] = mapped_column(default=True)
    signed: Mapped[bool | None]
    published: Mapped[date | None]
    read_at: Mapped[time | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    reading_time: Mapped[timedelta | None]
    code: Mapped[UUID | None] = mapped_column(unique=True)
    extra: Mapped[dict[str, Any] | None] = mapped_column(JSON)
    cover: Mapped[bytes | None] = mapped_column(LargeBinary)
    author_id: Mapped[int] = mapped_column(ForeignKey("forms_authors.id"))
    author: Mapped[Author] = relationship(back_populates="books")
    tags: Mapped[set[Tag]] = relationship(secondary=book_tags)
    version: Mapped[int] = mapped_column(Integer)
    __mapper_args__ = {"version_id_col": version}  # noqa: RUF012  SQLAlchemy's name


class Odd(Base):
    __tablename__ = "forms_odd"

    key: Mapped[str] = mapped_column(String(20), primary_key=True)
    owner: Mapped[int | None] = mapped_column(ForeignKey("forms_authors.id"))
    blob: Mapped[Any] = mapped_column(PickleType, nullable=True)


class BookForm(ModelForm):
    cover = ImageField(required=False)

    class Meta:
        model = Book
        fields = "__all__"
        labels = {"in_print": "Can be bought"}  # noqa: RUF012
        help_texts = {"title": "Without the subtitle."}  # noqa: RUF012
        widgets = {"title": Textarea}  # noqa: RUF012


class AuthorForm(ModelForm):
    class Meta:
        model = Author
        fields = ("name",)


@pytest.fixture
def session(database: DatabaseManager) -> Any:
    with database.create_session() as opened:
        yield opened


@pytest.fixture
def author(session: Session) -> Author:
    row = Author(name="Ada")
    session.add(row)
    session.flush()
    return row


def sent(by: Author, **changes: Any) -> dict[str, Any]:
    return {
        "title": "Notes",
        "genre": "ESSAY",
        "price": "9.50",
        "author": str(by.id),
        **changes,
    }


def as_shown(form: Form) -> MultiDict:
    """Return what a browser sends of a form that nobody touched."""
    data = MultiDict()
    for bound in form:
        value = bound.value
        if isinstance(value, (list, tuple, set)):
            data[bound.html_name] = list(value)
        elif value is True:
            data[bound.html_name] = "on"
        elif value is not False and not bound.widget.needs_multipart:
            data[bound.html_name] = bound.widget.format(value)
    return data


def test_all_fields_of_a_model() -> None:
    fields = BookForm.base_fields()
    assert {name: type(field).__name__ for name, field in fields.items()} == {
        "title": "CharField", "blurb": "TextField", "genre": "ChoiceField",
        "price": "DecimalField", "stars": "FloatField", "pages": "IntegerField",
        "in_print": "BooleanField", "signed": "NullBooleanField", "published": "DateField",
        "read_at": "TimeField", "created_at": "DateTimeField", "reading_time": "DurationField",
        "code": "UUIDField", "extra": "JSONField", "cover": "ImageField",
        "author": "ForeignKeyField", "tags": "ManyToManyField",
    }  # fmt: skip
    required = {name for name, field in fields.items() if field.required}
    assert required == {"title", "price", "author"}
    assert fields["genre"].initial is Genre.NOVEL
    assert fields["in_print"].label == "Can be bought"
    assert fields["title"].help_text == "Without the subtitle."
    assert isinstance(fields["title"].widget, Textarea)
    assert fields["pages"].attributes()["max"] == 32767


def test_a_new_row(session: Session, author: Author) -> None:
    tags = [Tag(word="math"), Tag(word="engine")]
    session.add_all(tags)
    session.flush()
    code = uuid4()
    data = MultiDict(
        sent(
            author, blurb=" ", stars="4.5", pages="66", in_print="on", signed="true",
            published="1843-09-01", read_at="10:30", created_at="2026-01-02T03:04", code=str(code),
            reading_time="1:30", extra='{"a": [1]}', tags=[str(tag.id) for tag in tags],
        )
    )  # fmt: skip
    form = BookForm(data, {"cover": upload("c.png", PNG)}, session=session)
    assert form.is_valid(), form.errors
    book = form.save()
    session.commit()
    session.expire_all()
    assert book.id
    assert (book.title, book.blurb, book.genre, book.price) == (
        "Notes", None, Genre.ESSAY, Decimal("9.50"),
    )  # fmt: skip
    assert (book.stars, book.pages, book.in_print, book.signed) == (4.5, 66, True, True)
    assert (book.published, book.read_at) == (date(1843, 9, 1), time(10, 30))
    assert book.created_at == datetime(2026, 1, 2, 3, 4, tzinfo=UTC)
    assert (book.reading_time, book.code, book.extra) == (
        timedelta(minutes=90), code, {"a": [1]},
    )  # fmt: skip
    assert book.cover == PNG
    assert book.author is author
    assert book.tags == set(tags)


def test_what_is_left_empty_takes_the_default_of_its_column(
    session: Session, author: Author
) -> None:
    form = BookForm(sent(author, genre=""), session=session)
    assert form.is_valid(), form.errors
    book = form.save()
    assert book.genre is Genre.NOVEL
    assert utc_now() - book.created_at < timedelta(minutes=1)
    assert book.in_print is False
    assert book.cover is None


def test_what_no_one_touched_is_not_written(session: Session, author: Author) -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, 678_901, tzinfo=UTC)
    book = Book(
        title=" with\nlines ", price=Decimal("1.5"), author=author, created_at=moment,
        extra={"b": 1, "a": None}, cover=b"old", stars=0.1, tags={Tag(word="x")}, signed=False,
        reading_time=timedelta(seconds=1.5), read_at=time(1, 2, 3, 456_789), code=uuid4(),
    )  # fmt: skip
    session.add(book)
    session.commit()
    session.expire_all()
    form = BookForm(
        as_shown(BookForm(instance=book, session=session)), instance=book, session=session
    )
    assert form.is_valid(), form.errors
    assert form.changed_data == []
    form.save()
    session.commit()
    assert book.version == 1
    assert book.created_at == moment


def test_only_what_was_changed_is_written(session: Session, author: Author) -> None:
    book = BookForm(sent(author), {"cover": upload("c.png", PNG)}, session=session).save()
    session.commit()
    data = {**as_shown(BookForm(instance=book, session=session)), "price": "3", "cover-clear": "on"}
    form = BookForm(data, instance=book, session=session)
    assert form.save() is book
    session.commit()
    assert book.price == 3
    assert book.cover is None
    assert form.changed_data == ["price", "cover"]
    assert book.version == 2


def test_what_is_not_in_the_form_cannot_be_written(session: Session, author: Author) -> None:
    form = model_form(Book, fields=["title"])(
        {"title": "x", "price": "1", "id": "77", "version": "9"},
        instance=BookForm(sent(author), session=session).save(),
        session=session,
    )
    book = form.save()
    assert (book.title, book.price, book.id == 77, book.version) == ("x", Decimal("9.5"), False, 2)


def test_a_unique_value_that_is_taken(session: Session, author: Author) -> None:
    form = AuthorForm({"name": "Ada"}, session=session)
    assert form.errors == {"name": ["This value is already in use. Please choose another one."]}
    assert AuthorForm({"name": "Ada"}, instance=author, session=session).is_valid()
    other = AuthorForm({"name": "Bob"}, session=session).save()
    taken = AuthorForm({"name": "Ada"}, instance=other, session=session)
    assert not taken.is_valid()
    with pytest.raises(ValidationError) as raised:
        taken.save()
    assert raised.value.errors == {
        "name": ["This value is already in use. Please choose another one."]
    }


def test_values_that_are_unique_together(session: Session, author: Author) -> None:
    BookForm(sent(author), session=session).save()
    form = BookForm(sent(author), session=session)
    assert form.non_field_errors == [
        "There is already an entry with the same author and title. Please change one of them."
    ]
    fixed = model_form(Book, fields=["title", "price"])(
        {"title": "Notes", "price": "1"}, fixed={"author": author}, session=session
    )
    assert not fixed.is_valid()


def test_a_unique_value_that_someone_takes_meanwhile(
    database: DatabaseManager, session: Session
) -> None:
    form = AuthorForm({"name": "Eve"}, session=session)
    assert form.is_valid()
    session.rollback()
    with database.session() as other:
        other.add(Author(name="Eve"))
    with pytest.raises(ValidationError) as raised:
        form.save()
    assert raised.value.errors == {
        "name": ["This value is already in use. Please choose another one."]
    }
    assert AuthorForm({"name": "Mallory"}, session=session).save().id
    session.commit()


def test_a_key_that_is_a_word(session: Session) -> None:
    form_class = model_form(Odd, exclude=["blob"])
    assert list(form_class.base_fields()) == ["key", "owner"]
    row = form_class({"key": "a,b", "owner": ""}, session=session).save()
    assert (row.key, row.owner) == ("a,b", None)
    assert form_class({"key": "a,b"}, session=session).errors["key"]
    assert form_class({"key": "a,b"}, instance=row, session=session).is_valid()


def test_a_foreign_key_without_a_relationship(session: Session, author: Author) -> None:
    form_class = model_form(Odd, fields=["key", "owner"])
    form = form_class({"key": "x", "owner": str(author.id)}, session=session)
    assert form.save().owner == author.id
    again = form_class(as_shown(form_class(instance=form.instance, session=session)),
                       instance=form.instance, session=session)  # fmt: skip
    assert again.changed_data == []
    assert form_class({"key": "y", "owner": "0"}, session=session).errors["owner"]


def test_a_row_that_is_not_there(session: Session, author: Author) -> None:
    for key in ("0", "x", "1,2", "9" * 30, "-1", "1.0", "' OR 1=1 --", "%00", str(2**63)):
        form = BookForm(MultiDict(sent(author, author=key, tags=[key])), session=session)
        assert form.errors["author"] == ["Please choose one of those offered."], key
        assert form.errors["tags"] == ["Please choose one of those offered."], key


def test_rows_that_are_not_offered_cannot_be_chosen(session: Session, author: Author) -> None:
    eve = Author(name="Eve")
    session.add(eve)
    session.flush()

    class Picking(Form):
        author = ForeignKeyField(Author, query=select(Author).where(Author.name != "Eve"))
        others = ManyToManyField(Author, required=False)

    page = str(Picking(session=session)["author"])
    assert "Ada" in page
    assert "Eve" not in page
    assert Picking({"author": str(author.id)}, session=session).is_valid()
    form = Picking(MultiDict(author=str(eve.id), others=[str(eve.id)]), session=session)
    assert list(form.errors) == ["author"]
    assert form.cleaned_data["others"] == [eve]


def test_a_table_that_is_too_long_for_a_list(session: Session) -> None:
    session.add_all(Author(name=f"n{number}") for number in range(505))
    session.flush()
    first = session.scalars(select(Author).order_by(Author.id)).all()

    class Picking(Form):
        author = ForeignKeyField(Author)
        others = ManyToManyField(Author)

    form = Picking(initial={"author": first[0], "others": [first[504]]}, session=session)
    assert str(form["author"]).startswith('<input type="text"')
    assert f'value="{first[0].id}"' in str(form["author"])
    several = str(form["others"])
    assert several.count("<option") == 502
    assert "selected>n504</option>" in several


def test_choosing_asks_for_the_chosen_rows_only(database: DatabaseManager) -> None:
    with database.session() as session:
        session.add_all(Author(name=f"n{number}") for number in range(30))
    with database.create_session() as session:
        keys = [str(key) for key in session.scalars(select(Author.id))]
        asked: list[str] = []
        event.listen(
            database.engine, "before_cursor_execute", lambda *a: asked.append(a[2]), named=False
        )

        class Picking(Form):
            author = ForeignKeyField(Author)
            others = ManyToManyField(Author)

        form = Picking(MultiDict(author=keys[0], others=keys), session=session)
        assert form.is_valid()
        assert len(form.cleaned_data["others"]) == 30
        assert len(asked) == 2


def test_a_form_without_a_session_says_so() -> None:
    with pytest.raises(ConfigurationError, match=r"rows of Author needs a database session; build"):
        BookForm({"author": "1"}).is_valid()


def test_a_row_can_be_made_without_a_session() -> None:
    row = AuthorForm({"name": "Ada"}).save()
    assert row.name == "Ada"
    with pytest.raises(ValidationError) as raised:
        AuthorForm().save()
    assert raised.value.errors == {"__all__": ["Nothing was submitted."]}


@pytest.mark.parametrize(
    ("meta", "said"),
    [
        ({"model": Book}, r"names no fields; write fields = \"__all__\""),
        (
            {"model": Book, "fields": ["titel"]},
            r"'titel', which Book does not have; did you mean 'title'",
        ),
        ({"model": Book, "exclude": ["xyz"]}, r"'xyz', which Book does not have; it has author, "),
        ({"model": int, "fields": "__all__"}, r"<class 'int'>, which is not a mapped class"),
        ({"model": Book, "field": ["title"]}, r"sets 'field'; it may set exclude, fields, help"),
    ],
)
def test_a_meta_that_cannot_work(meta: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        type("Wrong", (ModelForm,), {"Meta": type("Meta", (), meta)})


def test_columns_without_a_field_say_so() -> None:
    with pytest.raises(
        ConfigurationError, match=r"forms_odd.blob has the type PickleType.*exclude"
    ):
        model_form(Odd, fields="__all__").base_fields()
    with pytest.raises(ConfigurationError, match=r"Author.books is a one-to-many relationship"):
        model_form(Author, fields=["books"]).base_fields()


def test_a_form_inherits_from_a_model_form(session: Session) -> None:
    class Longer(AuthorForm):
        note = CharField(required=False)

        def clean_name(self) -> str:
            return f"{self.cleaned_data['name']}!"

    form = Longer({"name": "Bob", "note": "x"}, session=session)
    assert list(form.fields) == ["name", "note"]
    assert form.save().name == "Bob!"
    assert list(AuthorForm().fields) == ["name"]
    assert session.scalar(select(func.count()).select_from(Author)) == 1


def test_uploads_are_read_from_their_beginning(session: Session, author: Author) -> None:
    file: UploadedFile = upload("c.png", PNG)
    file.read()
    assert BookForm(sent(author), {"cover": file}, session=session).save().cover == PNG
