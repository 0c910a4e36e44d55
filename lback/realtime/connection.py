"""A WebSocket as its handler sees it: who has connected, and messages in both directions."""

import logging
import struct
from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, TypeVar, overload

import msgspec
from websockets.exceptions import ConnectionClosed
from websockets.protocol import OPEN

from lback.core.exceptions import Forbidden
from lback.core.http.headers import RequestHeaders
from lback.core.http.multidict import MultiDict, parse_query
from lback.realtime import limits
from lback.realtime.access_changes import access_keys
from lback.realtime.heads import addresses
from lback.realtime.positions import Position, decode_positions
from lback.realtime.rooms import check_name, may_subscribe

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

    from lback.core.routing.websocket_route import Entry
    from lback.realtime.heads import Head
    from lback.realtime.hub import Subscription
    from lback.realtime.messages import Message
    from lback.realtime.server import RealtimeServer

logger = logging.getLogger("lback.realtime")

T = TypeVar("T")
R = TypeVar("R")


class Disconnected(Exception):
    """The connection has ended.

    Args:
        code: Close code; 1006 if there was none.
        reason: What the other side said.
    """

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"the connection has ended with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class Connection:
    """A WebSocket; the first parameter of its handler.

    Its coroutines run in the event loop of the realtime process.

    Attributes:
        user: The user, or None. It was loaded at the handshake, and has no database session.
        path_params: The path variables.
        path: Path of the handshake.
        head: The request of the handshake.
        id: A number that no other connection of the process has.

    Example:
        >>> from lback import Application
        >>> from lback.testing import Client
        >>> app = Application()
        >>> @app.websocket("/echo", requires_auth=False)
        ... async def echo(connection):
        ...     async for message in connection:
        ...         await connection.send(message)
        >>> with Client(app).websocket("/echo") as socket:
        ...     socket.send("Hello")
        ...     socket.receive()
        'Hello'
    """

    __slots__ = (
        "_allowance",
        "_filled_at",
        "_server",
        "_socket",
        "_subscriptions",
        "access_keys",
        "head",
        "id",
        "path_params",
        "route",
        "session_id",
        "ticket",
        "user",
    )

    def __init__(
        self,
        server: "RealtimeServer",
        socket: "ServerConnection",
        head: "Head",
        entry: "Entry",
        number: int,
    ) -> None:
        self._server = server
        self._socket = socket
        self.head = head
        self._subscriptions: dict[str, Subscription] | None = None
        self._allowance = float(server.limits.receive_rate)
        self._filled_at = 0.0
        self.id = number
        self.route = entry.route
        self.path_params = entry.path_params
        self.user = entry.user
        self.session_id = entry.session_id
        self.access_keys = access_keys(entry)
        self.ticket = entry.ticket

    @property
    def path(self) -> str:
        """Path of the handshake."""
        return self.head.path

    @property
    def headers(self) -> RequestHeaders:
        """The header fields of the handshake. Lookups ignore case."""
        fields: dict[str, str] = {}
        for name, value in self.head.fields:
            fields[name] = f"{fields[name]},{value}" if name in fields else value
        return RequestHeaders(fields)

    @property
    def query_params(self) -> MultiDict:
        """The query of the handshake."""
        return parse_query(self.head.query)

    @property
    def peer(self) -> tuple[str, str]:
        """Address and port of who has connected: the client, or the last proxy before it."""
        return addresses(self._socket.transport)[0]

    @property
    def is_open(self) -> bool:
        """Whether messages can be sent."""
        return self._socket.protocol.state is OPEN

    @property
    def close_code(self) -> int | None:
        """The close code; None while the connection is open."""
        return self._socket.protocol.close_code

    async def send(self, message: object) -> None:
        """Send a message; waits while the client reads slowly.

        Args:
            message: Text or bytes are sent as they are, other values as JSON.

        Raises:
            Disconnected: The connection has ended.
        """
        content = message if isinstance(message, (str, bytes)) else _json(message)
        try:
            await self._socket.send(content)
        except ConnectionClosed as error:
            raise _disconnected(error) from None

    def send_soon(self, message: object) -> None:
        """Send a message without waiting; nothing happens if the connection has ended.

        A client that lets too much wait is dropped.

        Args:
            message: As for `send`.
        """
        content = message if isinstance(message, (str, bytes)) else _json(message)
        self.write(frame_of(content))

    def write(self, frame: bytes) -> None:
        """Send an encoded frame without waiting.

        Args:
            frame: What `frame_of` returned.
        """
        if self._socket.protocol.state is OPEN:
            transport = self._socket.transport
            transport.write(frame)
            if transport.get_write_buffer_size() > limits.UNREAD_BYTES:
                logger.warning("websocket dropped: the client does not read")
                transport.abort()

    @overload
    async def receive(self) -> str | bytes: ...

    @overload
    async def receive(self, type_: type[T]) -> T: ...

    async def receive(self, type_: Any = None) -> Any:
        """Return the next message.

        Args:
            type_: Type of the message as JSON, such as a `msgspec.Struct`; None for text or bytes.

        Raises:
            Disconnected: The connection has ended. A message that is not of the type ends it with
                1007, and more messages a second than `REALTIME_RECEIVE_RATE` with 1008.
        """
        try:
            message = await self._socket.recv()
        except ConnectionClosed as error:
            raise _disconnected(error) from None
        if self._is_flooded():
            await self._refuse(limits.TOO_MANY, "too many messages")
        if type_ is None:
            return message
        try:
            return msgspec.json.decode(message, type=type_)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            # The first line says what is wrong and where; 123 bytes are allowed.
            return await self._refuse(limits.INVALID, str(error)[:100])

    async def _refuse(self, code: int, reason: str) -> Any:
        logger.info("websocket closed with %d: %s", code, reason)
        await self.close(code, reason)
        raise Disconnected(code, reason)

    def _is_flooded(self) -> bool:
        rate = self._server.limits.receive_rate
        if not rate:
            return False
        # A bucket that a second fills; twice as much may come at once.
        now = self._server.loop.time()
        self._allowance = min(2.0 * rate, self._allowance + (now - self._filled_at) * rate)
        self._filled_at = now
        self._allowance -= 1
        return self._allowance < 0

    async def __aiter__(self) -> AsyncIterator[Any]:
        """Yield messages until the connection ends."""
        while True:
            try:
                message = await self.receive()
            except Disconnected:
                return
            yield message

    async def close(self, code: int = limits.NORMAL, reason: str = "") -> None:
        """End the connection.

        Args:
            code: Close code: 1000, 1003, 1007 to 1014, or 3000 to 4999.
            reason: Text for the client, at most 123 bytes.
        """
        text = reason.encode()[:123].decode(errors="ignore")
        await self._socket.close(code, text)

    def close_soon(self, code: int, reason: str = "") -> None:
        """End the connection without waiting.

        Args:
            code: Close code.
            reason: Text for the client.
        """
        self._server.start(self.close(code, reason))

    async def run(self, function: Callable[..., R], *args: Any, **kwargs: Any) -> R:
        """Call a plain function in one of a bounded number of threads.

        Further parameters are filled by name: services, `user`, and `db_session`, whose changes
        are committed when the function returns.

        Args:
            function: A plain function.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Returns:
            What it returns.
        """
        return await self._server.run(function, self.user, *args, **kwargs)

    async def subscribe(self, room: str, *, after: "Position | str | None" = None) -> bool:
        """Subscribe the client to a room, whose messages it gets as JSON with room, id and data.

        Args:
            room: Name of the room. The rule of the project decides.
            after: The last id that the client has seen; what it missed is sent first.

        Returns:
            False if messages were lost, so that the client must load its page again.

        Raises:
            Forbidden: The rule of the room does not let the user in, or there is none.
            ConfigurationError: The setting `REALTIME` is empty.
        """
        check_name(room)
        services = self._server.services
        if not await self._server.in_thread(may_subscribe, services, self.user, room):
            raise Forbidden(f"the room {room} is not open to this user")
        if self._subscriptions is None:
            self._subscriptions = {}
        if len(self._subscriptions) >= limits.MOST_ROOMS and room not in self._subscriptions:
            raise Forbidden(f"a connection has at most {limits.MOST_ROOMS} rooms")
        self.unsubscribe(room)
        if isinstance(after, str):
            after = decode_positions(after, [room]).get(room)
        server = self._server
        deliver = server.delivery_to(self)
        subscription = await server.hub_or_raise.subscribe(
            room,
            deliver,
            after=after,
            on_reset=lambda: self._reset(room),
            on_failure=self._fail,
        )
        self._subscriptions[room] = subscription
        for message in subscription.missed:
            self.write(server.frame(message))
        subscription.missed = []
        server.join(self, room)
        return not subscription.reset

    def _reset(self, room: str) -> None:
        self.send_soon({"room": room, "reload": True})

    def _fail(self) -> None:
        # The client cannot know what it did not get: it connects again, and asks for it.
        self.close_soon(limits.INTERNAL_ERROR, "a message could not be delivered")

    def unsubscribe(self, room: str) -> None:
        """End the subscription of a room. Does nothing if there is none.

        Args:
            room: Name of the room.
        """
        subscription = (self._subscriptions or {}).pop(room, None)
        if subscription is not None:
            self._server.hub_or_raise.unsubscribe(subscription)
            self._server.leave(self, room)

    @property
    def rooms(self) -> list[str]:
        """The rooms that the client is subscribed to."""
        return list(self._subscriptions or ())

    def release(self) -> None:
        """End all subscriptions; called when the connection has ended."""
        for room in self.rooms:
            self.unsubscribe(room)

    def __repr__(self) -> str:
        return f"<Connection {self.id} of {self.route.path}>"


def frame_of(content: str | bytes) -> bytes:
    """Return a message of a server as one frame (RFC 6455 section 5.2).

    Args:
        content: Text or bytes.
    """
    data, code = (content.encode(), 0x81) if isinstance(content, str) else (content, 0x82)
    size = len(data)
    if size < 126:
        return bytes((code, size)) + data
    if size < 65536:
        return struct.pack("!BBH", code, 126, size) + data
    return struct.pack("!BBQ", code, 127, size) + data


def _json(message: object) -> str:
    return msgspec.json.encode(message).decode()


def _disconnected(error: ConnectionClosed) -> Disconnected:
    received = error.rcvd or error.sent
    return Disconnected(1006) if received is None else Disconnected(received.code, received.reason)


def message_frame(message: "Message") -> bytes:
    """Return the frame of a message of a room."""
    return frame_of(message.text)
