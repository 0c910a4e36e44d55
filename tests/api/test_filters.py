"""Lists show what their filter declares, in its order, on every database."""

import enum
import re
from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import msgspec
import pytest
from sqlalchemy import Column, ForeignKey, Numeric, Select, String, Table, Text
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lback import Application
from lback.api import (
    Equal,
    Filter,
    FullText,
    In,
    IsNull,
    NumberedPage,
    Ordering,
    Page,
    Prefix,
    Range,
)
from lback.auth import policies
from lback.core.exceptions import ConfigurationError
from lback.database import Base, DatabaseManager
from lback.testing import Client


class Binding(enum.Enum):
    HARD = "hardcover"
    SOFT = "paperback"


novel_tags = Table(
    "api_novel_tags",
    Base.metadata,
    Column("novel_id", ForeignKey("api_novels.id"), primary_key=True),
    Column("tag_id", ForeignKey("api_tags.id"), primary_key=True),
)


class Writer(Base):
    __tablename__ = "api_writers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    password_hash: Mapped[str | None] = mapped_column(String(80))


class Tag(Base):
    __tablename__ = "api_tags"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(40))


class Novel(Base):
    __tablename__ = "api_novels"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120), index=True)
    code: Mapped[UUID]
    price: Mapped[Decimal] = mapped_column(Numeric(8, 2))
    binding: Mapped[Binding] = mapped_column(default=Binding.SOFT)
    in_print: Mapped[bool] = mapped_column(default=True)
    published: Mapped[date | None]
    read_at: Mapped[datetime | None]
    notes: Mapped[str | None] = mapped_column(Text)
    writer_id: Mapped[int | None] = mapped_column(ForeignKey("api_writers.id"))
    writer: Mapped[Writer | None] = relationship()
    tags: Mapped[list[Tag]] = relationship(secondary=novel_tags)


class NovelOut(msgspec.Struct):
    id: int
    title: str
    price: Decimal


def search_titles(statement: Select[Any], text: str) -> Select[Any]:
    return statement.where(Novel.title.icontains(text, autoescape=True))


class NovelFilter(Filter, model=Novel, page_size=3, max_page_size=5, further=("lang",)):
    title = Prefix()
    code = Equal()
    price = Range()
    binding = In()
    in_print = Equal()
    published = Range(Novel.published)
    read_at = Range()
    writer = Equal(Novel.writer)
    writer_name = Equal("writer.name")
    tag = In("tags.word")
    unassigned = IsNull(Novel.writer_id)
    q = FullText(search_titles)
    ordering = Ordering("title", "-price", "published", "binding", "writer.name", default="title")


class NumberedNovels(Filter, model=Novel, numbered=True, page_size=2):
    in_print = Equal()
    ordering = Ordering("-price")


TITLES = ["Emma", "Evelina", "Eothen", "Dracula", "Middlemarch", "Persuasion", "Villette", "100%"]


@pytest.fixture
def library(database: DatabaseManager) -> Iterator[Application]:
    with database.session() as session:
        jane, george = Writer(name="Jane"), Writer(name="George")
        old, new = Tag(word="old"), Tag(word="new")
        session.add_all([jane, george])
        for number, title in enumerate(TITLES):
            session.add(
                Novel(
                    title=title,
                    code=UUID(int=number),
                    price=Decimal(number % 3) + Decimal("0.50"),
                    binding=Binding.HARD if number % 2 else Binding.SOFT,
                    in_print=number != 3,
                    published=date(1800 + number, 1, 1) if number % 3 else None,
                    read_at=datetime(2026, 1, 1 + number, 12, tzinfo=UTC),
                    writer=(jane, george, None)[number % 3],
                    tags=[(old, new)[number % 2]] if number < 6 else [old, new],
                )
            )
    app = Application(DATABASE_URL=database.url.render_as_string(False), SECRET_KEY="k" * 40)

    def show(novels: NovelFilter, db_session: Any) -> Page[NovelOut]:
        return novels.page(db_session, NovelOut)

    def numbered(novels: NumberedNovels, db_session: Any) -> NumberedPage[NovelOut]:
        return novels.numbered_page(db_session, NovelOut)

    app.add_route("/novels", show, requires_auth=False)
    app.add_route("/numbered", numbered, requires_auth=False)
    yield app
    app.db_manager.dispose()


@pytest.fixture
def client(library: Application) -> Client:
    return Client(library)


def titles(client: Client, query: str) -> list[str]:
    """Return the titles on all pages of a list."""
    found: list[str] = []
    url: str | None = f"/novels?{query}"
    while url is not None:
        response = client.get(url)
        assert response.status_code == 200, response.text
        found += [item["title"] for item in response.json()["items"]]
        url = links(response).get("next")
    return found


def links(response: Any) -> dict[str, str]:
    found = re.findall(r'<([^>]*)>; rel="([a-z]+)"', response.headers.get("link", ""))
    return {rel: url for url, rel in found}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", sorted(TITLES)),
        ("title=E", ["Emma", "Eothen", "Evelina"]),
        ("title=e", []),
        ("title=100%25", ["100%"]),
        ("title=_", []),
        ("title=", sorted(TITLES)),
        ("code=00000000-0000-0000-0000-000000000002", ["Eothen"]),
        ("price_min=1.5&price_max=1.5", ["Evelina", "Middlemarch", "100%"]),
        ("price_min=3", []),
        ("binding=hardcover", ["100%", "Dracula", "Evelina", "Persuasion"]),
        ("binding=hardcover&binding=paperback", sorted(TITLES)),
        ("in_print=false", ["Dracula"]),
        ("published_min=1805-01-01", ["100%", "Persuasion"]),
        ("published_max=1801-01-01", ["Evelina"]),
        ("read_at_min=2026-01-08T13:00:00%2B02:00", ["100%"]),
        ("writer_name=George", ["100%", "Evelina", "Middlemarch"]),
        ("unassigned=true", ["Eothen", "Persuasion"]),
        ("unassigned=false&title=E", ["Emma", "Evelina"]),
        ("tag=new", ["100%", "Dracula", "Evelina", "Persuasion", "Villette"]),
        ("tag=new&tag=old&title=E", ["Emma", "Eothen", "Evelina"]),
        ("q=mm", ["Emma"]),
        ("q=%25", ["100%"]),
        ("lang=en&title=Em", ["Emma"]),
        ("writer=99999999999999", []),
    ],
)
def test_a_list_shows_what_its_filter_lets_through(
    client: Client, query: str, expected: list[str]
) -> None:
    assert sorted(titles(client, query)) == sorted(expected)


@pytest.mark.parametrize("limit", [1, 2, 3, 5])
@pytest.mark.parametrize(
    "order",
    ["title", "-title", "price", "-price,title", "published", "-published,-title", "binding",
     "-binding,published,title", "writer.name", "-writer.name,title"],
)  # fmt: skip
def test_pages_are_walked_forwards_and_backwards(client: Client, order: str, limit: int) -> None:
    url: str | None = f"/novels?ordering={order}&limit={limit}"
    forwards: list[list[int]] = []
    last = ""
    while url is not None:
        response = client.get(url)
        forwards.append([item["id"] for item in response.json()["items"]])
        last, url = url, links(response).get("next")
    everything = [one for page in forwards for one in page]
    assert len(everything) == len(set(everything)) == len(TITLES)
    assert all(len(page) == limit for page in forwards[:-1])

    backwards: list[list[int]] = []
    url = last
    while url is not None:
        response = client.get(url)
        backwards.insert(0, [item["id"] for item in response.json()["items"]])
        url = links(response).get("prev")
    # Pages that are read backwards are counted from the last one.
    assert [one for page in backwards for one in page] == everything
    assert client.get(links(client.get(last))["first"]).json()["previous"] is None


def test_rows_inserted_meanwhile_move_no_other_row(
    client: Client, database: DatabaseManager
) -> None:
    first = client.get("/novels?limit=3")
    with database.session() as session:
        session.add_all(
            Novel(title=f"A{number}", code=UUID(int=50 + number), price=1) for number in range(4)
        )
    second = client.get(links(first)["next"])
    assert [item["title"] for item in second.json()["items"]] == [
        "Eothen",
        "Evelina",
        "Middlemarch",
    ]
    before = client.get(links(second)["prev"])
    assert [item["title"] for item in before.json()["items"]] == ["A3", "Dracula", "Emma"]


def test_a_total_is_counted_on_request(client: Client) -> None:
    assert client.get("/novels").json()["total"] is None
    assert client.get("/novels?total=true&title=E").json()["total"] == 3


@pytest.mark.parametrize(
    ("query", "parameter", "detail"),
    [
        ("titel=E", "titel", "not known; did you mean title"),
        ("price_min=x", "price_min", "a decimal number"),
        ("price_min=NaN", "price_min", "a finite number"),
        ("price_min=1e999999", "price_min", "a finite number"),
        ("price_min=1&price_min=2", "price_min", "once"),
        ("binding=HARD", "binding", "Must be one of: hardcover, paperback"),
        ("in_print=maybe", "in_print", "true or false"),
        ("published_min=1805", "published_min", "a date such as"),
        ("read_at_min=2026-01-08T12:00:00", "read_at_min", "with a time zone"),
        ("read_at_min=0001-01-01T00:00:00%2B10:00", "read_at_min", "Is not valid"),
        ("code=7", "code", "a UUID"),
        ("title=%00", "title", "Is not valid"),
        (f"title={'x' * 121}", "title", "120 or less"),
        ("writer=99999999999999999999", "writer", "9223372036854775807 or less"),
        ("limit=6", "limit", "5 or less"),
        ("limit=0", "limit", "1 or more"),
        ("ordering=titel", "ordering", "did you mean title"),
        ("ordering=notes", "ordering", "Order by title, price"),
        ("ordering=title,-title", "ordering", "different names"),
        ("page=2", "page", "not known"),
        ("&".join(f"tag={number}" for number in range(101)), "tag", "100 or less"),
        ("q=" + "x" * 201, "q", "200 or less"),
        ("cursor=abc", "cursor", "not valid"),
        ("cursor=W10", "cursor", "not valid"),
    ],
)
def test_what_a_filter_does_not_take_is_refused(
    client: Client, query: str, parameter: str, detail: str
) -> None:
    response = client.get(f"/novels?{query}")
    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert error["parameter"] == parameter
    assert error["in"] == "query"
    assert detail in error["detail"]


def test_all_wrong_parameters_are_named_at_once(client: Client) -> None:
    response = client.get("/novels?price_min=x&limit=9999&foo=1")
    names = {error["parameter"] for error in response.json()["errors"]}
    assert names == {"price_min", "limit", "foo"}


def test_a_cursor_is_good_for_its_own_list_alone(client: Client) -> None:
    cursor = client.get("/novels?title=E&limit=1").json()["next"]
    assert client.get(f"/novels?title=E&limit=2&cursor={cursor}").status_code == 200
    assert client.get(f"/novels?cursor={cursor}&title=E&lang=").status_code == 200
    for query in ("title=V", "title=E&ordering=-title", "", "title=E&in_print=true"):
        response = client.get(f"/novels?{query}&cursor={cursor}")
        assert response.status_code == 422
        assert "another order or filter" in response.text


def test_a_cursor_cannot_be_altered(client: Client) -> None:
    cursor = client.get("/novels?limit=1").json()["next"]
    for place in range(len(cursor) - 1):
        letter = "A" if cursor[place] != "A" else "B"
        altered = cursor[:place] + letter + cursor[place + 1 :]
        assert client.get(f"/novels?limit=1&cursor={altered}").status_code == 422
    assert client.get("/novels?cursor=" + "a" * 7000).status_code == 422
    assert client.get("/novels?cursor=%C3%A9%ED%A0%80").status_code == 422


def test_numbered_pages_say_how_many_there_are(client: Client) -> None:
    first = client.get("/numbered")
    assert first.json()["page"] == 1
    assert first.json()["pages"] == 4
    assert first.json()["total"] == 8
    assert set(links(first)) == {"first", "next", "last"}
    last = client.get(links(first)["last"])
    assert len(last.json()["items"]) == 2
    assert set(links(last)) == {"first", "prev", "last"}
    assert client.get("/numbered?page=5").status_code == 404
    assert client.get("/numbered?page=0").status_code == 422
    assert client.get("/numbered?cursor=x").status_code == 422
    empty = client.get("/numbered?in_print=false&limit=200")
    assert (empty.json()["pages"], empty.json()["total"]) == (1, 1)


def test_policies_leave_rows_out_of_lists_filters_and_orders(library: Application) -> None:
    class NoDracula(policies.Policy):
        def scope(self, user: Any, statement: Select[Any]) -> Select[Any]:
            return statement.where(Novel.title != "Dracula")

    class NoGeorge(policies.Policy):
        def scope(self, user: Any, statement: Select[Any]) -> Select[Any]:
            return statement.where(Writer.name != "George")

    class OldTags(policies.Policy):
        def scope(self, user: Any, statement: Select[Any]) -> Select[Any]:
            return statement.where(Tag.word == "old")

    policies.policy(Novel)(NoDracula)
    policies.policy(Writer)(NoGeorge)
    policies.policy(Tag)(OldTags)
    try:
        client = Client(library)
        assert "Dracula" not in titles(client, "")
        assert client.get("/novels?total=true").json()["total"] == 7
        assert titles(client, "writer_name=George") == []
        assert titles(client, "writer_name=Jane") == ["Emma", "Villette"]
        assert titles(client, "tag=new") == []
        # Hidden writers are sorted as missing ones, so that the order does not disclose them.
        order = titles(client, "ordering=writer.name,title&limit=5")
        jane = [order.index(title) for title in ("Emma", "Villette")]
        assert max(jane) - min(jane) == 1
        assert min(jane) in (0, 5)
    finally:
        for model in (Novel, Writer, Tag):
            policies.remove_policy(model)


def test_parameters_are_described_with_their_types() -> None:
    found = {parameter.name: parameter for parameter in NovelFilter.api_parameters()}
    assert list(found) == [
        "title", "code", "price_min", "price_max", "binding", "in_print", "published_min",
        "published_max", "read_at_min", "read_at_max", "writer", "writer_name", "tag", "unassigned",
        "q", "ordering", "cursor", "limit", "total",
    ]  # fmt: skip
    assert not any(parameter.required for parameter in found.values())
    assert {parameter.location for parameter in found.values()} == {"query"}
    schema = msgspec.json.schema
    assert schema(found["published_min"].type) == {"type": "string", "format": "date"}
    assert schema(found["limit"].type) == {"type": "integer", "minimum": 1, "maximum": 5}
    assert schema(found["title"].type) == {"type": "string", "maxLength": 120}
    assert schema(found["unassigned"].type) == {"type": "boolean"}
    assert schema(found["binding"].type)["items"]
    assert schema(found["tag"].type)["maxItems"] == 100
    assert found["ordering"].default == "title"
    order = re.compile(schema(found["ordering"].type)["pattern"])
    assert [bool(order.search(text)) for text in ("", "-title", "title,-price", "name")] == [
        True,
        True,
        True,
        False,
    ]


def declare(**attributes: Any) -> None:
    options = attributes.pop("options", {"model": Novel})
    type("Wrong", (Filter,), attributes, **options)


@pytest.mark.parametrize(
    ("attributes", "message"),
    [
        ({"options": {}}, "has no model"),
        ({"titel": Equal()}, "no column or relationship 'titel'; did you mean title"),
        ({"name": Equal("writer.nam")}, "Writer has no column or relationship 'nam'"),
        ({"name": Equal("title.name")}, "'title' is not a relationship"),
        ({"name": Equal(Writer.name)}, "not an attribute of Novel"),
        ({"name": Equal("writer.password_hash")}, "is secret"),
        ({"ordering": Ordering("writer.password_hash")}, "is secret"),
        ({"price": Prefix()}, "needs a column of text"),
        ({"ordering": Ordering("tags.word")}, "leads to several rows"),
        ({"ordering": Ordering("title", default="price")}, "the default 'price'"),
        ({"cursor": Equal("title")}, "declares cursor"),
        ({"user": Equal("writer_id")}, "declares user"),
        ({"price": Range(), "price_min": Equal("price")}, "price_min"),
        ({"a": Ordering("title"), "b": Ordering("price")}, "more than one Ordering"),
        ({"options": {"model": Novel, "page_size": 300}}, "page_size=300"),
    ],
)
def test_mistakes_stop_the_start(attributes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        declare(**attributes)


def test_a_parameter_may_have_another_name_than_its_attribute() -> None:
    class Owned(Filter, model=Novel):
        owner = Equal(Novel.writer, parameter="user")

    assert next(p.name for p in Owned.api_parameters()) == "user"
    assert isinstance(Owned.owner, Equal)


def test_pages_are_structs_that_name_their_items() -> None:
    page: Page[int] = Page(items=[1])
    assert msgspec.to_builtins(page) == {
        "items": [1], "next": None, "previous": None, "total": None,
    }  # fmt: skip
    numbered: NumberedPage[int] = NumberedPage(items=[], page=1, pages=1)
    assert msgspec.to_builtins(numbered)["total"] is None
