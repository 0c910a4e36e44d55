"""Gunicorn with threads: workers that share one socket, so that a killed one costs what it held."""

import logging
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger

from lback.cli.probe import Serving, look_from_outside
from lback.core.logging_setup import HANDLER, LineFormatter, RedactingFilter
from lback.core.wsgi_entry import create_served_app

RETRY_SECONDS = 2.0


class LineLogger(Logger):  # type: ignore[misc]  # it has no types
    """Logs through the handlers of the project, whose lines nobody can forge."""

    def setup(self, cfg: Any) -> None:
        """Leave the handlers alone: the process has its own."""
        self.cfg = cfg
        self.error_log.propagate = True
        # It writes request lines as they came.
        self.error_log.addFilter(RedactingFilter())

    def access(self, resp: Any, req: Any, environ: Any, request_time: timedelta) -> None:
        """Write nothing: the access log is that of Lback, the same on every server."""


class Site(BaseApplication):  # type: ignore[misc]  # it has no types
    """The project, as Gunicorn asks for it: each worker builds its own application."""

    def __init__(self, serving: Serving) -> None:
        self._serving = serving
        super().__init__()

    def load_config(self) -> None:
        """Set what differs from the defaults of Gunicorn."""
        serving = self._serving
        host = f"[{serving.host}]" if ":" in serving.host else serving.host
        options = {
            "bind": f"{host}:{serving.port}",
            "workers": serving.workers,
            "worker_class": "gthread",
            "threads": serving.threads,
            "graceful_timeout": serving.shutdown_timeout,
            "keepalive": 5,
            "logger_class": LineLogger,
            # Whose forwarding headers are believed, TRUSTED_PROXIES says, and nobody else.
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Iterable[bytes]]:
        """Build the application, in a worker."""
        return create_served_app()


class Master(Arbiter):  # type: ignore[misc]  # it has no types
    """Starts the workers, and keeps those that work where their successors could not.

    Gunicorn itself ends all workers when a new one cannot build the application, such as while
    code is being replaced that has a mistake.
    """

    _no_worker_before = 0.0

    def reload(self) -> None:
        """Replace the workers, unless the project cannot be built as it is now."""
        if look_from_outside() is None:
            self.log.error("the project as it is now cannot start: the old workers stay")
            return
        super().reload()

    def reap_workers(self) -> None:
        """Take note of workers that ended.

        Raises:
            HaltServer: One could not start, and none is left.
        """
        while True:
            try:
                super().reap_workers()
            except HaltServer:
                if not self.WORKERS:
                    raise
                self._no_worker_before = time.monotonic() + RETRY_SECONDS
                self.log.error("a new worker could not start: another one will be tried")
            else:
                return

    def spawn_workers(self) -> None:
        """Start the workers that are missing, but not at once after one could not start."""
        if time.monotonic() >= self._no_worker_before:
            super().spawn_workers()


def run(serving: Serving) -> None:
    """Serve until SIGTERM or SIGINT, and end the process."""
    handler = logging.StreamHandler()
    handler.set_name(HANDLER)  # so that the settings of the project replace it in each worker
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    Master(Site(serving)).run()
