"""Positions: up to which message a client has seen the rooms that it is subscribed to."""

import re
from base64 import urlsafe_b64encode
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256

# Twenty rooms take about 500 characters.
LONGEST = 4096
# Until the year 2286 in seconds, and more messages than a room will ever have.
_ONE = re.compile(r"([A-Za-z0-9_-]{1,16})\.([0-9]{1,18})|@([0-9]{1,10}(?:\.[0-9]{1,6})?)")
_KEY = 6


@dataclass(frozen=True, slots=True)
class Position:
    """A place in the messages of one room, after which a client reads on.

    Attributes:
        epoch: Names the life of the room's counter; empty for a moment in time.
        offset: Number of the last message that was seen.
        at: Without an epoch: seconds since the epoch of the clock of the engine, from which on
            messages are wanted. 0 for all messages.
    """

    epoch: str = ""
    offset: int = 0
    at: float = 0.0

    @property
    def text(self) -> str:
        """The position as clients keep it: `epoch.offset`, or `@seconds` for a moment."""
        return f"{self.epoch}.{self.offset}" if self.epoch else f"@{self.at:.3f}"


# Before the first message of a room, whatever its epoch will be.
START = Position()
# What a client says that no engine has given out: it must load its page again.
UNKNOWN = Position("?")


def encode_positions(positions: Mapping[str, Position]) -> str:
    """Return one text for the positions of several rooms, such as the id of an event.

    Rooms are named by a short hash, because clients send the text back in a header.

    Args:
        positions: Positions by room.

    Example:
        >>> encode_positions({"ticket-42": Position("Zm9v", 7)})
        '2YfQ0O.Zm9v.7'
    """
    return ",".join(f"{_key(room)}.{position.text}" for room, position in positions.items())


def decode_positions(text: str, rooms: Collection[str]) -> dict[str, Position]:
    """Return the position of each room in a text that a client sent.

    Args:
        text: What `encode_positions` returned. For a single room `epoch.offset` is enough, and
            `@seconds` is the same moment for all rooms.
        rooms: Names of the rooms.

    Returns:
        Positions by room; empty for an empty text. Rooms that the text does not name, and all of
        them if it is malformed or too long, have the position `UNKNOWN`.

    Example:
        >>> decode_positions("Zm9v.7", ["ticket-42"])
        {'ticket-42': Position(epoch='Zm9v', offset=7, at=0.0)}
    """
    if not text:
        return {}
    unknown = dict.fromkeys(rooms, UNKNOWN)
    if len(text) > LONGEST:
        return unknown
    same = _one(text)
    if same is not None and (len(rooms) == 1 or not same.epoch):
        return dict.fromkeys(rooms, same)
    named: dict[str, Position] = {}
    for part in text.split(","):
        position = _one(part[_KEY + 1 :])
        if position is None or part[_KEY : _KEY + 1] != ".":
            return unknown
        named[part[:_KEY]] = position
    return {room: named.get(_key(room), UNKNOWN) for room in rooms}


def _one(text: str) -> Position | None:
    found = _ONE.fullmatch(text)
    if found is None:
        return None
    if found[3] is not None:
        return Position(at=float(found[3]))
    return Position(found[1], int(found[2]))


@lru_cache(maxsize=4096)
def _key(room: str) -> str:
    return urlsafe_b64encode(sha256(room.encode()).digest())[:_KEY].decode()
