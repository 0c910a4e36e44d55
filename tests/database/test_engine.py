"""Sessions on the database: what they keep, what they undo, and what they say when it is away."""

import os
import socket
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier
from time import sleep

import pytest
from sqlalchemy import func, insert, make_url, select, text
from sqlalchemy.exc import DBAPIError, InvalidRequestError, OperationalError
from sqlalchemy.orm import Mapped, mapped_column

from lback.core.config import Config
from lback.core.exceptions import ConfigurationError
from lback.database import Base, DatabaseManager
from lback.database.engine import TABLES_LOCK
from lback.testing.transaction import RolledBack


class Counter(Base):
    __tablename__ = "engine_counters"

    id: Mapped[int] = mapped_column(primary_key=True)
    count: Mapped[int] = mapped_column(default=0)


@dataclass
class Settings:
    DATABASE_URI: str
    DEBUG: bool = False


def rows(database: DatabaseManager) -> int:
    with database.session() as session:
        return session.scalar(select(func.count()).select_from(Counter)) or 0


def at_once(work: Callable[[], object], threads: int = 2) -> None:
    """Run the same work in threads that start together; raises what one of them raised."""
    barrier = Barrier(threads)

    def start() -> None:
        barrier.wait()
        work()

    with ThreadPoolExecutor(threads) as pool:
        for future in [pool.submit(start) for _ in range(threads)]:
            future.result(timeout=20)


def test_what_is_committed_is_seen_by_others_and_nothing_before(
    database: DatabaseManager,
) -> None:
    with database.create_session() as session:
        session.add(Counter())
        session.flush()
        assert rows(database) == 0
        session.commit()
        assert rows(database) == 1


def test_what_raises_leaves_nothing_behind(database: DatabaseManager) -> None:
    with pytest.raises(ZeroDivisionError), database.session() as session:
        session.add(Counter())
        session.flush()
        _ = 1 / 0
    assert rows(database) == 0


def test_a_savepoint_undoes_its_part_only(database: DatabaseManager) -> None:
    with database.session() as session:
        savepoint = session.begin_nested()
        session.add(Counter())
        session.flush()
        savepoint.rollback()
        session.add(Counter())
    assert rows(database) == 1


def test_a_savepoint_is_undone_with_its_transaction(database: DatabaseManager) -> None:
    with database.create_session() as session:
        with session.begin_nested():
            session.add(Counter())
        session.rollback()
    assert rows(database) == 0


def test_a_connection_reads_and_what_it_did_not_commit_is_gone(database: DatabaseManager) -> None:
    with database.connection() as connection:
        connection.execute(insert(Counter))
        assert connection.scalar(select(func.count()).select_from(Counter)) == 1
    assert rows(database) == 0


def test_a_connection_within_a_shared_transaction_fails_alone(database: DatabaseManager) -> None:
    with RolledBack(database):
        with database.session() as session:
            session.add(Counter())
        with pytest.raises(DBAPIError), database.connection() as connection:
            connection.exec_driver_sql("SELECT nothing FROM nowhere")
        with database.connection() as connection:
            assert connection.scalar(select(func.count()).select_from(Counter)) == 1
    assert rows(database) == 0


def test_objects_stay_readable_after_commit_and_close(database: DatabaseManager) -> None:
    with database.session() as session:
        counter = Counter(count=7)
        session.add(counter)
    assert counter.count == 7


def test_a_closed_session_refuses_further_work(database: DatabaseManager) -> None:
    session = database.create_session()
    session.close()
    with pytest.raises(InvalidRequestError, match="permanently closed"):
        session.scalars(select(Counter))


def test_counting_with_a_locked_row_loses_nothing(database: DatabaseManager) -> None:
    with database.session() as session:
        session.add(Counter(id=1))

    def count() -> None:
        for _ in range(10):
            with database.session() as session:
                counter = session.get_one(Counter, 1, with_for_update=True)
                counter.count += 1

    at_once(count, threads=4)
    with database.session() as session:
        assert session.get_one(Counter, 1).count == 40


def test_writers_that_read_first_wait_for_each_other(database: DatabaseManager) -> None:
    def write() -> None:
        for _ in range(10):
            with database.session() as session:
                session.scalars(select(Counter)).all()
                session.add(Counter())

    at_once(write, threads=4)
    assert rows(database) == 40


def test_threads_that_use_a_manager_first_share_one_engine(database_url: str) -> None:
    manager, engines = DatabaseManager.from_url(database_url), set()
    at_once(lambda: engines.add(manager.engine), threads=8)
    assert len(engines) == 1


def test_workers_that_start_together_create_the_tables_once(database_url: str) -> None:
    managers = [DatabaseManager.from_url(database_url) for _ in range(4)]
    remaining = list(managers)
    at_once(lambda: remaining.pop().create_tables(), threads=4)
    assert rows(managers[0]) == 0
    Base.metadata.drop_all(managers[0].engine)
    for manager in managers:
        manager.dispose()


def test_who_creates_tables_waits_for_another_one_who_does(database: DatabaseManager) -> None:
    with ThreadPoolExecutor() as pool, database.engine.connect() as other:
        other.exec_driver_sql(TABLES_LOCK[other.dialect.name])
        waiting = pool.submit(database.create_tables)
        sleep(0.2)
        assert not waiting.done()
        other.invalidate()  # closes it, which lets go
        waiting.result(timeout=5)


@pytest.mark.parametrize(
    ("server", "who_am_i", "end"),
    [
        pytest.param(
            "postgresql_url",
            "SELECT pg_backend_pid()",
            "SELECT pg_terminate_backend({})",
            marks=pytest.mark.postgresql,
        ),
        pytest.param("mariadb_url", "SELECT CONNECTION_ID()", "KILL {}", marks=pytest.mark.mariadb),
    ],
)
def test_a_connection_that_the_server_dropped_is_replaced(
    request: pytest.FixtureRequest, server: str, who_am_i: str, end: str
) -> None:
    ours, other = (DatabaseManager.from_url(request.getfixturevalue(server)) for _ in range(2))
    with ours.session() as session:
        dropped = session.scalar(text(who_am_i))
    with other.session() as session:
        session.execute(text(end.format(dropped)))
    with ours.session() as session:
        assert session.scalar(text(who_am_i)) != dropped
    ours.dispose()
    other.dispose()


@pytest.mark.mariadb
def test_what_the_url_asks_of_a_connection_comes_first(mariadb_url: str) -> None:
    url = make_url(mariadb_url).update_query_dict({"charset": "latin1"})
    manager = DatabaseManager.from_url(url.render_as_string(hide_password=False))
    with manager.session() as session:
        assert session.scalar(text("SELECT @@character_set_client")) == "latin1"
    manager.dispose()


def test_a_disposed_manager_opens_new_connections(database: DatabaseManager) -> None:
    before = database.engine
    database.dispose()
    database.dispose()
    assert rows(database) == 0
    assert database.engine is not before


def test_a_child_process_gets_an_engine_of_its_own(database: DatabaseManager) -> None:
    with database.session() as session:
        session.add(Counter())
    engine, child = database.engine, os.fork()
    if child == 0:
        fine = False
        try:
            fine = database.engine is not engine and rows(database) == 1
        finally:
            os._exit(0 if fine else 1)
    assert os.waitpid(child, 0)[1] == 0
    assert database.engine is engine
    assert rows(database) == 1


def test_building_a_manager_touches_nothing(tmp_path: Path) -> None:
    manager = DatabaseManager(Settings(f"sqlite:///{tmp_path / 'later.sqlite3'}"))
    assert manager.shown_url.endswith("later.sqlite3")
    assert repr(manager) == "<DatabaseManager>"
    assert not list(tmp_path.iterdir())


def test_the_settings_say_where_the_database_is(tmp_path: Path) -> None:
    config = Config(None, settings={"DATABASE_URL": f"sqlite:///{tmp_path / 'shop.sqlite3'}"})
    manager = DatabaseManager(config)
    manager.create_tables()
    assert rows(manager) == 0
    manager.dispose()


def test_the_password_is_never_shown() -> None:
    manager = DatabaseManager.from_url("postgresql://ada:s3cret@db.example.org/shop")
    assert manager.shown_url == "postgresql+psycopg://ada:***@db.example.org/shop"
    other = DatabaseManager.from_url("postgresql://db.example.org/shop?password=s3cret&user=ada")
    assert other.shown_url == "postgresql+psycopg://db.example.org/shop?user=ada"
    assert "s3cret" not in repr(manager) + repr(manager.engine) + repr(manager)


@pytest.mark.parametrize(
    ("scheme", "words"), [("postgresql", "as user 'ada'"), ("mysql", "as user 'ada'")]
)
def test_a_server_that_does_not_answer_is_named(scheme: str, words: str) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        manager = DatabaseManager.from_url(f"{scheme}://ada:s3cret@127.0.0.1:{port}/shop")
        with pytest.raises(ConfigurationError) as raised:
            rows(manager)
    message = str(raised.value)
    assert message.startswith(
        f"cannot connect to the database 'shop' as user 'ada' at 127.0.0.1:{port}: "
    )
    assert message.endswith("check DATABASE_URL or the settings DB_…, and that the server runs")
    assert "s3cret" not in message


@pytest.mark.mariadb
def test_a_wrong_password_is_not_repeated(mariadb_url: str) -> None:
    url = DatabaseManager.from_url(mariadb_url).url.set(password="s3cret", username="nobody")
    manager = DatabaseManager.from_url(url.render_as_string(hide_password=False))
    with pytest.raises(ConfigurationError, match="Access denied") as raised:
        rows(manager)
    assert "s3cret" not in str(raised.value)


def test_a_file_in_a_missing_directory_is_named(tmp_path: Path) -> None:
    manager = DatabaseManager.from_url(f"sqlite:///{tmp_path}/missing/shop.sqlite3")
    with pytest.raises(ConfigurationError, match=r"cannot open .*missing/shop.sqlite3'.*: unable"):
        rows(manager)


def test_a_file_that_is_not_a_database_is_named(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear Ada, " * 200)
    manager = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'letter.txt'}")
    with pytest.raises(ConfigurationError, match=r"letter\.txt': file is not a database"):
        rows(manager)


def test_a_server_that_goes_away_later_is_an_error_of_the_database(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    manager = DatabaseManager.from_url(f"sqlite:///{tmp_path}/data/shop.sqlite3")
    manager.create_tables()
    manager.engine.dispose()
    for file in (tmp_path / "data").iterdir():
        file.unlink()
    (tmp_path / "data").rmdir()
    with pytest.raises(OperationalError, match="unable to open database file"):
        rows(manager)


@pytest.mark.parametrize(
    ("scheme", "driver", "extra"),
    [("postgresql", "psycopg", "postgres"), ("mysql", "pymysql", "mysql")],
)
def test_a_missing_driver_is_named_with_its_extra(
    monkeypatch: pytest.MonkeyPatch, scheme: str, driver: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, driver, None)  # as if it were not installed
    manager = DatabaseManager.from_url(f"{scheme}://ada:s3cret@localhost/shop")
    with pytest.raises(ConfigurationError) as raised:
        _ = manager.engine
    assert str(raised.value) == (
        f"the driver of '{scheme}+{driver}' is not installed; "
        f'run: pip install "lback-web[{extra}]"'
    )


def test_an_unknown_driver_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"unknown database driver 'sqlite\+magic'"):
        _ = DatabaseManager.from_url("sqlite+magic:///shop").engine


def test_an_unsupported_database_is_named() -> None:
    with pytest.raises(
        ValueError, match="begins with 'oracle', which must be one of sqlite"
    ) as told:
        DatabaseManager.from_url("oracle://ada:s3cret@localhost/shop")
    assert "s3cret" not in str(told.value)
    with pytest.raises(ConfigurationError, match="'oracle' is not supported; supported: sqlite"):
        _ = DatabaseManager(Settings("oracle://ada:s3cret@localhost/shop")).engine


@pytest.mark.parametrize("url", ["s3cret", "postgresql://ada:s3cret@host:many/shop"])
def test_an_address_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not valid; use postgresql://") as raised:
        _ = DatabaseManager(Settings(url)).engine
    assert "s3cret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_errors_show_the_values_of_a_statement_in_debug_mode_only(tmp_path: Path) -> None:
    for debug in (True, False):
        manager = DatabaseManager(Settings(f"sqlite:///{tmp_path / 'shop.sqlite3'}", DEBUG=debug))
        with pytest.raises(OperationalError) as raised, manager.session() as session:
            session.add(Counter(count=4711))
        assert ("4711" in str(raised.value)) is debug
        manager.dispose()


def test_a_password_with_an_at_sign_is_never_shown() -> None:
    manager = DatabaseManager.from_url("postgresql://ada:pass@word@db/shop")
    with pytest.raises(ConfigurationError, match="write %40 for @") as raised:
        _ = manager.shown_url
    assert "word@db" not in str(raised.value)
