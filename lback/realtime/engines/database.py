"""Messages in the application's database: SQLite, PostgreSQL, MariaDB or MySQL."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import Connection, Row, and_, delete, func, or_, select
from sqlalchemy.exc import SQLAlchemyError

from lback.core.exceptions import FrameworkException
from lback.database.sqlite import is_file
from lback.realtime.engines import History, Limits, Wake, Watcher
from lback.realtime.engines.counting import add_messages, clock_of
from lback.realtime.engines.database_presence import DatabasePresence
from lback.realtime.messages import Message
from lback.realtime.positions import Position
from lback.realtime.rooms import options_of
from lback.realtime.tables import COUNTERS, MESSAGES

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.database import DatabaseManager

# SQLite takes 32,766 parameters, and a range of numbers is three of them.
_CHUNK = 500


class _Wanted(NamedTuple):
    """Messages of a room from after one number to another."""

    epoch: str
    after: int
    last: int
    current: int


class DatabaseEngine:
    """Messages in two tables, added in the transaction of the data that they are about.

    Args:
        db_manager: The database.
        limits: What is kept.
    """

    in_transaction = True
    errors: tuple[type[Exception], ...] = (SQLAlchemyError, FrameworkException, OSError)

    def __init__(self, db_manager: "DatabaseManager", limits: Limits | None = None) -> None:
        self.db_manager = db_manager
        self.limits = Limits() if limits is None else limits

    @cached_property
    def presence(self) -> DatabasePresence:
        """Who is present in its rooms."""
        return DatabasePresence(self)

    def append(self, session: "Session | None", batch: Mapping[str, Sequence[str]]) -> None:
        """Add messages in the transaction of a session, which is about to commit.

        Args:
            session: The session; None for a transaction of its own.
            batch: Data of the messages as JSON, by room.
        """
        if session is not None:
            add_messages(session.connection(), batch)
            return
        with self.db_manager.session() as own:
            add_messages(own.connection(), batch)

    def now(self) -> float:
        """Return the seconds since the epoch by the clock of the database."""
        with self.db_manager.connection() as connection:
            return _now(connection)

    def position(self, room: str) -> Position:
        """Return where a reader stands that has seen everything.

        Args:
            room: Name of the room.
        """
        with self.db_manager.connection() as connection:
            found = self._counters(connection, [room]).get(room)
            if found is None:
                return Position(at=_now(connection))
            return Position(found.epoch, found.number)

    def read(self, room: str, after: Position, limit: int = 1000) -> History:
        """Return the messages of a room after a position.

        Args:
            room: Name of the room.
            after: What the reader has seen.
            limit: How many messages at most.
        """
        return self.read_many({room: after}, limit).get(room) or History([], after)

    def read_many(self, after: Mapping[str, Position], limit: int) -> dict[str, History]:
        """Return the messages of several rooms; without those that have nothing new.

        Args:
            after: What the reader has seen, by room.
            limit: How many messages of each room at most.
        """
        found: dict[str, History] = {}
        with self.db_manager.connection() as connection:
            for rooms in _chunks(after):
                counters = self._counters(connection, rooms)
                wanted: dict[str, _Wanted] = {}
                for room in rooms:
                    plan = self._plan(connection, room, after[room], counters.get(room), limit)
                    if isinstance(plan, History):
                        found[room] = plan
                    elif plan is not None:
                        wanted[room] = plan
                if wanted:
                    found.update(_read_ranges(connection, wanted))
        return found

    def _counters(self, connection: Connection, rooms: Sequence[str]) -> dict[str, Row[Any]]:
        query = select(COUNTERS).where(COUNTERS.c.room.in_(rooms))
        url = self.db_manager.url
        if url.get_backend_name() == "sqlite" and not is_file(url):
            # Threads share the connection of a database in memory, and would see what another one
            # has not committed.
            query = query.with_for_update()
        return {row.room: row for row in connection.execute(query)}

    def _plan(
        self,
        connection: Connection,
        room: str,
        after: Position,
        counter: Row[Any] | None,
        limit: int,
    ) -> "_Wanted | History | None":
        """Return what to read, the answer where nothing is to be read, or None for no news."""
        if counter is None:
            if not after.epoch and not after.at:
                return None
            now = _now(connection)
            if after.epoch or after.at < now - self.limits.seconds:
                return History([], Position(at=now), reset=True)
            return None
        seen: int | None
        if after.epoch:
            is_known = after.epoch == counter.epoch and after.offset <= counter.number
            seen = after.offset if is_known else None
        elif after.at:
            since = after.at - self.limits.tolerance
            seen = _number_before(connection, room, since, counter)
        else:
            seen = 0
        if seen is None:
            return History([], Position(counter.epoch, counter.number), reset=True)
        if seen == counter.number:
            position = Position(counter.epoch, seen)
            return None if position == after else History([], position)
        return _Wanted(counter.epoch, seen, min(counter.number, seen + limit), counter.number)

    def watch(self, wake: Wake) -> Watcher:
        """Return a watcher that has not begun.

        Args:
            wake: Called from another thread with rooms that may have new messages.
        """
        # Imported here: processes that only publish do not watch.
        from lback.realtime.engines.watching import watcher_of

        return watcher_of(self.db_manager, wake)

    def trim(self) -> int:
        """Delete messages and rooms beyond the limits, and return the number of messages."""
        with self.db_manager.session() as session:
            connection = session.connection()
            now = _now(connection)
            oldest, unused_since = now - self.limits.seconds, now - self.limits.room_seconds
            number = connection.execute(delete(MESSAGES).where(MESSAGES.c.at < oldest)).rowcount
        for room, last in self._too_long():
            size = options_of(room).history or self.limits.messages
            too_old = and_(MESSAGES.c.room == room, MESSAGES.c.number <= last - size)
            with self.db_manager.session() as session:
                number += session.connection().execute(delete(MESSAGES).where(too_old)).rowcount
        # A publisher that has just locked the row makes it younger.
        has_messages = select(MESSAGES.c.room).where(MESSAGES.c.room == COUNTERS.c.room).exists()
        unused = delete(COUNTERS).where(COUNTERS.c.changed_at < unused_since, ~has_messages)
        with self.db_manager.session() as session:
            session.connection().execute(unused)
        return number

    def _too_long(self) -> list[tuple[str, int]]:
        shortest = [rule.options.history for rule in _rules() if rule.options.history]
        least = min([self.limits.messages, *shortest])
        lengths = (
            select(MESSAGES.c.room, func.max(MESSAGES.c.number))
            .group_by(MESSAGES.c.room)
            .having(func.count() > least)
        )
        with self.db_manager.connection() as connection:
            return [(room, last) for room, last in connection.execute(lengths)]


def _rules() -> Iterable[Any]:
    from lback.realtime.rooms import ROOMS

    return ROOMS.values()


def _now(connection: Connection) -> float:
    return float(connection.execute(select(clock_of(connection.dialect.name))).scalar_one())


def _number_before(
    connection: Connection, room: str, since: float, counter: Row[Any]
) -> int | None:
    """Return the number of the last message before a moment; None if it may have been deleted."""
    if counter.changed_at < since:
        return int(counter.number)
    numbers, is_later = MESSAGES.c.number, MESSAGES.c.at >= since
    query = select(func.min(numbers)).where(
        MESSAGES.c.room == room, numbers <= counter.number, is_later
    )
    first = connection.execute(query).scalar()
    if first is None:
        return None
    before = select(numbers).where(MESSAGES.c.room == room, numbers == first - 1)
    if first > 1 and connection.execute(before).scalar() is None:
        return None
    return int(first) - 1


def _read_ranges(connection: Connection, wanted: Mapping[str, _Wanted]) -> dict[str, History]:
    room, number = MESSAGES.c.room, MESSAGES.c.number
    ranges = [
        and_(room == name, number > plan.after, number <= plan.last)
        for name, plan in wanted.items()
    ]
    query = select(room, number, MESSAGES.c.data).where(or_(*ranges)).order_by(room, number)
    messages: dict[str, list[Message]] = {name: [] for name in wanted}
    for row in connection.execute(query):
        epoch = wanted[row.room].epoch
        messages[row.room].append(Message(row.room, epoch, row.number, row.data))
    return {name: _history(messages[name], plan) for name, plan in wanted.items()}


def _history(messages: list[Message], plan: _Wanted) -> History:
    if len(messages) != plan.last - plan.after:  # the beginning was deleted
        return History([], Position(plan.epoch, plan.current), reset=True)
    return History(messages, Position(plan.epoch, plan.last), more=plan.last < plan.current)


def _chunks(rooms: Iterable[str]) -> Iterator[list[str]]:
    iterator = iter(rooms)
    while chunk := list(islice(iterator, _CHUNK)):
        yield chunk
