"""Messages in the memory of one process: for `runserver`, tests and single-process programs."""

import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING

from lback.realtime.engines import History, Limits, Wake
from lback.realtime.messages import Message
from lback.realtime.positions import Position
from lback.realtime.presence import MemoryPresence
from lback.realtime.rooms import options_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


# A room with a shorter history keeps so many, because readers take them from the same place.
SHORTEST = 100


class _Room:
    def __init__(self, size: int) -> None:
        self.epoch = secrets.token_urlsafe(6)
        self.number = 0
        self.kept: deque[tuple[float, Message]] = deque(maxlen=max(size, SHORTEST))
        self.changed_at = 0.0


class MemoryEngine:
    """Messages in memory, which other processes do not see.

    Messages are added after the commit. Two transactions that commit at the same moment may be
    numbered in either order.

    Args:
        limits: What it keeps.
        clock: Returns the seconds since the epoch.
    """

    in_transaction = False
    errors: tuple[type[Exception], ...] = ()

    def __init__(
        self, limits: Limits | None = None, *, clock: Callable[[], float] = time.time
    ) -> None:
        self.limits = Limits() if limits is None else limits
        self._clock = clock
        self._rooms: dict[str, _Room] = {}
        self._watchers: list[_MemoryWatcher] = []
        self._lock = Lock()
        self.presence = MemoryPresence(self)

    def now(self) -> float:
        """Return the seconds since the epoch."""
        return self._clock()

    def append(self, session: "Session | None", batch: Mapping[str, Sequence[str]]) -> None:  # noqa: ARG002  of the protocol
        """Add messages.

        Args:
            session: Not used.
            batch: Data of the messages as JSON, by room.
        """
        with self._lock:
            now = self._clock()
            for name, datas in batch.items():
                room = self._rooms.get(name)
                if room is None:
                    history = options_of(name).history
                    size = self.limits.messages if history is None else history
                    room = self._rooms[name] = _Room(size)
                room.changed_at = now
                for data in datas:
                    room.number += 1
                    room.kept.append((now, Message(name, room.epoch, room.number, data)))
        for watcher in list(self._watchers):
            watcher.wake(batch)

    def position(self, room: str) -> Position:
        """Return where a reader stands that has seen everything.

        Args:
            room: Name of the room.
        """
        with self._lock:
            found = self._rooms.get(room)
            if found is None:
                return Position(at=self._clock())
            return Position(found.epoch, found.number)

    def read(self, room: str, after: Position, limit: int = 1000) -> History:
        """Return the messages of a room after a position.

        Args:
            room: Name of the room.
            after: What the reader has seen.
            limit: How many messages at most.
        """
        with self._lock:
            return self._read(room, after, limit)

    def read_many(self, after: Mapping[str, Position], limit: int) -> dict[str, History]:
        """Return the messages of several rooms.

        Args:
            after: What the reader has seen, by room.
            limit: How many messages of each room at most.
        """
        with self._lock:
            found = {name: self._read(name, seen, limit) for name, seen in after.items()}
        return {name: history for name, history in found.items() if history.position != after[name]}

    def _read(self, name: str, after: Position, limit: int) -> History:
        room = self._rooms.get(name)
        if room is None:
            if after.epoch or (after.at and after.at < self._clock() - self.limits.seconds):
                return History([], Position(at=self._clock()), reset=True)
            return History([], after)
        current = Position(room.epoch, room.number)
        if after.epoch:
            is_known = after.epoch == room.epoch and after.offset <= room.number
            first = after.offset + 1
        else:
            since = after.at - self.limits.tolerance if after.at else 0.0
            later = sum(1 for at, _ in room.kept if at >= since)
            first = room.number - later + 1
            # If all that is kept is later, something before it may have been dropped.
            is_known = later < len(room.kept) or first == 1 or room.changed_at < since
        kept_from = room.number - len(room.kept) + 1
        if not is_known or first < kept_from:
            return History([], current, reset=True)
        messages = [message for _, message in room.kept if message.offset >= first]
        if len(messages) > limit:
            return History(messages[:limit], messages[limit - 1].position, more=True)
        return History(messages, current)

    def watch(self, wake: Wake) -> "_MemoryWatcher":
        """Return a watcher of this process.

        Args:
            wake: Called with rooms that have new messages.
        """
        return _MemoryWatcher(self._watchers, wake)

    def trim(self) -> int:
        """Delete messages and rooms that are too old, and return the number of messages."""
        number = 0
        with self._lock:
            now = self._clock()
            oldest, unused = now - self.limits.seconds, now - self.limits.room_seconds
            for name, room in list(self._rooms.items()):
                while room.kept and room.kept[0][0] < oldest:
                    room.kept.popleft()
                    number += 1
                if not room.kept and room.changed_at < unused:
                    del self._rooms[name]
        return number


class _MemoryWatcher:
    def __init__(self, watchers: "list[_MemoryWatcher]", wake: Wake) -> None:
        self._watchers = watchers
        self.wake = wake

    def start(self) -> None:
        self._watchers.append(self)

    def stop(self) -> None:
        self._watchers.remove(self)
