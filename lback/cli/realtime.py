"""`lback realtime`: WebSockets and server-sent events on an address of their own, for a proxy."""

import logging
import socket
import sys
from dataclasses import replace

import click

from lback.cli.click_classes import Command
from lback.cli.listeners import Listeners
from lback.cli.probe import Serving, read_settings_in_subprocess
from lback.cli.project import find_project
from lback.cli.supervisor import Supervisor
from lback.core.http.stopping import stop_flag
from lback.core.logging_setup import HANDLER, LineFormatter

logger = logging.getLogger("lback.server")


@click.command(
    cls=Command,
    examples=(
        "lback realtime  # on the port after that of lback serve",
        "lback realtime --port 8001 --processes 2",
        "lback realtime --host unix:/run/shop-realtime.sock",
        "lback serve --no-realtime  # beside it: pages only",
    ),
)
@click.option(
    "--host",
    metavar="ADDRESS",
    help="Address to listen on, or unix: and a path (default: setting HOST).",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on (default: the one after the setting PORT).",
)
@click.option(
    "--processes",
    type=click.IntRange(1),
    help="Number of processes (default: setting REALTIME_PROCESSES).",
)
def realtime(host: str | None, port: int | None, processes: int | None) -> None:
    """Serve WebSockets and events alone, behind a proxy."""
    find_project()
    serving = read_settings_in_subprocess()
    if serving is None:
        raise click.exceptions.Exit(1)
    if not serving.has_realtime:
        raise click.ClickException(
            "the project has no WebSockets and no live pages: add a websocket(…) to urlpatterns, "
            "or set REALTIME"
        )
    chosen = replace(
        serving,
        host=host or serving.host,
        port=serving.port + 1 if port is None else port,
        workers=processes or max(1, serving.realtime_processes),
    )
    run(chosen)


def run(serving: Serving) -> None:
    """Serve until SIGTERM or SIGINT and exit the process.

    Args:
        serving: The settings; `workers` is the number of processes.

    Raises:
        ClickException: The address cannot be used.
    """
    # Imported here: it needs the packages of the server.
    from lback.cli.granian_server import allow_many_connections

    handler = logging.StreamHandler()
    handler.set_name(HANDLER)  # so that the settings of the project replace it in each process
    handler.setFormatter(LineFormatter())
    logging.getLogger().addHandler(handler)
    logging.getLogger().setLevel(logging.INFO)
    allow_many_connections()
    listeners = Listeners.open(serving)
    logger.info("realtime at %s: %d processes", listeners.addresses(), serving.workers)

    def work(sockets: list[socket.socket], channel: socket.socket) -> int:
        # Imported in the process, so that a reload takes the current code.
        from lback.cli.realtime_process import RealtimeProcess

        return RealtimeProcess(channel, listeners=sockets).run()

    stop_flag.share()
    times = serving.shutdown_timeout, serving.drain_seconds
    sys.exit(Supervisor(listeners, work, serving.workers, *times).run())
