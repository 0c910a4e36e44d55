"""Runs Granian: faster than Gunicorn, but loses some requests when a worker dies."""

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from lback.cli.probe import Serving
from lback.core.http.development_server import free_port

# Seconds for which an old worker keeps serving beside a new one.
OVERLAP = 1.0


def run(serving: Serving) -> None:
    """Serve until SIGTERM or SIGINT."""
    Granian(
        "lback.core.wsgi_entry:create_wsgi_app",
        factory=True,
        interface=Interfaces.WSGI,
        address=serving.host,
        # Each worker opens its own socket, so the port must be known before.
        port=serving.port or free_port(serving.host),
        http=HTTPModes.http1,
        websockets=False,
        workers=serving.workers,
        blocking_threads=serving.threads,
        respawn_failed_workers=True,
        respawn_interval=OVERLAP,
        workers_kill_timeout=serving.shutdown_timeout,
        log_access=serving.access_log,
        # Without the query, which may contain credentials.
        log_access_format="%(addr)s %(method)s %(path)s %(status)d %(dt_ms).1f ms",
    ).serve()
