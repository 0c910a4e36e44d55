"""All stores keep the same promises."""

import socket
import sqlite3
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from threading import Barrier

import pytest
from redis import Redis
from sqlalchemy import inspect, select

from lback import Config, ConfigurationError
from lback.database import DatabaseManager
from lback.sessions import (
    DatabaseSessionStore,
    MemorySessionStore,
    RedisSessionStore,
    SessionRecord,
    SessionStore,
    SessionsUnavailable,
    session_store,
)
from lback.sessions.database import StoredSession
from lback.sessions.redis import PREFIX
from lback.sessions.session_id import hash_of, new_session_id

RECORD = SessionRecord('{"cart":[1]}', created_at=1_700_000_000.25, expires_at=1_700_003_600.5)
ID = "a" * 43


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.postgresql),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
        pytest.param("redis", marks=pytest.mark.redis),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionStore]:
    if request.param == "memory":
        yield MemorySessionStore()
        return
    if request.param == "redis":
        client = request.getfixturevalue("redis_client")
        yield RedisSessionStore(client, clock=lambda: RECORD.created_at)
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.sqlite3'}"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    # Without tables: the store makes its own.
    database = DatabaseManager.from_url(url)
    StoredSession.metadata.drop_all(database.engine)
    yield DatabaseSessionStore(database)
    StoredSession.metadata.drop_all(database.engine)
    database.dispose()


def test_what_was_created_is_loaded(store: SessionStore) -> None:
    assert store.load(ID) is None
    store.create(ID, RECORD)
    assert store.load(ID) == RECORD
    assert store.load("b" * 43) is None


def test_saving_replaces_the_data_and_the_end(store: SessionStore) -> None:
    store.create(ID, RECORD)
    assert store.save(ID, "{}", 1_700_009_999.0)
    assert store.load(ID) == SessionRecord("{}", RECORD.created_at, 1_700_009_999.0)


def test_saving_what_did_not_change_is_fine(store: SessionStore) -> None:
    store.create(ID, RECORD)
    assert store.save(ID, RECORD.data, RECORD.expires_at)


def test_what_was_deleted_stays_deleted(store: SessionStore) -> None:
    store.create(ID, RECORD)
    store.delete(ID)
    store.delete(ID)
    assert not store.save(ID, "{}", RECORD.expires_at)
    assert store.load(ID) is None


def test_another_id_takes_the_place_of_one_that_is_there(store: SessionStore) -> None:
    other = SessionRecord('{"cart":[2]}', RECORD.created_at, RECORD.expires_at + 1)
    store.create(ID, RECORD)
    assert store.replace(ID, "b" * 43, other)
    assert store.load(ID) is None
    assert store.load("b" * 43) == other
    assert not store.replace(ID, "c" * 43, RECORD)
    assert store.load("c" * 43) is None


def test_a_touch_moves_the_end_and_nothing_else(store: SessionStore) -> None:
    store.create(ID, RECORD)
    store.touch(ID, 1_700_009_999.0)
    store.touch("b" * 43, 1_700_009_999.0)
    assert store.load(ID) == SessionRecord(RECORD.data, RECORD.created_at, 1_700_009_999.0)
    assert store.load("b" * 43) is None


def test_only_what_has_expired_is_cleaned_away(store: SessionStore) -> None:
    if isinstance(store, RedisSessionStore):
        assert store.delete_expired(20.0) == 0  # Redis does it, see below
        return
    for name, expires_at in (("a", 10.0), ("b", 20.0), ("c", 30.0)):
        store.create(name * 43, SessionRecord("{}", 0.0, expires_at))
    assert store.delete_expired(20.0) == 2
    assert store.delete_expired(20.0) == 0
    assert store.load("c" * 43) is not None


def test_large_data_is_kept_whole(store: SessionStore) -> None:
    large = f'"{"x" * 200_000}"'
    store.create(ID, SessionRecord(large, 0.0, RECORD.expires_at))
    found = store.load(ID)
    assert found is not None
    assert found.data == large


def test_the_table_holds_no_id_that_a_client_could_send(database: DatabaseManager) -> None:
    DatabaseSessionStore(database).create(ID, RECORD)
    with database.session() as session:
        row = session.scalars(select(StoredSession)).one()
        assert ID not in {
            str(getattr(row, column.key)) for column in inspect(StoredSession).columns
        }
        assert DatabaseSessionStore(database).load(row.id_hash) is None


def test_a_session_is_kept_although_its_request_is_rolled_back(database: DatabaseManager) -> None:
    store = DatabaseSessionStore(database)
    with database.create_session() as request_session:
        store.create(ID, RECORD)
        request_session.rollback()
    assert store.load(ID) == RECORD


@pytest.mark.redis
def test_redis_forgets_by_itself_and_holds_no_id(redis_client: Redis) -> None:
    store = RedisSessionStore(redis_client, clock=lambda: RECORD.created_at)
    store.create(ID, RECORD)
    key = PREFIX + hash_of(ID)
    assert redis_client.pttl(key) == pytest.approx(3_600_250, abs=2000)
    store.save(ID, "{}", RECORD.created_at + 60)
    assert redis_client.pttl(key) == pytest.approx(60_000, abs=2000)
    store.touch(ID, RECORD.created_at - 1)
    assert store.load(ID) is None
    assert redis_client.keys(f"*{ID}*") == []


def test_what_is_shown_of_a_record_is_not_what_it_holds() -> None:
    assert "cart" not in repr(RECORD)


def nobody_there() -> str:
    """Return a port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return str(free.getsockname()[1])


def test_a_redis_that_is_away_is_said_so() -> None:
    store = RedisSessionStore.from_url(f"redis://127.0.0.1:{nobody_there()}/0")
    with pytest.raises(SessionsUnavailable) as raised:
        store.load(ID)
    assert raised.value.status_code == 503
    assert raised.value.headers["Retry-After"] == "5"


def test_a_redis_that_does_not_answer_is_waited_for_once() -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        store = RedisSessionStore.from_url(f"redis://127.0.0.1:{silent.getsockname()[1]}/0")
        for _ in range(50):
            with pytest.raises(SessionsUnavailable):
                store.load(ID)
        silent.settimeout(0)
        silent.accept()[0].close()
        with pytest.raises(BlockingIOError):  # one connection was made, and no second one
            silent.accept()


def test_a_database_that_is_locked_is_away(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'test.sqlite3'}"
    database = DatabaseManager(Config(None, settings={"DATABASE_URL": url}))
    store = DatabaseSessionStore(database)
    store.create(ID, RECORD)
    database.engine.dispose()
    with closing(sqlite3.connect(tmp_path / "test.sqlite3", isolation_level=None)) as writer:
        writer.execute("BEGIN IMMEDIATE")
        impatient = DatabaseManager.from_url(url + "?timeout=0.05")
        with pytest.raises(SessionsUnavailable):
            DatabaseSessionStore(impatient).delete(ID)
        impatient.dispose()
    database.dispose()


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("database", DatabaseSessionStore),
        ("memory", MemorySessionStore),
        ("redis", RedisSessionStore),
        ("lback.sessions.MemorySessionStore", MemorySessionStore),
        ("lback.sessions.DatabaseSessionStore", DatabaseSessionStore),
    ],
)
def test_a_setting_chooses_the_store(name: str, kind: type) -> None:
    config = Config(None, settings={"SESSION_STORE": name})
    assert isinstance(session_store(config, DatabaseManager(config)), kind)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"SESSION_STORE": "disk"}, "SESSION_STORE = 'disk': "),
        ({"SESSION_STORE": "lback.sessions.DiskStore"}, "'lback.sessions.DiskStore': "),
        ({"SESSION_STORE": "lback.sessions.RedisSessionStore"}, "requires 'client'"),
        (
            {"SESSION_STORE": "redis", "REDIS_URL": "http://u:secret@h"},
            "REDIS_URL is not a valid URL",
        ),
    ],
)
def test_a_store_that_cannot_be_is_refused_at_the_start(
    settings: dict[str, str], message: str
) -> None:
    config = Config(None, settings=settings)
    with pytest.raises(ConfigurationError) as raised:
        session_store(config, DatabaseManager(config))
    assert message in str(raised.value)
    assert "secret" not in str(raised.value)


def test_in_a_project_the_table_is_made_by_migrations(
    new_database_url: str, tmp_path: Path
) -> None:
    settings = {"DATABASE_URL": new_database_url, "PROJECT_ROOT": str(tmp_path)}
    config = Config(None, settings=settings)
    database = DatabaseManager(config)
    store = session_store(config, database)
    with pytest.raises(ConfigurationError, match="lback makemigrations && lback migrate"):
        store.load(ID)
    with pytest.raises(ConfigurationError, match="lback makemigrations && lback migrate"):
        store.create(ID, RECORD)
    database.create_tables()
    store.create(ID, RECORD)
    assert store.load(ID) == RECORD
    database.dispose()


def test_the_end_of_a_replaced_session_ends_what_replaced_it(store: SessionStore) -> None:
    second, third = new_session_id(), new_session_id()
    store.create(ID, RECORD)
    assert store.replace(ID, second, RECORD)
    assert store.replace(second, third, RECORD)
    assert store.load(third) == RECORD
    store.delete(ID)
    assert [store.load(i) for i in (ID, second, third)] == [None, None, None]


def test_a_replaced_session_takes_no_values_and_no_second_place(store: SessionStore) -> None:
    second = new_session_id()
    store.create(ID, RECORD)
    assert store.replace(ID, second, RECORD)
    assert not store.save(ID, "{}", RECORD.expires_at)
    store.touch(ID, RECORD.expires_at)
    assert not store.replace(ID, new_session_id(), RECORD)
    assert store.load(ID) is None
    store.delete(second)
    assert store.load(second) is None


def test_replacements_and_an_end_at_once_leave_nothing(store: SessionStore) -> None:
    for _ in range(20):
        ids = [new_session_id() for _ in range(3)]
        store.create(ids[0], RECORD)
        start = Barrier(2)

        def rotate(ids: list[str] = ids, start: Barrier = start) -> None:
            start.wait(20)
            if store.replace(ids[0], ids[1], RECORD):
                store.replace(ids[1], ids[2], RECORD)

        def end(ids: list[str] = ids, start: Barrier = start) -> None:
            start.wait(20)
            store.delete(ids[0])

        with ThreadPoolExecutor(2) as pool:
            for future in [pool.submit(rotate), pool.submit(end)]:
                future.result(30)
        assert [store.load(i) for i in ids] == [None, None, None]
