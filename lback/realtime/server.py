"""The server of the realtime process: WebSockets and server-sent events in one event loop."""

import asyncio
import logging
import socket as sockets
import sys
import threading
import traceback
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar

from websockets.asyncio.connection import Connection as _Base
from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed
from websockets.frames import Frame, Opcode
from websockets.protocol import OPEN
from websockets.server import ServerProtocol

from lback.core.exceptions import ConfigurationError, HTTPException
from lback.core.http.stopping import stop_flag
from lback.core.http.websocket_backlog import Backlogs
from lback.core.routing.websocket_route import Entry, WebSocketRoute
from lback.realtime import limits
from lback.realtime.connection import Connection, Disconnected, message_frame
from lback.realtime.engines import EngineAway
from lback.realtime.entering import Answer, Entrance
from lback.realtime.event_route import EventRoute, events_path
from lback.realtime.events import HEARTBEAT, EventStream
from lback.realtime.front import Front
from lback.realtime.handlers import Handler, call_with_services
from lback.realtime.heads import (
    BadHead,
    Head,
    addresses,
    check_upgrade,
    environ_of,
    response_bytes,
)
from lback.realtime.hub import Hub
from lback.realtime.positions import encode_positions
from lback.realtime.rechecks import Rechecks

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.routing.route import Route
    from lback.realtime.messages import Message

logger = logging.getLogger("lback.realtime")

R = TypeVar("R")

BLOCKED_SECONDS = 0.25
# Threads in which handshakes pass the middlewares.
DOORS = 4


class _Socket(ServerConnection):
    """A connection of the library whose handshake and handler are those of this server."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        _Base.connection_made(self, transport)


class _Protocol(ServerProtocol):
    """The protocol of the library with a limit for pings and pongs, which no handler sees."""

    def __init__(self, most_bytes: int) -> None:
        super().__init__(max_size=most_bytes, logger=_quiet)
        self._allowance = 2.0 * limits.CONTROL_RATE
        self._filled_at = monotonic()

    def recv_frame(self, frame: Frame) -> None:
        """Process a frame, unless it is one control frame too many.

        Args:
            frame: A frame of the client.
        """
        if frame.opcode in (Opcode.PING, Opcode.PONG) and self._is_flooded():
            logger.info("websocket closed with %d: too many pings", limits.TOO_MANY)
            self.fail(limits.TOO_MANY, "too many pings")
        else:
            super().recv_frame(frame)

    def _is_flooded(self) -> bool:
        rate, now = limits.CONTROL_RATE, monotonic()
        self._allowance = min(2.0 * rate, self._allowance + (now - self._filled_at) * rate)
        self._filled_at = now
        self._allowance -= 1
        return self._allowance < 0


class RealtimeServer:
    """Serves the WebSockets of an application, and the events of its rooms.

    Args:
        app: The application.
        recheck_seconds: Pause between two looks whether users may still be connected.

    Attributes:
        connections: The open WebSockets.
        streams: The clients of server-sent events.
        hub: Reads the rooms; None if the setting `REALTIME` is empty.
        limits: The limits of connections.
        services: Services of the application by name.
    """

    hub: Hub | None = None

    def __init__(self, app: "Application", *, recheck_seconds: float = 5.0) -> None:
        self._app = app
        self.services = app.dependencies
        self.limits = limits.ConnectionLimits.of(app.config)
        self.events_path = events_path(app.config)
        routes = {}
        if app.config.REALTIME:
            routes[self.events_path] = EventRoute(app.config, self.services)
        self._entrance = Entrance(app, routes)
        self._router = app.router
        self._handlers: dict[Route, Handler] = {
            route: Handler(route, self.services)
            for route in app.router.routes
            if isinstance(route, WebSocketRoute)
        }
        self.connections: dict[Connection, asyncio.Task[None]] = {}
        self.streams: set[EventStream] = set()
        self.fronts: set[Front] = set()
        self.rechecks = Rechecks(self, recheck_seconds)
        self._backlogs = Backlogs(limits.UNREAD_BYTES, limits.UNREAD_SECONDS)
        self._number = 0
        # Handshakes that pass the middlewares at the moment: they become connections.
        self._entering = 0
        self._is_closing = False
        self._last: tuple[Message | None, bytes] = (None, b"")
        self._last_event: tuple[Message | None, bytes] = (None, b"")
        self._beside: set[asyncio.Task[Any]] = set()

    @property
    def hub_or_raise(self) -> Hub:
        """The hub.

        Raises:
            ConfigurationError: The setting `REALTIME` is empty.
        """
        if self.hub is None:
            raise ConfigurationError(
                "there are no rooms, because the setting REALTIME is empty; "
                'set it to "database", or to "memory" for a single process'
            )
        return self.hub

    @asynccontextmanager
    async def running(
        self,
        listeners: Sequence[sockets.socket] = (),
        channel: sockets.socket | None = None,
    ) -> AsyncIterator[None]:
        """Serve during an `async with` block.

        Args:
            listeners: Listening sockets of this server's own.
            channel: Where web workers hand over connections; see `lback.realtime.handover`.
        """
        self.loop = asyncio.get_running_loop()
        self._threads = ThreadPoolExecutor(self.limits.threads, "lback-realtime")
        # Of their own: functions of handlers that wait must not keep others from connecting.
        self._doors = ThreadPoolExecutor(DOORS, "lback-handshake")
        async with AsyncExitStack() as stack:
            for threads in (self._threads, self._doors):
                stack.callback(threads.shutdown, wait=False, cancel_futures=True)
            if self._app.config.REALTIME:
                hub = Hub(self.services["realtime"], on_state=self._tell_state)
                self.hub = await stack.enter_async_context(hub)
            tasks = [self._backlogs.watch(), self._beat(), *self.rechecks.tasks()]
            running = [self.loop.create_task(task) for task in tasks]
            watchdog = _Watchdog(self.loop) if self._app.config.DEBUG else None
            servers = [
                await self.loop.create_server(lambda: Front(self), sock=listener, backlog=2048)
                if listener.family != getattr(sockets, "AF_UNIX", None)
                else await self.loop.create_unix_server(lambda: Front(self), sock=listener)
                for listener in listeners
            ]
            if channel is not None:
                self.loop.add_reader(channel, self._receive_handed, channel)
            try:
                yield
            finally:
                if channel is not None:
                    self.loop.remove_reader(channel)
                for server in servers:
                    server.close()
                await self._close_all()
                if watchdog is not None:
                    watchdog.stop()
                for task in running:
                    task.cancel()
                await asyncio.gather(*running, return_exceptions=True)
        self.hub = None

    # New connections.

    def _receive_handed(self, channel: sockets.socket) -> None:
        from lback.realtime.handover import receive

        # Several, so that a burst does not wait, and not all, so that others get their share.
        for _ in range(16):
            try:
                handed = receive(channel)
            except BlockingIOError:
                return
            if handed is None:
                self.loop.remove_reader(channel)
                return
            self.adopt(*handed)

    def adopt(self, connection: sockets.socket, data: bytes) -> None:
        """Serve a connection whose request has been read elsewhere. Call it in the loop.

        Args:
            connection: The connection.
            data: The bytes of the request.
        """
        connection.setblocking(False)
        self.start(self.loop.connect_accepted_socket(lambda: Front(self, data), connection))

    def start(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Run a coroutine beside all others; an exception of it is logged.

        Args:
            coroutine: The coroutine.
        """
        task = self.loop.create_task(coroutine)
        self._beside.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[Any]") -> None:
        self._beside.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None:
            logger.error("a connection failed", exc_info=error)

    async def answer(self, front: Front, head: Head) -> None:
        """Answer a request.

        Args:
            front: Its connection.
            head: The request.

        Raises:
            BadHead: No handler sees the request.
        """
        if self._is_closing:
            raise BadHead(503, "the server is stopping")
        if head.wants_websocket:
            check_upgrade(head)
        elif head.path != self.events_path or self.hub is None:
            raise BadHead(404, "this process answers WebSockets and events only")
        elif head.method != "GET":
            raise BadHead(405, "ask for events with GET")
        answer = await self._enter(front, head)
        if front.transport.is_closing():
            return
        if answer.entry is None or answer.entry.route.path != self.events_path != head.path:
            self._refuse_or_open(front, head, answer)
        else:
            await self._stream(front, head, answer.entry)

    async def _enter(self, front: Front, head: Head) -> Answer:
        there = len(self.connections) + len(self.streams) + self._entering
        if there >= self.limits.connections:
            logger.warning("connection refused: %d are open", self.limits.connections)
            raise BadHead(503, "too many connections")
        environ = environ_of(head, *addresses(front.transport))
        self._entering += 1
        try:
            return await self.loop.run_in_executor(self._doors, self._entrance.enter, environ)
        finally:
            self._entering -= 1

    async def check(self, function: Callable[[R], int], client: R) -> int:
        """Check an open connection in a thread that no handler can occupy.

        Args:
            function: Returns the close code for a client, or 0.
            client: The client.
        """
        return await self.loop.run_in_executor(self._doors, function, client)

    def enter_again(self, client: Connection | EventStream) -> Answer:
        """Return what the application says to the handshake of an open connection; blocks.

        Args:
            client: The connection.
        """
        environ = environ_of(client.head, client.peer, ("", ""))
        return self._entrance.enter_again(environ, client.ticket)

    def _refuse_or_open(self, front: Front, head: Head, answer: Answer) -> None:
        entry = answer.entry
        if entry is None:
            front.send_last(response_bytes(answer.status, answer.headers, answer.body))
        elif isinstance(entry.route, WebSocketRoute) and head.wants_websocket:
            self._open(front, head, entry)
        else:
            raise BadHead(400, "this address sends events: ask without Upgrade")

    async def _stream(self, front: Front, head: Head, entry: Entry) -> None:
        if head.wants_websocket:
            raise BadHead(400, "this address sends events: ask without Upgrade")
        sent = head.values("last-event-id")
        after = sent[0] if sent else _query(head, "last_event_id")
        front.take_early()
        self._number += 1
        stream = EventStream(self, head, entry, self._number)
        self.streams.add(stream)
        try:
            await stream.begin(front.transport, after)
        except Exception:
            logger.exception("events failed")
            # Not cut off: the client would come back and fail at the same message.
            stream.refuse("a message could not be delivered")
            stream.release()

    def _open(self, front: Front, head: Head, entry: Entry) -> None:
        protocol = _Protocol(self.limits.receive_bytes)
        server: Any = self
        socket = _Socket(
            protocol,
            server,
            ping_interval=limits.PING_SECONDS,
            ping_timeout=limits.PING_SECONDS,
            close_timeout=limits.CLOSE_SECONDS,
        )
        early = front.take_early()
        front.transport.set_protocol(socket)
        socket.connection_made(front.transport)
        socket.data_received(head.data)
        if socket.request is None:
            front.transport.abort()
            return
        response = protocol.accept(socket.request)
        with suppress(KeyError):
            del response.headers["Server"]
        socket.response = response
        protocol.send_response(response)
        socket.send_data()
        if protocol.state is not OPEN:
            return
        self._number += 1
        connection = Connection(self, socket, head, entry, self._number)
        task = self.loop.create_task(self._serve(socket, connection))
        self.connections[connection] = task
        self._backlogs.add(socket)
        socket.start_keepalive()
        if early:
            socket.data_received(early)

    async def _serve(self, socket: ServerConnection, connection: Connection) -> None:
        code, reason = limits.NORMAL, ""
        handler = self._handlers[connection.route]
        try:
            await handler(connection, self)
        except Disconnected:
            if connection.is_open:  # it was another one that has ended
                logger.exception("websocket handler failed: %r", connection)
                code = limits.INTERNAL_ERROR
        except EngineAway:
            code, reason = limits.TRY_AGAIN_LATER, "the rooms cannot be read"
        except HTTPException as error:
            code, reason = limits.STATUS_CODES + error.status_code, error.message
        except Exception:
            logger.exception("websocket handler failed: %r", connection)
            code = limits.INTERNAL_ERROR
        finally:
            connection.release()
            self._backlogs.remove(socket)
            self.connections.pop(connection, None)
        with suppress(ConnectionClosed):
            await socket.close(code, reason.encode()[:123].decode(errors="ignore"))

    # For connections.

    async def in_thread(self, function: Callable[..., R], *args: Any) -> R:
        """Call a blocking function in one of a bounded number of threads.

        Args:
            function: The function.
            *args: Its arguments.
        """
        return await self.loop.run_in_executor(self._threads, lambda: function(*args))

    async def run(
        self, function: Callable[..., R], user: object, /, *args: Any, **kwargs: Any
    ) -> R:
        """Call a plain function in a thread, with services by name; see `Connection.run`.

        Args:
            function: The function.
            user: The value of a parameter `user`.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.
        """
        result: R = await self.in_thread(
            call_with_services, self.services, user, function, args, kwargs
        )
        return result

    def delivery_to(self, connection: Connection) -> "Callable[[Message], None]":
        """Return the function that sends the messages of a room to a client."""
        return lambda message: connection.write(self.frame(message))

    def frame(self, message: "Message") -> bytes:
        """Return the frame of a message, which is built once for all clients.

        Args:
            message: A message of a room.
        """
        if self._last[0] is not message:
            self._last = message, message_frame(message)
        return self._last[1]

    def single_event(self, message: "Message") -> bytes:
        """Return the event of a message for clients of one room, built once for all of them.

        Args:
            message: A message of a room.
        """
        if self._last_event[0] is not message:
            place = encode_positions({message.room: message.position}).encode()
            self._last_event = message, b"id: " + place + b"\n" + message.sse + b"\n"
        return self._last_event[1]

    def join(self, client: Connection | EventStream, room: str) -> None:
        """Note the presence of a client in a room that keeps it.

        Args:
            client: The client.
            room: Name of the room.
        """
        key = getattr(client.user, "id", None)
        if key is not None:
            self.hub_or_raise.join(room, str(key), str(client.id))

    def leave(self, client: Connection | EventStream, room: str) -> None:
        """Note that a client has left a room.

        Args:
            client: The client.
            room: Name of the room.
        """
        key = getattr(client.user, "id", None)
        if key is not None and self.hub is not None:
            self.hub.leave(room, str(key), str(client.id))

    # While it runs, and in the end.

    def _tell_state(self, state: str) -> None:
        for stream in list(self.streams):
            stream.state(state)
        for connection in list(self.connections):
            if connection.rooms:
                connection.send_soon({"state": state})

    async def _beat(self) -> None:
        while True:
            await asyncio.sleep(limits.HEARTBEAT_SECONDS)
            now = self.loop.time()
            for number, stream in enumerate(list(self.streams)):
                self._beat_one(stream, now)
                if number % 500 == 499:
                    await asyncio.sleep(0)

    def _beat_one(self, stream: EventStream, now: float) -> None:
        size, (before, since) = stream.unread(), stream.stalled
        if size == 0 or size < before or before == 0:
            stream.stalled = size, now
        elif now - since >= limits.UNREAD_SECONDS / 2:
            stream.drop("it has read nothing")
            return
        stream.write(HEARTBEAT)

    async def _close_all(self) -> None:
        """End all connections: with 1001 if the server stops, with 1012 if it is replaced."""
        self._is_closing = True
        for stream in list(self.streams):
            stream.end()
        for front in list(self.fronts):
            front.refuse(BadHead(503, "the server is stopping"))
        stops = stop_flag.is_set()
        code = limits.GOING_AWAY if stops else limits.RESTART
        reason = "the server stops" if stops else "the server is replaced"
        open_ones = list(self.connections.items())
        closing = [asyncio.ensure_future(c.close(code, reason)) for c, _ in open_ones]
        if closing:
            await asyncio.wait(closing, timeout=2 * limits.CLOSE_SECONDS)
        tasks = [task for _, task in open_ones if not task.done()]
        if tasks:
            await asyncio.wait(tasks, timeout=limits.CLOSE_SECONDS)
        for task in tasks:
            task.cancel()
        await asyncio.sleep(0)


class _Quiet(logging.LoggerAdapter[logging.Logger]):
    """A logger for the library without debug lines, which contain messages, cookies and tokens."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  the name is that of logging
        return level > logging.INFO and super().isEnabledFor(level)


_quiet = _Quiet(logger)


class _Watchdog:
    """Reports in development what blocks the event loop, from a thread beside it.

    Args:
        loop: The running loop.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._watched = threading.get_ident()
        self._stopped = threading.Event()
        threading.Thread(target=self._watch, name="lback-watchdog", daemon=True).start()

    def stop(self) -> None:
        """End watching."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(BLOCKED_SECONDS):
            answered = threading.Event()
            try:
                self._loop.call_soon_threadsafe(answered.set)
            except RuntimeError:  # it has been closed
                return
            if not answered.wait(BLOCKED_SECONDS):
                frame = sys._current_frames().get(self._watched)
                where = "".join(traceback.format_stack(frame)[-3:]) if frame else ""
                logger.warning(
                    "the event loop is blocked for more than %g s: use await connection.run(…) "
                    "for what waits or computes\n%s", BLOCKED_SECONDS, where,
                )  # fmt: skip
                answered.wait()


def _query(head: Head, name: str) -> str:
    from lback.core.http.multidict import parse_query

    return str(parse_query(head.query).get(name) or "")
