"""Reading from engines: after a position, after a moment, within the history and beyond it."""

import pytest

from lback import Application
from lback.database import DatabaseManager
from lback.realtime import Position, publish, room
from lback.realtime.engines import Engine, Limits
from lback.realtime.engines.counting import payloads
from lback.realtime.engines.database import DatabaseEngine
from lback.realtime.engines.memory import MemoryEngine
from lback.realtime.engines.redis import PREFIX, RedisEngine
from lback.realtime.positions import START, UNKNOWN


def add(engine: Engine, *numbers: int, room: str = "a") -> None:
    engine.append(None, {room: [str(number) for number in numbers]})


def read(engine: Engine, after: Position, limit: int = 1000) -> list[object]:
    history = engine.read("a", after, limit)
    assert not history.reset
    return [message.data for message in history.messages]


def test_a_reader_gets_what_follows_its_position(any_engine: Engine) -> None:
    add(any_engine, 1, 2)
    position = any_engine.position("a")
    add(any_engine, 3, 4)

    assert read(any_engine, START) == [1, 2, 3, 4]
    assert read(any_engine, position) == [3, 4]
    assert read(any_engine, any_engine.position("a")) == []


def test_long_histories_are_read_in_parts(any_engine: Engine) -> None:
    add(any_engine, *range(1, 8))

    first = any_engine.read("a", START, 3)
    second = any_engine.read("a", first.position, 3)
    third = any_engine.read("a", second.position, 3)

    assert [len(part.messages) for part in (first, second, third)] == [3, 3, 1]
    assert [part.more for part in (first, second, third)] == [True, True, False]
    assert third.position == any_engine.position("a")


def test_many_rooms_are_read_at_once(any_engine: Engine) -> None:
    rooms = [f"room-{number}" for number in range(1200)]
    any_engine.append(None, {name: ["1", "2"] for name in rooms})
    seen = {name: any_engine.position(name) for name in rooms[:2]}
    add(any_engine, 3, room=rooms[0])

    found = any_engine.read_many({**dict.fromkeys(rooms, START), **seen, "other": START}, 1)

    assert len(found) == 1199
    assert found[rooms[0]].messages[0].data == 3
    assert rooms[1] not in found
    assert "other" not in found
    assert found[rooms[-1]].more


@pytest.mark.parametrize("after", [UNKNOWN, Position("x", 1), Position("", 0, 1.0)])
def test_unknown_positions_must_reload(any_engine: Engine, after: Position) -> None:
    assert any_engine.read("a", after).reset
    any_engine.limits = any_engine.limits._replace(messages=100)
    add(any_engine, *range(1, 201))
    any_engine.trim()

    history = any_engine.read("a", after)

    assert history.reset
    assert history.messages == []
    assert history.position == any_engine.position("a")


def test_a_number_that_was_not_given_out_must_reload(any_engine: Engine) -> None:
    add(any_engine, 1)

    assert any_engine.read("a", Position(any_engine.position("a").epoch, 2)).reset


def test_the_moment_of_a_room_without_messages_is_kept(any_engine: Engine) -> None:
    moment = any_engine.position("a")
    assert moment.epoch == ""
    assert read(any_engine, moment) == []

    add(any_engine, 1, 2)

    assert read(any_engine, moment) == [1, 2]


def test_a_moment_gets_what_was_published_since(database: DatabaseManager) -> None:
    engine = DatabaseEngine(database, Limits(tolerance=0.0))
    _reads_since_a_moment(engine)


def test_a_moment_gets_what_was_published_since_in_memory() -> None:
    _reads_since_a_moment(MemoryEngine(Limits(tolerance=0.0)))


def _reads_since_a_moment(engine: Engine) -> None:
    add(engine, 1, 2)
    before = engine.now()
    while engine.now() == before:  # the clocks of some systems are coarse
        pass
    moment = Position(at=engine.now())
    while engine.now() == moment.at:
        pass
    assert read(engine, moment) == []
    assert engine.read("a", moment).position == engine.position("a")
    add(engine, 3)
    assert read(engine, moment) == [3]


def test_a_moment_has_a_tolerance(any_engine: Engine) -> None:
    add(any_engine, 1)

    assert read(any_engine, Position(at=any_engine.now())) == [1]


def test_messages_beyond_the_number_are_deleted(any_engine: Engine) -> None:
    any_engine.limits = any_engine.limits._replace(messages=100)
    add(any_engine, *range(1, 51))
    middle = any_engine.position("a")
    add(any_engine, *range(51, 151))
    any_engine.trim()

    assert any_engine.read("a", START).reset
    assert any_engine.read("a", Position(at=any_engine.now())).reset
    assert read(any_engine, middle) == list(range(51, 151))


def test_messages_that_are_too_old_are_deleted_with_their_rooms(any_engine: Engine) -> None:
    add(any_engine, 1)
    position = any_engine.position("a")
    limits = any_engine.limits
    any_engine.limits = limits._replace(seconds=-1, room_seconds=-1)

    assert any_engine.trim() == 1
    if isinstance(any_engine, RedisEngine):
        any_engine.client.delete(f"{PREFIX}a")  # as its expiry does
    any_engine.limits = limits
    assert any_engine.read("a", position).reset
    add(any_engine, 2)
    assert any_engine.position("a").epoch != position.epoch
    assert any_engine.read("a", position).reset
    assert read(any_engine, START) == [2]


def test_a_room_that_was_idle_for_long_goes_on(any_engine: Engine) -> None:
    """Whoever has seen everything need not load the page again when its messages are too old."""
    add(any_engine, 1, 2)
    before, position = Position(any_engine.position("a").epoch, 1), any_engine.position("a")
    limits = any_engine.limits
    if isinstance(any_engine, RedisEngine):
        any_engine.deliver()
        any_engine.client.delete(f"{PREFIX}a")  # as its expiry does
    any_engine.limits = limits._replace(seconds=-1)
    any_engine.trim()
    any_engine.limits = limits

    assert any_engine.position("a") == position
    assert read(any_engine, position) == []
    assert any_engine.read("a", before).reset
    add(any_engine, 3)
    assert read(any_engine, position) == [3]


def test_a_rule_may_shorten_the_history(engine: Engine) -> None:
    room("short-{number:int}", history=3)(lambda number: True)
    for name in ("short-1", "long"):
        add(engine, *range(10), room=name)

    assert engine.trim() == 7

    assert engine.read("short-1", START).reset
    assert len(engine.read("long", START).messages) == 10


def test_names_are_split_where_notify_is_full() -> None:
    names = [f"{number}{'x' * 190}" for number in range(100)]

    found = payloads(names)

    assert "\n".join(found).split("\n") == names
    assert max(map(len, found)) < 8000
    assert len(found) == 3
    assert payloads([]) == []


def test_a_commit_may_name_more_rooms_than_notify_can_carry(
    app: Application, engine: Engine
) -> None:
    names = [f"{number}{'x' * 190}" for number in range(100)]
    with app.db_manager.session():
        for name in names:
            publish(name, 1)

    assert len(engine.read_many(dict.fromkeys(names, START), 10)) == 100
