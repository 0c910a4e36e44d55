"""The hub of a realtime process: reads the rooms that have subscribers, and passes messages on."""

import asyncio
import logging
import random
from collections import deque
from collections.abc import Callable, Collection, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from lback.realtime import limits
from lback.realtime.engines import EngineAway, History
from lback.realtime.positions import START, UNKNOWN, Position
from lback.realtime.presence import HubPresence
from lback.realtime.rooms import check_name

if TYPE_CHECKING:
    from lback.realtime.engines import Engine
    from lback.realtime.messages import Message

logger = logging.getLogger("lback.realtime")

P = ParamSpec("P")
R = TypeVar("R")

# Messages of a room that are read at once.
BATCH = 500
# Messages of a history that are read at once: with the largest ones allowed, 12 MiB by default.
HISTORY_BATCH = 50
# Histories that are read at once, by half of the threads: the others read what is new.
HISTORY_READERS = 2
# Messages of a room that are kept for clients that come back within a short time.
RECENT = 200
# Messages that wait while the history of one subscription is read.
MOST_WAITING = 10_000
# Between two looks at all rooms, which find what no notification announced.
CHECK_SECONDS = 5.0
TRIM_SECONDS = 60.0
FIRST_RETRY, LAST_RETRY = 0.1, 2.0

LIVE, AWAY = "live", "away"


class Subscription:
    """A subscription to a room; made by `Hub.subscribe`.

    Attributes:
        room: Name of the room.
        missed: Messages after the position that the client gave, which it has not seen.
        reset: Whether the history does not reach back to that position, or is too large: the client
            must load its page again.
        position: Where the client stands once it has seen `missed` and what was delivered.
        has_failed: Whether a function of the subscriber raised an exception, which has ended the
            subscription.
    """

    def __init__(
        self,
        room: str,
        deliver: "Callable[[Message], object]",
        on_reset: Callable[[], object] | None = None,
        on_failure: Callable[[], object] | None = None,
    ) -> None:
        self.room = room
        self.missed: list[Message] = []
        self.reset = False
        self.position = UNKNOWN
        self.has_failed = False
        self._deliver = deliver
        self._on_reset = on_reset
        self._on_failure = on_failure
        self._waiting: list[Message] | None = []

    def receive(self, message: "Message") -> None:
        """Deliver a message, or keep it while the history is read; called by the hub.

        Args:
            message: The next message of the room.
        """
        if self._waiting is not None:
            if len(self._waiting) < MOST_WAITING:
                self._waiting.append(message)
            return
        if self._has_seen(message):
            return
        self.position = message.position
        self._call(self._deliver, message)

    def begin(self, missed: "list[Message]", position: Position, *, reset: bool = False) -> None:
        """End the reading of the history; called by the hub.

        Args:
            missed: What was read.
            position: Where that ends.
            reset: Whether messages were lost.
        """
        waited, self._waiting = self._waiting or [], None
        self.reset = reset or len(waited) == MOST_WAITING
        self.missed, self.position = missed, position
        for message in waited:
            if not self._has_seen(message):
                self.missed.append(message)
                self.position = message.position

    def lose(self, position: Position) -> None:
        """Note that messages were lost while the engine was away; called by the hub.

        Args:
            position: Where the room stands.
        """
        self.reset, self.position = True, position
        if self._waiting is not None:
            self._waiting.clear()
        elif self._on_reset is not None:
            self._call(self._on_reset)

    def _call(self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs) -> None:
        """Call a function of the subscriber; an exception of it ends this subscription alone."""
        try:
            function(*args, **kwargs)
        except Exception:
            logger.exception("delivering to a subscriber of the room %s failed", self.room)
            self.has_failed = self.reset = True

    def report_failure(self) -> None:
        """Tell the subscriber that the subscription has ended; called by the hub."""
        if self._on_failure is not None:
            self._call(self._on_failure)

    def _has_seen(self, message: "Message") -> bool:
        position = self.position
        return position.epoch == message.epoch and message.offset <= position.offset


class _Room:
    """A room that has subscribers.

    Attributes:
        position: Where the hub stands; None until it has been read.
        subscriptions: In the order in which they began.
        recent: The last messages.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.position: Position | None = None
        self.subscriptions: dict[Subscription, None] = {}
        self.recent: deque[Message] = deque(maxlen=RECENT)
        self.opening: asyncio.Task[None] | None = None

    @property
    def read_after(self) -> Position:
        """What to ask the engine for. A room without messages has all of them to come."""
        return self.position if self.position is not None and self.position.epoch else START


class Hub:
    """Passes the messages of an engine on to the subscriptions of one process.

    Use it in an event loop, as an asynchronous context manager. Only rooms with subscriptions are
    read. While the engine does not answer, subscriptions stay, and what was published meanwhile
    follows when it is back.

    Args:
        engine: The engine.
        threads: How many threads read from it.
        on_state: Called in the loop with "away" when the engine stops answering, and with "live"
            when it answers again.
        check_seconds: Between two looks at all rooms.

    Attributes:
        state: "live" or "away".
        on_state: Functions that are called when the state changes.

    Example:
        >>> import asyncio
        >>> from lback import Application
        >>> from lback.realtime import Hub, publish
        >>> app = Application(REALTIME="memory")
        >>> async def main():
        ...     async with Hub(app.dependencies["realtime"]) as hub:
        ...         received = asyncio.Queue()
        ...         await hub.subscribe("news", received.put_nowait)
        ...         publish("news", {"title": "Hello"})
        ...         print((await received.get()).data)
        >>> asyncio.run(main())
        {'title': 'Hello'}
    """

    def __init__(
        self,
        engine: "Engine",
        *,
        threads: int = 4,
        on_state: Callable[[str], object] | None = None,
        check_seconds: float = CHECK_SECONDS,
    ) -> None:
        self.engine = engine
        self.state = LIVE
        self.on_state: list[Callable[[str], object]] = [] if on_state is None else [on_state]
        self._check_seconds = check_seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="lback-realtime")
        self._rooms: dict[str, _Room] = {}
        self._changed: set[str] = set()
        self._woken = asyncio.Event()
        self._tasks: list[asyncio.Task[Any]] = []
        self._histories = asyncio.Semaphore(HISTORY_READERS)
        self._presence = HubPresence(engine.presence, self._ask)
        self._watcher = engine.watch(self._wake)

    async def __aenter__(self) -> "Hub":
        self._loop = asyncio.get_running_loop()
        self._watcher.start()
        self._tasks = [
            self._loop.create_task(self._keep(work))
            for work in (
                self._read,
                self._check,
                self._trim,
                self._presence.write,
                self._presence.beat,
            )
        ]
        return self

    async def __aexit__(self, *_: object) -> None:
        opening = [room.opening for room in self._rooms.values() if room.opening is not None]
        for task in (*self._tasks, *opening):
            task.cancel()
        await asyncio.gather(*self._tasks, *opening, return_exceptions=True)
        await self._loop.run_in_executor(self._threads, self._watcher.stop)
        with suppress(*self.engine.errors):
            await self._loop.run_in_executor(self._threads, self._presence.end)
        self._threads.shutdown(wait=False, cancel_futures=True)
        self._rooms.clear()

    async def subscribe(
        self,
        room: str,
        deliver: "Callable[[Message], object]",
        *,
        after: Position | None = None,
        on_reset: Callable[[], object] | None = None,
        on_failure: Callable[[], object] | None = None,
        timeout: float = 10.0,
        missed_bytes: int = limits.MISSED_BYTES,
    ) -> Subscription:
        """Subscribe to a room. Whether the user may do so is for the caller to decide.

        Args:
            room: Name of the room.
            deliver: Called in the loop with each new message, in order. It must not block. An
                exception ends this subscription, so that no message is left out, and no other one.
            after: What the client has seen; None if it begins now.
            on_reset: Called if messages were lost later, because the engine was away for longer
                than the history reaches back.
            on_failure: Called after `deliver` or `on_reset` raised an exception, which is in the
                log. The subscription has ended then: close the connection of the client, or
                subscribe again.
            timeout: Seconds to wait for the engine.
            missed_bytes: Most bytes of the missed messages as JSON. If there are more, `missed` is
                empty and `reset` is set.

        Returns:
            The subscription. `missed` has what follows `after`, and `deliver` is called with
            everything after that.

        Raises:
            EngineAway: The engine did not answer in time.
            ValueError: The name is not valid.
        """
        state = self._rooms.get(check_name(room))
        if state is None:
            state = self._rooms[room] = _Room(room)
            state.opening = self._loop.create_task(self._open(state))
        subscription = Subscription(room, deliver, on_reset, on_failure)
        state.subscriptions[subscription] = None
        try:
            async with asyncio.timeout(timeout):
                if state.position is None and state.opening is not None:
                    await asyncio.shield(state.opening)
                await self._catch_up(state, subscription, after, missed_bytes)
        except TimeoutError as error:
            self.unsubscribe(subscription)
            raise EngineAway(
                f"the room {room!r} could not be read within {timeout:g} s; try again later"
            ) from error
        except BaseException:
            self.unsubscribe(subscription)
            raise
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription. Ending it twice changes nothing.

        Args:
            subscription: What `subscribe` returned.
        """
        state = self._rooms.get(subscription.room)
        if state is None or state.subscriptions.pop(subscription, self) is self:
            return
        if not state.subscriptions:
            del self._rooms[subscription.room]
            if state.opening is not None:
                state.opening.cancel()

    def join(self, room: str, user_key: str, connection_id: str) -> None:
        """Note that a connection is present in a room, if the rule of the room keeps presence.

        Args:
            room: Name of the room.
            user_key: Text that stands for the user, such as the id; at most 200 characters.
            connection_id: Id of the connection, unique in this process; at most 64 characters.
        """
        self._presence.join(room, user_key, connection_id)

    def leave(self, room: str, user_key: str, connection_id: str) -> None:
        """Note that a connection is not present any more. Doing so twice changes nothing.

        Args:
            room: Name of the room.
            user_key: As in `join`.
            connection_id: As in `join`.
        """
        del user_key
        self._presence.leave(room, connection_id)

    async def _keep(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Begin work anew that ended with an unexpected error, so that the others do not wait."""
        while True:
            try:
                await work()
            except Exception:
                logger.exception("the hub of live pages failed, and begins anew")
                await asyncio.sleep(LAST_RETRY)
                self._mark(None)

    async def _open(self, room: _Room) -> None:
        room.position = await self._ask(self.engine.position, room.name)
        room.opening = None
        self._mark([room.name])

    async def _catch_up(
        self, room: _Room, subscription: Subscription, after: Position | None, most: int
    ) -> None:
        current = room.position
        assert current is not None  # noqa: S101  for mypy: the room is open
        if after is None or after == current:
            subscription.begin([], current)
        elif after == UNKNOWN:
            subscription.begin([], current, reset=True)
        elif after.epoch and (missed := _recent(room, after)) is not None:
            if size_of(missed) > most:
                subscription.begin([], current, reset=True)
            else:
                subscription.begin(missed, current)
        else:
            async with self._histories:
                await self._read_history(room, subscription, after, most)

    async def _read_history(
        self, room: _Room, subscription: Subscription, after: Position, most: int
    ) -> None:
        messages: list[Message] = []
        position, size = after, 0
        while True:
            limit = min(BATCH, HISTORY_BATCH)
            history = await self._ask(self.engine.read, room.name, position, limit)
            position = history.position
            if history.reset:
                subscription.begin([], position, reset=True)
                return
            size += size_of(history.messages)
            if size > most:
                # The page that is loaded again has all that the hub has passed on until now.
                subscription.begin([], room.position or position, reset=True)
                return
            messages += history.messages
            if not history.more:
                subscription.begin(messages, position)
                return

    async def _ask(self, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call a function of the engine in a thread, again and again while it does not answer."""
        pause = FIRST_RETRY
        while True:
            try:
                result = await self._loop.run_in_executor(
                    self._threads, lambda: function(*args, **kwargs)
                )
            except self.engine.errors as error:
                self._set_away(error)
            else:
                self._set_live()
                return result
            # Spread, so that processes do not all ask at the same moment.
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))  # noqa: S311  no secret
            pause = min(2 * pause, LAST_RETRY)

    def _set_away(self, error: Exception) -> None:
        if self.state == AWAY:
            return
        logger.warning("the engine of live pages does not answer: %s", error)
        self.state = AWAY
        self._tell()

    def _set_live(self) -> None:
        if self.state == LIVE:
            return
        logger.warning("the engine of live pages answers again")
        self.state = LIVE
        self._mark(None)
        self._tell()

    def _tell(self) -> None:
        for function in self.on_state:
            try:
                function(self.state)
            except Exception:
                logger.exception("a function of on_state failed: %r", function)

    def _wake(self, rooms: Collection[str] | None) -> None:
        """Note rooms that may have new messages; called from any thread."""
        try:
            self._loop.call_soon_threadsafe(self._mark, rooms)
        except RuntimeError:  # the loop has just been closed
            return

    def _mark(self, rooms: Collection[str] | None) -> None:
        found = self._rooms.keys() if rooms is None else self._rooms.keys() & set(rooms)
        if found:
            self._changed.update(found)
            self._woken.set()

    async def _read(self) -> None:
        while True:
            await self._woken.wait()
            self._woken.clear()
            names, self._changed = self._changed, set()
            rooms = {
                name: room
                for name in names
                if (room := self._rooms.get(name)) is not None and room.position is not None
            }
            if not rooms:
                continue
            after = {name: room.read_after for name, room in rooms.items()}
            found = await self._ask(self.engine.read_many, after, BATCH)
            for name, history in found.items():
                if self._rooms.get(name) is rooms[name]:
                    self._pass_on(rooms[name], history)

    def _pass_on(self, room: _Room, history: History) -> None:
        room.position = history.position
        if history.reset:
            logger.warning("messages of the room %s were lost: not in the history", room.name)
            room.recent.clear()
            for subscription in list(room.subscriptions):
                subscription.lose(history.position)
                self._end_if_failed(subscription)
            return
        for message in history.messages:
            room.recent.append(message)
            for subscription in list(room.subscriptions):
                subscription.receive(message)
                self._end_if_failed(subscription)
        if history.more:
            self._mark([room.name])

    def _end_if_failed(self, subscription: Subscription) -> None:
        if subscription.has_failed:
            self.unsubscribe(subscription)
            subscription.report_failure()

    async def _check(self) -> None:
        while True:
            await asyncio.sleep(self._check_seconds)
            self._mark(None)

    async def _trim(self) -> None:
        while True:
            # Spread over the processes, each of which does it.
            await asyncio.sleep(TRIM_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311  no secret
            await self._ask(self.engine.trim)


def size_of(messages: "Collection[Message]") -> int:
    """Return the bytes of messages as JSON.

    Args:
        messages: The messages.
    """
    return sum(len(message.json.encode()) for message in messages)


def _recent(room: _Room, after: Position) -> "list[Message] | None":
    """Return the messages after a position if the last ones of the room reach back to it."""
    recent = room.recent
    if not recent or recent[0].epoch != after.epoch or recent[0].offset > after.offset + 1:
        return None
    if after.offset > recent[-1].offset:
        return None  # of a process that is further on, or not of this room
    return [message for message in recent if message.offset > after.offset]
