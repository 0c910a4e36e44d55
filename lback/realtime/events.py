"""Server-sent events: a connection that gets the messages of its rooms as lines of text.

See https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import asyncio
import logging
import random
from functools import partial
from typing import TYPE_CHECKING, Any

import msgspec

from lback.realtime import limits
from lback.realtime.access_changes import access_keys
from lback.realtime.engines import EngineAway
from lback.realtime.heads import addresses
from lback.realtime.hub import size_of
from lback.realtime.positions import Position, decode_positions, encode_positions

if TYPE_CHECKING:
    from lback.core.routing.websocket_route import Entry
    from lback.realtime.heads import Head
    from lback.realtime.hub import Subscription
    from lback.realtime.messages import Message
    from lback.realtime.server import RealtimeServer

logger = logging.getLogger("lback.realtime")

START = (
    b"HTTP/1.1 200 OK\r\n"
    b"Content-Type: text/event-stream; charset=utf-8\r\n"
    b"Cache-Control: no-store\r\n"
    b"X-Accel-Buffering: no\r\n"  # for nginx
    b"X-Content-Type-Options: nosniff\r\n"
    b"Connection: close\r\n\r\n"
)
HEARTBEAT = b":\n\n"


class EventStream(asyncio.Protocol):
    """A client of server-sent events.

    Args:
        server: The server.
        head: The request.
        entry: Who has passed its checks.
        number: A number that no other connection of the process has.
    """

    __slots__ = (
        "_as_html",
        "_has_begun",
        "_positions",
        "_server",
        "_subscriptions",
        "_transport",
        "_waiting",
        "access_keys",
        "entry",
        "head",
        "id",
        "rooms",
        "stalled",
    )

    def __init__(self, server: "RealtimeServer", head: "Head", entry: "Entry", number: int) -> None:
        self._server = server
        self._subscriptions: list[Subscription] = []
        self._positions: dict[str, Position] = {}
        self._transport: Any = None
        self._waiting: list[Message] | None = None
        # Nothing may be written before the head of the response.
        self._has_begun = False
        self._as_html: bool = entry.path_params["html"]
        self.head = head
        self.entry = entry
        self.access_keys = access_keys(entry)
        self.id = number
        self.rooms: list[str] = entry.path_params["rooms"]
        self.stalled = (0, 0.0)

    @property
    def user(self) -> Any:
        """The user, or None."""
        return self.entry.user

    @property
    def ticket(self) -> Any:
        """The account of its ticket; None without one."""
        return self.entry.ticket

    @property
    def peer(self) -> tuple[str, str]:
        """Address and port of who has connected: the client, or the last proxy before it."""
        return addresses(self._transport)[0]

    async def begin(self, transport: asyncio.Transport, after: str) -> None:
        """Send what the client has missed, and everything from then on.

        Args:
            transport: The connection.
            after: Position that the client gave; empty if it begins now.
        """
        self._transport = transport
        transport.set_protocol(self)
        hub = self._server.hub_or_raise
        given = decode_positions(after, self.rooms)
        waiting = self._waiting = []
        left = limits.MISSED_BYTES
        try:
            for room in self.rooms:
                if transport.is_closing():
                    break
                subscription = await hub.subscribe(
                    room,
                    self.deliver,
                    after=given.get(room),
                    on_reset=partial(self.reload, [room]),
                    on_failure=partial(self.refuse, "a message could not be delivered"),
                    missed_bytes=left,
                )
                left = max(0, left - size_of(subscription.missed))
                self._subscriptions.append(subscription)
        except EngineAway:
            # With any other status than 200, browsers would not come back.
            self._write_head()
            self.state("away")
            self.end()
            return
        if transport.is_closing():
            self.release()
            return
        self._write_head()
        self._send_first(waiting)
        for room in self.rooms:
            self._server.join(self, room)

    def _write_head(self) -> None:
        self._has_begun = True
        self.write(START)

    def _send_first(self, waiting: "list[Message]") -> None:
        # Also of rooms whose messages were lost while further rooms were subscribed.
        lost = [subscription.room for subscription in self._subscriptions if subscription.reset]
        first = [m for subscription in self._subscriptions for m in subscription.missed]
        first += waiting
        # Where each room stood before what is sent now: after it, a part of that may be missing.
        for message in reversed(first):
            self._positions[message.room] = Position(message.epoch, message.offset - 1)
        for subscription in self._subscriptions:
            self._positions.setdefault(subscription.room, subscription.position)
            subscription.missed = []
        self._waiting = None
        if lost:
            self.reload(lost)
        for message in first:
            self.deliver(message)
        self.write(f"id: {encode_positions(self._positions)}\n\n".encode())
        state = self._server.hub_or_raise.state
        if state != "live":
            self.state(state)

    def deliver(self, message: "Message") -> None:
        """Send a message of a room.

        Args:
            message: The message.
        """
        if self._waiting is not None:  # other rooms are still to be subscribed
            self._waiting.append(message)
            return
        self._positions[message.room] = message.position
        if len(self.rooms) == 1 and not self._as_html:
            self.write(self._server.single_event(message))
        else:
            place = encode_positions(self._positions).encode()
            event = message.html_sse if self._as_html else message.sse
            self.write(b"id: " + place + b"\n" + event + b"\n")

    def reload(self, rooms: list[str]) -> None:
        """Tell the client that messages are lost to it, so that it must load its page again.

        Args:
            rooms: Names of the rooms.
        """
        data = msgspec.json.encode({"rooms": rooms})
        self.write(b"event: reload\ndata: " + data + b"\n\n")

    def state(self, state: str) -> None:
        """Tell the client whether the engine answers.

        Args:
            state: "live" or "away".
        """
        self.write(f'event: state\ndata: {{"state":"{state}"}}\n\n'.encode())

    def write(self, data: bytes) -> None:
        """Send bytes without waiting; drops a client for which too many wait.

        Before the response has begun, nothing is sent.

        Args:
            data: The bytes.
        """
        transport = self._transport
        if transport.is_closing() or not self._has_begun:
            return
        transport.write(data)
        if transport.get_write_buffer_size() > limits.UNREAD_BYTES:
            self.drop("too many bytes wait for it")

    def unread(self) -> int:
        """Return how many bytes wait for the client."""
        size: int = self._transport.get_write_buffer_size()
        return size

    def drop(self, reason: str) -> None:
        """End the connection without waiting for what the client has not read.

        Args:
            reason: For the log.
        """
        logger.warning("events dropped: the client does not read, %s", reason)
        self._transport.abort()

    def end(self) -> None:
        """End the stream; the client comes back within some seconds, not with all others."""
        pause = random.uniform(0.2, limits.SPREAD_SECONDS)  # noqa: S311  no secret
        self.write(f"retry: {round(pause * 1000)}\n\n".encode())
        self._transport.close()

    def refuse(self, reason: str) -> None:
        """End the stream for good: the client must load its page again.

        Args:
            reason: For the client.
        """
        data = msgspec.json.encode({"rooms": self.rooms, "reason": reason})
        self.write(b"event: reload\ndata: " + data + b"\n\n")
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Drop what a client sends, which is nothing.

        Args:
            data: The bytes.
        """

    def connection_lost(self, error: Exception | None) -> None:
        """End the subscriptions.

        Args:
            error: Why, or None.
        """
        del error
        self.release()

    def release(self) -> None:
        """End the subscriptions."""
        hub = self._server.hub
        for subscription in self._subscriptions:
            if hub is not None:
                hub.unsubscribe(subscription)
            self._server.leave(self, subscription.room)
        self._subscriptions = []
        self._server.streams.discard(self)
