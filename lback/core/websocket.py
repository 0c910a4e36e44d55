"""A WebSocket server that tracks its connections and handles each message (RFC 6455)."""

import logging
import re
import signal
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, closing, contextmanager
from functools import partial
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, cast

from lback.core.http.hosts import LOOPBACK_HOSTS, host_name, is_allowed
from lback.core.http.origins import origin_of
from lback.core.http.websocket_backlog import Backlogs

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection
    from websockets.http11 import Request, Response
    from websockets.typing import Origin

# asyncio and websockets are imported in functions: together they take 50 ms, and most processes
# never open a WebSocket.

logger = logging.getLogger(__name__)

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
TRY_AGAIN_LATER = 1013  # https://www.iana.org/assignments/websocket
SERIALIZED_ORIGIN = re.compile(
    # Hosts of web pages are in lower case; those of apps and extensions in any case.
    r"https?://[^/?#\sA-Z]+|(?!https?:)[a-z][a-z0-9+.-]*://[^/?#\s]+|null"
)


class WebSocketServer:
    """A WebSocket server. Subclasses override `handle_message`, which echoes by default.

    An instance can serve once at a time. Its coroutines run in the event loop that serves; only
    `stop` may be called from elsewhere. Messages and headers are never logged.

    Args:
        host: Name or address to listen on. The default accepts connections of this machine only.
        port: Port to listen on; 0 chooses a free one, which is the value of the attribute once
            the server runs.
        allowed_origins: Origins of pages that may connect, such as `["https://example.com"]`;
            others get a 403 (RFC 6455 section 10.2). None allows pages of the same host, on any
            port, and clients that send no origin, which are not browsers. None in the list
            allows clients without an origin. `"*"` allows every page of the web to connect with
            the cookies of its visitor.
        max_connections: Maximum number of connections; further ones are closed with 1013 (try
            again later).
        max_message_size: Maximum bytes of a message after decompression; a larger one closes the
            connection with 1009.
        close_timeout: Seconds for a client to acknowledge a close, and again as many for a handler
            to end, before the connection is dropped.
        max_unread_size: Maximum bytes that wait for a client that reads slowly; beyond it the
            connection is dropped.
        read_timeout: Seconds that a client for which bytes wait may read nothing, before its
            connection is dropped.

    Attributes:
        connections: The registered connections.

    Raises:
        TypeError: `allowed_origins` is a text other than "*".
        ValueError: An origin is not written as browsers send it.
    """

    def __init__(
        self,
        host: str = "localhost",
        port: int = 8765,
        *,
        allowed_origins: Sequence[str | None] | Literal["*"] | None = None,
        max_connections: int = 1000,
        max_message_size: int = 1024 * 1024,
        close_timeout: float = 10,
        max_unread_size: int = 4 * 1024 * 1024,
        read_timeout: float = 30,
    ) -> None:
        self.host = host
        self.port = port
        self.allowed_origins = _check_origins(allowed_origins)
        self.max_connections = max_connections
        self.max_message_size = max_message_size
        self.close_timeout = close_timeout
        self.max_unread_size = max_unread_size
        self.read_timeout = read_timeout
        self._backlogs = Backlogs(max_unread_size, read_timeout)
        self.connections: set[ServerConnection] = set()
        # Reentrant: `stop` may be called by a signal handler during another call.
        self._lock = threading.RLock()
        self._wake: Callable[[], object] | None = None
        self._stop_wanted = False

    async def register(self, websocket: "ServerConnection") -> None:
        """Add a connection to `connections`."""
        self.connections.add(websocket)

    async def unregister(self, websocket: "ServerConnection") -> None:
        """Remove a connection from `connections`. Does nothing if it was not registered."""
        self.connections.discard(websocket)

    async def handle_message(self, websocket: "ServerConnection", message: str | bytes) -> None:
        """Handle one message; override this method.

        By default, text is sent back as `"Echo: <text>"` and bytes unchanged. An exception is
        logged and closes the connection with 1011.

        Args:
            websocket: The connection.
            message: Text, or the bytes of a binary message.
        """
        await websocket.send(f"Echo: {message}" if isinstance(message, str) else message)

    async def echo(self, websocket: "ServerConnection") -> None:
        """Pass each incoming message to `handle_message` until the connection closes."""
        async for message in websocket:
            await self.handle_message(websocket, message)

    async def broadcast(self, message: str | bytes) -> None:
        """Send a message to all registered connections, without waiting for slow ones.

        Messages for a slow client are buffered in memory, until it is dropped for `max_unread_size`
        or `read_timeout`.
        """
        from websockets.asyncio.server import broadcast

        broadcast(self.connections, message)
        self._backlogs.drop_over_limit()

    async def websocket_handler(
        self, websocket: "ServerConnection", path: str | None = None
    ) -> None:
        """Serve one connection until it closes.

        Args:
            websocket: The connection, after its handshake.
            path: Path of the request; `None` uses that of the connection.
        """
        from websockets.exceptions import ConnectionClosed

        if len(self.connections) >= self.max_connections:
            logger.warning("websocket refused: %d connections are open", len(self.connections))
            await websocket.close(TRY_AGAIN_LATER, "too many connections")
            return
        if path is None and websocket.request is not None:
            path = websocket.request.path
        # Without the query, which may contain a token.
        logger.debug("websocket opened at %r", (path or "").partition("?")[0])
        await self.register(websocket)
        try:
            await self.echo(websocket)
        except ConnectionClosed:
            # A disconnecting client is not an error. If this connection is still open,
            # `handle_message` wrote to another, closed one, which is an error.
            if websocket.protocol.close_code is None:
                raise
        finally:
            await self.unregister(websocket)

    def start(self) -> None:
        """Serve until `stop` is called or, in the main thread, until SIGINT or SIGTERM.

        Raises:
            OSError: The server cannot listen on the address.
            RuntimeError: This instance is already serving, or an event loop runs in this thread;
                await `serve` there.
        """
        import asyncio

        serving = self.serve()
        # Closed because `asyncio.run` may refuse it, which would leave it never awaited.
        with closing(serving), _signals_calling(self.stop):
            asyncio.run(serving)

    def stop(self) -> None:
        """Stop the running `start` or `serve`, or else the next one.

        May be called from any thread and from signal handlers. Connections are closed with 1001
        (going away).
        """
        with self._lock:
            self._stop_wanted = True
            if self._wake is not None:
                self._wake()

    async def serve(self) -> None:
        """Serve until `stop` is called or this coroutine is cancelled.

        Raises:
            OSError: The server cannot listen on the address.
            RuntimeError: This instance is already serving.
        """
        import asyncio

        stopped = asyncio.Event()
        with self._lock:
            if self._wake is not None:
                raise RuntimeError(
                    f"the websocket server on {self.host}:{self.port} serves already: "
                    "stop() it first, or build another one"
                )
            self._wake = partial(asyncio.get_running_loop().call_soon_threadsafe, stopped.set)
            if self._stop_wanted:
                stopped.set()
        try:
            async with self.running():
                await stopped.wait()
        finally:
            with self._lock:
                self._wake = None
                self._stop_wanted = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve during an `async with` block, alongside other tasks of the event loop.

        Raises:
            OSError: The server cannot listen on the address.
        """
        import asyncio

        from websockets.asyncio.server import serve

        limits: set[asyncio.Timeout] = set()

        async def handle(websocket: "ServerConnection") -> None:
            async with asyncio.timeout(None) as limit:
                limits.add(limit)
                self._backlogs.add(websocket)
                try:
                    await self.websocket_handler(websocket)
                finally:
                    self._backlogs.remove(websocket)
                    limits.discard(limit)

        server = await serve(
            handle,
            self.host,
            self.port,
            origins=self._listed_origins(),
            process_request=self._refuse_other_hosts,
            max_size=self.max_message_size,
            close_timeout=self.close_timeout,
            server_header=None,
            logger=_WithoutFrames(logger),
        )
        self.port = server.sockets[0].getsockname()[1]
        watcher = asyncio.create_task(self._backlogs.watch())
        try:
            yield
        finally:
            watcher.cancel()
            server.close()
            # The library would wait for the handlers without a limit.
            deadline = asyncio.get_running_loop().time() + 2 * self.close_timeout
            for limit in limits:
                limit.reschedule(deadline)
            await server.wait_closed()

    def _listed_origins(self) -> "tuple[Origin | None, ...] | None":
        listed = None if self.allowed_origins == "*" else self.allowed_origins
        return cast("tuple[Origin | None, ...] | None", listed)

    def _refuse_other_hosts(
        self, websocket: "ServerConnection", request: "Request"
    ) -> "Response | None":
        """Reject the handshake of a page of another host, unless origins are listed."""
        if self.allowed_origins is not None:
            return None
        origins, hosts = request.headers.get_all("Origin"), request.headers.get_all("Host")
        if not origins or _is_same_host(origins, hosts, self.host):
            return None
        logger.warning("websocket refused: origin %r is not that of host %r", origins, hosts)
        return websocket.respond(
            HTTPStatus.FORBIDDEN, "This origin may not connect; see allowed_origins.\n"
        )


def _is_same_host(origins: list[str], hosts: list[str], listens_on: str) -> bool:
    """Return True if there is exactly one origin, and its host is that of the request.

    If the server listens on a loopback address, the host must be a loopback name as well, which
    prevents DNS rebinding.
    """
    origin = origin_of(origins[0]) if len(origins) == 1 else None
    name = host_name(hosts[0]) if len(hosts) == 1 else None
    if origin is None or name is None:
        return False
    if listens_on in LOOPBACK and not is_allowed(hosts[0], LOOPBACK_HOSTS):
        return False
    return host_name(origin.partition("://")[2]) == name


class _WithoutFrames(logging.LoggerAdapter[logging.Logger]):
    """A logger for the library without debug lines, which contain messages, cookies and tokens."""

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802  the name is that of logging
        return level > logging.DEBUG and super().isEnabledFor(level)


@contextmanager
def _signals_calling(stop: Callable[[], None]) -> Iterator[None]:
    """Make SIGINT and SIGTERM call `stop` during the block, if this is the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handler(*_: object) -> None:
        stop()

    numbers = (signal.SIGINT, signal.SIGTERM)
    previous = {number: signal.signal(number, handler) for number in numbers}
    try:
        yield
    finally:
        for number, earlier in previous.items():
            # None stands for a handler that was not set from Python and cannot be restored.
            signal.signal(number, signal.SIG_DFL if earlier is None else earlier)


def _check_origins(
    origins: Sequence[str | None] | None,
) -> "tuple[str | None, ...] | Literal['*'] | None":
    if origins is None:
        return None
    if origins == "*":
        return "*"
    if isinstance(origins, str):
        raise TypeError(f"allowed_origins is a list of origins: write [{origins!r}]")
    for origin in origins:
        if origin is not None and not SERIALIZED_ORIGIN.fullmatch(origin):
            raise ValueError(
                f"{origin!r} in allowed_origins would never match: browsers send scheme, host "
                "and port alone, in lower case, such as 'https://example.com'"
            )
    return tuple(origins)
