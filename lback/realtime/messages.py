"""Messages of rooms, encoded once for all connections that they are sent to."""

import re

import msgspec

from lback.realtime.positions import Position

# Names of events that an application cannot publish: those of `EventSource` in browsers, of the
# connection, and of fragments and presence.
_OF_CONNECTION = frozenset({"error", "open", "reload", "state"})
RESERVED = _OF_CONNECTION | {"fragment", "presence", "refresh"}
_EVENT = re.compile(r"[A-Za-z0-9_.:-]{1,64}")


class Message:
    """A message that was published in a room.

    Args:
        room: Name of the room.
        epoch: Names the life of the room's counter.
        offset: Number of the message; the next one of the room has the next number.
        json: The data as JSON.
    """

    __slots__ = ("_data", "_event", "_sse", "_text", "epoch", "json", "offset", "room")

    def __init__(self, room: str, epoch: str, offset: int, json: str) -> None:
        self.room = room
        self.epoch = epoch
        self.offset = offset
        self.json = json
        self._text: str | None = None
        self._sse: bytes | None = None

    @property
    def id(self) -> str:
        """Where a client stands that has seen this message, within the room."""
        return f"{self.epoch}.{self.offset}"

    @property
    def position(self) -> Position:
        """The same as an object."""
        return Position(self.epoch, self.offset)

    @property
    def data(self) -> object:
        """The data, as values of JSON. Do not change it: all receivers share it."""
        if not hasattr(self, "_data"):
            self._data: object = msgspec.json.decode(self.json)
        return self._data

    @property
    def event(self) -> str:
        """Name of the event: `data["event"]` if that is a name, else "message"."""
        if not hasattr(self, "_event"):
            self._event = event_name(self.data)
        return self._event

    @property
    def text(self) -> str:
        """JSON object with `room`, `id` and `data`."""
        if self._text is None:
            room = msgspec.json.encode(self.room).decode()
            self._text = f'{{"room":{room},"id":"{self.id}","data":{self.json}}}'
        return self._text

    @property
    def sse(self) -> bytes:
        """The lines `event` and `data` of a server-sent event, without `id` and the empty line."""
        if self._sse is None:
            # JSON has no line breaks: they are escaped in its texts.
            self._sse = f"event: {self.event}\ndata: {self.text}\n".encode()
        return self._sse

    @property
    def html_sse(self) -> bytes:
        """As `sse`, but for a fragment its name and its HTML, for clients that swap text."""
        data = self.data
        if self.event != "fragment" or not isinstance(data, dict):
            return self.sse
        # Each line of the data has a field of its own; so the HTML cannot end the event.
        lines = [f"data: {line}" for line in str(data["html"]).splitlines() or [""]]
        return "\n".join([f"event: {data['fragment']}", *lines, ""]).encode()

    def __repr__(self) -> str:
        return f"<Message {self.room} {self.id}>"


def event_name(data: object) -> str:
    """Return the name of the event of a message, for receivers that listen by name.

    Args:
        data: The data of the message.

    Example:
        >>> event_name({"event": "comment"}), event_name({"event": "two words"}), event_name([])
        ('comment', 'message', 'message')
    """
    name = data.get("event") if isinstance(data, dict) else None
    if isinstance(name, str) and name not in _OF_CONNECTION and _EVENT.fullmatch(name):
        return name
    return "message"


def encode_data(data: object, limit: int) -> str:
    """Return the data of a message as JSON.

    Args:
        data: Values of JSON, or what msgspec encodes as such.
        limit: Most bytes of the JSON.

    Raises:
        TypeError: JSON cannot hold the data.
        ValueError: It is longer than the limit.
    """
    encoded = msgspec.json.encode(data)
    if len(encoded) > limit:
        raise ValueError(
            f"the message has {len(encoded)} bytes as JSON, and REALTIME_MESSAGE_BYTES allows "
            f"{limit}; publish an id, which clients use to fetch the rest"
        )
    return encoded.decode()
