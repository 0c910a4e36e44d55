"""One realtime process: the WebSockets and events of the project in an event loop."""

import asyncio
import logging
import signal
import socket

from lback.cli.granian_worker import READY
from lback.core import server
from lback.core.exceptions import FrameworkException
from lback.core.wsgi_entry import create_wsgi_app
from lback.realtime.server import RealtimeServer

logger = logging.getLogger("lback.server")


class RealtimeProcess:
    """Serves the realtime part of the project until SIGTERM.

    Args:
        channel: Connection to the supervisor; it ends when the supervisor does.
        listeners: Listening sockets of its own.
        handed: Where web workers hand over connections.
    """

    def __init__(
        self,
        channel: socket.socket,
        *,
        listeners: list[socket.socket] | None = None,
        handed: socket.socket | None = None,
    ) -> None:
        self._channel = channel
        self._listeners = listeners or []
        self._handed = handed

    def run(self) -> int:
        """Build the application and serve it; return the exit code."""
        try:
            create_wsgi_app()
            assert server.app_controller is not None  # noqa: S101  for the type checker
            realtime = RealtimeServer(server.app_controller.dependencies["app"])
        except FrameworkException as error:
            logger.error("%s", error)
            return 1
        asyncio.run(self._serve(realtime))
        return 0

    async def _serve(self, realtime: RealtimeServer) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        loop.add_signal_handler(signal.SIGTERM, stopped.set)
        loop.add_reader(self._channel, self._supervisor_ended, stopped)
        async with realtime.running(self._listeners, self._handed):
            self._channel.send(READY)
            await stopped.wait()

    def _supervisor_ended(self, stopped: asyncio.Event) -> None:
        asyncio.get_running_loop().remove_reader(self._channel)
        stopped.set()
