"""One worker process of `lback serve`: Granian's listener and the application of the project.

Granian's own supervisor, its WSGI threads and its access log are not used; see
docs/decisions/0118.
"""

import asyncio
import atexit
import logging
import os
import random
import signal
import socket
import sys
from asyncio.tasks import _enter_task, _leave_task
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from granian import _granian
from granian.http import HTTP1Settings

from lback.cli.listeners import BACKLOG
from lback.cli.own_connections import stop_accepting
from lback.cli.probe import Serving
from lback.cli.wsgi_gateway import Gateway, GatewaySettings
from lback.core.exceptions import FrameworkException
from lback.core.wsgi_entry import create_served_app

if TYPE_CHECKING:
    from lback.cli.realtime_beside import GranianHandover

logger = logging.getLogger("lback.server")

# Its stub has other signatures than the classes.
native: Any = _granian

READY, WORN = b"R", b"W"

# A stopping worker keeps connections open for that time and answers with `Connection: close`. Then
# Granian closes unused ones, and a client that sends at that moment gets no answer.
LINGER_SECONDS = 1.0
TICK_SECONDS = 1.0
# A worker that is to be replaced after N requests is so after N to 1.1 N, not all at once.
SPREAD = 0.1
# Connections that one worker accepts; those over it wait.
CONNECTIONS = 16384
# Granian's threads beside those that run views: they bring requests and parts of bodies.
SPARE_THREADS = 2
# Long: while few threads run, a request may wait for the one that Granian still takes for unused.
IDLE_SECONDS = 3600
PAGE_SIZE = 4096


class _Scheduler(_granian.CallbackScheduler):
    """Hands requests to a function in Granian's thread, without the event loop."""

    __slots__ = ()

    def __init__(self, _loop: Any, handle: Any, *_rest: Any) -> None:
        super().__init__()
        self._schedule_fn = handle


class Worker:
    """Serves the project until SIGTERM.

    Args:
        serving: The settings.
        sockets: The shared listening sockets.
        channel: Connection to the supervisor; it ends when the supervisor does.
        handover: Hands connections over to the realtime process; None if there is none.
    """

    def __init__(
        self,
        serving: Serving,
        sockets: list[socket.socket],
        channel: socket.socket,
        handover: "GranianHandover | None" = None,
    ) -> None:
        self._handover = handover
        self._serving = serving
        self._sockets = sockets
        self._channel = channel
        self._loop = asyncio.new_event_loop()
        self._signals: list[Any] = []
        self._listeners: list[int] = []
        self._is_stopping = self._is_worn = False
        self._code = 1
        self._open = len(sockets)
        self._most = serving.max_requests * random.uniform(1, 1 + SPREAD)  # noqa: S311

    def run(self) -> int:
        """Build the application and serve it; return the exit code."""
        # Before the project registers its own functions: the first one registered is called last.
        atexit.register(self._leave)
        try:
            application = create_served_app()
        except FrameworkException as error:
            logger.error("%s", error)
            return 1
        logging.getLogger("_granian").setLevel(logging.WARNING)
        serving = self._serving
        limits = GatewaySettings(serving.threads, serving.client_timeout, serving.body_limit)
        self._gateway = Gateway(application, self._loop, limits, self._handover)
        self._loop.add_signal_handler(signal.SIGTERM, self._stop)
        self._loop.add_reader(self._channel, self._stop)
        self._loop.call_later(TICK_SECONDS, self._tick)
        for listener in self._sockets:
            self._accept(listener)
        self._channel.send(READY)
        self._loop.run_forever()
        self._code = 0
        return self._code

    def _leave(self) -> None:
        """End the process before the interpreter is finalized.

        Granian's threads may ask for the interpreter until the end, and one that gets none aborts
        the process.
        """
        logging.shutdown()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(self._code)

    def _accept(self, listener: socket.socket) -> None:
        ended = native.WorkerSignal()
        ended.add_cb(partial(self._loop.call_soon_threadsafe, self._listener_ended))
        self._signals.append(ended)
        scheduler = _Scheduler(
            self._loop, self._gateway.handle, None,
            partial(_enter_task, self._loop), partial(_leave_task, self._loop),
        )  # fmt: skip
        is_unix = listener.family == socket.AF_UNIX
        descriptor = listener.detach()
        self._listeners.append(descriptor)
        server = self._server(_holder(descriptor, is_unix))
        start = server.serve_mtr_uds if is_unix else server.serve_mtr
        start(scheduler, self._loop, ended)

    def _server(self, holder: Any) -> Any:
        serving = self._serving
        return native.ASGIWorker(
            worker_id=1,
            sock=(None, holder),
            ipc=None,
            threads=1,
            blocking_threads=16,
            py_threads=serving.threads + SPARE_THREADS,
            py_threads_idle_timeout=IDLE_SECONDS,
            backpressure=CONNECTIONS,
            http_mode="1",
            http1_opts=HTTP1Settings(header_read_timeout=serving.client_timeout * 1000),
            websockets_enabled=False,
        )

    def _tick(self) -> None:
        """Ask for a replacement when the worker has answered enough or is too large."""
        serving = self._serving
        many = serving.max_requests and self._gateway.requests >= self._most
        large = serving.max_memory and _memory() > serving.max_memory
        if (many or large) and not self._is_worn:
            self._is_worn = True
            logger.info("worker asks for a replacement after %d requests", self._gateway.requests)
            self._channel.send(WORN)
        self._loop.call_later(TICK_SECONDS, self._tick)

    def _stop(self) -> None:
        """Answer what is under way, then end."""
        self._loop.remove_reader(self._channel)
        if self._is_stopping:
            return
        self._is_stopping = self._gateway.closing = True
        for descriptor in self._listeners:
            stop_accepting(descriptor)
        self._loop.call_later(LINGER_SECONDS, self._close)

    def _close(self) -> None:
        for ended in self._signals:
            ended.set()

    def _listener_ended(self) -> None:
        """Note that all connections of a listener have ended."""
        self._open -= 1
        if not self._open:
            self._loop.stop()


def _holder(descriptor: int, is_unix: bool) -> Any:
    backlog = [BACKLOG] if sys.platform == "linux" else []
    return native.SocketHolder(descriptor, is_unix, *backlog)


def _memory() -> int:
    """Return the resident memory of this process in MiB; 0 where the system does not tell."""
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0
    return pages * PAGE_SIZE // 2**20
