"""What a database refused is told apart alike on every database."""

import pytest
from sqlalchemy import CheckConstraint, ForeignKey, String, insert, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import Base, DatabaseManager
from lback.database.violations import violation_of


class ViolatedOwner(Base):
    __tablename__ = "violated_owners"

    id: Mapped[int] = mapped_column(primary_key=True)


class Violated(Base):
    __tablename__ = "violated"
    __table_args__ = (CheckConstraint("size > 0", name="size"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(20), unique=True)
    size: Mapped[int]
    owner_id: Mapped[int | None] = mapped_column(ForeignKey("violated_owners.id"))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ({"name": "taken", "size": 1}, "unique"),
        ({"id": 1, "name": "new", "size": 1}, "unique"),
        ({"name": None, "size": 1}, "not_null"),
        ({"name": "new"}, "not_null"),
        ({"name": "new", "size": 0}, "check"),
        ({"name": "new", "size": 1, "owner_id": 9}, "foreign_key"),
    ],
)
def test_violations_have_a_kind(
    database: DatabaseManager, values: dict[str, object], kind: str
) -> None:
    with database.session() as session:
        session.add(Violated(id=1, name="taken", size=1))
    with database.engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(insert(Violated).values({"id": 2, **values}))
    assert violation_of(caught.value) == kind


def test_a_row_that_others_refer_to_is_a_violation_of_a_foreign_key(
    database: DatabaseManager,
) -> None:
    with database.session() as session:
        session.add(ViolatedOwner(id=1))
        session.flush()
        session.add(Violated(name="owned", size=1, owner_id=1))
    with database.engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("DELETE FROM violated_owners"))
    assert violation_of(caught.value) == "foreign_key"


def test_any_other_failure_is_none(database: DatabaseManager) -> None:
    with database.engine.connect() as connection, pytest.raises(DBAPIError) as caught:
        connection.execute(text("SELECT * FROM no_such_table"))
    assert violation_of(caught.value) is None
