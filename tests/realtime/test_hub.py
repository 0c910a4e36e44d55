"""The hub: no gap and no duplicate, over commits, outages, slow readings and other processes."""

import asyncio
import threading
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError

from lback import Application
from lback.database import DatabaseManager
from lback.realtime import EngineAway, Hub, Message, Position, Subscription, publish
from lback.realtime import hub as hub_module
from lback.realtime.engines import Engine, History, Limits
from lback.realtime.engines.database import DatabaseEngine
from lback.realtime.engines.memory import MemoryEngine
from lback.realtime.positions import START, UNKNOWN


class Received:
    """What was delivered, which a test can wait for."""

    def __init__(self) -> None:
        self.messages: list[Message] = []
        self.arrived = asyncio.Event()

    def __call__(self, message: Message) -> None:
        self.messages.append(message)
        self.arrived.set()

    @property
    def data(self) -> list[object]:
        return [message.data for message in self.messages]

    async def wait_for(self, number: int) -> list[object]:
        async with asyncio.timeout(20):
            while len(self.messages) < number:
                self.arrived.clear()
                await self.arrived.wait()
        return self.data


def add(engine: Engine, *numbers: int, room: str = "a") -> None:
    engine.append(None, {room: [str(number) for number in numbers]})


async def added(engine: Engine, *numbers: int, room: str = "a") -> None:
    await asyncio.to_thread(add, engine, *numbers, room=room)


def missed(subscription: Subscription) -> list[object]:
    return [message.data for message in subscription.missed]


def run(test: Callable[[], Awaitable[None]]) -> None:
    asyncio.run(test())  # type: ignore[arg-type]  # it is a coroutine


def test_messages_are_delivered_in_order(any_engine: Engine) -> None:
    async def test() -> None:
        async with Hub(any_engine) as hub:
            received, other = Received(), Received()
            await hub.subscribe("a", received)
            await hub.subscribe("b", other)
            for number in range(10):
                await added(any_engine, number)
            await added(any_engine, 99, room="b")
            assert await received.wait_for(10) == list(range(10))
            assert await other.wait_for(1) == [99]

    run(test)


def test_a_message_of_another_process_is_delivered(database: DatabaseManager) -> None:
    """Two managers share nothing, as two processes do not."""
    there = DatabaseManager.from_url(database.url.render_as_string(hide_password=False))

    async def test() -> None:
        # The looks at all rooms are not what delivers it.
        async with Hub(DatabaseEngine(database), check_seconds=1000) as hub:
            received = Received()
            await hub.subscribe("a", received)
            await added(DatabaseEngine(there), 1)
            assert await received.wait_for(1) == [1]
            await added(DatabaseEngine(there), 2)
            assert await received.wait_for(2) == [1, 2]

    run(test)
    there.dispose()


def test_a_client_that_comes_back_gets_what_it_missed(any_engine: Engine) -> None:
    async def test() -> None:
        add(any_engine, 1, 2)
        position = any_engine.position("a")
        add(any_engine, 3, 4)
        async with Hub(any_engine) as hub:
            received = Received()
            subscription = await hub.subscribe("a", received, after=position)
            assert missed(subscription) == [3, 4]
            assert not subscription.reset
            await added(any_engine, 5)
            assert await received.wait_for(1) == [5]
            assert subscription.position == received.messages[-1].position
            # Now from the memory of the hub.
            again = await hub.subscribe("a", received, after=received.messages[0].position)
            assert missed(again) == []
            hub.unsubscribe(subscription)
            await added(any_engine, 6)
            assert await received.wait_for(2) == [5, 6]
            late = await hub.subscribe("a", received, after=received.messages[0].position)
            assert missed(late) == [6]

    run(test)


def test_a_client_begins_with_what_follows(any_engine: Engine) -> None:
    async def test() -> None:
        add(any_engine, 1)
        async with Hub(any_engine) as hub:
            received = Received()
            subscription = await hub.subscribe("a", received)
            assert (subscription.missed, subscription.reset) == ([], False)
            assert subscription.position == any_engine.position("a")
            await added(any_engine, 2)
            assert await received.wait_for(1) == [2]

    run(test)


@pytest.mark.parametrize("after", [UNKNOWN, Position("x", 3)])
def test_a_position_that_is_not_known_must_reload(any_engine: Engine, after: Position) -> None:
    async def test() -> None:
        add(any_engine, 1)
        async with Hub(any_engine) as hub:
            received = Received()
            subscription = await hub.subscribe("a", received, after=after)
            assert (subscription.missed, subscription.reset) == ([], True)
            await added(any_engine, 2)
            assert await received.wait_for(1) == [2]

    run(test)


def test_a_client_that_has_seen_more_than_this_process_gets_nothing_twice(
    database: DatabaseManager,
) -> None:
    """It was connected to another process, which was told earlier."""

    class Late(DatabaseEngine):
        is_late = True

        def read_many(self, after: Any, limit: int) -> Any:
            return {} if self.is_late else super().read_many(after, limit)

        def read(self, room: str, after: Position, limit: int = 1000) -> Any:
            return DatabaseEngine(self.db_manager).read(room, after, limit)

    async def test() -> None:
        engine = Late(database)
        async with Hub(engine, check_seconds=0.02) as hub:
            first, received = Received(), Received()
            await hub.subscribe("a", first)
            await added(engine, 1, 2)
            ahead = await asyncio.to_thread(engine.position, "a")
            subscription = await hub.subscribe("a", received, after=ahead)
            assert (missed(subscription), subscription.reset) == ([], False)
            await added(engine, 3)
            engine.is_late = False
            assert await first.wait_for(3) == [1, 2, 3]
            assert await received.wait_for(1) == [3]

    run(test)


def test_nothing_is_lost_or_doubled_while_the_history_is_read(any_engine: Engine) -> None:
    async def test() -> None:
        stopped = threading.Event()
        numbers = iter(range(1500))

        def publish_all() -> None:
            for number in numbers:
                if stopped.is_set():
                    return
                add(any_engine, number)

        add(any_engine, -1)
        begin = any_engine.position("a")
        publisher = threading.Thread(target=publish_all)
        async with Hub(any_engine) as hub:
            publisher.start()
            try:
                clients = []
                for _ in range(20):
                    received = Received()
                    clients.append((await hub.subscribe("a", received, after=begin), received))
            finally:
                stopped.set()
                await asyncio.to_thread(publisher.join)
            last = any_engine.position("a").offset - 2
            for subscription, received in clients:
                want = last + 1 - len(subscription.missed)
                await received.wait_for(want)
                assert missed(subscription) + received.data == list(range(last + 1))

    run(test)


class Failing(MemoryEngine):
    """An engine that can be away."""

    errors: tuple[type[Exception], ...] = (OperationalError,)
    is_away = False

    def _fail(self) -> None:
        if self.is_away:
            raise OperationalError("", {}, Exception("away"))

    def position(self, room: str) -> Position:
        self._fail()
        return super().position(room)

    def read(self, room: str, after: Position, limit: int = 1000) -> Any:
        self._fail()
        return super().read(room, after, limit)

    def read_many(self, after: Any, limit: int) -> Any:
        self._fail()
        return super().read_many(after, limit)


def test_subscriptions_stay_while_the_engine_is_away() -> None:
    async def test() -> None:
        engine = Failing()
        states: list[str] = []
        async with Hub(engine, on_state=states.append) as hub:
            received = Received()
            await hub.subscribe("a", received)
            add(engine, 1)
            await received.wait_for(1)
            engine.is_away = True
            add(engine, 2)
            async with asyncio.timeout(10):
                while hub.state != "away":
                    await asyncio.sleep(0.01)
            with pytest.raises(EngineAway, match=r"within 0\.05 s"):
                await hub.subscribe("b", received, timeout=0.05)
            waits = asyncio.create_task(hub.subscribe("c", received))
            # What the hub has in memory is enough for a client that comes back.
            again = await hub.subscribe("a", Received(), after=received.messages[0].position)
            assert missed(again) == []
            add(engine, 3)
            engine.is_away = False
            assert await received.wait_for(3) == [1, 2, 3]
            assert (await waits).missed == []
            assert states == ["away", "live"]

    run(test)


def test_subscriptions_are_told_if_the_history_does_not_reach_back() -> None:
    async def test() -> None:
        engine = Failing(Limits(messages=100))
        async with Hub(engine) as hub:
            received, told = Received(), asyncio.Event()
            subscription = await hub.subscribe("a", received, on_reset=told.set)
            add(engine, 1)
            await received.wait_for(1)
            engine.is_away = True
            add(engine, *range(200))
            engine.is_away = False
            await asyncio.wait_for(told.wait(), 10)
            assert subscription.reset
            add(engine, 7)
            assert await received.wait_for(2) == [1, 7]

    run(test)


def test_an_unexpected_error_of_the_engine_does_not_end_the_hub(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hub_module, "LAST_RETRY", 0.01)
    engine, failures = MemoryEngine(), [ZeroDivisionError("once")]
    read_many = engine.read_many

    def fail_once(after: Any, limit: int) -> Any:
        if failures:
            raise failures.pop()
        return read_many(after, limit)

    engine.read_many = fail_once  # type: ignore[method-assign]

    async def test() -> None:
        async with Hub(engine) as hub:
            received = Received()
            await hub.subscribe("a", received)
            add(engine, 1)
            assert await received.wait_for(1) == [1]

    run(test)
    assert "begins anew" in caplog.text


def test_a_receiver_that_fails_ends_its_own_subscription_alone(
    any_engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    async def test() -> None:
        async with Hub(any_engine) as hub:
            received, got, ended = Received(), Received(), asyncio.Event()

            def fail_at_two(message: Message) -> None:
                got(message)
                if message.data == 2:
                    raise ZeroDivisionError("of a receiver")

            failing = await hub.subscribe("a", fail_at_two, on_failure=ended.set)
            await hub.subscribe("a", received)
            await added(any_engine, 1, 2, 3)
            assert await received.wait_for(3) == [1, 2, 3]
            assert ended.is_set()
            assert got.data == [1, 2]  # nothing comes after the one that is missing
            assert (failing.has_failed, failing.reset) == (True, True)
            await added(any_engine, 4)
            assert await received.wait_for(4) == [1, 2, 3, 4]
            assert got.data == [1, 2]

    run(test)
    assert caplog.text.count("ZeroDivisionError: of a receiver") == 1


def test_functions_that_fail_at_a_reset_or_at_an_end_do_not_disturb_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("of a subscriber")

    async def test() -> None:
        engine = Failing(Limits(messages=100))
        states: list[str] = []
        async with Hub(engine, on_state=fail) as hub:
            hub.on_state.append(states.append)
            received, told = Received(), asyncio.Event()
            first = await hub.subscribe("a", Received(), on_reset=fail, on_failure=fail)
            await hub.subscribe("a", received, on_reset=told.set)
            add(engine, 1)
            await received.wait_for(1)
            engine.is_away = True
            add(engine, *range(200))
            async with asyncio.timeout(10):
                while hub.state != "away":
                    await asyncio.sleep(0.01)
            engine.is_away = False
            await asyncio.wait_for(told.wait(), 10)
            assert first.has_failed
            add(engine, 7)
            assert await received.wait_for(2) == [1, 7]
            assert states == ["away", "live"]

    run(test)
    assert "begins anew" not in caplog.text
    assert caplog.text.count("a function of on_state failed") == 2


def test_rooms_without_subscriptions_are_not_read() -> None:
    async def test() -> None:
        engine, asked = MemoryEngine(), []
        read_many = engine.read_many
        engine.read_many = lambda after, limit: asked.append(set(after)) or read_many(after, limit)  # type: ignore[method-assign,func-returns-value]
        async with Hub(engine) as hub:
            received = Received()
            gone = await hub.subscribe("b", received)
            await hub.subscribe("a", received)
            hub.unsubscribe(gone)
            hub.unsubscribe(gone)
            asked.clear()
            add(engine, 1, room="b")
            add(engine, 2)
            assert await received.wait_for(1) == [2]
            assert set().union(*asked) == {"a"}

    run(test)


def test_the_end_of_a_hub_leaves_no_thread(any_engine: Engine) -> None:
    before = set(threading.enumerate())

    async def test() -> None:
        async with Hub(any_engine) as hub:
            await hub.subscribe("a", print)

    run(test)
    for thread in set(threading.enumerate()) - before:
        thread.join(10)
        assert not thread.is_alive()


def test_a_message_published_by_a_view_reaches_the_hub(memory_app: Application) -> None:
    async def test() -> None:
        async with Hub(memory_app.dependencies["realtime"]) as hub:
            received = Received()
            await hub.subscribe("a", received)
            await asyncio.to_thread(publish, "a", {"event": "hello"})
            await received.wait_for(1)
            message = received.messages[0]
            assert message.text == f'{{"room":"a","id":"{message.id}","data":{{"event":"hello"}}}}'
            assert message.sse == f"event: hello\ndata: {message.text}\n".encode()

    run(test)


def test_the_start_is_before_everything() -> None:
    assert START.text == "@0.000"


def test_a_history_is_read_up_to_a_size(any_engine: Engine) -> None:
    """Neither more batches are read then, nor are their messages kept."""
    any_engine.append(None, {"a": ['"' + "x" * 1000 + '"'] * 400})
    limits: list[int] = []
    read = any_engine.read

    def counted(room: str, after: Position, limit: int = 1000) -> History:
        limits.append(limit)
        return read(room, after, limit)

    async def test() -> None:
        any_engine.read = counted  # type: ignore[method-assign]
        async with Hub(any_engine) as hub:
            received = Received()
            small = await hub.subscribe("a", received, after=START, missed_bytes=60_000)
            assert (missed(small), small.reset) == ([], True)
            assert limits == [hub_module.HISTORY_BATCH] * 2
            whole = await hub.subscribe("a", Received(), after=START)
            assert (len(whole.missed), whole.reset) == (400, False)
            await added(any_engine, 1)
            assert await received.wait_for(1) == [1]

    run(test)


def test_messages_that_the_hub_has_kept_count_too() -> None:
    engine = MemoryEngine(Limits())

    async def test() -> None:
        async with Hub(engine) as hub:
            received = Received()
            await hub.subscribe("a", received)
            await added(engine, *range(100, 200))
            await received.wait_for(100)
            first = received.messages[0].position  # 99 messages of 3 bytes follow
            for most, reset in ((296, True), (297, False)):
                again = await hub.subscribe("a", Received(), after=first, missed_bytes=most)
                assert (len(again.missed), again.reset) == (0 if reset else 99, reset)

    run(test)


def test_few_histories_are_read_at_once() -> None:
    engine = MemoryEngine(Limits())
    engine.append(None, {str(number): ["1"] for number in range(6)})
    reading, most, read = 0, 0, engine.read
    lock, go_on = threading.Lock(), threading.Event()

    def counted(room: str, after: Position, limit: int = 1000) -> History:
        nonlocal reading, most
        with lock:
            reading += 1
            most = max(most, reading)
        go_on.wait(0.05)
        with lock:
            reading -= 1
        return read(room, after, limit)

    async def test() -> None:
        engine.read = counted  # type: ignore[method-assign]
        async with Hub(engine) as hub:
            found = [hub.subscribe(str(n), Received(), after=START) for n in range(6)]
            assert all(missed(each) == [1] for each in await asyncio.gather(*found))

    run(test)
    assert most == hub_module.HISTORY_READERS
