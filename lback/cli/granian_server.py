"""Runs Granian's listeners under the supervisor of Lback, one process for each worker."""

import importlib.metadata
import logging
import resource
import socket
import sys

from lback.cli.granian_worker import Worker
from lback.cli.listeners import Listeners
from lback.cli.probe import Serving
from lback.cli.supervisor import Supervisor
from lback.core.http.stopping import stop_flag
from lback.core.logging_setup import HANDLER, LineFormatter

logger = logging.getLogger("lback.server")


def run(serving: Serving) -> None:
    """Serve until SIGTERM or SIGINT and exit the process.

    Args:
        serving: The settings.

    Raises:
        ClickException: The address cannot be used.
    """
    handler = logging.StreamHandler()
    handler.set_name(HANDLER)  # so that the settings of the project replace it in each worker
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    allow_many_connections()
    listeners = Listeners.open(serving)
    logger.info(
        "listening at %s: granian %s, %d workers, %d threads each",
        listeners.addresses(),
        importlib.metadata.version("granian"),
        serving.workers,
        serving.threads,
    )

    def work(sockets: list[socket.socket], channel: socket.socket) -> int:
        return Worker(serving, sockets, channel, handover).run()

    realtime = handover = None
    if serving.has_realtime:
        # Imported here, because other projects do not need it.
        from lback.cli.realtime_beside import GranianHandover, beside

        realtime = beside(serving)
        if realtime is not None:
            handover = GranianHandover(realtime.channel, realtime.events_path)
            logger.info("realtime at the same address: %d processes", realtime.number)
    stop_flag.share()
    times = serving.shutdown_timeout, serving.drain_seconds
    further = None if realtime is None else (realtime.work, realtime.number)
    sys.exit(Supervisor(listeners, work, serving.workers, *times, beside=further).run())


def allow_many_connections() -> None:
    """Raise the limit of open files of this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
