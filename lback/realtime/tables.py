"""The tables of live pages, which migrations create in the application's database."""

from typing import cast

from sqlalchemy import BigInteger, Double, Index, String, Table, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import Base

LONGEST_NAME = 200

_NAME = String(LONGEST_NAME)
# TEXT of MySQL ends at 64 KB.
_JSON = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")


class RoomCounter(Base):
    """The number of the last message of a room.

    Publishers lock the row at their commit, so that the order of numbers is the order of commits.

    Attributes:
        room: Name of the room.
        epoch: Random; a room that was pruned and is used again has another one.
        number: Number of the last message.
        changed_at: When that was, in seconds since the epoch, by the clock of the database.
    """

    __tablename__ = "lback_realtime_rooms"

    room: Mapped[str] = mapped_column(_NAME, primary_key=True)
    epoch: Mapped[str] = mapped_column(String(16))
    number: Mapped[int] = mapped_column(BigInteger)
    changed_at: Mapped[float] = mapped_column(Double, index=True)


class StoredMessage(Base):
    """A message of a room, while it is in the history.

    Attributes:
        room: Name of the room.
        number: Number of the message in the room.
        data: JSON.
        at: When it was published, in seconds since the epoch, by the clock of the database.
    """

    __tablename__ = "lback_realtime_messages"
    __table_args__ = (Index("ix_lback_realtime_messages_at", "at"),)

    room: Mapped[str] = mapped_column(_NAME, primary_key=True)
    number: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    data: Mapped[str] = mapped_column(_JSON)
    at: Mapped[float] = mapped_column(Double)


class RealtimeProcess(Base):
    """A realtime process that keeps presence.

    Attributes:
        id: Random.
        seen_at: When it was last heard of, in seconds since the epoch, by the clock of the
            database.
    """

    __tablename__ = "lback_realtime_processes"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    seen_at: Mapped[float] = mapped_column(Double)


class PresentConnection(Base):
    """A connection that is subscribed to a room that keeps presence.

    Attributes:
        room: Name of the room.
        process: Id of its realtime process.
        connection: Id of the connection in that process.
        member: Key of its user.
    """

    __tablename__ = "lback_realtime_presence"
    __table_args__ = (
        Index("ix_lback_realtime_presence_member", "room", "member"),
        Index("ix_lback_realtime_presence_process", "process"),
    )

    room: Mapped[str] = mapped_column(_NAME, primary_key=True)
    process: Mapped[str] = mapped_column(String(32), primary_key=True)
    connection: Mapped[str] = mapped_column(String(64), primary_key=True)
    member: Mapped[str] = mapped_column(_NAME)


COUNTERS = cast("Table", RoomCounter.__table__)
MESSAGES = cast("Table", StoredMessage.__table__)
PROCESSES = cast("Table", RealtimeProcess.__table__)
PRESENCE = cast("Table", PresentConnection.__table__)
