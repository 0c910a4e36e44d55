"""Messages in Redis or Valkey (Streams), fed from a table that the transaction writes."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, select
from sqlalchemy.exc import SQLAlchemyError

from lback.cache.circuit_breaker import CircuitBreaker
from lback.core.exceptions import ConfigurationError, FrameworkException
from lback.distribution import install_hint
from lback.realtime.engines import History, Limits, Wake
from lback.realtime.engines.counting import Counted, add_messages
from lback.realtime.engines.database import DatabaseEngine
from lback.realtime.messages import Message
from lback.realtime.positions import START, Position
from lback.realtime.rooms import options_of
from lback.realtime.tables import COUNTERS, MESSAGES

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.database import DatabaseManager

logger = logging.getLogger("lback.realtime")

PREFIX = "lback:realtime:"
CHANNEL = f"{PREFIX}rooms"
TIMEOUT = 1.0
# Between two looks at the table for messages whose publisher was killed or did not reach Redis.
OUTBOX_SECONDS = 1.0
RECONNECT_SECONDS = 1.0
BATCH = 500

# Adds entries whose ids are the numbers of the messages. Entries that are there already are left
# out, so that several processes may do the same. With a first number, nothing is added unless it
# follows the last entry: messages with lower numbers may not have been added yet.
_ADD = """
local key, channel, room, epoch = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local first, length, seconds = tonumber(ARGV[4]), ARGV[5], ARGV[6]
local last = redis.call('XREVRANGE', key, '+', '-', 'COUNT', 1)[1]
if last and last[2][2] ~= epoch then
    redis.call('DEL', key)
    last = nil
end
local number = last and tonumber(string.match(last[1], '^%d+')) or 0
if first > 0 and first ~= number + 1 then return 0 end
local time = redis.call('TIME')
local at = time[1] .. '.' .. string.format('%06d', time[2])
for i = 7, #ARGV, 2 do
    if tonumber(ARGV[i]) > number then
        redis.call('XADD', key, 'MAXLEN', length, ARGV[i] .. '-0',
            'e', epoch, 'a', at, 'd', ARGV[i + 1])
    end
end
redis.call('EXPIRE', key, seconds)
redis.call('PUBLISH', channel, room)
return 1
"""


class RedisEngine(DatabaseEngine):
    """Messages in Redis, in one stream for each room.

    The transaction numbers its messages and writes them to the tables of the database. After the
    commit they are added to Redis; those that did not get there follow within seconds, from any
    realtime process. While Redis is away they wait in the table, within the limits of the history.

    Args:
        db_manager: The database.
        url: `redis://user:password@host:6379/0`.
        limits: What is kept.

    Raises:
        ConfigurationError: The library `redis` is not installed, or the URL is not valid.
    """

    def __init__(
        self, db_manager: "DatabaseManager", url: str, limits: Limits | None = None
    ) -> None:
        super().__init__(db_manager, limits)
        try:
            import redis  # optional extra "redis"
        except ImportError as error:
            raise ConfigurationError(
                f"REALTIME = 'redis' needs the library redis: {install_hint('redis')}"
            ) from error
        try:
            self.client = redis.Redis.from_url(
                url, socket_timeout=TIMEOUT, socket_connect_timeout=TIMEOUT
            )
        except ValueError:
            # Neither chained nor quoted: the message may contain the URL with its password.
            raise ConfigurationError(
                "REALTIME_REDIS_URL is not valid; write redis://user:password@host:6379/0"
            ) from None
        self.redis_error = redis.RedisError
        self.errors = (*DatabaseEngine.errors, redis.RedisError)
        self._add = self.client.register_script(_ADD)
        self._breaker = CircuitBreaker("messages of live pages wait: Redis does not answer")

    def append(self, session: "Session | None", batch: Mapping[str, Sequence[str]]) -> None:
        """Add messages in the transaction of a session, and to Redis after its commit.

        Args:
            session: The session; None for a transaction of its own.
            batch: Data of the messages as JSON, by room.
        """
        if session is None:
            with self.db_manager.session() as own:
                self.append(own, batch)
            return
        counters = add_messages(session.connection(), batch, notify=False)
        session.after_commit(self._feed, batch, counters)  # type: ignore[attr-defined]  # Lback's

    def _feed(self, batch: Mapping[str, Sequence[str]], counters: Mapping[str, Counted]) -> None:
        """Add what was just committed, at once if it follows what Redis has."""
        if not self._breaker.allows_call():
            return
        try:
            late = [
                room for room, count in counters.items() if not self._follows(batch, room, count)
            ]
            if late:
                self.deliver(late)
        except self.redis_error as error:
            self._breaker.record_failure(error)
        except (FrameworkException, SQLAlchemyError) as error:
            logger.warning("messages of live pages wait in the database: %s", error)
        else:
            self._breaker.record_success()

    def _follows(self, batch: Mapping[str, Sequence[str]], room: str, counted: Counted) -> bool:
        first = counted.number - len(batch[room]) + 1
        entries = list(enumerate(batch[room], start=first))
        return self._add_entries(room, counted.epoch, entries, first=first)

    def _add_entries(
        self, room: str, epoch: str, entries: Iterable[tuple[int, str]], *, first: int = 0
    ) -> bool:
        size = options_of(room).history or self.limits.messages
        seconds = max(1, int(self.limits.seconds))
        flat = [value for entry in entries for value in entry]
        arguments = [CHANNEL, room, epoch, first, size, seconds, *flat]
        return bool(self._add(keys=[PREFIX + room], args=arguments))

    def deliver(self, rooms: Sequence[str] | None = None) -> int:
        """Add messages to Redis that wait in the database, in order, and delete them there.

        Args:
            rooms: Names of rooms; None for all.

        Returns:
            How many messages were taken.
        """
        query = (
            select(MESSAGES.c.room, COUNTERS.c.epoch, MESSAGES.c.number, MESSAGES.c.data)
            .join(COUNTERS, COUNTERS.c.room == MESSAGES.c.room)
            .order_by(MESSAGES.c.room, MESSAGES.c.number)
            .limit(BATCH)
        )
        if rooms is not None:
            query = query.where(MESSAGES.c.room.in_(rooms))
        number = 0
        while True:
            with self.db_manager.connection() as connection:
                rows = connection.execute(query).all()
            found: dict[tuple[str, str], list[tuple[int, str]]] = {}
            for row in rows:
                found.setdefault((row.room, row.epoch), []).append((row.number, row.data))
            for (room, epoch), entries in found.items():
                self._add_entries(room, epoch, entries)
                self._forget(room, entries[-1][0])
            number += len(rows)
            if len(rows) < BATCH:
                return number

    def _forget(self, room: str, number: int) -> None:
        taken = (MESSAGES.c.room == room, MESSAGES.c.number <= number)
        with self.db_manager.session() as session:
            session.connection().execute(delete(MESSAGES).where(*taken))

    def now(self) -> float:
        """Return the seconds since the epoch by the clock of Redis."""
        seconds, microseconds = self.client.time()
        return float(seconds) + float(microseconds) / 1e6

    def position(self, room: str) -> Position:
        """Return where a reader stands that has seen everything in Redis.

        Args:
            room: Name of the room.
        """
        last: Any = self.client.xrevrange(PREFIX + room, count=1)
        if last:
            return _position(last[0])
        counted = self._counted([room]).get(room)
        return Position(at=self.now()) if counted is None else Position(*counted)

    def _counted(self, rooms: Sequence[str]) -> dict[str, Counted]:
        """Return the counters of rooms whose streams have expired."""
        if not rooms:
            return {}
        with self.db_manager.connection() as connection:
            rows = self._counters(connection, rooms)
        return {room: Counted(row.epoch, row.number) for room, row in rows.items()}

    def read_many(self, after: Mapping[str, Position], limit: int) -> dict[str, History]:
        """Return the messages of several rooms; without those that have nothing new.

        Args:
            after: What the reader has seen, by room.
            limit: How many messages of each room at most.
        """
        found = {}
        names = list(after)
        for begin in range(0, len(names), BATCH):
            part = names[begin : begin + BATCH]
            with self.client.pipeline(transaction=True) as pipeline:
                for room in part:
                    seen = after[room]
                    pipeline.xrevrange(PREFIX + room, count=1)
                    # A moment is looked for in all entries.
                    count = None if seen.at else limit
                    pipeline.xrange(PREFIX + room, min=f"({seen.offset}-0", count=count)
                answers = pipeline.execute()
            lasts = dict(zip(part, answers[::2], strict=True))
            counters = self._counted([room for room in part if not lasts[room]])
            for room, entries in zip(part, answers[1::2], strict=True):
                seen = after[room]
                if lasts[room]:
                    history = self._history(room, seen, _position(lasts[room][0]), entries, limit)
                else:
                    history = self._without_stream(room, seen, counters.get(room))
                if history is not None:
                    found[room] = history
        return found

    def _history(
        self, room: str, after: Position, current: Position, entries: list[Any], limit: int
    ) -> History | None:
        if current == after:
            return None
        if after.at:
            entries, is_known = self._since(entries, after.at - self.limits.tolerance)
        else:
            is_known = _is_known(after, current) and _follow(after.offset, entries)
        entries = entries[:limit]
        # Redis may have lost some when another machine took over, and got later ones.
        if not is_known or (entries and not _follow(_number(entries[0]) - 1, entries)):
            return History([], current, reset=True)
        messages = [
            Message(room, current.epoch, _number(entry), entry[1][b"d"].decode())
            for entry in entries
        ]
        position = messages[-1].position if messages else current
        return History(messages, position, more=position != current)

    def _without_stream(
        self, room: str, after: Position, counted: Counted | None
    ) -> History | None:
        """Return what a reader gets of a room that has no stream, or not any more."""
        if counted is not None and after.epoch:
            current = Position(*counted)
            if current == after or self._waits(room):
                return None
            return History([], current, reset=True)
        if after == START:
            return None
        now = self.now()
        if after.epoch or after.at < now - self.limits.seconds:
            return History([], Position(at=now), reset=True)
        return None

    def _waits(self, room: str) -> bool:
        """Return True if messages of a room are on their way to Redis."""
        query = select(MESSAGES.c.number).where(MESSAGES.c.room == room).limit(1)
        with self.db_manager.connection() as connection:
            return connection.execute(query).first() is not None

    def _since(self, entries: list[Any], moment: float) -> tuple[list[Any], bool]:
        """Return the entries since a moment, and whether all of them are there."""
        later = [entry for entry in entries if float(entry[1][b"a"]) >= moment]
        return later, len(later) < len(entries) or _number(entries[0]) == 1

    def watch(self, wake: Wake) -> "_RedisWatcher":
        """Return a watcher that has not begun.

        Args:
            wake: Called from another thread with rooms that may have new messages.
        """
        return _RedisWatcher(self, wake)


def _number(entry: Any) -> int:
    return int(entry[0].partition(b"-")[0])


def _follow(number: int, entries: list[Any]) -> bool:
    """Return True if the entries begin after a number and have no gap."""
    if not entries or _number(entries[0]) != number + 1:
        return False
    return _number(entries[-1]) == number + len(entries)


def _is_known(after: Position, current: Position) -> bool:
    return not after.epoch or (after.epoch == current.epoch and after.offset <= current.offset)


def _position(entry: Any) -> Position:
    return Position(entry[1][b"e"].decode(), _number(entry))


class _RedisWatcher:
    """Subscribes to the channel of new messages, and delivers what waits in the database."""

    def __init__(self, engine: RedisEngine, wake: Wake) -> None:
        self._engine = engine
        self._wake = wake
        self._stopped = Event()
        new = partial(Thread, daemon=True)
        self._threads = [
            new(target=self._listen, name="lback-realtime-watch"),
            new(target=self._deliver, name="lback-realtime-outbox"),
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _listen(self) -> None:
        while not self._stopped.is_set():
            pubsub: Any = self._engine.client.pubsub()  # type: ignore[no-untyped-call]
            try:
                pubsub.subscribe(CHANNEL)
                while not self._stopped.is_set():
                    message = pubsub.get_message(timeout=0.5)
                    if message is not None:
                        is_room = message["type"] == "message"
                        # For what was published before the subscription.
                        self._wake([message["data"].decode()] if is_room else None)
            except self._engine.redis_error as error:
                logger.warning("listening for messages in Redis ended: %s", error)
                self._wake(None)
                self._stopped.wait(RECONNECT_SECONDS)
            finally:
                pubsub.close()

    def _deliver(self) -> None:
        is_failing = False
        while not self._stopped.wait(OUTBOX_SECONDS):
            try:
                self._engine.deliver()
            except self._engine.errors as error:
                if not is_failing:
                    logger.warning("messages of live pages wait in the database: %s", error)
                is_failing = True
            else:
                is_failing = False
