"""Granian: the faster server, for those who can do without some requests when a worker dies."""

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from lback.cli.probe import Serving
from lback.core.http.development_server import free_port

# Seconds for which a reload lets the old worker answer beside the new one.
OVERLAP = 1.0


def run(serving: Serving) -> None:
    """Serve until SIGTERM or SIGINT."""
    Granian(
        "lback.core.wsgi_entry:create_wsgi_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=serving.host,
        # Each worker opens a socket of its own: they must agree on the port before.
        port=serving.port or free_port(serving.host),
        http=HTTPModes.http1,
        websockets=False,
        workers=serving.workers,
        blocking_threads=serving.threads,
        respawn_failed_workers=True,
        respawn_interval=OVERLAP,
        workers_kill_timeout=serving.shutdown_timeout,
        log_access=serving.access_log,
        # The query is left out: it may hold what lets somebody in.
        log_access_format="%(addr)s %(method)s %(path)s %(status)d %(dt_ms).1f ms",
    ).serve()
