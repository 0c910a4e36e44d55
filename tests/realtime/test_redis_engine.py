"""Messages on their way to Redis: a server that is away, lost data, and processes that end."""

import asyncio
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import which
from typing import Any

import pytest
from redis import Redis
from redis.exceptions import RedisError

from lback import Application
from lback.core.exceptions import ConfigurationError
from lback.database import DatabaseManager
from lback.realtime import Hub, Message, Position, publish
from lback.realtime.engines import Limits
from lback.realtime.engines.redis import PREFIX, RedisEngine
from lback.realtime.positions import START


class Slow(RedisEngine):
    """A process that is killed between its commit and Redis."""

    def _feed(self, batch: Mapping[str, Sequence[str]], counters: Mapping[str, Any]) -> None:
        pass


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[DatabaseManager]:
    manager = DatabaseManager.from_url(f"sqlite:///{tmp_path / 'outbox.sqlite3'}")
    __import__("lback.realtime.tables")
    manager.create_tables()
    yield manager
    manager.dispose()


@pytest.fixture
def engine(manager: DatabaseManager, redis_url: str, redis_client: Redis) -> RedisEngine:
    return RedisEngine(manager, redis_url)


def read(engine: RedisEngine, after: Position = START) -> list[object]:
    history = engine.read("a", after)
    assert not history.reset
    return [message.data for message in history.messages]


def test_a_message_whose_publisher_was_killed_follows(
    engine: RedisEngine, manager: DatabaseManager, redis_url: str
) -> None:
    killed = Slow(manager, redis_url)
    killed.append(None, {"a": ["1", "2"]})
    assert read(engine) == []
    # The next one does not overtake them.
    engine.append(None, {"a": ["3"]})

    assert read(engine) == [1, 2, 3]


def test_a_realtime_process_delivers_what_waits(
    engine: RedisEngine, manager: DatabaseManager, redis_url: str
) -> None:
    async def test() -> list[object]:
        async with Hub(engine, check_seconds=1000) as hub:
            received: asyncio.Queue[Message] = asyncio.Queue()
            await hub.subscribe("a", received.put_nowait)
            await asyncio.to_thread(Slow(manager, redis_url).append, None, {"a": ["1", "2"]})
            async with asyncio.timeout(20):
                return [(await received.get()).data, (await received.get()).data]

    assert asyncio.run(test()) == [1, 2]


def test_two_processes_that_deliver_the_same_add_it_once(
    engine: RedisEngine, manager: DatabaseManager, redis_url: str
) -> None:
    Slow(manager, redis_url).append(None, {"a": [str(number) for number in range(1200)]})

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda _: engine.deliver(), range(4)))

    assert engine.position("a").offset == 1200
    assert len(read(engine, Position(engine.position("a").epoch, 300))) == 900
    assert engine.deliver() == 0


def test_redis_that_lost_everything_makes_clients_reload(
    engine: RedisEngine, redis_client: Redis
) -> None:
    engine.append(None, {"a": ["1", "2"]})
    position = Position(engine.position("a").epoch, 1)
    redis_client.delete(f"{PREFIX}a")
    assert read(engine, position) == []  # it is still in the database
    engine.deliver()
    assert read(engine, position) == [2]
    redis_client.delete(f"{PREFIX}a")
    engine.append(None, {"a": ["3"]})

    assert engine.read("a", position).reset
    assert read(engine, Position(position.epoch, 2)) == [3]


def test_a_gap_in_redis_makes_clients_reload(engine: RedisEngine, redis_client: Redis) -> None:
    engine.append(None, {"a": ["1", "2", "3"]})
    redis_client.xdel(f"{PREFIX}a", "2-0")

    assert engine.read("a", START).reset


def test_a_room_with_a_new_epoch_begins_anew(engine: RedisEngine) -> None:
    engine.append(None, {"a": ["1", "2"]})
    before = engine.position("a")
    engine.deliver()
    engine.limits = Limits(seconds=-1, room_seconds=-1)
    engine.trim()
    engine.limits = Limits()

    engine.append(None, {"a": ["3"]})

    assert engine.position("a").offset == 1
    assert engine.read("a", before).reset
    assert read(engine) == [3]


@pytest.fixture
def own_server(tmp_path: Path) -> Iterator["OwnServer"]:
    """A server of our own, which can be killed and started."""
    program = which("valkey-server") or which("redis-server")
    if program is None:
        pytest.skip("there is no redis-server or valkey-server to start")
    server = OwnServer(program, tmp_path)
    server.start()
    yield server
    server.kill()


class OwnServer:
    def __init__(self, program: str, directory: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self._command = [
            program, "--port", str(self.port), "--bind", "127.0.0.1", "--dir", str(directory),
            "--save", "", "--appendonly", "yes", "--appendfsync", "always",
        ]  # fmt: skip

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        until = time.monotonic() + 10
        with Redis.from_url(self.url) as client:
            while True:
                try:
                    client.ping()
                except RedisError:
                    assert time.monotonic() < until, "the server does not answer"
                    time.sleep(0.01)
                else:
                    return

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


def test_nothing_is_lost_while_redis_is_killed(
    manager: DatabaseManager, own_server: OwnServer
) -> None:
    url = manager.url.render_as_string(hide_password=False)
    app = Application(REALTIME="redis", REALTIME_REDIS_URL=own_server.url, DATABASE_URL=url)
    engine = app.dependencies["realtime"]

    async def test() -> tuple[list[object], list[str]]:
        states: list[str] = []
        async with Hub(engine, on_state=states.append, check_seconds=0.2) as hub:
            received: asyncio.Queue[Message] = asyncio.Queue()
            await hub.subscribe("a", received.put_nowait)
            await asyncio.to_thread(publish, "a", 1)
            seen = [(await received.get()).data]
            await asyncio.to_thread(own_server.kill)
            for number in (2, 3, 4):
                await asyncio.to_thread(publish, "a", number)
            async with asyncio.timeout(20):
                while hub.state != "away":
                    await asyncio.sleep(0.01)
                await asyncio.to_thread(own_server.start)
                await asyncio.to_thread(publish, "a", 5)
                while len(seen) < 5:
                    seen.append((await received.get()).data)
        return seen, states

    seen, states = asyncio.run(test())
    app.db_manager.dispose()
    assert seen == [1, 2, 3, 4, 5]
    assert states == ["away", "live"]


def test_an_address_that_is_none_is_named_without_its_password(manager: DatabaseManager) -> None:
    with pytest.raises(ConfigurationError, match="REALTIME_REDIS_URL is not valid") as error:
        RedisEngine(manager, "http://user:geheim@host")

    assert "geheim" not in str(error.value)
