"""A websocket client that stops reading while a megabyte a second is broadcast."""

import asyncio
import logging
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

from websockets.asyncio.client import connect

from lback.core.websocket import WebSocketServer
from tests.core.test_websocket import Unread

SECONDS, PIECE = 20.0, 100_000


@dataclass
class Dropped:
    """When the client was dropped, what waited for it, and what the other client missed."""

    after: float = 0.0
    most_bytes: int = 0
    grown: int = 0
    sent: int = 0
    received: int = 0
    log: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        dropped = f"dropped after {self.after:.1f} s" if self.after else "never dropped"
        return (
            f"{dropped}, most bytes waiting {self.most_bytes}, memory grown {self.grown} KiB, "
            f"other client received {self.received} of {self.sent}"
        )


def client_stops_reading() -> Dropped:
    logging.disable(logging.CRITICAL)
    try:
        return asyncio.run(_story())
    finally:
        logging.disable(logging.NOTSET)


async def _story() -> Dropped:
    server, result = WebSocketServer("127.0.0.1", 0), Dropped()
    async with server.running(), connect(f"ws://127.0.0.1:{server.port}") as reader:
        silent, before = Unread(server.port), _memory()

        async def read() -> None:
            async for _ in reader:
                result.received += 1

        reading = asyncio.create_task(read())
        while len(server.connections) < 2:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        while time.monotonic() - began < SECONDS:
            await server.broadcast(os.urandom(PIECE))
            result.sent += 1
            waiting = [c.transport.get_write_buffer_size() for c in server.connections]
            result.most_bytes = max(result.most_bytes, *waiting)
            if len(server.connections) == 1 and not result.after:
                result.after = time.monotonic() - began
            await asyncio.sleep(0.1)
        result.grown = _memory() - before
        while result.received < result.sent:
            await asyncio.sleep(0.01)
        reading.cancel()
        silent.close()
    return result


def _memory() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
