"""Drops WebSocket clients that stop reading, before what they did not read fills the memory."""

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from websockets.asyncio.server import ServerConnection

logger = logging.getLogger(__name__)

CHECK_SECONDS = 1.0


class Backlogs:
    """What the clients of a server have not read yet.

    The connection of a client is dropped without a closing handshake, which it would not read
    either, if more than `max_bytes` wait for it, or if something has waited for `timeout` seconds
    without getting less.

    Args:
        max_bytes: Maximum number of bytes that wait for one client.
        timeout: Seconds without progress.
    """

    def __init__(self, max_bytes: int, timeout: float) -> None:
        self._max_bytes = max_bytes
        self._timeout = timeout
        # By connection: the bytes that waited at the last check, and since when without progress.
        self._stalled: dict[ServerConnection, tuple[int, float]] = {}

    def add(self, connection: "ServerConnection") -> None:
        """Check a connection from now on."""
        self._stalled[connection] = (0, 0.0)

    def remove(self, connection: "ServerConnection") -> None:
        """Check a connection no more. Does nothing if it was not checked."""
        self._stalled.pop(connection, None)

    def drop_over_limit(self) -> None:
        """Drop the clients for which too many bytes wait; called after each broadcast."""
        for connection in list(self._stalled):
            size = connection.transport.get_write_buffer_size()
            if size > self._max_bytes:
                self._drop(connection, f"{size} bytes wait for it")

    async def watch(self) -> None:
        """Drop clients that stop reading, until this is cancelled."""
        import asyncio  # takes long, see `lback.core.websocket`

        clock = asyncio.get_running_loop().time
        while True:
            await asyncio.sleep(min(CHECK_SECONDS, self._timeout / 4))
            self.drop_over_limit()
            self._drop_stalled(clock())

    def _drop_stalled(self, now: float) -> None:
        for connection, (before, since) in list(self._stalled.items()):
            size = connection.transport.get_write_buffer_size()
            if size == 0 or size < before or before == 0:
                self._stalled[connection] = (size, now)
            elif now - since < self._timeout:
                self._stalled[connection] = (size, since)
            else:
                self._drop(connection, f"it has read nothing for {self._timeout:g} s")

    def _drop(self, connection: "ServerConnection", reason: str) -> None:
        logger.warning("websocket dropped: the client does not read, %s", reason)
        self.remove(connection)
        connection.transport.abort()
