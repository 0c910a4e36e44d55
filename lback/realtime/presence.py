"""Who is present in a room, over all realtime processes; tabs of one user count once."""

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from threading import Lock
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from lback.realtime.publishing import services_here
from lback.realtime.rooms import check_name, options_of

if TYPE_CHECKING:
    from lback.realtime.engines import Engine

# A process that has not been heard of for so long has ended.
DEAD_SECONDS = 20.0
BEAT_SECONDS = 5.0
# After the end of a connection: a page that loads again is not a leave and a join.
LEAVE_SECONDS = 2.0
# Changes that happen within this time are written together.
GATHER_SECONDS = 0.05

EVENT = "presence"


def present(room: str) -> list[str]:
    """Return the keys of the users who are subscribed to a room, sorted; each of them once.

    The rule of the room must be declared with `presence=True`. A user who leaves is counted for two
    more seconds, and for up to 20 if their realtime process was killed.

    Args:
        room: Name of the room.

    Returns:
        The ids of the users as text.

    Raises:
        ValueError: The name is not valid.
        ConfigurationError: The setting `REALTIME` is empty, or no application exists.

    Example:
        >>> from lback import Application
        >>> from lback.realtime import present
        >>> app = Application(REALTIME="memory")
        >>> present("ticket-42")
        []
    """
    from lback.realtime.engines import engine_of  # it imports this module

    return engine_of(services_here()).presence.members(check_name(room))


class Presence(Protocol):
    """Where an engine keeps who is present. Methods block."""

    def change(
        self, room: str, process: str, joins: Mapping[str, str], leaves: Sequence[str]
    ) -> None:
        """Note connections that joined and left, and publish which users that makes.

        Args:
            room: Name of the room.
            process: Id of the realtime process.
            joins: Key of the user by id of the connection.
            leaves: Ids of connections; unknown ones are ignored.
        """
        ...

    def members(self, room: str) -> list[str]:
        """Return the keys of the users in a room, sorted.

        Args:
            room: Name of the room.
        """
        ...

    def beat(self, process: str) -> bool:
        """Note that a process lives.

        Args:
            process: Its id.

        Returns:
            False if it was not known: it is new, or others took it for dead.
        """
        ...

    def end(self, process: str) -> None:
        """Note that a process ends; its users leave unless they come back within seconds.

        Args:
            process: Its id.
        """
        ...

    def expire(self) -> int:
        """Remove the connections of processes that ended, and return the number of processes."""
        ...


def presence_message(joined: set[str], left: set[str]) -> str:
    """Return the message about users who joined and left, as JSON.

    Args:
        joined: Keys of users.
        left: Keys of users.
    """
    data = {"event": EVENT, "joined": sorted(joined), "left": sorted(left)}
    return msgspec.json.encode(data).decode()


class MemoryPresence:
    """Who is present, in the memory of one process.

    Args:
        engine: Where messages are published.
    """

    def __init__(self, engine: "Engine") -> None:
        self._engine = engine
        self._rooms: dict[str, dict[tuple[str, str], str]] = {}
        self._processes: set[str] = set()
        self._lock = Lock()

    def change(
        self, room: str, process: str, joins: Mapping[str, str], leaves: Sequence[str]
    ) -> None:
        """Note connections that joined and left, and publish which users that makes.

        Args:
            room: Name of the room.
            process: Id of the realtime process.
            joins: Key of the user by id of the connection.
            leaves: Ids of connections.
        """
        with self._lock:
            found = self._rooms.setdefault(room, {})
            before = set(found.values())
            for connection in leaves:
                found.pop((process, connection), None)
            for connection, member in joins.items():
                found[process, connection] = member
            after = set(found.values())
            if not found:
                del self._rooms[room]
        if before != after:
            message = presence_message(after - before, before - after)
            self._engine.append(None, {room: [message]})

    def members(self, room: str) -> list[str]:
        """Return the keys of the users in a room, sorted.

        Args:
            room: Name of the room.
        """
        with self._lock:
            return sorted(set(self._rooms.get(room, {}).values()))

    def beat(self, process: str) -> bool:
        """Note that a process lives, and return False if it was not known.

        Args:
            process: Its id.
        """
        is_known = process in self._processes
        self._processes.add(process)
        return is_known

    def end(self, process: str) -> None:
        """Remove the connections of a hub.

        Args:
            process: Its id.
        """
        self._processes.discard(process)
        for room, found in list(self._rooms.items()):
            self.change(
                room, process, {}, [name for owner, name in list(found) if owner == process]
            )

    def expire(self) -> int:
        """Return 0: there is one process."""
        return 0


class HubPresence:
    """The connections of one hub, which it notes in the engine; used by `Hub`.

    Args:
        presence: Where they are noted.
        ask: Calls a function in a thread, again and again while the engine does not answer.
    """

    def __init__(self, presence: Presence, ask: Callable[..., Awaitable[Any]]) -> None:
        self.process = secrets.token_hex(8)
        self._presence = presence
        self._ask = ask
        self._known: dict[str, dict[str, str]] = {}
        self._joins: dict[str, dict[str, str]] = {}
        self._leaves: dict[str, dict[str, float]] = {}
        self._changed = asyncio.Event()
        self._has_begun = False

    def join(self, room: str, member: str, connection: str) -> None:
        """Note that a connection has subscribed, if the rule of the room keeps presence.

        Args:
            room: Name of the room.
            member: Key of the user.
            connection: Id of the connection, unique in this process.
        """
        if options_of(room).presence:
            self._known.setdefault(room, {})[connection] = member
            self._joins.setdefault(room, {})[connection] = member
            self._leaves.get(room, {}).pop(connection, None)
            self._changed.set()

    def leave(self, room: str, connection: str) -> None:
        """Note that a connection has ended or unsubscribed.

        Args:
            room: Name of the room.
            connection: Id of the connection.
        """
        known = self._known.get(room, {})
        if known.pop(connection, None) is None:
            return
        if not known:
            del self._known[room]
        self._joins.get(room, {}).pop(connection, None)
        self._leaves.setdefault(room, {})[connection] = time.monotonic() + LEAVE_SECONDS
        self._changed.set()

    async def write(self) -> None:
        """Write changes, those of some milliseconds together, until cancelled."""
        while True:
            await self._changed.wait()
            await asyncio.sleep(GATHER_SECONDS)
            self._changed.clear()
            await self._begin()
            joins, self._joins = self._joins, {}
            leaves = self._due(time.monotonic())
            for room in sorted({*joins, *leaves}):
                await self._ask(
                    self._presence.change,
                    room,
                    self.process,
                    joins.get(room, {}),
                    leaves.get(room, []),
                )

    def _due(self, now: float) -> dict[str, list[str]]:
        due: dict[str, list[str]] = {}
        for room, connections in list(self._leaves.items()):
            for connection, at in list(connections.items()):
                if at <= now:
                    del connections[connection]
                    due.setdefault(room, []).append(connection)
            if not connections:
                del self._leaves[room]
        return due

    async def _begin(self) -> None:
        if not self._has_begun:
            await self._ask(self._presence.beat, self.process)
            self._has_begun = True

    async def beat(self) -> None:
        """Tell others that this process lives, and find those that do not, until cancelled."""
        last = time.monotonic()
        while True:
            await asyncio.sleep(LEAVE_SECONDS / 2)
            if self._leaves:
                self._changed.set()
            if time.monotonic() < last + BEAT_SECONDS:
                continue
            last = time.monotonic()
            if self._has_begun and not await self._ask(self._presence.beat, self.process):
                # Others took this process for dead and removed its connections.
                self._joins = {room: dict(known) for room, known in self._known.items()}
                self._changed.set()
            await self._ask(self._presence.expire)

    def end(self) -> None:
        """Note that the process ends; blocks, and is called once no connection is left."""
        if self._has_begun:
            self._presence.end(self.process)
