"""Whether those who are connected still may be: asked again every few seconds."""

import asyncio
import logging
import sys
from collections.abc import Hashable
from typing import TYPE_CHECKING

from lback.core.exceptions import HTTPException
from lback.realtime import limits
from lback.realtime.engines import EngineAway
from lback.realtime.rooms import may_subscribe

if TYPE_CHECKING:
    from lback.realtime.connection import Connection
    from lback.realtime.events import EventStream
    from lback.realtime.server import RealtimeServer

logger = logging.getLogger("lback.realtime")

# The checks take at most this part of the time of one thread.
SHARE = 0.1
# What the application answers while it, its database or its session store is busy or away, which
# says nothing about the rights of the user. Any other answer that is not yes is no.
UNDECIDED = frozenset({408, 429, 503, 504, 507})


class Rechecks:
    """Passes handshakes of open connections through the middlewares again.

    Connections with the same credentials, address and rooms are checked once. With many of them
    the pause grows, so that the checks take a tenth of the time at most. An answer that is not yes
    closes them, a check that fails too. Only what cannot be asked at the moment, because the
    database does not answer for example, leaves them open.

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
            except Exception as error:
                if _is_undecided(error):
                    logger.warning("a connection could not be checked again: %s", error)
                    continue
                if not isinstance(error, HTTPException):
                    logger.exception("the check of a connection failed, which closes it")
                code = limits.FORBIDDEN
            if code:
                for client in clients:
                    close(client, code)

    def _code_of(self, client: "Connection | EventStream") -> int:
        """Return the close code for a client that may no longer be connected, else 0."""
        answer = self._server.enter_again(client)
        if answer.entry is None:
            status = int(answer.status[:3])
            if status in UNDECIDED:
                return 0
            if status >= 500:  # the check has failed, and its error is in the log
                return limits.FORBIDDEN
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


def _is_undecided(error: Exception) -> bool:
    """Return True for an error of something that does not answer now, not of a rule."""
    if isinstance(error, HTTPException):  # the errors of a database that is away are among them
        return error.status_code in UNDECIDED
    redis = sys.modules.get("redis")
    away = () if redis is None else (redis.ConnectionError, redis.TimeoutError)
    return isinstance(error, (EngineAway, *away))


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
