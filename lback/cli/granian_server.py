"""Runs Granian's listeners under the supervisor of Lback, one process for each worker."""

import importlib.metadata
import logging
import resource
import socket
import sys

import click

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
        ClickException: The address cannot be used, or not for WebSockets and events.
    """
    handler = logging.StreamHandler()
    handler.set_name(HANDLER)  # so that the settings of the project replace it in each worker
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    allow_many_connections()
    listeners = Listeners.open(serving)
    if serving.has_realtime and serving.realtime_processes:
        refuse_unix(listeners)
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


def refuse_unix(listeners: Listeners) -> None:
    """Close the sockets and raise if one of them is a Unix socket.

    Its connections have no addresses, by which a connection of Granian is found to be passed on.

    Args:
        listeners: The sockets.

    Raises:
        ClickException: WebSockets and events could not be served at one of them.
    """
    unix = [one.getsockname() for one in listeners.sockets if one.family == socket.AF_UNIX]
    if unix:
        listeners.close()
        raise click.ClickException(
            f"the server granian cannot pass WebSockets and events on from unix:{unix[0]}; "
            "run lback serve --no-realtime and, beside it, lback realtime --host unix:PATH, to "
            "which the proxy sends them; or serve with --server gunicorn, or at a TCP address"
        )


def allow_many_connections() -> None:
    """Raise the limit of open files of this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536), hard))
