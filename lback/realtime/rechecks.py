"""Whether those who are connected still may be: asked again at changes, and every few seconds."""

import asyncio
import logging
import sys
from collections.abc import Collection, Coroutine, Hashable
from itertools import zip_longest
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from lback.core.exceptions import HTTPException
from lback.realtime import limits
from lback.realtime.access_changes import ROOM, AccessChange
from lback.realtime.engines import EngineAway
from lback.realtime.rooms import allows_entry

if TYPE_CHECKING:
    from lback.realtime.connection import Connection
    from lback.realtime.events import EventStream
    from lback.realtime.hub import Hub
    from lback.realtime.messages import Message
    from lback.realtime.server import RealtimeServer

    Client: TypeAlias = Connection | EventStream

logger = logging.getLogger("lback.realtime")

# Connections whose rights have changed are checked by so many threads; others let new ones in.
AT_ONCE = 2
# The checks take at most this part of the time of one thread.
SHARE = 0.1
# What the application answers while it, its database or its session store is busy or away, which
# says nothing about the rights of the user. Any other error closes the connection.
UNDECIDED = frozenset({408, 429, 503, 504, 507})
UNAUTHORIZED = 401


class Rechecks:
    """Passes handshakes of open connections through the middlewares again.

    Connections with the same credentials, address and rooms are checked once; if their user has
    signed out, all connections with these credentials are closed. With many of them the pause
    grows, so that the checks take a tenth of the time at most. An answer that is not yes
    closes them, a check that fails too. Only what cannot be asked at the moment, because the
    database does not answer for example, leaves them open.

    Where a right was lost, the process that has noticed publishes it: the connections of that
    account or session are checked at once.

    Args:
        server: The server.
        seconds: Least pause between two rounds.
    """

    def __init__(self, server: "RealtimeServer", seconds: float) -> None:
        self._server = server
        self._seconds = seconds
        # What was published, until it is checked.
        self._everyone = False
        self._changed: set[str] = set()
        self._woken = asyncio.Event()

    def tasks(self) -> "list[Coroutine[Any, Any, None]]":
        """Return what is to run while the server does."""
        hub = self._server.hub
        if hub is None:
            return [self.watch()]
        return [self.watch(), self.listen(hub), self.check_changed()]

    async def watch(self) -> None:
        """Check all connections, again and again."""
        loop, pause = asyncio.get_running_loop(), self._seconds
        while True:
            await asyncio.sleep(pause)
            started = loop.time()
            await self.check()
            pause = max(self._seconds, (loop.time() - started) * (1 / SHARE - 1))

    async def listen(self, hub: "Hub") -> None:
        """Subscribe to the lost rights, as soon as the engine answers.

        Args:
            hub: Reads the room in which they are published.
        """
        while True:
            try:
                await hub.subscribe(ROOM, self._note, on_reset=self._note_all)
            except EngineAway:
                continue
            return

    def _note(self, message: "Message") -> None:
        try:
            change = msgspec.convert(message.data, AccessChange)
        except msgspec.ValidationError:  # of another version
            change = AccessChange(everyone=True)
        self._everyone |= change.everyone
        self._changed |= {*change.accounts, change.session}
        self._woken.set()

    def _note_all(self) -> None:
        self._everyone = True
        self._woken.set()

    async def check_changed(self) -> None:
        """Check the connections whose rights may have changed, as soon as that is known."""
        while True:
            await self._woken.wait()
            self._woken.clear()
            everyone, self._everyone = self._everyone, False
            changed, self._changed = self._changed, set()
            clients = [
                client for client in self._clients() if everyone or client.access_keys & changed
            ]
            await self._check_all(clients, AT_ONCE)

    async def check(self) -> None:
        """Check all connections once."""
        await self._check_all(self._clients(), 1)

    def _clients(self) -> "list[Client]":
        return [*self._server.connections, *self._server.streams]

    async def _check_all(self, clients: "Collection[Client]", at_once: int) -> None:
        """Check connections; those of one user do not delay those of others."""
        by_user: dict[Hashable, dict[Hashable, list[Client]]] = {}
        for client in clients:
            groups = by_user.setdefault(_credentials(client), {})
            groups.setdefault((client.head.target, tuple(client.rooms)), []).append(client)
        rows = zip_longest(*(list(groups) for groups in by_user.values()))
        waiting = (
            (groups, key)
            for row in rows
            for groups, key in zip(by_user.values(), row, strict=True)
            if key is not None
        )

        async def work() -> None:
            for groups, key in waiting:
                if key in groups:
                    await self._check_group(groups, key)

        await asyncio.gather(*(work() for _ in range(at_once)))

    async def _check_group(self, groups: "dict[Hashable, list[Client]]", key: Hashable) -> None:
        """Check one connection for all of a group, and close them if it may not stay.

        Args:
            groups: All groups with the same credentials; emptied if these are worth nothing.
            key: Key of the group.
        """
        clients = groups[key]
        try:
            code = await self._server.check(self._code_of, clients[0])
        except Exception as error:
            if _is_undecided(error):
                logger.warning("a connection could not be checked again: %s", error)
                return
            if not isinstance(error, HTTPException):
                logger.exception("the check of a connection failed, which closes it")
            code = limits.FORBIDDEN
        if code == limits.SIGNED_OUT:
            clients = [client for group in groups.values() for client in group]
            groups.clear()
        for client in clients if code else ():
            close(client, code)

    def _code_of(self, client: "Client") -> int:
        """Return the close code for a client that may no longer be connected, else 0."""
        answer = self._server.enter_again(client)
        if answer.entry is None:
            status = int(answer.status[:3])
            if status in UNDECIDED:
                return 0
            # From 500 on, the check has failed, and its error is in the log.
            is_asked_to_sign_in = client.user is not None and status == UNAUTHORIZED
            return limits.SIGNED_OUT if is_asked_to_sign_in else limits.FORBIDDEN
        user = answer.entry.user
        before = client.user
        if before is not None and getattr(user, "id", None) != getattr(before, "id", None):
            return limits.SIGNED_OUT
        services, entry = self._server.services, answer.entry
        allowed = (allows_entry(services, user, r, lambda: entry.admin_user) for r in client.rooms)
        if not all(allowed):
            return limits.FORBIDDEN
        return 0


def _is_undecided(error: Exception) -> bool:
    """Return True for an error of something that does not answer now, not of a rule."""
    if isinstance(error, HTTPException):  # the errors of a database that is away are among them
        return error.status_code in UNDECIDED
    redis = sys.modules.get("redis")
    away = () if redis is None else (redis.ConnectionError, redis.TimeoutError)
    return isinstance(error, (EngineAway, *away))


def _credentials(client: "Client") -> Hashable:
    head = client.head
    names = ("cookie", "authorization", "host", "origin")
    sent = tuple(value for name in names for value in head.values(name))
    return sent, getattr(client.user, "id", None), repr(client.ticket)


def close(client: "Client", code: int) -> None:
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
