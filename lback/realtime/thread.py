"""The realtime server in a thread of the development server."""

import asyncio
import logging
import threading
from typing import TYPE_CHECKING, Any

from lback.realtime.handed import head_of, wants_realtime
from lback.realtime.handover import take
from lback.realtime.server import RealtimeServer

if TYPE_CHECKING:
    from lback.application import Application

logger = logging.getLogger("lback.realtime")


class RealtimeThread:
    """Serves the WebSockets and events of an application beside its development server.

    Args:
        app: The application.
    """

    def __init__(self, app: "Application") -> None:
        self._app = app
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._server = RealtimeServer(app)

    def start(self) -> "RealtimeThread":
        """Start the thread, and return this object once it serves."""
        threading.Thread(target=self._run, name="lback-realtime", daemon=True).start()
        self._ready.wait()
        return self

    def _run(self) -> None:
        logging.getLogger("asyncio").setLevel(logging.INFO)
        try:
            asyncio.run(self._serve())
        except Exception:
            logger.exception("WebSockets and events are not served")
        finally:
            self._ready.set()

    async def _serve(self) -> None:
        async with self._server.running():
            self._loop = asyncio.get_running_loop()
            self._ready.set()
            await asyncio.Event().wait()

    def hand(self, handler: Any) -> bool:
        """Take a connection over from the development server.

        Args:
            handler: Its handler, which has read the head of a request.

        Returns:
            False if the request is for the web server.
        """
        path, fields = handler.path.partition("?")[0], list(handler.headers.items())
        upgrade = handler.headers.get("Upgrade") or ""
        if self._loop is None or not wants_realtime(path, upgrade, self._server.events_path):
            return False
        data = head_of(handler.command, handler.path, fields)
        connection = take(handler.connection.fileno())
        self._loop.call_soon_threadsafe(self._server.adopt, connection, data)
        return True
