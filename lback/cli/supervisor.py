"""Keeps the worker processes of `lback serve` running, replaces and stops them.

It never imports the project and accepts no connection, so that nothing in a project can end it. The
workers share the listening sockets, which it holds open: while none is there, connections wait.
"""

import contextlib
import logging
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from lback.cli.granian_worker import READY, WORN
from lback.cli.listeners import Listeners
from lback.cli.probe import COMMAND
from lback.core.http.stopping import stop_flag

logger = logging.getLogger("lback.server")

# Pause after a worker that could not start, and where no other one is left.
RETRY_SECONDS = 2.0
URGENT_RETRY_SECONDS = 0.5
PAUSE_SECONDS = 0.5
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGCHLD)

# Serves in a worker process, with the sockets and a channel; returns the exit code.
Work = Callable[[list[socket.socket], socket.socket], int]


class State(Enum):
    """Where a worker is in its life."""

    STARTING = auto()
    READY = auto()
    STOPPING = auto()


@dataclass(eq=False)
class Process:
    """A worker process."""

    pid: int
    channel: socket.socket
    is_beside: bool = False
    replaces: "Process | None" = None
    state: State = State.STARTING
    killed_at: float = field(default=float("inf"))

    @property
    def name(self) -> str:
        """What it is, for the log."""
        return "realtime process" if self.is_beside else "worker"


class Supervisor:
    """Runs a number of workers until SIGTERM or SIGINT.

    Args:
        listeners: The listening sockets.
        work: What a worker does.
        number: Number of workers.
        timeout: Seconds that a stopping worker has for its running requests.
        drain: Seconds to serve on after SIGTERM, as in `DRAIN_SECONDS`.
        beside: What further processes do that are kept running, and how many there are.
        parent: Process id of who has started this one; it stops when that has ended.
    """

    def __init__(
        self,
        listeners: Listeners,
        work: Work,
        number: int,
        timeout: int,
        drain: int = 0,
        *,
        beside: tuple[Work, int] | None = None,
        parent: int | None = None,
    ) -> None:
        self._beside = beside
        self._parent = parent
        self._drain = drain
        self._stop_at = float("inf")
        self._listeners = listeners
        self._work = work
        self._number = number
        self._timeout = timeout
        self._processes: list[Process] = []
        self._old: list[Process] = []  # still to be replaced by a reload
        self._check: subprocess.Popen[bytes] | None = None
        self._was_ready = self._is_stopping = False
        self._no_start_before = 0.0
        self._arrived: list[int] = []
        self._selector = selectors.DefaultSelector()

    def run(self) -> int:
        """Serve until stopped; return the exit code."""
        try:
            return self._run()
        finally:
            # The ends of other processes are told as well, when the socket is closed.
            signal.set_wakeup_fd(-1)

    def _run(self) -> int:
        wake, waker = socket.socketpair()
        wake.setblocking(False)
        waker.setblocking(False)
        self._selector.register(wake, selectors.EVENT_READ)
        for number in SIGNALS:
            signal.signal(number, lambda number, _: self._arrived.append(number))
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        while True:
            self._handle_signals()
            is_orphan = self._parent is not None and os.getppid() != self._parent
            if (time.monotonic() >= self._stop_at or is_orphan) and not self._is_stopping:
                self._begin_stop()
            self._reap()
            if self._is_stopping and not self._processes:
                return 0
            if not self._is_stopping:
                if not self._was_ready and not self._processes and self._no_start_before:
                    self._listeners.close()
                    return 1  # the first workers could not start
                self._finish_check()
                self._replace_next()
                self._fill()
            self._kill_late()
            self._wait(wake)

    def _wait(self, wake: socket.socket) -> None:
        for key, _ in self._selector.select(PAUSE_SECONDS):
            if key.fileobj is wake:
                with contextlib.suppress(BlockingIOError):
                    wake.recv(4096)
            else:
                self._hear(key.data)

    def _handle_signals(self) -> None:
        while self._arrived:
            number = self._arrived.pop(0)
            if number == signal.SIGHUP:
                self._reload()
            elif number in (signal.SIGTERM, signal.SIGINT):
                self._stop(self._drain if number == signal.SIGTERM else 0)

    def _hear(self, process: Process) -> None:
        """Read what a worker says."""
        try:
            said = process.channel.recv(16)
        except OSError:
            said = b""
        if not said:
            self._selector.unregister(process.channel)
            return
        if READY in said and process.state is State.STARTING:
            self._was_ready, process.state = True, State.READY
            logger.info("%s %d is ready", process.name, process.pid)
            if process.replaces is not None:
                self._retire(process.replaces)
                process.replaces = None
        if WORN in said and process.state is State.READY and process not in self._old:
            self._old.append(process)

    def _start(self, replaces: Process | None = None, *, is_beside: bool = False) -> None:
        ours, theirs = socket.socketpair()
        pid = os.fork()
        if pid == 0:
            for process in self._processes:
                process.channel.close()
            ours.close()
            self._become_worker(theirs, is_beside=is_beside)
        theirs.close()
        process = Process(pid, ours, is_beside, replaces)
        self._processes.append(process)
        self._selector.register(ours, selectors.EVENT_READ, process)

    def _become_worker(self, channel: socket.socket, *, is_beside: bool) -> None:
        signal.set_wakeup_fd(-1)
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        # The terminal sends it to all; the supervisor stops its workers.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        self._selector.close()
        work = self._beside[0] if is_beside and self._beside else self._work
        sys.exit(work(self._listeners.sockets, channel))

    def _fill(self) -> None:
        """Start missing workers, with a pause after one could not start."""
        present = [
            process.is_beside
            for process in self._processes
            if process.state is not State.STOPPING and process.replaces is None
        ]
        missing = [False] * (self._number - present.count(False))
        missing += [True] * ((self._beside[1] if self._beside else 0) - present.count(True))
        for is_beside in missing:
            if time.monotonic() >= self._no_start_before:
                self._start(is_beside=is_beside)

    def _reap(self) -> None:
        for process in list(self._processes):
            pid, status = os.waitpid(process.pid, os.WNOHANG)
            if pid:
                self._processes.remove(process)
                self._ended(process, os.waitstatus_to_exitcode(status))

    def _ended(self, process: Process, code: int) -> None:
        with contextlib.suppress(KeyError):
            self._selector.unregister(process.channel)
        process.channel.close()
        if process in self._old:
            self._old.remove(process)
        for other in self._processes:
            if other.replaces is process:
                other.replaces = None
        if process.state is State.STOPPING:
            logger.info("%s %d has stopped", process.name, process.pid)
        elif process.state is State.STARTING and code > 0:
            pause = RETRY_SECONDS if self._processes else URGENT_RETRY_SECONDS
            self._no_start_before = time.monotonic() + pause
            self._old.clear()
            logger.error("%s failed to start, trying another one", process.name)
        else:
            logger.error(
                "%s %d ended with %s, starting another one", process.name, process.pid, _named(code)
            )

    def _reload(self) -> None:
        """Replace all workers, unless the application cannot be built."""
        if not self._is_stopping and self._check is None:
            logger.info("reloading")
            self._check = subprocess.Popen(COMMAND, stdout=subprocess.DEVNULL)  # noqa: S603

    def _finish_check(self) -> None:
        if self._check is None or self._check.poll() is None:
            return
        code, self._check = self._check.returncode, None
        if code:
            logger.error("reload failed: the project cannot start, keeping the old workers")
            return
        self._no_start_before = 0.0
        self._old = [process for process in self._processes if process.state is State.READY]
        for process in self._processes:
            if process.state is State.STARTING:  # with the former code, perhaps
                self._retire(process)

    def _replace_next(self) -> None:
        """Start one replacement at a time; the old worker stops when the new one is ready."""
        is_busy = any(process.replaces is not None for process in self._processes)
        if self._old and not is_busy and time.monotonic() >= self._no_start_before:
            old = self._old.pop(0)
            self._start(old, is_beside=old.is_beside)

    def _retire(self, process: Process) -> None:
        process.state = State.STOPPING
        process.killed_at = time.monotonic() + self._timeout
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGTERM)

    def _kill_late(self) -> None:
        for process in self._processes:
            if time.monotonic() >= process.killed_at:
                process.killed_at = float("inf")
                logger.warning(
                    "%s %d killed after %d seconds", process.name, process.pid, self._timeout
                )
                os.kill(process.pid, signal.SIGKILL)

    def _stop(self, seconds: int) -> None:
        """Stop all workers after some seconds; at a second time without them, then at once."""
        stop_flag.set()
        if self._is_stopping:
            logger.warning("stopping at once")
            for process in self._processes:
                os.kill(process.pid, signal.SIGKILL)
        elif seconds and self._stop_at == float("inf"):
            logger.info("stopping in %d seconds", seconds)
            self._stop_at = time.monotonic() + seconds
        else:
            self._begin_stop()

    def _begin_stop(self) -> None:
        logger.info("stopping: running requests are completed")
        self._is_stopping = True
        self._listeners.drain()
        for process in self._processes:
            if process.state is not State.STOPPING:
                self._retire(process)
        self._listeners.close()


def _named(code: int) -> str:
    return signal.Signals(-code).name if code < 0 else f"exit code {code}"
