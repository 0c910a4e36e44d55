"""Models mean the same on every database: text, moments, names of constraints."""

import enum
from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy import ForeignKey, String, UniqueConstraint, func, insert, select, text
from sqlalchemy.exc import StatementError
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import Base, DatabaseManager, utc_now


class Author(Base):
    __tablename__ = "models_authors"
    __table_args__ = (UniqueConstraint("name"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]


class Form(enum.Enum):
    HAIKU = "haiku"
    ODE = "ode"


class Poem(Base):
    __tablename__ = "models_poems"

    id: Mapped[int] = mapped_column(primary_key=True)
    author_id: Mapped[int | None] = mapped_column(ForeignKey("models_authors.id"))
    title: Mapped[str] = mapped_column(String(40), index=True)
    written_at: Mapped[datetime | None]
    form: Mapped[Form | None]


def read_back(database: DatabaseManager, poem: Poem) -> Poem:
    with database.session() as session:
        session.add(poem)
    with database.session() as session:
        found = session.get(Poem, poem.id)
        assert found is not None
        return found


@pytest.mark.parametrize("title", ["Grüße", "詩", "🌷 and 👩‍👩‍👧", "a\u0301", "ﷺ", "  ", ""])
def test_all_of_unicode_comes_back_as_it_went_in(database: DatabaseManager, title: str) -> None:
    assert read_back(database, Poem(title=title)).title == title


@pytest.mark.mariadb
def test_emoji_are_kept_even_where_the_database_was_made_for_latin_letters(
    mariadb_url: str,
) -> None:
    manager = DatabaseManager.from_url(mariadb_url)
    name = manager.url.database
    with manager.engine.connect() as connection:
        connection.exec_driver_sql(f"ALTER DATABASE {name} CHARACTER SET latin1")
    manager.create_tables()
    try:
        assert read_back(manager, Poem(title="🌷")).title == "🌷"
    finally:
        Base.metadata.drop_all(manager.engine)
        with manager.engine.connect() as connection:
            connection.exec_driver_sql(f"ALTER DATABASE {name} CHARACTER SET utf8mb4")
        manager.dispose()


def test_a_member_of_an_enumeration_is_kept_as_its_name(database: DatabaseManager) -> None:
    assert read_back(database, Poem(title="Frog", form=Form.HAIKU)).form is Form.HAIKU
    with database.session() as session:
        assert session.scalar(text("SELECT form FROM models_poems")) == "HAIKU"


def test_text_is_told_apart_by_case_and_accent(database: DatabaseManager) -> None:
    with database.session() as session:
        session.add_all([Author(name="Jose"), Author(name="jose"), Author(name="José")])
    with database.session() as session:
        assert session.scalars(select(Author.name).where(Author.name == "jose")).all() == ["jose"]


def test_a_moment_comes_back_in_utc_to_the_microsecond(database: DatabaseManager) -> None:
    in_lima = datetime(2024, 2, 29, 23, 59, 59, 123456, timezone(timedelta(hours=-5)))
    found = read_back(database, Poem(title="t", written_at=in_lima)).written_at
    assert found == in_lima
    assert found.tzinfo is UTC


def test_a_moment_may_be_missing(database: DatabaseManager) -> None:
    assert read_back(database, Poem(title="t")).written_at is None


def test_moments_are_compared_by_the_database(database: DatabaseManager) -> None:
    now = utc_now()
    with database.session() as session:
        session.add(Poem(title="yesterday", written_at=now - timedelta(days=1)))
        session.add(Poem(title="tomorrow", written_at=now + timedelta(days=1)))
    with database.session() as session:
        past = session.scalars(select(Poem.title).where(Poem.written_at < now)).all()
    assert past == ["yesterday"]


def test_a_moment_without_a_time_zone_is_refused(database: DatabaseManager) -> None:
    naive = datetime(2024, 1, 1)  # noqa: DTZ001  the mistake under test
    with (
        pytest.raises(StatementError, match=r"has no time zone; use lback.database.utc_now\(\)"),
        database.session() as session,
    ):
        session.execute(insert(Poem).values(title="t", written_at=naive))


def test_every_constraint_has_a_name() -> None:
    names = {c.name for t in (Author, Poem) for c in t.metadata.tables[t.__tablename__].constraints}
    assert names == {
        "pk_models_authors",
        "uq_models_authors_name",
        "pk_models_poems",
        "fk_models_poems_author_id_models_authors",
    }
    assert {i.name for i in Base.metadata.tables["models_poems"].indexes} == {
        "ix_models_poems_title"
    }


def test_a_count_starts_at_none(database: DatabaseManager) -> None:
    with database.session() as session:
        assert session.scalar(select(func.count()).select_from(Poem)) == 0
