"""A new connection of the realtime process, until it is known what it asks for."""

import asyncio
import logging
from typing import TYPE_CHECKING

from lback.core.exceptions import BadRequest
from lback.realtime import limits
from lback.realtime.heads import END, BadHead, Head, parse_head, refusal, response_bytes

if TYPE_CHECKING:
    from lback.realtime.server import RealtimeServer


logger = logging.getLogger("lback.realtime")

FAILED = response_bytes(
    "500 Internal Server Error",
    [("Content-Type", "text/plain; charset=utf-8")],
    b"The handshake failed.\n",
)


class Front(asyncio.Protocol):
    """Reads the head of a request, within a time and up to a size.

    Args:
        server: Answers the request.
        data: Bytes that have been read already, such as by a web worker.
    """

    def __init__(self, server: "RealtimeServer", data: bytes = b"") -> None:
        self._server = server
        self._data = bytearray(data)
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None
        self.transport: asyncio.Transport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to read.

        Args:
            transport: The connection.
        """
        assert isinstance(transport, asyncio.Transport)  # noqa: S101  for the type checker
        self.transport = transport
        self._server.fronts.add(self)
        self._timer = self._server.loop.call_later(limits.HANDSHAKE_SECONDS, self._time_out)
        if self._data:
            self._look()

    def data_received(self, data: bytes) -> None:
        """Collect bytes; those after the head wait until it is answered.

        Args:
            data: The bytes.
        """
        self._data += data
        if self._task is None:
            self._look()
        elif len(self._data) > limits.EARLY_BYTES:
            self.transport.pause_reading()

    def _look(self) -> None:
        end = self._data.find(END)
        if end < 0 and len(self._data) <= limits.HEAD_BYTES:
            return
        if end < 0:
            self.refuse(BadHead(431, "the head of the request is too long"))
            return
        end += len(END)
        try:
            head = parse_head(bytes(self._data[:end]))
        except BadHead as error:
            self.refuse(error)
            return
        del self._data[:end]
        self._task = self._server.loop.create_task(self._answer(head))

    async def _answer(self, head: Head) -> None:
        try:
            await self._server.answer(self, head)
        except BadHead as error:
            self.refuse(error)
        except BadRequest as error:  # of the query, which is not parsed before
            self.refuse(BadHead(400, error.message))
        except Exception:
            logger.exception("a handshake failed")
            if self in self._server.fronts:
                self.send_last(FAILED)
            else:  # another protocol has taken over
                self.transport.abort()

    def take_early(self) -> bytes:
        """Return the bytes after the head, and read on; another protocol takes over now."""
        self._stop_timer()
        self._server.fronts.discard(self)
        data, self._data = bytes(self._data), bytearray()
        self.transport.resume_reading()
        return data

    def refuse(self, error: BadHead) -> None:
        """Answer with an error and end the connection.

        Args:
            error: The error.
        """
        self.send_last(refusal(error))

    def send_last(self, data: bytes) -> None:
        """Send a whole response and end the connection.

        Args:
            data: The response.
        """
        self._stop_timer()
        if not self.transport.is_closing():
            self.transport.write(data)
            self.transport.close()

    def _time_out(self) -> None:
        self.refuse(BadHead(408, "the handshake took too long"))
        if self._task is not None:
            self._task.cancel()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def eof_received(self) -> bool:
        """Let the connection end."""
        return False

    def connection_lost(self, error: Exception | None) -> None:
        """Forget a connection that ended before its answer.

        Args:
            error: Why, or None.
        """
        del error
        self._stop_timer()
        self._server.fronts.discard(self)
        if self._task is not None:
            self._task.cancel()
