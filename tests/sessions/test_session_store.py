"""All stores keep the same promises."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import inspect, select

from lback.database import DatabaseManager
from lback.sessions import DatabaseSessionStore, MemorySessionStore, SessionRecord, SessionStore
from lback.sessions.database import StoredSession

RECORD = SessionRecord('{"cart":[1]}', created_at=1_700_000_000.25, expires_at=1_700_003_600.5)
ID = "a" * 43


@pytest.fixture(
    params=[
        "memory",
        "sqlite",
        pytest.param("postgresql", marks=pytest.mark.postgresql),
        pytest.param("mariadb", marks=pytest.mark.mariadb),
    ]
)
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SessionStore]:
    if request.param == "memory":
        yield MemorySessionStore()
        return
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'test.sqlite3'}"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    database = DatabaseManager.from_url(url)
    database.create_tables()
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


def test_only_what_has_expired_is_cleaned_away(store: SessionStore) -> None:
    for name, expires_at in (("a", 10.0), ("b", 20.0), ("c", 30.0)):
        store.create(name * 43, SessionRecord("{}", 0.0, expires_at))
    assert store.delete_expired(20.0) == 2
    assert store.delete_expired(20.0) == 0
    assert store.load("c" * 43) is not None


def test_large_data_is_kept_whole(store: SessionStore) -> None:
    large = f'"{"x" * 200_000}"'
    store.create(ID, SessionRecord(large, 0.0, 1.0))
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
