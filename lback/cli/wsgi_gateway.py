"""Runs the WSGI application for Granian, whose own WSGI threads wait for slow clients.

Requests come through Granian's ASGI protocol, which has an event loop beside the threads. A request
without a body runs in the thread that brings it. Bodies are read, and slow readers waited for, on
the event loop, so that only views take threads. See docs/decisions/0118.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from tempfile import TemporaryFile
from threading import Lock
from time import monotonic
from typing import TYPE_CHECKING, Any, NamedTuple

from lback.cli.own_connections import abort
from lback.cli.wsgi_environ import CHUNKED, declared_length, environ_of, has_body
from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.body import BODY_ERROR, too_large
from lback.core.http.response_body import close

if TYPE_CHECKING:
    from lback.cli.realtime_beside import GranianHandover
    from lback.core.response import Environ

logger = logging.getLogger("lback.server")

WsgiApplication = Callable[..., Iterable[bytes]]

# Larger bodies go to a file: thousands of clients may send at once.
MEMORY_SIZE = 256 * 1024
# Each second that a client takes for its body must bring that many bytes.
SLOWEST_RATE = 1024
# A stream is followed up to its client's end after so many pieces, or after a second.
PIECES_UNWATCHED = 8

PIECE_SIZE = 256 * 1024
# Granian keeps a connection open while a part of its body is missing.
UNREAD_SECONDS = 1.0


class GatewaySettings(NamedTuple):
    """What the gateway takes from the settings."""

    threads: int
    client_timeout: int
    body_limit: int


# Where the application raises, which it does for SystemExit only.
_FAILURE = ("500 Internal Server Error", [("Content-Length", "0")])


class Exchange:
    """One request and its answer.

    Args:
        watcher: Granian's object with `scope` and `proto`.
    """

    __slots__ = (
        "body",
        "ends",
        "environ",
        "gone",
        "pieces",
        "proto",
        "scope",
        "sent",
        "since",
        "upload",
        "watched",
    )

    def __init__(self, watcher: Any) -> None:
        self.scope: dict[str, Any] = watcher.scope
        self.proto: Any = watcher.proto
        self.environ: Environ = environ_of(self.scope)
        # The answer ends the connection: chunks may have come with a length, which Granian drops.
        self.ends = CHUNKED in self.environ
        self.body: Iterable[bytes] | None = None
        self.pieces: Iterator[bytes] | None = None
        self.upload: Any = None
        self.sent = 0
        self.since = 0.0
        self.gone = False
        self.watched = False

    def close(self) -> None:
        """Close the answer, which runs the jobs after it, and the file of the body."""
        try:
            close(self.body)
        finally:
            if self.upload is not None:
                self.upload.close()


class Gateway:
    """Passes requests from Granian to the application and answers back.

    Args:
        application: The WSGI application.
        loop: The event loop of the process, which runs in another thread than the views.
        settings: Threads, times and sizes.
        handover: Hands connections over to the realtime process; None if there is none.
    """

    def __init__(
        self,
        application: WsgiApplication,
        loop: asyncio.AbstractEventLoop,
        settings: GatewaySettings,
        handover: "GranianHandover | None" = None,
    ) -> None:
        self._handover = handover
        self.closing = False  # True: each answer ends its connection
        self.requests = 0
        self._application = application
        self._loop = loop
        self._settings = settings
        self._lock = Lock()
        self._running = 0
        self._waiting: deque[Exchange] = deque()
        self._executor = ThreadPoolExecutor(settings.threads, "lback-view")
        self._tasks: set[asyncio.Task[None]] = set()

    def handle(self, watcher: Any) -> None:
        """Begin a request; Granian calls this in one of its threads.

        Args:
            watcher: Granian's object with `scope` and `proto`.
        """
        try:
            self.requests += 1
            if self._handover is not None and self._handover.take(watcher):
                return
            exchange = Exchange(watcher)
            if has_body(exchange.environ):
                self._start(self._read(exchange))
            else:
                self._enter(exchange)
        except BaseException:  # the caller is not Python and cannot take one
            logger.exception("request failed in the server")

    def _start(self, coroutine: Coroutine[Any, Any, None]) -> None:
        """Run a coroutine on the event loop, from any thread."""

        def begin() -> None:
            task = self._loop.create_task(coroutine)
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        self._loop.call_soon_threadsafe(begin)

    def _enter(self, exchange: Exchange) -> None:
        """Run views in this thread, or leave the exchange to one of the threads that do."""
        with self._lock:
            if self._running >= self._settings.threads:
                self._waiting.append(exchange)
                return
            self._running += 1
        following: Exchange | None = exchange
        while following is not None:
            try:
                self._advance(following)
            except BaseException:  # the thread has other exchanges to run
                logger.exception("request failed in the server")
            with self._lock:
                following = self._waiting.popleft() if self._waiting else None
                if following is None:
                    self._running -= 1

    def _advance(self, exchange: Exchange) -> None:
        if exchange.pieces is None:
            self._answer(exchange)
        else:
            self._send_pieces(exchange)

    def _answer(self, exchange: Exchange) -> None:
        started: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
            started[:] = status, headers

        try:
            body = exchange.body = self._application(exchange.environ, start_response)
        except BaseException:
            # Granian would answer once nothing refers to the exchange, and a traceback may do so.
            self._send_head(exchange, *_FAILURE)
            self._end(exchange)
            raise
        try:
            self._send_head(exchange, *started)
            whole = b"".join(body) if isinstance(body, (list, tuple)) else None
            if whole is not None and len(whole) <= PIECE_SIZE:
                exchange.proto.send({"type": "http.response.body", "body": whole})
            else:
                # A large answer is sent as its client reads it, not copied as a whole.
                exchange.pieces = iter(body) if whole is None else _slices(whole)
                exchange.since = monotonic()
        finally:
            if exchange.pieces is None:
                exchange.close()
            if BODY_ERROR in exchange.environ:
                self._end_later(exchange.scope["client"])
        if exchange.pieces is not None:
            self._send_pieces(exchange)

    def _end_later(self, client: tuple[str, str]) -> None:
        """End a connection whose body was not read, when its client has had time for the answer."""
        self._loop.call_soon_threadsafe(self._loop.call_later, UNREAD_SECONDS, abort, client)

    def _send_head(self, exchange: Exchange, status: str, headers: list[tuple[str, str]]) -> None:
        fields = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
        if self.closing or exchange.ends:
            fields.append((b"connection", b"close"))
        exchange.proto.send(
            {"type": "http.response.start", "status": int(status[:3]), "headers": fields}
        )

    def _send_pieces(self, exchange: Exchange) -> None:
        """Send pieces until the client reads more slowly than they come, or all are sent."""
        try:
            for piece in exchange.pieces or ():
                if exchange.gone:
                    break
                if piece and self._is_behind(exchange, piece):
                    return
            self._end(exchange)
        except BaseException:  # the status has been sent: it can only be logged
            logger.exception("the body of an answer failed")
            self._break_off(exchange)

    def _break_off(self, exchange: Exchange) -> None:
        """End the connection of an answer that cannot be completed."""
        client = exchange.scope["client"]
        if exchange.sent and client[0]:
            abort(client)
            self._end(exchange)
            return
        exchange.close()
        if exchange.sent:
            # Behind a Unix socket the proxy has to give up: an end would make the answer whole.
            self._start(self._watch(exchange))
        # Where nothing was sent, Granian answers 500.

    def _is_behind(self, exchange: Exchange, piece: bytes) -> bool:
        """Send a piece and return True if the exchange goes on when the client has read more."""
        message = {"type": "http.response.body", "body": piece, "more_body": True}
        sending = exchange.proto.send(message)
        exchange.sent += 1
        if not exchange.watched and (
            exchange.sent > PIECES_UNWATCHED or monotonic() - exchange.since > 1
        ):
            exchange.watched = True
            self._start(self._watch(exchange))
        if type(sending).__name__ == "PyEmptyAwaitable":
            return False
        self._start(self._wait_for_reader(exchange, sending))
        return True

    def _end(self, exchange: Exchange) -> None:
        try:
            exchange.proto.send({"type": "http.response.body", "body": b""})
        finally:
            exchange.close()

    async def _wait_for_reader(self, exchange: Exchange, sending: Any) -> None:
        try:
            async with asyncio.timeout(self._settings.client_timeout):
                await sending
        except TimeoutError:
            exchange.gone = True
            abort(exchange.scope["client"])
        self._executor.submit(self._enter, exchange)

    async def _watch(self, exchange: Exchange) -> None:
        """Note the end of the connection, after which no more pieces are asked for."""
        while (await exchange.proto.receive())["type"] != "http.disconnect":
            pass
        exchange.gone = True

    async def _read(self, exchange: Exchange) -> None:
        """Read the body, then have the view run."""
        environ = exchange.environ
        try:
            if environ.get(CHUNKED, "chunked").lower() != "chunked":
                raise BadRequest("Transfer-Encoding is not chunked alone")
            length = declared_length(environ)
            if length is None or length <= self._settings.body_limit:
                environ["wsgi.input"] = await self._body(exchange, length)
            else:
                exchange.ends = True  # the application refuses it unread
        except HTTPException as error:
            # Without the frames, which would hold the exchange and so the connection.
            environ[BODY_ERROR] = HTTPException(error.message, error.status_code)
            exchange.ends = True
        self._executor.submit(self._enter, exchange)

    async def _body(self, exchange: Exchange, length: int | None) -> Any:
        body = Spool()
        seconds = self._settings.client_timeout
        try:
            async with asyncio.timeout(seconds) as patience:
                until = patience.when() or 0.0
                while length is None or body.size < length:
                    message = await exchange.proto.receive()
                    if message["type"] == "http.disconnect":
                        raise BadRequest("the body is incomplete, or its chunks are malformed")
                    body.write(message["body"])
                    if body.size > self._settings.body_limit:
                        raise too_large(self._settings.body_limit)
                    if not message["more_body"]:
                        break
                    patience.reschedule(until + body.size / SLOWEST_RATE)
        except TimeoutError as error:
            raise HTTPException("the body was sent too slowly", 408) from error
        if length is not None and body.size != length:
            raise BadRequest("the body is incomplete")
        exchange.environ["CONTENT_LENGTH"] = str(body.size)
        exchange.upload = body.stream()
        return exchange.upload


def _slices(body: bytes) -> Iterator[bytes]:
    return (body[start : start + PIECE_SIZE] for start in range(0, len(body), PIECE_SIZE))


class Spool:
    """Collects a body in memory, or in a temporary file if it is large."""

    def __init__(self) -> None:
        self.size = 0
        self._pieces: list[bytes] = []
        self._file: Any = None

    def write(self, piece: bytes) -> None:
        """Add a piece."""
        self.size += len(piece)
        if self._file is None and self.size <= MEMORY_SIZE:
            self._pieces.append(piece)
            return
        if self._file is None:
            self._file = TemporaryFile()  # noqa: SIM115  closed by Exchange.close
            self._file.writelines(self._pieces)
        self._file.write(piece)

    def stream(self) -> Any:
        """Return a binary stream at the beginning of the body."""
        if self._file is None:
            pieces = self._pieces
            return BytesIO(pieces[0] if len(pieces) == 1 else b"".join(pieces))
        self._file.seek(0)
        return self._file
