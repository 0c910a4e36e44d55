"""What tests run on: SQLite in a file, the servers that answer, and the browser of the system."""

import logging
import os
import re
import secrets
import signal
import sys
from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from pathlib import Path
from socketserver import ThreadingMixIn
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import pytest
from argon2 import PasswordHasher
from hypothesis import HealthCheck, settings
from redis import Redis
from redis.exceptions import ConnectionError as RedisConnectionError
from sqlalchemy import Table, inspect, make_url

from lback import Config
from lback.cache import RedisCache, RedisOptions
from lback.core import SignalDispatcher
from lback.core.exceptions import ConfigurationError
from lback.database import Base, DatabaseManager
from lback.middleware import SessionMiddleware
from lback.security import passwords
from lback.services import MODELS, TASK_MODULES
from lback.sessions import MemorySessionStore, SessionManager
from lback.tasks.definitions import TASKS
from lback.tasks.scheduling import SCHEDULES
from lback.time_zones import CURRENT_ZONE
from tests.faults.servers import PgBouncer

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

# A shell that starts the tests in the background has them ignore Ctrl+C, and so the servers that
# they start, which are to end by it.
signal.signal(signal.SIGINT, signal.default_int_handler)

# No test asserts a time, on a busy machine least of all.
settings.register_profile("lback", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("lback")

DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.postgresql),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Leave the logging of the process as a test found it."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)


@pytest.fixture(autouse=True)
def no_zone_of_a_request() -> None:
    """Forget the time zone of a request that an earlier test sent without a client."""
    CURRENT_ZONE.set(None)


@pytest.fixture(autouse=True)
def imports_as_before(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Forget what a test made importable: its directories, and the modules and models in them."""
    path, before = list(sys.path), set(sys.modules)
    theirs = str(tmp_path_factory.getbasetemp())
    yield
    sys.path[:] = path
    for name in set(sys.modules) - before:
        file = getattr(sys.modules[name], "__file__", None) or ""
        if file.startswith(theirs):
            del sys.modules[name]
            forget_models_of(name)


def forget_models_of(module: str) -> None:
    """Remove the tables of a module of a test, which migrations of a later test would create."""
    for mapper in list(Base.registry.mappers):
        if mapper.class_.__module__ == module and isinstance(mapper.local_table, Table):
            Base.metadata.remove(mapper.local_table)


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The URL of an empty database, on each kind of database in turn."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'test.sqlite3'}"
    url: str = request.getfixturevalue(f"{request.param}_url")
    return url


@pytest.fixture
def database(database_url: str) -> Iterator[DatabaseManager]:
    """A database with the tables of the framework and of the imported test modules, all empty."""
    # An application imports them when it first asks for them, which may be after the tables.
    for module in MODELS:
        import_module(module)
    manager = DatabaseManager.from_url(database_url)
    manager.create_tables()
    tables = Base.metadata.sorted_tables
    yield manager
    with manager.session() as session:
        for table in reversed(tables):
            session.execute(table.delete())
    manager.dispose()


@pytest.fixture
def pooled_url(postgresql_url: str) -> Iterator[str]:
    """The URL of the database by way of PgBouncer."""
    url = make_url(postgresql_url)
    if PgBouncer.missing() or url.host not in ("localhost", "127.0.0.1") or url.password:
        pytest.skip("needs pgbouncer, and a PostgreSQL server on this machine without a password")
    bouncer = PgBouncer(url.port or 5432)
    try:
        bouncer.start()
        yield url.set(host="127.0.0.1", port=bouncer.port).render_as_string(hide_password=False)
    finally:
        bouncer.remove()


@pytest.fixture
def tasks_as_before() -> Iterator[None]:
    """Forget the tasks and schedules that a test defined."""
    # Those of the framework stay, whenever they are imported first.
    for module in TASK_MODULES:
        import_module(module)
    before = [(known, dict(known)) for known in (TASKS, SCHEDULES)]
    yield
    for known, former in before:
        known.clear()
        known.update(former)  # type: ignore[arg-type]  # each its own


@pytest.fixture
def quick_passwords(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The same hashes at a hundredth of the cost, where a test is about something else."""
    quick = PasswordHasher(time_cost=1, memory_cost=64, parallelism=1)
    monkeypatch.setattr(passwords, "_hasher", quick)
    passwords._dummy_hash.cache_clear()
    yield
    passwords._dummy_hash.cache_clear()


@pytest.fixture(params=DATABASES)
def new_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database that no other test has used, on each kind of database in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'new.sqlite3'}"
    elif request.param == "postgresql":
        yield from new_postgresql()
    else:
        yield from new_mariadb()


@pytest.fixture(scope="session")
def postgresql_url() -> Iterator[str]:
    """A database of our own on a PostgreSQL server."""
    yield from new_postgresql()


def new_postgresql() -> Iterator[str]:
    # Forced, for a test that failed may have left connections open.
    yield from new_database(
        "LBACK_TEST_POSTGRES_URL",
        "postgresql://postgres@127.0.0.1:5432/test",
        drop="DROP DATABASE {} WITH (FORCE)",
    )


@pytest.fixture(scope="session")
def mariadb_url() -> Iterator[str]:
    """A database of our own on a MariaDB or MySQL server."""
    yield from new_mariadb()


def new_mariadb() -> Iterator[str]:
    yield from new_database("LBACK_TEST_MARIADB_URL", "mysql://root@127.0.0.1:3306/test")


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """An address of a Redis or Valkey server, with a database of its own that nobody uses.

    Fails at the end of the run if a test has left a key behind.
    """
    url = os.environ.get("LBACK_TEST_REDIS_URL", "redis://127.0.0.1:6379/9")
    with Redis.from_url(url) as client:
        try:
            client.ping()
        except RedisConnectionError as error:
            unavailable(f"{error} (set LBACK_TEST_REDIS_URL to use another server)")
        before = set(client.scan_iter())
        yield url
        left = set(client.scan_iter()) - before
        assert not left, f"tests left keys in Redis: {sorted(left)}"


@pytest.fixture
def redis_client(redis_url: str, prefix: str) -> Iterator[Redis]:
    """A client of Redis; the keys of Lback and of the test are gone afterwards."""
    with Redis.from_url(redis_url) as client:
        yield client
        for pattern in ("lback:*", f"{prefix}*"):
            for key in client.scan_iter(pattern):
                client.delete(key)


def new_database(variable: str, default: str, drop: str = "DROP DATABASE {}") -> Iterator[str]:
    url = os.environ.get(variable, default)
    name = f"lback_test_{secrets.token_hex(4)}"
    server = DatabaseManager.from_url(url)
    try:
        execute(server, f"CREATE DATABASE {name}")
    except ConfigurationError as error:
        unavailable(f"{error} (set {variable} to use another server)")
    before = databases_of(server)
    yield make_url(url).set(database=name).render_as_string(hide_password=False)
    # Another run on the same server has databases as well, named after it.
    left = [
        found
        for found in databases_of(server) - before
        if name in found or not re.fullmatch(r".*lback_test_[0-9a-f]{8}.*", found)
    ]
    execute(server, drop.format(name))
    server.dispose()
    assert not left, f"tests left databases behind: {left}"


def databases_of(server: DatabaseManager) -> set[str]:
    if server.engine.dialect.name == "postgresql":
        statement = "SELECT datname FROM pg_database"
        with server.engine.connect() as connection:
            return set(connection.exec_driver_sql(statement).scalars())
    return set(inspect(server.engine).get_schema_names())


def execute(server: DatabaseManager, statement: str) -> None:
    engine = server.engine.execution_options(isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)


def unavailable(reason: str) -> None:
    if os.environ.get("CI"):
        pytest.fail(reason)
    pytest.skip(reason)


@pytest.fixture
def sessions() -> SessionManager:
    """Sessions in memory."""
    return SessionManager(MemorySessionStore())


@pytest.fixture
def session_middleware(sessions: SessionManager) -> SessionMiddleware:
    """The middleware that brings them, for applications that need no more."""
    return SessionMiddleware(Config(None), sessions=sessions)


@pytest.fixture
def prefix() -> str:
    """What the keys of one test begin with."""
    return f"test-{secrets.token_hex(4)}:"


@pytest.fixture
def make_cache(redis_url: str, prefix: str) -> Iterator[Callable[..., RedisCache]]:
    """Build caches as workers do, each with a connection of its own; they share their values."""

    def make(**options: Any) -> RedisCache:
        dispatcher = options.pop("dispatcher", SignalDispatcher())
        settings = RedisOptions(**{"url": redis_url, "prefix": prefix, **options})
        return RedisCache(settings, dispatcher=dispatcher)

    yield make
    # Locks and tags as well as values.
    with Redis.from_url(redis_url) as client:
        for key in client.scan_iter(f"{prefix}*"):
            client.delete(key)


# A browser, for what only a browser can tell.

CHROMIUM = os.environ.get("LBACK_TEST_CHROMIUM", "/usr/bin/chromium")


@pytest.fixture(scope="module")
def chromium() -> "Iterator[Browser]":
    """The Chromium of the system; closed with each module, for its event loop is in the way."""
    # Imported here, because most runs open no browser.
    from playwright.sync_api import sync_playwright

    if not Path(CHROMIUM).exists():
        unavailable(f"no Chromium at {CHROMIUM} (set LBACK_TEST_CHROMIUM to another one)")
    switches = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=switches)
        yield browser
        browser.close()


@pytest.fixture
def serve() -> Iterator[Callable[[Any], str]]:
    """Serves an application on a free port and gives its address: `serve(app)`."""
    running: list[tuple[WSGIServer, Thread]] = []

    def start(application: Any) -> str:
        server = make_server("127.0.0.1", 0, application, ThreadedServer, SilentHandler)
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        running.append((server, thread))
        return f"http://127.0.0.1:{server.server_port}"

    yield start
    for server, thread in running:
        server.shutdown()
        thread.join()
        server.server_close()


class ThreadedServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class SilentHandler(WSGIRequestHandler):
    def log_message(self, *arguments: Any) -> None:
        return


@pytest.fixture
def serious_findings() -> "Callable[[Page], list[str]]":
    """Asks axe what makes a page hard to use: `assert not serious_findings(page)`."""
    return partial(ask_axe, impacts=("serious", "critical"))


@pytest.fixture
def axe_findings() -> "Callable[[Page], list[str]]":
    """Asks axe for everything that it finds: `assert not axe_findings(page)`."""
    return partial(ask_axe, impacts=("minor", "moderate", "serious", "critical"))


def ask_axe(page: "Page", impacts: tuple[str, ...]) -> list[str]:
    import axe_playwright_python

    axe = Path(axe_playwright_python.__file__).with_name("axe.min.js").read_text()
    page.evaluate(axe)
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")
    return [
        f"{one['id']}: {one['nodes'][0]['html'][:200]}"
        for one in found["violations"]
        if one["impact"] in impacts
    ]
