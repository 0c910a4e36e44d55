"""Applications with live pages on each kind of engine, and rules that tests declare."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from lback import Application
from lback.database import DatabaseManager
from lback.realtime.engines import Engine, Limits
from lback.realtime.engines.database import DatabaseEngine
from lback.realtime.engines.memory import MemoryEngine
from lback.realtime.engines.redis import RedisEngine
from lback.realtime.rooms import ROOMS
from lback.realtime.tables import COUNTERS, MESSAGES, PRESENCE, PROCESSES

KEY = "a key for tests, known to everybody"


@pytest.fixture(autouse=True)
def rooms_as_before() -> Iterator[None]:
    """Forget the rules that a test declared."""
    before = dict(ROOMS)
    yield
    ROOMS.clear()
    ROOMS.update(before)


@pytest.fixture(autouse=True)
def closed_clients(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Close the connections to Redis that the engines of a test opened."""
    engines: list[RedisEngine] = []
    build = RedisEngine.__init__

    def note(self: RedisEngine, *arguments: Any, **options: Any) -> None:
        build(self, *arguments, **options)
        engines.append(self)

    monkeypatch.setattr(RedisEngine, "__init__", note)
    yield
    for engine in engines:
        engine.client.close()


def application(database: DatabaseManager, **settings: object) -> Application:
    url = database.url.render_as_string(hide_password=False)
    given: dict[str, Any] = {
        "REALTIME": "database",
        "DATABASE_URL": url,
        "SECRET_KEY": KEY,
        "DEBUG": True,
    }
    return Application(**{"DEBUG": True, **given, **settings})


@pytest.fixture
def app(database: DatabaseManager) -> Iterator[Application]:
    """An application whose messages are in its database, on each kind of database in turn."""
    app = application(database)
    yield app
    app.db_manager.dispose()


@pytest.fixture
def engine(app: Application) -> Engine:
    engine: Engine = app.dependencies["realtime"]
    return engine


@pytest.fixture
def memory_app() -> Application:
    """An application whose messages are in memory."""
    return Application(REALTIME="memory", SECRET_KEY=KEY, DEBUG=True)


ENGINES = [
    "memory",
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.postgresql),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
    "redis",
]
LIMITS = Limits(seconds=1000, messages=2000)


@pytest.fixture(params=ENGINES)
def any_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """Each engine in turn, with a history of 2000 messages."""
    if request.param == "memory":
        yield MemoryEngine(LIMITS)
        return
    url = f"sqlite:///{tmp_path / 'engine.sqlite3'}"
    if request.param in ("postgresql", "mariadb"):
        url = request.getfixturevalue(f"{request.param}_url")
    manager = DatabaseManager.from_url(url)
    manager.create_tables(COUNTERS.metadata)
    if request.param == "redis":
        request.getfixturevalue("redis_client")  # deletes the keys
        yield RedisEngine(manager, request.getfixturevalue("redis_url"), LIMITS)
    else:
        yield DatabaseEngine(manager, LIMITS)
    with manager.session() as session:
        for table in (MESSAGES, COUNTERS, PRESENCE, PROCESSES):
            session.execute(table.delete())
    manager.dispose()
