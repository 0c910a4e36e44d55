"""Keeps the processes of `lback work --processes` running, and stops them."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence

from lback.core.logging_setup import HANDLER, LineFormatter

logger = logging.getLogger("lback.tasks")

RETRY_SECONDS = 2.0
PAUSE_SECONDS = 0.2
COMMAND = (sys.executable, "-m", "lback", "work", "--with-parent")


class Keeper:
    """Runs a number of processes until SIGTERM or SIGINT, and replaces those that end.

    It never imports the project, so that nothing in a project can end it.

    Args:
        options: Options of `lback work`.
        number: Number of processes.
        with_parent: Stop when the parent of this process ends.
    """

    def __init__(self, options: Sequence[str], number: int, with_parent: bool = False) -> None:
        self._command = [*COMMAND, *options]
        self._number = number
        self._parent = os.getppid() if with_parent else None
        self._processes: list[subprocess.Popen[bytes]] = []
        self._stops = 0
        self._no_start_before = 0.0

    def run(self) -> int:
        """Run until stopped; return the exit code."""
        handler = logging.StreamHandler()
        handler.set_name(HANDLER)
        handler.setFormatter(LineFormatter())
        logging.getLogger().addHandler(handler)
        logging.getLogger().setLevel(logging.INFO)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)
        while True:
            self._reap()
            if self._parent is not None and os.getppid() != self._parent:
                self._stops = max(self._stops, 1)
            if self._stops:
                return self._end()
            while len(self._processes) < self._number and time.monotonic() > self._no_start_before:
                self._processes.append(subprocess.Popen(self._command))  # noqa: S603
            time.sleep(PAUSE_SECONDS)

    def _on_signal(self, *_: object) -> None:
        self._stops += 1

    def _reap(self) -> None:
        for process in list(self._processes):
            code = process.poll()
            if code is not None:
                self._processes.remove(process)
                if code > 0:
                    self._no_start_before = time.monotonic() + RETRY_SECONDS
                if not self._stops:
                    logger.error("worker process %d ended with %d", process.pid, code)

    def _end(self) -> int:
        for process in self._processes:
            process.terminate()
        while self._processes:
            if self._stops > 1:
                for process in self._processes:
                    process.kill()
            self._reap()
            time.sleep(PAUSE_SECONDS)
        return 0
