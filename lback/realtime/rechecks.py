"""Whether those who are connected still may be: asked again every few seconds."""

import asyncio
import logging
from collections.abc import Hashable
from typing import TYPE_CHECKING

from lback.realtime import limits
from lback.realtime.rooms import may_subscribe

if TYPE_CHECKING:
    from lback.realtime.connection import Connection
    from lback.realtime.events import EventStream
    from lback.realtime.server import RealtimeServer

logger = logging.getLogger("lback.realtime")

# The checks take at most this part of the time of one thread.
SHARE = 0.1
# Any other status, such as 503, says nothing about the rights of the user.
REFUSALS = frozenset({302, 303, 400, 401, 403, 404})


class Rechecks:
    """Passes handshakes of open connections through the middlewares again.

    Connections with the same credentials, address and rooms are checked once. With many of them
    the pause grows, so that the checks take a tenth of the time at most.

    Args:
        server: The server.
        seconds: Least pause between two rounds.
    """

    def __init__(self, server: "RealtimeServer", seconds: float) -> None:
        self._server = server
        self._seconds = seconds

    async def watch(self) -> None:
        """Check all connections, again and again."""
        loop, pause = asyncio.get_running_loop(), self._seconds
        while True:
            await asyncio.sleep(pause)
            started = loop.time()
            await self.check()
            pause = max(self._seconds, (loop.time() - started) * (1 / SHARE - 1))

    async def check(self) -> None:
        """Check all connections once."""
        server = self._server
        groups: dict[Hashable, list[Connection | EventStream]] = {}
        everyone: list[Connection | EventStream] = [*server.connections, *server.streams]
        for client in everyone:
            groups.setdefault(_key(client), []).append(client)
        for clients in groups.values():
            first = clients[0]
            try:
                code = await server.check(self._code_of, first)
            except Exception:
                # The database does not answer, for example, which takes no rights away.
                logger.exception("a connection could not be checked again")
                continue
            if code:
                for client in clients:
                    close(client, code)

    def _code_of(self, client: "Connection | EventStream") -> int:
        """Return the close code for a client that may no longer be connected, else 0."""
        answer = self._server.enter_again(client)
        if answer.entry is None and int(answer.status[:3]) not in REFUSALS:
            return 0
        user = None if answer.entry is None else answer.entry.user
        before = client.user
        if before is not None and getattr(user, "id", None) != getattr(before, "id", None):
            return limits.SIGNED_OUT
        if answer.entry is None:
            return limits.FORBIDDEN
        services = self._server.services
        if not all(may_subscribe(services, user, room) for room in client.rooms):
            return limits.FORBIDDEN
        return 0


def _key(client: "Connection | EventStream") -> Hashable:
    head = client.head
    names = ("cookie", "authorization", "host", "origin")
    credentials = tuple(value for name in names for value in head.values(name))
    user = getattr(client.user, "id", None)
    return head.target, credentials, user, tuple(client.rooms)


def close(client: "Connection | EventStream", code: int) -> None:
    """Close the connection of a client that may no longer be connected.

    Args:
        client: The client.
        code: Close code, for a WebSocket.
    """
    reason = "signed out" if code == limits.SIGNED_OUT else "no longer allowed"
    logger.info("connection closed with %d: %s", code, reason)
    refuse = getattr(client, "refuse", None)
    if refuse is not None:
        refuse(reason)
    else:
        client.close_soon(code, reason)  # type: ignore[union-attr]
