"""Functions that run after the commit of a session, on each kind of database."""

import logging
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, mapped_column

from lback import after_commit
from lback.database import Base, DatabaseManager, Session


class CommitNote(Base):
    __tablename__ = "commit_notes"

    id: Mapped[int] = mapped_column(primary_key=True)


@pytest.fixture
def session(database: DatabaseManager) -> Iterator[Session]:
    with database.create_session() as session:
        yield session


def write(session: Session, number: int) -> None:
    session.add(CommitNote(id=number))
    session.flush()


def test_functions_run_once_after_the_commit_and_in_order(session: Session) -> None:
    seen: list[object] = []
    session.after_commit(seen.append, 1)
    write(session, 1)
    session.after_commit(seen.append, 2)
    assert seen == []

    session.commit()
    assert seen == [1, 2]
    session.commit()
    assert seen == [1, 2]


def test_they_see_what_was_committed(session: Session, database: DatabaseManager) -> None:
    found = []

    def look() -> None:
        with database.session() as another:
            found.append(another.get(CommitNote, 1) is not None)

    write(session, 1)
    session.after_commit(look)
    session.commit()

    assert found == [True]


def test_a_rollback_drops_them(session: Session) -> None:
    seen: list[object] = []
    write(session, 1)
    session.after_commit(seen.append, 1)
    session.rollback()
    session.after_commit(seen.append, 2)
    session.commit()

    assert seen == [2]


def test_a_session_that_is_closed_drops_them(database: DatabaseManager) -> None:
    seen: list[object] = []
    with database.create_session() as session:
        write(session, 1)
        session.after_commit(seen.append, 1)

    assert seen == []


def test_a_commit_that_fails_drops_them(session: Session) -> None:
    seen: list[object] = []
    write(session, 1)
    session.commit()
    session.expunge_all()
    session.add(CommitNote(id=1))
    session.after_commit(seen.append, 1)

    with pytest.raises(IntegrityError):
        session.commit()
    session.rollback()
    session.commit()

    assert seen == []


def test_a_savepoint_that_is_rolled_back_drops_its_own(session: Session) -> None:
    seen: list[object] = []
    session.after_commit(seen.append, "before")
    savepoint = session.begin_nested()
    write(session, 1)
    session.after_commit(seen.append, "within")
    savepoint.rollback()
    session.after_commit(seen.append, "after")
    session.commit()

    assert seen == ["before", "after"]


def test_a_savepoint_that_is_released_waits_for_what_is_around_it(session: Session) -> None:
    seen: list[object] = []
    with session.begin_nested() as outer:
        with session.begin_nested():
            write(session, 1)
            session.after_commit(seen.append, "dropped with the outer one")
        assert seen == []
        outer.rollback()
    with session.begin_nested(), session.begin_nested():
        write(session, 2)
        session.after_commit(seen.append, "kept")
    assert seen == []
    session.commit()

    assert seen == ["kept"]


def test_a_block_that_commits_itself_runs_them(database: DatabaseManager) -> None:
    seen: list[object] = []
    with database.create_session() as session, session.begin():
        session.after_commit(seen.append, 1)
        write(session, 1)

    assert seen == [1]


def test_an_exception_is_logged_and_the_others_run(
    session: Session, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[object] = []

    def fail() -> None:
        raise LookupError("the printer is out")

    session.after_commit(fail)
    session.after_commit(seen.append, 1)
    with caplog.at_level(logging.ERROR):
        session.commit()

    assert seen == [1]
    assert "the printer is out" in caplog.text
    write(session, 1)  # the session can be used further
    session.commit()


def test_a_function_may_add_another_one_for_the_next_commit(session: Session) -> None:
    seen: list[object] = []
    session.after_commit(session.after_commit, seen.append, 1)
    session.commit()
    assert seen == []
    session.commit()
    assert seen == [1]


# Found by itself.


def test_the_innermost_block_is_the_current_transaction(database: DatabaseManager) -> None:
    seen: list[object] = []
    with database.session() as outer:
        after_commit(seen.append, "outer")
        outer.execute(text("SELECT 1"))
        with database.session() as inner:
            inner.execute(text("SELECT 1"))
            after_commit(seen.append, "inner")
        assert seen == ["inner"]
    after_commit(seen.append, "at once")

    assert seen == ["inner", "outer", "at once"]


def test_a_block_that_raises_drops_them(database: DatabaseManager) -> None:
    seen: list[object] = []
    with pytest.raises(LookupError), database.session():
        after_commit(seen.append, 1)
        raise LookupError
    after_commit(seen.append, 2)

    assert seen == [2]


def test_a_test_that_rolls_back_runs_them_with_the_savepoint(database: DatabaseManager) -> None:
    seen: list[object] = []
    with database.engine.connect() as connection:
        outer = connection.begin()
        database.share(lambda: connection)
        try:
            with database.session() as session:
                write(session, 1)
                after_commit(seen.append, 1)
            assert seen == [1]
        finally:
            database.share(None)
            outer.rollback()


def test_functions_after_a_rollback(session: Session) -> None:
    seen: list[object] = []
    write(session, 1)
    session.after_rollback(seen.append, "rolled back")
    session.after_commit(seen.append, "committed")
    session.rollback()
    assert seen == ["rolled back"]
    write(session, 1)
    session.after_rollback(seen.append, "again")
    session.commit()
    session.rollback()
    assert seen == ["rolled back"]


def test_functions_after_the_rollback_of_a_savepoint(session: Session) -> None:
    seen: list[object] = []
    write(session, 1)
    session.after_rollback(seen.append, "outer")
    with session.begin_nested():
        session.after_rollback(seen.append, "released")
    savepoint = session.begin_nested()
    session.after_rollback(seen.append, "inner")
    savepoint.rollback()
    assert seen == ["inner"]
    session.rollback()
    assert seen == ["inner", "outer", "released"]


def test_items_are_handed_over_together_after_everything_was_written(session: Session) -> None:
    seen: list[object] = []

    def collect(given: Session, items: list[int]) -> None:
        seen.append((items, given.scalar(text("SELECT count(*) FROM commit_notes"))))

    session.before_commit(collect, 1)
    with session.begin_nested():
        session.before_commit(collect, 2)
    with pytest.raises(ZeroDivisionError), session.begin_nested():
        session.before_commit(collect, 3)
        raise ZeroDivisionError
    session.add(CommitNote(id=1))
    assert seen == []

    session.commit()
    session.commit()
    assert seen == [([1, 2], 1)]


def test_an_error_before_the_commit_ends_it(session: Session) -> None:
    def fail(given: Session, items: list[int]) -> None:
        raise ZeroDivisionError

    session.add(CommitNote(id=1))
    session.before_commit(fail, 1)
    with pytest.raises(ZeroDivisionError):
        session.commit()
    session.rollback()

    assert session.scalar(text("SELECT count(*) FROM commit_notes")) == 0
    session.commit()


def test_what_is_added_before_the_commit_is_handed_over_too(session: Session) -> None:
    seen: list[int] = []

    def collect(given: Session, items: list[int]) -> None:
        seen.extend(items)
        if items[0] < 3:
            given.before_commit(collect, items[0] + 1)

    session.before_commit(collect, 1)
    session.commit()

    assert seen == [1, 2, 3]


def test_items_are_dropped_by_a_rollback(session: Session) -> None:
    seen: list[object] = []
    session.before_commit(lambda given, items: seen.append(items), 1)
    session.rollback()  # of a transaction without a statement
    session.before_commit(lambda given, items: seen.append(items), 2)
    session.execute(text("SELECT 1"))
    session.rollback()
    session.commit()

    assert seen == []
