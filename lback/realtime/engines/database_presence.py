"""Who is present, in two tables of the database."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from sqlalchemy import Connection, delete, insert, select, update

from lback.realtime.engines.counting import clock_of, lock_counter
from lback.realtime.presence import DEAD_SECONDS, presence_message
from lback.realtime.tables import PRESENCE, PROCESSES

if TYPE_CHECKING:
    from lback.realtime.engines.database import DatabaseEngine

# After the regular end of a process its users have so long to connect to another one.
MOVE_SECONDS = 5.0


class DatabasePresence:
    """Who is present, in the database.

    Changes of one room wait for each other by the lock of its counter, so that of two connections
    of a user exactly one is the first and one the last.

    Args:
        engine: Where messages are published.
    """

    def __init__(self, engine: "DatabaseEngine") -> None:
        self._engine = engine
        self._db = engine.db_manager
        self._clock = clock_of(self._db.url.get_backend_name())

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
        columns = PRESENCE.c
        mine = (columns.room == room, columns.process == process)
        with self._db.session() as session:
            connection = session.connection()
            lock_counter(connection, room)
            gone = (*mine, columns.connection.in_([*leaves, *joins]))
            of_gone = select(columns.member).where(*gone)
            concerned = {*joins.values(), *connection.execute(of_gone).scalars()}
            before = _present(connection, room, concerned)
            connection.execute(delete(PRESENCE).where(*gone))
            if joins:
                rows = [{"connection": key, "member": member} for key, member in joins.items()]
                connection.execute(insert(PRESENCE).values(room=room, process=process), rows)
            after = _present(connection, room, concerned)
            if before != after:
                message = presence_message(after - before, before - after)
                self._engine.append(session, {room: [message]})

    def members(self, room: str) -> list[str]:
        """Return the keys of the users in a room, sorted.

        Args:
            room: Name of the room.
        """
        query = (
            select(PRESENCE.c.member)
            .join(PROCESSES, PROCESSES.c.id == PRESENCE.c.process)
            .where(PRESENCE.c.room == room, PROCESSES.c.seen_at >= self._clock - DEAD_SECONDS)
            .distinct()
        )
        with self._db.connection() as connection:
            return sorted(connection.execute(query).scalars())

    def beat(self, process: str) -> bool:
        """Note that a process lives, and return False if it was not known.

        Args:
            process: Its id.
        """
        mine = update(PROCESSES).where(PROCESSES.c.id == process)
        with self._db.session() as session:
            connection = session.connection()
            if connection.execute(mine.values(seen_at=self._clock)).rowcount:
                return True
            connection.execute(insert(PROCESSES).values(id=process, seen_at=self._clock))
        return False

    def end(self, process: str) -> None:
        """Note that a process ends; its users leave unless they come back within seconds.

        Args:
            process: Its id.
        """
        mine = update(PROCESSES).where(PROCESSES.c.id == process)
        dead_at = self._clock - (DEAD_SECONDS - MOVE_SECONDS)
        with self._db.session() as session:
            session.connection().execute(mine.values(seen_at=dead_at))

    def expire(self) -> int:
        """Remove the connections of processes that ended, and return the number of processes."""
        is_dead = PROCESSES.c.seen_at < self._clock - DEAD_SECONDS
        with self._db.connection() as connection:
            dead = list(connection.execute(select(PROCESSES.c.id).where(is_dead)).scalars())
        for process in dead:
            self._remove(process)
        return len(dead)

    def _remove(self, process: str) -> None:
        # First, so that a process that still lives finds out and joins again.
        with self._db.session() as session:
            session.connection().execute(delete(PROCESSES).where(PROCESSES.c.id == process))
        query = select(PRESENCE.c.room, PRESENCE.c.connection).where(PRESENCE.c.process == process)
        with self._db.connection() as connection:
            rooms: dict[str, list[str]] = {}
            for room, key in connection.execute(query):
                rooms.setdefault(room, []).append(key)
        for room in sorted(rooms):
            self.change(room, process, {}, rooms[room])


def _present(connection: Connection, room: str, members: set[str]) -> set[str]:
    """Return which of some users are in a room."""
    columns = PRESENCE.c
    query = select(columns.member).where(columns.room == room, columns.member.in_(members))
    return set(connection.execute(query.distinct()).scalars())
