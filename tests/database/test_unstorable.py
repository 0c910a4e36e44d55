"""Values that no column can hold are mistakes of the client, on every database."""

import logging
from collections.abc import Iterator
from decimal import Decimal
from enum import Enum
from typing import Any

import pytest
from sqlalchemy import BigInteger, Numeric, String, select
from sqlalchemy.exc import DataError, IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application, NotFound
from lback.core.exceptions import BadRequest
from lback.core.request import Request
from lback.database import Base, DatabaseManager
from lback.forms import ModelForm
from lback.testing import Client


class Kind(Enum):
    NOVEL = "novel"
    ATLAS = "atlas"


class Volume(Base):
    __tablename__ = "unstorable_volumes"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(20))
    pages: Mapped[int] = mapped_column(default=0)
    weight: Mapped[int] = mapped_column(BigInteger, default=0)
    price: Mapped[Decimal] = mapped_column(Numeric(6, 2), default=Decimal(0))
    kind: Mapped[Kind] = mapped_column(default=Kind.NOVEL)


class VolumeForm(ModelForm):
    class Meta:
        model = Volume
        fields = ("title", "pages", "weight", "price", "kind")


def show(request: Request, volume_id: int, db_session: Session) -> dict[str, Any]:
    row = db_session.get(Volume, volume_id)
    if row is None:
        raise NotFound
    return {"title": row.title}


def named(request: Request, title: str, db_session: Session) -> dict[str, Any]:
    row = db_session.scalar(select(Volume).where(Volume.title == title))
    if row is None:
        raise NotFound
    return {"title": row.title}


def find(request: Request, db_session: Session) -> dict[str, int]:
    query = select(Volume)
    for name, value in request.GET.items():
        wanted = int(value) if name in ("id", "pages", "weight") else value
        query = query.where(getattr(Volume, name) == wanted)
    return {"count": len(db_session.scalars(query).all())}


def add(request: Request, db_session: Session) -> dict[str, int]:
    db_session.add(Volume(**request.DATA))
    return {}


def add_by_form(request: Request, db_session: Session) -> Any:
    form = VolumeForm(request.DATA, session=db_session)
    if not form.is_valid():
        return form.errors, 422
    form.save()
    return {}


@pytest.fixture
def client(database: DatabaseManager) -> Iterator[Client]:
    app = Application(
        DATABASE_URL=database.url.render_as_string(hide_password=False),
        MIDDLEWARES=["lback.middleware.BodyParsingMiddleware"],
    )
    app.add_route("/volumes/{volume_id:int}", show, requires_auth=False)
    app.add_route("/named/{title}", named, requires_auth=False)
    app.add_route("/find", find, requires_auth=False)
    app.add_route("/add", add, ["POST"], requires_auth=False)
    app.add_route("/form", add_by_form, ["POST"], requires_auth=False)
    app.db_manager.create_tables()
    yield Client(app, headers={"Accept": "application/json"})
    app.db_manager.dispose()


HUGE = [str(2**31), str(2**63 - 1), str(2**63), "9" * 20, "9" * 200]


@pytest.mark.parametrize("number", HUGE)
def test_an_address_with_a_number_beyond_its_column_is_not_found(
    client: Client, number: str
) -> None:
    assert client.get(f"/volumes/{number}").status_code == 404


@pytest.mark.parametrize("text", ["a%00b", "x" * 5000, "%F0%9F%A6%9C"])
def test_an_address_with_a_text_beyond_its_column_is_not_found(client: Client, text: str) -> None:
    assert client.get(f"/named/{text}").status_code == 404


@pytest.mark.parametrize("query", [f"{name}={n}" for n in HUGE for name in ("id", "pages")])
def test_a_query_for_such_a_number_finds_nothing_or_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/find?{query}").status_code in (200, 400)


@pytest.mark.parametrize(
    "query", ["title=%00", "title=%ED%A0%80", "kind=poem", "title=" + "x" * 99]
)
def test_a_query_for_such_a_text_finds_nothing_or_is_refused(client: Client, query: str) -> None:
    assert client.get(f"/find?{query}").status_code in (200, 400)


@pytest.mark.parametrize(
    "values",
    [{"title": "a", "weight": 2**63}, {"title": "a", "weight": -(10**30)}],
)
def test_a_row_with_a_value_that_no_database_holds_is_refused(
    client: Client, values: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        answer = client.post("/add", json=values)

    assert answer.status_code == 400
    assert "too large, too long" in answer.text
    assert "value cannot be stored" in caplog.text
    assert client.post("/add", json={"title": "after"}).status_code == 200


@pytest.mark.parametrize(
    "values",
    [{"title": "x" * 21}, {"title": "a\0b"}, {"title": "a", "pages": 2**31},
     {"title": "a", "price": "1e9"}, {"title": "a", "kind": "poem"}],
)  # fmt: skip
def test_what_one_database_holds_and_another_refuses_never_fails(
    client: Client, values: dict[str, Any]
) -> None:
    assert client.post("/add", json=values).status_code in (200, 400)


@pytest.mark.parametrize(
    "values",
    [{"pages": 2**31}, {"pages": "9" * 25}, {"weight": 2**63}, {"price": "10000"},
     {"title": "x" * 21}, {"title": "a\0b"}, {"kind": "poem"}],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["json", "data"])
def test_a_form_says_which_field_it_is(client: Client, values: dict[str, Any], kind: str) -> None:
    fine = {"title": "a", "pages": 1, "weight": 1, "price": "1", "kind": "NOVEL"}
    sent: Any = {kind: {**fine, **values}}
    answer = client.post("/form", **sent)
    assert (answer.status_code, list(answer.json())) == (422, list(values))


def test_outside_a_request_it_is_an_error_of_sqlalchemy_as_well(database: DatabaseManager) -> None:
    with database.create_session() as session, pytest.raises(DataError) as raised:
        session.execute(select(Volume).where(Volume.title == "\ud800"))
    assert isinstance(raised.value, BadRequest)


def test_a_mistake_of_the_program_stays_one(database: DatabaseManager) -> None:
    with database.create_session() as session, pytest.raises(IntegrityError):
        session.add(Volume(title=None))
        session.flush()
    with database.create_session() as session, pytest.raises(IntegrityError):
        session.add_all([Volume(id=1, title="a"), Volume(id=1, title="b")])
        session.flush()
