"""Publishing: after the commit and not after a rollback, numbered in the order of commits."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from enum import StrEnum
from threading import Barrier, Event

import msgspec
import pytest
from sqlalchemy import text

from lback import Application, Request, Response
from lback.core.exceptions import ConfigurationError
from lback.realtime import Position, publish
from lback.realtime.engines import Engine
from lback.realtime.fragments import fragment_name
from lback.realtime.positions import START
from lback.testing import Client


def published(engine: Engine, room: str = "a") -> list[object]:
    return [message.data for message in engine.read(room, START).messages]


def test_a_message_is_published_at_the_commit(app: Application, engine: Engine) -> None:
    with app.db_manager.session():
        publish("a", 1)
        publish("b", "x")
        publish("a", 2)
        assert published(engine) == []

    assert published(engine) == [1, 2]
    assert published(engine, "b") == ["x"]
    assert engine.position("a").offset == 2


def test_nothing_is_published_after_a_rollback(app: Application, engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), app.db_manager.session():
        publish("a", 1)
        raise ZeroDivisionError
    publish("a", 2)

    assert published(engine) == [2]
    assert engine.position("a").offset == 1


def test_a_savepoint_that_is_rolled_back_takes_its_messages_along(
    app: Application, engine: Engine
) -> None:
    with app.db_manager.session() as session:
        publish("a", 1)
        with session.begin_nested():
            publish("a", 2)
        with pytest.raises(ZeroDivisionError), session.begin_nested():
            publish("a", 3)
            raise ZeroDivisionError
        publish("a", 4)

    assert published(engine) == [1, 2, 4]


def test_a_session_publishes_each_message_once_over_several_commits(
    app: Application, engine: Engine
) -> None:
    with app.db_manager.session() as session:
        publish("a", 1)
        session.commit()
        session.commit()
        publish("a", 2)

    assert published(engine) == [1, 2]


def test_a_message_in_a_rolled_back_savepoint_can_be_published_now(
    memory_app: Application,
) -> None:
    with pytest.raises(ZeroDivisionError), memory_app.db_manager.session():
        publish("a", 1)
        publish("a", 2, now=True)
        raise ZeroDivisionError

    assert published(memory_app.dependencies["realtime"]) == [2]


def test_now_does_not_wait_for_the_commit(app: Application, engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError), app.db_manager.session():
        publish("a", 1, now=True)
        raise ZeroDivisionError

    assert published(engine) == [1]


@pytest.mark.parametrize(("status", "expected"), [(200, [7]), (404, [])])
def test_a_view_publishes_if_it_succeeds(
    app: Application, engine: Engine, status: int, expected: list[int]
) -> None:
    @app.route("/say", requires_auth=False)
    def say(request: Request) -> Response:
        publish("a", 7)
        return Response(b"", status_code=status)

    assert Client(app).get("/say").status_code == status
    assert published(engine) == expected


def test_a_view_publishes_in_memory_without_a_database(memory_app: Application) -> None:
    @memory_app.route("/say", requires_auth=False)
    def say(request: Request) -> Response:
        publish("a", 7)
        assert published(memory_app.dependencies["realtime"]) == []
        return Response(b"")

    Client(memory_app).get("/say")

    assert published(memory_app.dependencies["realtime"]) == [7]
    assert not memory_app.dependencies.is_built("db_manager")


def test_data_is_taken_as_it_is_when_publish_is_called(app: Application, engine: Engine) -> None:
    data = {"at": datetime(2030, 1, 2, tzinfo=UTC), "text": "\0 ü 😀 \n</script>"}
    with app.db_manager.session():
        publish("a", data)
        data["text"] = "changed"

    assert published(engine) == [{"at": "2030-01-02T00:00:00Z", "text": "\0 ü 😀 \n</script>"}]


def test_mistakes_are_raised_where_publish_is_called(app: Application) -> None:
    app.config.REALTIME_MESSAGE_BYTES = 100
    with app.db_manager.session():
        with pytest.raises(ValueError, match=r"202 bytes.*REALTIME_MESSAGE_BYTES allows 100"):
            publish("a", "x" * 200)
        with pytest.raises(TypeError, match="object"):
            publish("a", object())
        with pytest.raises(ValueError, match="not the name of a room"):
            publish("a b", 1)
        with pytest.raises(TypeError, match="must be text"):
            publish(42, 1)  # type: ignore[arg-type]
        with pytest.raises(ValueError, match=r"'presence' .* one of the framework"):
            publish("a", {"event": "presence"})


class Kind(StrEnum):
    FRAGMENT = "fragment"


class Note(msgspec.Struct):
    event: str


@pytest.mark.parametrize(
    "data", [{"event": "fragment"}, {"event": Kind.FRAGMENT}, Note("fragment"), Note("refresh")]
)
def test_events_of_the_framework_cannot_be_published(app: Application, data: object) -> None:
    with pytest.raises(ValueError, match="is one of the framework"):
        publish("a", data)


@pytest.mark.parametrize("key", ["1\ndata: x", "a\u2028b", "\x00"])
def test_the_key_of_a_fragment_cannot_end_its_event(key: str) -> None:
    with pytest.raises(ValueError, match="is not printable"):
        fragment_name("a.html", key)


def test_without_the_setting_the_error_says_what_to_do() -> None:
    app = Application()
    with app.db_manager.session(), pytest.raises(ConfigurationError, match="REALTIME = 'database'"):
        publish("a", 1)


def test_names_that_differ_in_case_are_different_rooms(engine: Engine) -> None:
    publish("Room", 1)
    publish("room", 2)

    assert published(engine, "Room") == [1]
    assert published(engine, "room") == [2]


def test_a_message_may_be_as_long_as_the_setting_allows(engine: Engine) -> None:
    publish("a", "ü" * 131_000)

    assert published(engine) == ["ü" * 131_000]


def test_publishers_of_several_rooms_in_any_order_do_not_block_each_other(
    app: Application, engine: Engine
) -> None:
    rooms, rounds, workers = ["c", "a", "b"], 20, 4
    start = Barrier(workers)

    def run(number: int) -> None:
        start.wait()
        for turn in range(rounds):
            with app.db_manager.session():
                for room in rooms[number % 3 :] + rooms[: number % 3]:
                    publish(room, [number, turn])

    with ThreadPoolExecutor(workers) as threads:
        list(threads.map(run, range(workers)))

    for room in rooms:
        messages = engine.read(room, START).messages
        assert [message.offset for message in messages] == list(range(1, workers * rounds + 1))
        for number in range(workers):
            turns = [turn for who, turn in map(_pair, messages) if who == number]
            assert turns == list(range(rounds))


def _pair(message: object) -> tuple[int, int]:
    who, turn = message.data  # type: ignore[attr-defined]
    return who, turn


def test_the_order_of_numbers_is_the_order_of_commits(app: Application, engine: Engine) -> None:
    """A transaction that began first and commits later gets the later number."""
    first_published, second_committed = Event(), Event()

    def first() -> None:
        with app.db_manager.session() as session:
            session.execute(text("SELECT 1"))
            publish("a", "first to publish")
            first_published.set()
            assert second_committed.wait(10)

    with ThreadPoolExecutor(1) as threads:
        done = threads.submit(first)
        assert first_published.wait(10)
        with app.db_manager.session():
            publish("a", "first to commit")
        second_committed.set()
        done.result(10)

    assert published(engine) == ["first to commit", "first to publish"]


def test_no_reader_sees_a_number_before_a_lower_one(app: Application, engine: Engine) -> None:
    """What a reader has seen is never followed by a message with a lower number."""
    stopped, rounds = Event(), 25

    def run(number: int) -> None:
        for turn in range(rounds):
            with app.db_manager.session():
                publish("a", [number, turn])

    def read() -> list[int]:
        position, seen = START, []
        while True:
            last = stopped.is_set()
            history = engine.read("a", position)
            assert not history.reset
            position = history.position
            seen += [message.offset for message in history.messages]
            if last:
                return seen

    with ThreadPoolExecutor(3) as threads:
        reader = threads.submit(read)
        writers = [threads.submit(run, number) for number in range(2)]
        for writer in writers:
            writer.result(60)
        stopped.set()
        assert reader.result(60) == list(range(1, 2 * rounds + 1))


def test_a_position_of_another_epoch_is_not_known(engine: Engine) -> None:
    publish("a", 1)

    history = engine.read("a", Position("other", 1))

    assert history.reset
    assert history.position == engine.position("a")
