"""Presence: tabs of one user count once, over processes, also where one is killed."""

import asyncio
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import pytest

from lback import Application
from lback.realtime import Hub, Message, presence, present, room
from lback.realtime.engines import Engine, database_presence
from lback.realtime.positions import START


@pytest.fixture(autouse=True)
def rule() -> None:
    room("a", presence=True)(lambda: True)


@pytest.fixture(autouse=True)
def short_times(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(presence, "LEAVE_SECONDS", 0.05)
    monkeypatch.setattr(presence, "BEAT_SECONDS", 0.05)


def changes(engine: Engine) -> list[tuple[list[str], list[str]]]:
    messages = engine.read("a", START).messages
    found: list[Any] = [message.data for message in messages]
    assert {data["event"] for data in found} <= {"presence"}
    return [(data["joined"], data["left"]) for data in found]


def test_tabs_of_a_user_count_once(any_engine: Engine) -> None:
    where = any_engine.presence
    where.beat("p")
    where.beat("q")
    where.change("a", "p", {"1": "ada"}, [])
    where.change("a", "p", {"2": "ada", "3": "bob"}, [])
    where.change("a", "q", {"1": "ada"}, [])
    assert where.members("a") == ["ada", "bob"]
    where.change("a", "p", {}, ["1", "2", "unknown"])
    where.change("a", "q", {}, ["1"])
    where.change("a", "q", {}, ["1"])

    assert where.members("a") == ["bob"]
    assert where.members("other") == []
    assert changes(any_engine) == [(["ada"], []), (["bob"], []), ([], ["ada"])]


def test_joins_and_leaves_at_once_are_told_once(any_engine: Engine) -> None:
    where = any_engine.presence
    for process in "pqrs":
        where.beat(process)

    def come_and_go(process: str) -> None:
        for number in range(10):
            where.change("a", process, {str(number): "ada"}, [])
        for number in range(10):
            where.change("a", process, {}, [str(number)])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(come_and_go, "pqrs"))

    told = changes(any_engine)
    assert told == [(["ada"], []), ([], ["ada"])] * (len(told) // 2)
    assert told
    assert where.members("a") == []


def test_users_of_a_process_that_was_killed_leave(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    where = engine.presence
    for process, connections in {"p": {"1": "ada", "2": "bob"}, "q": {"1": "ada"}}.items():
        where.beat(process)
        where.change("a", process, connections, [])
    assert where.expire() == 0
    monkeypatch.setattr(database_presence, "DEAD_SECONDS", -1000.0)
    assert where.members("a") == []

    assert where.expire() == 2
    assert where.expire() == 0

    monkeypatch.undo()
    assert where.members("a") == []
    assert changes(engine)[-1] == ([], ["ada"])
    assert not where.beat("p")
    assert where.beat("p")


def test_users_of_a_process_that_ends_have_seconds_to_move(engine: Engine) -> None:
    where = engine.presence
    where.beat("p")
    where.change("a", "p", {"1": "ada"}, [])
    where.end("p")

    assert where.members("a") == ["ada"]


@dataclass
class Watched:
    """Messages of a hub."""

    hub: Hub
    messages: asyncio.Queue[Message] = field(default_factory=asyncio.Queue)

    async def next(self) -> Any:
        async with asyncio.timeout(20):
            return (await self.messages.get()).data


def run(test: Any, engine: Engine) -> None:
    async def within() -> None:
        async with Hub(engine) as hub:
            watched = Watched(hub)
            await hub.subscribe("a", watched.messages.put_nowait)
            await test(watched)

    asyncio.run(within())


def test_a_hub_tells_who_joins_and_leaves(any_engine: Engine) -> None:
    async def test(watched: Watched) -> None:
        watched.hub.join("a", "ada", "1")
        assert await watched.next() == {"event": "presence", "joined": ["ada"], "left": []}
        watched.hub.join("a", "ada", "2")
        watched.hub.leave("a", "ada", "1")
        watched.hub.join("a", "bob", "3")
        assert await watched.next() == {"event": "presence", "joined": ["bob"], "left": []}
        assert await asyncio.to_thread(any_engine.presence.members, "a") == ["ada", "bob"]
        watched.hub.leave("a", "ada", "2")
        watched.hub.leave("a", "ada", "2")
        assert await watched.next() == {"event": "presence", "joined": [], "left": ["ada"]}

    run(test, any_engine)


def test_a_page_that_loads_again_is_no_leave(
    any_engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(presence, "LEAVE_SECONDS", 0.5)

    async def test(watched: Watched) -> None:
        watched.hub.join("a", "ada", "1")
        assert await watched.next() == {"event": "presence", "joined": ["ada"], "left": []}
        watched.hub.leave("a", "ada", "1")
        watched.hub.join("a", "ada", "2")
        watched.hub.leave("a", "ada", "2")
        assert await watched.next() == {"event": "presence", "joined": [], "left": ["ada"]}

    run(test, any_engine)


def test_rooms_whose_rule_keeps_no_presence_have_none(any_engine: Engine) -> None:
    async def test(watched: Watched) -> None:
        watched.hub.join("b", "ada", "1")
        watched.hub.leave("b", "ada", "1")
        watched.hub.join("a", "ada", "1")
        await watched.next()
        assert any_engine.presence.members("b") == []

    run(test, any_engine)


def test_a_process_that_others_took_for_dead_joins_again(
    engine: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def test(watched: Watched) -> None:
        watched.hub.join("a", "ada", "1")
        assert (await watched.next())["joined"] == ["ada"]
        with monkeypatch.context() as patch:
            patch.setattr(database_presence, "DEAD_SECONDS", -1000.0)
            await asyncio.to_thread(engine.presence.expire)
        assert (await watched.next())["left"] == ["ada"]
        assert (await watched.next())["joined"] == ["ada"]

    run(test, engine)


def test_present_says_who_is_in_a_room(app: Application, engine: Engine) -> None:
    engine.presence.beat("p")
    engine.presence.change("a", "p", {"1": "7", "2": "3", "3": "7"}, [])

    with app.db_manager.session():
        assert present("a") == ["3", "7"]
    with pytest.raises(ValueError, match="not the name of a room"):
        present("a b")
