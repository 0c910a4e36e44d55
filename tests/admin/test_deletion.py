"""What goes with a row is told as the database and the models will do it."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, String, Table, insert
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from lback.auth.dependants import (
    DELETED,
    EMPTIED,
    KEPT,
    UNLINKED,
    Dependants,
    blocking,
    deleted_models,
    dependants,
)
from lback.database import Base, DatabaseManager

guests = Table(
    "deletion_guests",
    Base.metadata,
    Column("inn_id", ForeignKey("deletion_inns.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String(20), primary_key=True),
)


class DeletionInn(Base):
    __tablename__ = "deletion_inns"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20))
    parent_id: Mapped[int | None] = mapped_column(ForeignKey("deletion_inns.id"))
    rooms: Mapped[list["DeletionRoom"]] = relationship(cascade="all, delete-orphan")
    carts: Mapped[list["DeletionCart"]] = relationship()
    branches: Mapped[list["DeletionInn"]] = relationship()


class DeletionRoom(Base):
    __tablename__ = "deletion_rooms"

    inn_id: Mapped[int] = mapped_column(ForeignKey("deletion_inns.id"), primary_key=True)
    number: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)


class DeletionBed(Base):
    __tablename__ = "deletion_beds"
    __table_args__ = (
        ForeignKeyConstraint(
            ["inn_id", "number"], ["deletion_rooms.inn_id", "deletion_rooms.number"]
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    inn_id: Mapped[int]
    number: Mapped[int]


class DeletionCart(Base):
    __tablename__ = "deletion_carts"

    id: Mapped[int] = mapped_column(primary_key=True)
    inn_id: Mapped[int | None] = mapped_column(ForeignKey("deletion_inns.id"))


class DeletionLetter(Base):
    __tablename__ = "deletion_letters"

    id: Mapped[int] = mapped_column(primary_key=True)
    inn_id: Mapped[int | None] = mapped_column(ForeignKey("deletion_inns.id", ondelete="SET NULL"))
    answered_id: Mapped[int | None] = mapped_column(
        ForeignKey("deletion_inns.id", ondelete="CASCADE")
    )


@pytest.fixture
def session(database: DatabaseManager) -> Iterator[Session]:
    with database.create_session() as opened:
        yield opened
        opened.rollback()


@pytest.fixture
def inn(session: Session) -> DeletionInn:
    row = DeletionInn(name="Swan")
    session.add_all([row, DeletionInn(name="Crown")])
    session.flush()
    return row


def told(session: Session, inn: DeletionInn) -> list[tuple[str, str, int]]:
    return [(one.name, one.effect, one.count) for one in dependants(session, [inn])]


def test_nothing_depends_on_a_row(session: Session, inn: DeletionInn) -> None:
    assert told(session, inn) == []


def test_each_kind_of_reference(session: Session, inn: DeletionInn) -> None:
    session.add_all([DeletionCart(inn_id=inn.id), DeletionCart(inn_id=inn.id)])
    session.add(DeletionLetter(inn_id=inn.id))
    session.add(DeletionLetter(answered_id=inn.id))
    inn.rooms = [DeletionRoom(number=1)]
    inn.branches = [DeletionInn(name="Small Swan")]
    session.flush()
    session.execute(guests.insert().values(inn_id=inn.id, name="Bea"))
    assert sorted(told(session, inn)) == [
        ("deletion carts", EMPTIED, 2),
        ("deletion guests", UNLINKED, 1),
        ("deletion inn", EMPTIED, 1),
        ("deletion letter", DELETED, 1),
        ("deletion letter", EMPTIED, 1),
        ("deletion room", DELETED, 1),
    ]
    assert deleted_models(dependants(session, [inn])) == {DeletionRoom, DeletionLetter}
    session.delete(inn)
    session.flush()
    assert session.query(DeletionCart).filter(DeletionCart.inn_id.is_(None)).count() == 2
    assert session.query(DeletionRoom).count() == 0
    assert session.query(DeletionInn).count() == 2


def test_what_depends_on_what_goes_with_it_keeps_all_of_it(
    session: Session, inn: DeletionInn
) -> None:
    inn.rooms = [DeletionRoom(number=1), DeletionRoom(number=2)]
    session.flush()
    session.add(DeletionBed(inn_id=inn.id, number=2))
    session.flush()
    found = dependants(session, [inn])
    (kept,) = blocking(found)
    assert (kept.name, kept.effect, kept.count) == ("deletion bed", KEPT, 1)
    assert kept.labels[0].startswith("DeletionBed ")


def test_a_row_that_refers_to_itself(session: Session, inn: DeletionInn) -> None:
    inn.parent_id = inn.id
    session.flush()
    assert told(session, inn) == [("deletion inn", EMPTIED, 1)]


def test_many_are_counted_so_far(session: Session, inn: DeletionInn) -> None:
    session.execute(insert(DeletionCart), [{"inn_id": inn.id} for _ in range(1200)])
    (one,) = dependants(session, [inn])
    assert isinstance(one, Dependants)
    assert one.count == 1001
    assert len(one.labels) == 20
