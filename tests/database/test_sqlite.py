"""SQLite under many hands: readers do not wait, writers do, and a commit survives a kill."""

import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from time import sleep
from typing import Any

import pytest
from sqlalchemy import Connection, Executable, ForeignKey, func, insert, select, text, union_all
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from lback.core.exceptions import ConfigurationError
from lback.database import Base, DatabaseManager


class Shelf(Base):
    __tablename__ = "library_shelves"

    id: Mapped[int] = mapped_column(primary_key=True)


class Volume(Base):
    __tablename__ = "library_books"

    id: Mapped[int] = mapped_column(primary_key=True)
    shelf_id: Mapped[int | None] = mapped_column(ForeignKey("library_shelves.id"))


@pytest.fixture
def library(tmp_path: Path) -> Iterator[DatabaseManager]:
    manager = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'library.sqlite3'}")
    manager.create_tables()
    yield manager
    manager.dispose()


def in_transaction(connection: Connection) -> bool:
    driver_connection: Any = connection.connection.dbapi_connection
    return bool(driver_connection.in_transaction)


def books(library: DatabaseManager) -> int:
    with library.session() as session:
        return session.scalar(select(func.count()).select_from(Volume)) or 0


@pytest.mark.parametrize(
    ("pragma", "value"),
    [("journal_mode", "wal"), ("synchronous", 2), ("foreign_keys", 1), ("busy_timeout", 5000)],
)
def test_every_connection_is_set_up(library: DatabaseManager, pragma: str, value: object) -> None:
    with library.engine.connect() as first, library.engine.connect() as second:
        for connection in (first, second):
            assert connection.exec_driver_sql(f"PRAGMA {pragma}").scalar() == value


def test_a_book_cannot_stand_on_a_shelf_that_does_not_exist(library: DatabaseManager) -> None:
    with pytest.raises(IntegrityError), library.session() as session:
        session.add(Volume(shelf_id=99))
    assert books(library) == 0


def test_a_reader_does_not_wait_for_a_writer(library: DatabaseManager) -> None:
    with library.create_session() as writer:
        writer.add(Volume())
        writer.flush()
        # A reader that waited would do so for ever: the writer commits only after it.
        assert books(library) == 0
        writer.commit()
    assert books(library) == 1


def test_a_writer_waits_for_the_other_one_and_then_writes(library: DatabaseManager) -> None:
    def write() -> None:
        with library.session() as session:
            session.add(Volume())

    with ThreadPoolExecutor() as pool, library.create_session() as first:
        first.add(Volume())
        first.flush()
        second = pool.submit(write)
        sleep(0.2)
        assert not second.done()
        first.commit()
        second.result(timeout=5)
    assert books(library) == 2


def test_who_has_read_an_old_state_may_still_write(library: DatabaseManager) -> None:
    with library.create_session() as session:
        session.scalars(select(Volume)).all()
        with library.session() as other:
            other.add(Volume())
        session.add(Volume())
        session.commit()
    assert books(library) == 2


def test_a_new_file_that_someone_writes_to_is_waited_for(tmp_path: Path) -> None:
    file = tmp_path / "new.sqlite3"
    other = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
    other.execute("CREATE TABLE notes (text)")
    other.execute("BEGIN IMMEDIATE")
    library = DatabaseManager.from_url(f"sqlite:///{file}")
    with ThreadPoolExecutor() as pool:
        tables = pool.submit(library.create_tables)
        sleep(0.2)
        assert not tables.done()
        other.close()
        tables.result(timeout=5)
    assert books(library) == 0
    library.dispose()


def test_a_file_that_may_not_be_written_is_named(tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "old.sqlite3").execute(
        "CREATE TABLE notes (text)"
    ).connection.close()
    library = DatabaseManager.from_url(f"sqlite:///file:{tmp_path}/old.sqlite3?mode=ro&uri=true")
    with pytest.raises(ConfigurationError, match="readonly database"):
        library.create_tables()


@pytest.mark.parametrize(
    "statement",
    [
        select(Volume),
        union_all(select(Volume.id), select(Shelf.id)),
        select(select(Volume.id).cte()),
        text("SELECT * FROM library_books"),
        text("  select 1"),
        text("VALUES (1)"),
        text("PRAGMA user_version"),
    ],
    ids=str,
)
def test_reading_locks_nothing(library: DatabaseManager, statement: Executable) -> None:
    with library.engine.connect() as connection:
        connection.execute(statement).all()
        assert not in_transaction(connection)


@pytest.mark.parametrize(
    "statement",
    [
        select(Volume).with_for_update(),
        insert(Volume).values(shelf_id=None),
        text("DELETE FROM library_books"),
        text("/* a remark */ DELETE FROM library_books"),
        text("WITH none AS (SELECT 0) DELETE FROM library_books"),
        text("CREATE TABLE library_more (id INTEGER)"),
        text("SAVEPOINT s"),
    ],
    ids=str,
)
def test_writing_begins_a_transaction(library: DatabaseManager, statement: Executable) -> None:
    with library.engine.connect() as connection:
        connection.execute(statement)
        assert in_transaction(connection)


def test_many_rows_and_raw_statements_begin_a_transaction_too(library: DatabaseManager) -> None:
    with library.engine.connect() as connection:
        connection.execute(
            text("INSERT INTO library_books (id) VALUES (:id)"), [{"id": 1}, {"id": 2}]
        )
        connection.rollback()
        connection.exec_driver_sql("INSERT INTO library_books (id) VALUES (3)")
        connection.rollback()
        no_parameters = connection.execution_options(no_parameters=True)
        no_parameters.exec_driver_sql("INSERT INTO library_books (id) VALUES (4)")
        connection.rollback()
    assert books(library) == 0


def test_creating_tables_can_be_undone(library: DatabaseManager) -> None:
    with library.engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE library_more (id INTEGER)")
        connection.rollback()
        with pytest.raises(OperationalError, match="no such table"):
            connection.exec_driver_sql("SELECT * FROM library_more")


def test_a_file_can_be_vacuumed(library: DatabaseManager) -> None:
    with library.engine.connect() as connection:
        connection.exec_driver_sql("VACUUM")


def test_a_database_in_memory_is_the_same_in_every_thread() -> None:
    library = DatabaseManager.from_url("sqlite:///:memory:")
    library.create_tables()
    with library.session() as session:
        session.add(Volume())
    with ThreadPoolExecutor() as pool:
        assert pool.submit(books, library).result() == 1
    library.dispose()


@pytest.fixture
def memory() -> Iterator[DatabaseManager]:
    manager = DatabaseManager.from_url("sqlite://")
    manager.create_tables()
    yield manager
    manager.dispose()


def test_a_thread_that_reads_a_database_in_memory_undoes_no_write_of_another(
    memory: DatabaseManager,
) -> None:
    with ThreadPoolExecutor() as pool, memory.session() as session:
        session.add(Volume(id=1))
        session.flush()
        pool.submit(books, memory).result()  # it rolls back, as every session does that only reads
        session.add(Volume(id=2))
        session.flush()
        session.rollback()
        assert books(memory) == 0
        session.add(Volume(id=3))
    assert books(memory) == 1


def test_a_thread_waits_for_the_write_of_another_in_a_database_in_memory(
    memory: DatabaseManager,
) -> None:
    def add() -> None:
        with memory.session() as session:
            session.add(Volume())

    with ThreadPoolExecutor() as pool:
        with memory.session() as session:
            session.add(Volume())
            session.flush()
            other = pool.submit(add)
            with pytest.raises(TimeoutError):
                other.result(0.2)
        other.result()
        with memory.engine.connect() as connection:
            connection.exec_driver_sql("BEGIN IMMEDIATE")
            other = pool.submit(add)
            with pytest.raises(TimeoutError):
                other.result(0.2)
            connection.exec_driver_sql("COMMIT")
            other.result()
    assert books(memory) == 3


def test_a_thread_does_not_wait_for_ever_for_a_database_in_memory(
    memory: DatabaseManager, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lback.database.sqlite.BUSY_SECONDS", 0.1)

    def add() -> None:
        with memory.session() as session:
            session.add(Volume())

    with ThreadPoolExecutor() as pool, memory.session() as session:
        session.add(Volume())
        session.flush()
        with pytest.raises(OperationalError, match="database is locked"):
            pool.submit(add).result()
    assert books(memory) == 1


def test_sessions_of_one_thread_share_the_transaction_of_a_database_in_memory(
    memory: DatabaseManager,
) -> None:
    with memory.session() as outer:
        outer.add(Volume())
        outer.flush()
        with memory.session() as inner:
            inner.add(Volume())
    assert books(memory) == 2


def test_a_session_that_another_thread_commits_is_committed(memory: DatabaseManager) -> None:
    session = memory.create_session()
    session.add(Volume())
    session.flush()
    with ThreadPoolExecutor() as pool:
        pool.submit(session.commit).result()
        session.close()
        assert pool.submit(books, memory).result() == 1
        pool.submit(memory.dispose).result()


def test_many_threads_lose_no_write_in_a_database_in_memory(memory: DatabaseManager) -> None:
    def add(number: int) -> None:
        with memory.session() as session:
            session.add(Volume())
        assert books(memory) > 0
        with memory.create_session() as session:
            session.add(Volume())
            session.flush()
            if number % 2:
                session.rollback()

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, range(200)))
    finally:
        sys.setswitchinterval(interval)
    assert books(memory) == 200


def test_threads_that_connect_first_at_once_share_one_database_in_memory() -> None:
    def add(library: DatabaseManager) -> None:
        start.wait()
        with library.session() as session:
            session.connection().exec_driver_sql("CREATE TABLE IF NOT EXISTS seen (number)")
            session.connection().exec_driver_sql("INSERT INTO seen VALUES (1)")

    for _ in range(20):
        library = DatabaseManager.from_url("sqlite://")
        start = Barrier(4)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(add, [library] * 4))
        with library.session() as session:
            rows = session.connection().exec_driver_sql("SELECT count(*) FROM seen").scalar()
        library.dispose()
        assert rows == 4


def test_the_connection_of_a_database_in_memory_may_be_returned_twice(
    memory: DatabaseManager,
) -> None:
    # As two threads do: both see that it is out, and each returns it.
    pool: Any = memory.engine.pool
    with memory.engine.connect() as connection:
        pool.connection.checkin()
        assert connection.scalar(text("SELECT 1")) == 1
    pool.connection.checkin()


WRITER = """
import sys
from lback.database import DatabaseManager
library = DatabaseManager.from_url(sys.argv[1])
for number in range(1, 1_000_000):
    with library.session() as session:
        session.connection().exec_driver_sql("INSERT INTO library_books (id) VALUES (?)", (number,))
    print(number, flush=True)
"""


def test_killing_a_writer_loses_nothing_that_it_said_was_written(library: DatabaseManager) -> None:
    arguments = [sys.executable, "-c", WRITER, library.shown_url]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        for line in writer.stdout:
            if int(line) == 50:
                writer.send_signal(signal.SIGKILL)
                break
        said = [50, *map(int, writer.stdout.read().splitlines())]
    assert writer.returncode == -signal.SIGKILL
    assert books(library) >= said[-1]
    with library.session() as session:
        assert session.scalar(text("PRAGMA integrity_check")) == "ok"
        session.add(Volume())


def test_a_new_file_belongs_to_its_owner_alone(library: DatabaseManager, tmp_path: Path) -> None:
    with library.session() as session:
        session.add(Shelf(id=1))
        session.flush()
        files = sorted(tmp_path.glob("library.sqlite3*"))
        assert len(files) == 3, "the database, its log and its index"
        assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_a_file_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    path = tmp_path / "shared.sqlite3"
    path.touch()
    path.chmod(0o660)
    manager = DatabaseManager.from_url(f"sqlite:///{path}")
    manager.create_tables()
    manager.dispose()

    assert path.stat().st_mode & 0o777 == 0o660


def test_the_name_of_a_database_in_memory_makes_no_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for url in ("sqlite://", "sqlite:///:memory:"):
        manager = DatabaseManager.from_url(url)
        manager.create_tables()
        manager.dispose()

    assert list(tmp_path.iterdir()) == []
