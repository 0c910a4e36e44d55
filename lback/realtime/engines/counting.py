"""Numbers the messages of a transaction at its commit, and adds them to the tables."""

import secrets
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import Connection, Row, extract, func, insert, select, text, update
from sqlalchemy.dialects import mysql, sqlite
from sqlalchemy.sql.elements import ColumnElement

from lback.realtime.tables import COUNTERS, MESSAGES, RoomCounter
from lback.tasks.queues import insert_new_row

CHANNEL = "lback_realtime"
# NOTIFY of PostgreSQL refuses 8000 bytes.
_PAYLOAD = 7900


# One statement each, so that a publisher waits for the server once. This one is for the frequent
# case.
_ONE_ON_POSTGRESQL = text(
    """
WITH counted AS (
    INSERT INTO lback_realtime_rooms AS r (room, epoch, number, changed_at)
    VALUES (:room, :epoch, 1, extract(epoch FROM clock_timestamp()))
    ON CONFLICT (room) DO UPDATE SET
        number = r.number + 1,
        changed_at = extract(epoch FROM clock_timestamp())
    RETURNING r.room, r.epoch, r.number, r.changed_at
), added AS (
    INSERT INTO lback_realtime_messages (room, number, data, at)
    SELECT room, number, :data, changed_at FROM counted
)
SELECT room, epoch, number, CASE WHEN :notify THEN pg_notify(:channel, room) END FROM counted
"""
)
# The rows of the counters are locked in the order in which the names are given.
_POSTGRESQL = text(
    """
WITH given AS (
    SELECT room, n FROM unnest(CAST(:rooms AS text[]), CAST(:counts AS int[]))
        WITH ORDINALITY AS g(room, n, place) ORDER BY place
), counted AS (
    INSERT INTO lback_realtime_rooms AS r (room, epoch, number, changed_at)
    SELECT room, :epoch, n, extract(epoch FROM clock_timestamp()) FROM given
    ON CONFLICT (room) DO UPDATE SET
        number = r.number + excluded.number,
        changed_at = extract(epoch FROM clock_timestamp())
    RETURNING r.room, r.epoch, r.number, r.changed_at
), added AS (
    INSERT INTO lback_realtime_messages (room, number, data, at)
    SELECT c.room, c.number - m.before_last, m.data, c.changed_at
    FROM counted c JOIN unnest(
        CAST(:message_rooms AS text[]), CAST(:before_last AS int[]), CAST(:data AS text[])
    ) AS m(room, before_last, data) ON m.room = c.room
), notified AS MATERIALIZED (
    SELECT pg_notify(:channel, payload) FROM unnest(CAST(:payloads AS text[])) AS payload
)
SELECT c.room, c.epoch, c.number, (SELECT count(*) FROM notified) FROM counted c
"""
)


class Counted(NamedTuple):
    """The counter of a room after messages were added."""

    epoch: str
    number: int


def add_messages(
    connection: Connection, batch: Mapping[str, Sequence[str]], *, notify: bool = True
) -> dict[str, Counted]:
    """Add messages in the transaction of a connection, with the next numbers of their rooms.

    The counters stay locked until the end of the transaction, which is to come at once.

    Args:
        connection: The connection, which is about to commit.
        batch: Data of the messages as JSON, by room.
        notify: Wake readers on PostgreSQL at the commit.

    Returns:
        The counters after it, by room.
    """
    ordered = {room: batch[room] for room in sorted(batch) if batch[room]}
    if connection.dialect.name == "postgresql":
        return _add_on_postgresql(connection, ordered, notify)
    counters = {}
    now = clock_of(connection.dialect.name)
    for room, datas in ordered.items():
        counted = counters[room] = _count(connection, room, len(datas), now)
        first = counted.number - len(datas) + 1
        rows = [
            {"room": room, "number": number, "data": data}
            for number, data in enumerate(datas, start=first)
        ]
        connection.execute(insert(MESSAGES).values(at=now), rows)
    return counters


def _add_on_postgresql(
    connection: Connection, ordered: Mapping[str, Sequence[str]], notify: bool
) -> dict[str, Counted]:
    if len(ordered) == 1:
        [(room, datas)] = ordered.items()
        if len(datas) == 1:
            one = {"room": room, "epoch": new_epoch(), "data": datas[0]}
            values = {**one, "notify": notify, "channel": CHANNEL}
            return _counted(connection.execute(_ONE_ON_POSTGRESQL, values))
    flat = [
        (room, len(datas) - index, data)
        for room, datas in ordered.items()
        for index, data in enumerate(datas, start=1)
    ]
    given: dict[str, object] = {
        "rooms": list(ordered),
        "counts": [len(datas) for datas in ordered.values()],
        "epoch": new_epoch(),
        "message_rooms": [room for room, _, _ in flat],
        "before_last": [before for _, before, _ in flat],
        "data": [data for _, _, data in flat],
        "channel": CHANNEL,
        "payloads": payloads(list(ordered)) if notify else [],
    }
    return _counted(connection.execute(_POSTGRESQL, given))


def _counted(rows: Iterable[Row[Any]]) -> dict[str, Counted]:
    return {row.room: Counted(row.epoch, row.number) for row in rows}


def payloads(rooms: Sequence[str]) -> list[str]:
    """Return the names of rooms in as few texts as NOTIFY can carry, one name on a line.

    Args:
        rooms: ASCII names.
    """
    texts: list[str] = []
    for room in rooms:
        if texts and len(texts[-1]) + 1 + len(room) <= _PAYLOAD:
            texts[-1] += f"\n{room}"
        else:
            texts.append(room)
    return texts


def _count(connection: Connection, room: str, number: int, now: ColumnElement[Any]) -> Counted:
    row = {"room": room, "epoch": new_epoch(), "number": number, "changed_at": now}
    grown = {"number": COUNTERS.c.number + number, "changed_at": now}
    columns = (COUNTERS.c.epoch, COUNTERS.c.number)
    if connection.dialect.name == "sqlite":
        statement = sqlite.insert(COUNTERS).values(**row)
        upsert = statement.on_conflict_do_update(index_elements=["room"], set_=grown)
        return Counted(*connection.execute(upsert.returning(*columns)).one())
    changed = connection.execute(update(COUNTERS).where(COUNTERS.c.room == room).values(**grown))
    if not changed.rowcount:
        # Not the only statement: inserting a row that exists may end in a deadlock of two
        # publishers.
        connection.execute(mysql.insert(COUNTERS).values(**row).on_duplicate_key_update(**grown))
    return Counted(*connection.execute(select(*columns).where(COUNTERS.c.room == room)).one())


def lock_counter(connection: Connection, room: str) -> None:
    """Lock the counter of a room until the end of the transaction; it is created if necessary.

    Args:
        connection: The connection.
        room: Name of the room.
    """
    mine = update(COUNTERS).where(COUNTERS.c.room == room)
    unchanged = mine.values(number=COUNTERS.c.number)
    if not connection.execute(unchanged).rowcount:
        now = clock_of(connection.dialect.name)
        row = {"room": room, "epoch": new_epoch(), "number": 0, "changed_at": now}
        insert_new_row(connection, RoomCounter, row, "room")
        connection.execute(unchanged)


def new_epoch() -> str:
    """Return a random name for the life of a counter."""
    return secrets.token_urlsafe(6)


def clock_of(dialect: str) -> ColumnElement[Any]:
    """Return the expression of a database for the seconds since the epoch, now.

    Args:
        dialect: Name of SQLAlchemy's dialect.
    """
    if dialect == "postgresql":
        return extract("epoch", func.clock_timestamp())
    if dialect == "sqlite":
        return (func.julianday("now") - 2440587.5) * 86400.0
    return func.unix_timestamp(text("sysdate(6)"))
