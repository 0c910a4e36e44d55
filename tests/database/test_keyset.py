"""Pages that begin after a row show every row once, in order, on every database."""

import json
from base64 import urlsafe_b64encode
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Numeric, Text, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback.database import Base, DatabaseManager
from lback.database.counting import EXACT_UP_TO, Count
from lback.database.keyset import (
    SortKey,
    after,
    plain_values,
    read_page,
    sort_key,
    token_of,
    typed_values,
    unique_order,
    values_of,
)


class KeysetStone(Base):
    __tablename__ = "keyset_stones"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str | None] = mapped_column(Text)
    number: Mapped[int | None]
    weight: Mapped[Decimal] = mapped_column(Numeric(10, 2))
    found: Mapped[date | None]
    seen: Mapped[datetime | None]
    fine: Mapped[bool]
    code: Mapped[UUID]


WORDS = st.none() | st.text("aäbB ", max_size=2)
STONES = st.lists(
    st.tuples(WORDS, st.none() | st.integers(0, 2), st.integers(0, 3), st.booleans()), max_size=9
)
ORDERS = st.permutations(["word", "number", "weight", "fine", "seen", "found"])


def stone(word: str | None, number: int | None, weight: int, fine: bool) -> KeysetStone:
    day = None if number is None else date(2026, 1, 1 + number)
    moment = None if weight == 0 else datetime(2026, 1, weight, 1, 2, 3, 456_789, tzinfo=UTC)
    return KeysetStone(
        word=word, number=number, weight=Decimal(weight) / 4, found=day, seen=moment, fine=fine,
        code=UUID(int=weight),
    )  # fmt: skip


def keys_of(order: list[tuple[str, bool]]) -> list[SortKey]:
    columns = KeysetStone.__table__.c
    keys = [SortKey(columns[n], down, bool(columns[n].nullable)) for n, down in order]
    return [*keys, SortKey(columns.id)]


def pages(session: Session, keys: list[SortKey], size: int) -> list[int]:
    """Read all pages, each by the token of the one before it."""
    dialect = session.get_bind().dialect
    found: list[int] = []
    token: str | None = None
    for _ in range(20):
        query = select(KeysetStone.id, *(key.expression for key in keys))
        if token is not None:
            values = values_of(token, keys)
            assert values is not None
            query = query.where(after(keys, values, dialect))
        rows = session.execute(query.order_by(*(key.order for key in keys)).limit(size)).all()
        found += [row[0] for row in rows]
        if len(rows) < size:
            break
        token = token_of(list(rows[-1])[1:])
    return found


@given(
    stones=STONES,
    names=ORDERS,
    downs=st.lists(st.booleans(), min_size=6, max_size=6),
    count=st.integers(1, 3),
    size=st.integers(1, 4),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_pages_show_every_row_once_and_in_order(
    database: DatabaseManager, stones: Any, names: Any, downs: Any, count: int, size: int
) -> None:
    with database.create_session() as session:
        session.add_all(stone(*values) for values in stones)
        session.flush()
        order = list(zip(names[:count], downs, strict=False))
        forwards = keys_of(order)
        for keys in (forwards, [key.reversed() for key in forwards]):
            query = select(KeysetStone.id).order_by(*(key.order for key in keys))
            assert pages(session, keys, size) == list(session.scalars(query))
        session.rollback()


@given(
    stones=STONES,
    further=STONES,
    names=ORDERS,
    downs=st.lists(st.booleans(), min_size=6, max_size=6),
    count=st.integers(0, 3),
    size=st.integers(1, 4),
    backwards=st.booleans(),
)
@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_walk_meets_every_row_that_was_there_once_while_others_are_inserted(
    database: DatabaseManager,
    stones: Any,
    further: Any,
    names: Any,
    downs: Any,
    count: int,
    size: int,
    backwards: bool,
) -> None:
    with database.create_session() as session:
        session.add_all(stone(*values) for values in stones)
        session.flush()
        query, columns = select(KeysetStone), KeysetStone.__table__.c
        dialect = session.get_bind().dialect
        keys = unique_order(
            [
                sort_key(columns[n], dialect, descending=d, nullable=bool(columns[n].nullable))
                for n, d in list(zip(names, downs, strict=False))[:count]
            ],
            [columns.id],
        )
        order = [key.order for key in keys]
        before = list(session.scalars(select(KeysetStone.id).order_by(*order)))
        waiting, met, values = list(further), list[int](), None
        for _ in range(40):
            page = read_page(session, query, keys, size, values, backwards=backwards)
            found = [row.id for row in page.rows]
            met = [*found, *met] if backwards else [*met, *found]
            edge = page.previous if backwards else page.following
            if edge is None:
                break
            # As a client would send it.
            values = typed_values(plain_values(edge), keys)
            assert values is not None
            if waiting:
                session.add(stone(*waiting.pop()))
                session.flush()
        after = list(session.scalars(select(KeysetStone.id).order_by(*order)))
        assert len(met) == len(set(met))
        assert [key for key in met if key in before] == before
        assert [key for key in after if key in met] == met
        session.rollback()


@given(token=st.text(max_size=60) | st.binary(max_size=40).map(lambda b: token_of([b.hex()])))
def test_no_token_is_an_error(token: str) -> None:
    keys = keys_of([("word", False), ("seen", True)])
    assert values_of(token, keys) is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("number", "1"), ("number", 2**63), ("number", True), ("word", 1), ("word", "\0"),
     ("weight", "x"), ("weight", 1), ("found", "2026-13-01"), ("seen", 5), ("fine", 1),
     ("code", "x"), ("number", [1]), ("word", {"a": 1})],
)  # fmt: skip
def test_values_of_another_type_are_none(name: str, value: Any) -> None:
    keys = keys_of([(name, False)])
    token = urlsafe_b64encode(json.dumps([value, 1]).encode()).decode().rstrip("=")
    assert values_of(token, keys) is None


def test_counts_are_said_as_they_are_known() -> None:
    assert str(Count(25)) == "25"
    assert str(Count(1_200_000, is_exact=False)) == "about 1,200,000"
    assert str(Count(EXACT_UP_TO, is_exact=False, is_least=True)) == "more than 10,000"
