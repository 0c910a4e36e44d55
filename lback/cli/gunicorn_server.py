"""Runs Gunicorn with threads: workers share a socket, and a killed one loses only its requests."""

import logging
import os
import signal
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING

from gunicorn.app.base import BaseApplication
from gunicorn.arbiter import Arbiter
from gunicorn.errors import HaltServer
from gunicorn.glogging import Logger

from lback.cli.listeners import is_unix
from lback.cli.probe import Serving, read_settings_in_subprocess
from lback.core.http.stopping import stop_flag
from lback.core.logging_setup import HANDLER, LineFormatter, RedactingFilter
from lback.core.wsgi_entry import create_served_app

if TYPE_CHECKING:
    from lback.cli.realtime_beside import Beside

RETRY_SECONDS = 2.0


class LineLogger(Logger):  # type: ignore[misc]  # it has no types
    """Logs through the handlers of the project, which escape control characters."""

    def setup(self, cfg: object) -> None:
        """Store the configuration without adding handlers; the process has its own."""
        self.cfg = cfg
        self.error_log.propagate = True
        # It writes request lines as they came.
        self.error_log.addFilter(RedactingFilter())

    def access(self, resp: object, req: object, environ: object, request_time: timedelta) -> None:
        """Write nothing: the access log is that of Lback, the same on every server.

        Args:
            resp: Gunicorn's response.
            req: Gunicorn's request.
            environ: WSGI environ.
            request_time: Duration of the request.
        """


class Site(BaseApplication):  # type: ignore[misc]  # it has no types
    """The Gunicorn application of the project; each worker builds its own `Application`."""

    def __init__(self, serving: Serving, realtime: "Beside | None" = None) -> None:
        self._serving = serving
        self._realtime = realtime
        self.realtime_pid = 0
        self.drain_seconds = serving.drain_seconds
        super().__init__()

    def load_config(self) -> None:
        """Set the options that differ from the defaults of Gunicorn."""
        serving = self._serving
        options = {
            "bind": _address(serving),
            "workers": serving.workers,
            "worker_class": "gthread",
            "threads": serving.threads,
            "graceful_timeout": serving.shutdown_timeout,
            "keepalive": 5,
            "max_requests": serving.max_requests,
            "max_requests_jitter": serving.max_requests // 10,
            "logger_class": LineLogger,
            # The setting TRUSTED_PROXIES alone decides whose forwarding headers count.
            "forwarded_allow_ips": "",
            "control_socket_disable": True,
        }
        for name, value in options.items():
            self.cfg.set(name, value)

    def load(self) -> Callable[..., Iterable[bytes]]:
        """Build the application in a worker."""
        application = create_served_app()
        if self._realtime is None:
            return application
        from lback.cli.realtime_beside import WsgiHandover  # other projects do not need it

        return WsgiHandover(application, self._realtime.channel, self._realtime.events_path)


class Master(Arbiter):  # type: ignore[misc]  # it has no types
    """Starts the workers, and keeps running ones if new ones cannot start.

    Gunicorn itself stops all workers when a new one cannot build the application, such as after
    an update with an error.
    """

    _no_worker_before = 0.0
    _stop_at: float | None = None

    def handle_term(self) -> None:
        """Report that the server stops, serve for `DRAIN_SECONDS`, then stop; at once if repeated.

        Raises:
            StopIteration: It is time to stop; running requests are completed.
        """
        stop_flag.set()
        if self._stop_at is not None or not self.app.drain_seconds:
            raise StopIteration
        self._stop_at = time.monotonic() + self.app.drain_seconds
        self.log.info("stopping in %d seconds", self.app.drain_seconds)

    def murder_workers(self) -> None:
        """Kill workers that hang, about once a second, and stop when the time has come.

        Raises:
            StopIteration: It is time to stop.
        """
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            raise StopIteration
        super().murder_workers()

    def reload(self) -> None:
        """Replace the workers, unless the application cannot be built."""
        if read_settings_in_subprocess() is None:
            self.log.error("reload failed: the project cannot start, keeping the old workers")
            return
        if self.app.realtime_pid:
            os.kill(self.app.realtime_pid, signal.SIGHUP)
        super().reload()

    def reap_workers(self) -> None:
        """Remove workers that ended.

        Raises:
            HaltServer: A worker could not start and no other one is left.
        """
        while True:
            try:
                super().reap_workers()
            except HaltServer:
                if not self.WORKERS:
                    raise
                self._no_worker_before = time.monotonic() + RETRY_SECONDS
                self.log.error("worker failed to start, trying another one")
            else:
                return

    def spawn_workers(self) -> None:
        """Start missing workers, with a pause after one could not start."""
        if time.monotonic() >= self._no_worker_before:
            super().spawn_workers()


def _address(serving: Serving) -> str:
    if is_unix(serving.host):
        return serving.host
    host = f"[{serving.host}]" if ":" in serving.host else serving.host
    return f"{host}:{serving.port}"


def run(serving: Serving) -> None:
    """Serve until SIGTERM or SIGINT and exit the process."""
    handler = logging.StreamHandler()
    handler.set_name(HANDLER)  # so that the settings of the project replace it in each worker
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    stop_flag.share()
    master = os.getpid()
    logging.getLogger("lback.server").info(
        "starting gunicorn: %d workers, %d threads each", serving.workers, serving.threads
    )
    realtime = None
    if serving.has_realtime:
        # Imported here, because other projects do not need it.
        from lback.cli.realtime_beside import beside, start_beside

        realtime = beside(serving)
    site = Site(serving, realtime)
    if realtime is None:
        Master(site).run()
        return
    site.realtime_pid = start_beside(realtime, serving)
    try:
        Master(site).run()
    finally:
        if os.getpid() == master:
            os.kill(site.realtime_pid, signal.SIGTERM)
            os.waitpid(site.realtime_pid, 0)
