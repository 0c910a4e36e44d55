"""Test clients for WebSockets and server-sent events, served by the real server in a thread."""

import asyncio
import socket
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from lback.realtime.server import RealtimeServer

HOST = "localhost"
# How long a test waits for what should come.
PATIENCE = 5.0
# Between two looks whether users may still be connected.
RECHECK_SECONDS = 0.2


class SocketClosed(Exception):
    """The server has closed the connection.

    Args:
        code: Close code; 1006 if the connection ended without one.
        reason: What the server said.
    """

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"closed with {code} {reason}".rstrip())
        self.code = code
        self.reason = reason


class SocketRefused(Exception):
    """The server has refused the connection.

    Args:
        status_code: Status of its response.
        body: Body of it.
    """

    def __init__(self, status_code: int, body: bytes) -> None:
        super().__init__(f"refused with status {status_code}: {body[:200]!r}")
        self.status_code = status_code
        self.body = body


class TestSocket:
    """A WebSocket of the test client.

    Args:
        connection: The connection of the library.
    """

    __test__ = False  # for pytest, which would collect it

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def send(self, message: object) -> None:
        """Send a message.

        Args:
            message: Text or bytes are sent as they are, other values as JSON.

        Raises:
            SocketClosed: The server has closed the connection.
        """
        plain = isinstance(message, (str, bytes))
        content = message if plain else msgspec.json.encode(message).decode()
        try:
            self._connection.send(content)
        except ConnectionClosed as error:
            raise _closed(error) from None

    def receive(self, timeout: float = PATIENCE) -> str | bytes:
        """Return the next message.

        Args:
            timeout: Seconds to wait.

        Raises:
            SocketClosed: The server has closed the connection.
            TimeoutError: No message came in time.
        """
        try:
            message: str | bytes = self._connection.recv(timeout)
        except ConnectionClosed as error:
            raise _closed(error) from None
        return message

    def receive_json(self, timeout: float = PATIENCE) -> Any:
        """Return the next message, decoded as JSON.

        Args:
            timeout: Seconds to wait.

        Raises:
            SocketClosed: The server has closed the connection.
            TimeoutError: No message came in time.
        """
        return msgspec.json.decode(self.receive(timeout))

    def wait_closed(self, timeout: float = PATIENCE) -> SocketClosed:
        """Wait until the server closes the connection, and return how.

        Args:
            timeout: Seconds to wait for the end, or for a message before it.

        Raises:
            TimeoutError: It is still open.
        """
        while True:
            try:
                self.receive(timeout)
            except SocketClosed as closed:
                return closed

    def close(self, code: int = 1000, reason: str = "") -> None:
        """Close the connection.

        Args:
            code: Close code.
            reason: Text for the server.
        """
        self._connection.close(code, reason)


class ServerEvent(NamedTuple):
    """A server-sent event.

    Attributes:
        event: Its name.
        data: Its data, decoded from JSON; None without data.
        id: Position of the client after it.
    """

    event: str
    data: Any
    id: str


class EventClient:
    """Server-sent events of the test client: an iterator that waits for each one.

    Args:
        stream: The connection, after the head of the response.
    """

    def __init__(self, stream: socket.socket, rest: bytes) -> None:
        self._stream = stream
        self._data = rest
        self.last_id = ""
        self.retry: int | None = None

    def __iter__(self) -> Iterator[ServerEvent]:
        while True:
            found = self._next(PATIENCE)
            if found is None:
                return
            yield found

    def receive(self, timeout: float = PATIENCE) -> ServerEvent:
        """Return the next event that has data.

        Args:
            timeout: Seconds to wait.

        Raises:
            SocketClosed: The server has ended the stream.
            TimeoutError: No event came in time.
        """
        found = self._next(timeout)
        if found is None:
            raise SocketClosed(1006, "the stream has ended")
        return found

    def _next(self, timeout: float) -> ServerEvent | None:
        while True:
            block = self._block(timeout)
            if block is None:
                return None
            fields = dict(_fields_of(block))
            self.last_id = fields.get("id", self.last_id)
            if "retry" in fields:
                self.retry = int(fields["retry"])
            if "data" in fields:
                data = msgspec.json.decode(fields["data"])
                return ServerEvent(fields.get("event", "message"), data, self.last_id)

    def _block(self, timeout: float) -> bytes | None:
        self._stream.settimeout(timeout)
        while b"\n\n" not in self._data:
            more = self._stream.recv(65536)
            if not more:
                return None
            self._data += more
        block, _, self._data = self._data.partition(b"\n\n")
        return block


def _fields_of(block: bytes) -> Iterator[tuple[str, str]]:
    """Yield the fields of an event; Lback writes its data on one line."""
    for line in block.decode().split("\n"):
        name, _, value = line.partition(": ")
        yield name, value


class _Served:
    """A server of an application in a thread, with the number of its users."""

    def __init__(self, application: Any) -> None:
        self._application = application
        self._ready = threading.Event()
        self._error: BaseException | None = None
        self.port = 0
        self.users = 0
        self._thread = threading.Thread(target=self._run, name="lback-test-server")

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()
        if self._error is not None:
            self._thread.join()
            raise self._error

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:  # noqa: BLE001  raised in the thread of the test
            self._error = error
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        self.server = RealtimeServer(self._application, recheck_seconds=RECHECK_SECONDS)
        self._loop = asyncio.get_running_loop()
        self._stopped = asyncio.Event()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            self.port = listener.getsockname()[1]
            async with self.server.running([listener]):
                self._ready.set()
                await self._stopped.wait()

    def stop(self) -> None:
        if self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._stopped.set)
            self._thread.join()


_lock = threading.Lock()
_running: dict[int, _Served] = {}


@contextmanager
def serving(application: Any) -> Iterator[_Served]:
    """Run the realtime server of an application during a `with` block; blocks share it.

    Args:
        application: An `Application`.
    """
    with _lock:
        served = _running.get(id(application))
        if served is None:
            served = _Served(application)
            served.start()
            _running[id(application)] = served
        served.users += 1
    try:
        yield served
    finally:
        with _lock:
            served.users -= 1
            if not served.users:
                del _running[id(application)]
                served.stop()


@contextmanager
def open_socket(
    application: Any, path: str, headers: Mapping[str, str], origin: str | None
) -> Iterator[TestSocket]:
    """Connect a WebSocket during a `with` block.

    Args:
        application: An `Application`.
        path: Path and query.
        headers: Header fields of the handshake.
        origin: The page that connects; None for a client that is not a browser.

    Raises:
        SocketRefused: The handshake was answered with an error.
    """
    given: Any = origin
    with serving(application) as served, _connected(served.port) as stream:
        try:
            connection = connect(
                f"ws://{HOST}{path}",
                sock=stream,
                origin=given,
                additional_headers=dict(headers),
                compression=None,
                proxy=None,
                max_size=None,
            )
        except InvalidStatus as error:
            body = bytes(error.response.body or b"")
            raise SocketRefused(error.response.status_code, body) from None
        with connection:
            yield TestSocket(connection)


def _connected(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), PATIENCE)


@contextmanager
def open_events(
    application: Any, rooms: "tuple[str, ...]", headers: Mapping[str, str], last_id: str
) -> Iterator[EventClient]:
    """Connect to the events of rooms during a `with` block.

    Args:
        application: An `Application`.
        rooms: Names of the rooms.
        headers: Header fields of the request.
        last_id: Position that the client has seen; empty if it begins now.

    Raises:
        SocketRefused: The request was answered with an error.
    """
    query = "&".join(f"room={quote(room, safe='')}" for room in rooms)
    path = f"{application.config.REALTIME_PATH}events?{query}"
    fields = {"Host": HOST, "Accept": "text/event-stream", **headers}
    if last_id:
        fields["Last-Event-ID"] = last_id
    lines = [f"GET {path} HTTP/1.1", *(f"{name}: {value}" for name, value in fields.items())]
    with serving(application) as served, _connected(served.port) as stream:
        stream.sendall("\r\n".join([*lines, "", ""]).encode())
        data = b""
        while b"\r\n\r\n" not in data:
            more = stream.recv(65536)
            if not more:
                raise SocketRefused(0, data)
            data += more
        head, _, rest = data.partition(b"\r\n\r\n")
        status = int(head.split(b" ")[1])
        if status != 200:
            while more := stream.recv(65536):
                rest += more
            raise SocketRefused(status, rest)
        yield EventClient(stream, rest)


def _closed(error: ConnectionClosed) -> SocketClosed:
    received = error.rcvd
    return (
        SocketClosed(1006, "") if received is None else SocketClosed(received.code, received.reason)
    )
