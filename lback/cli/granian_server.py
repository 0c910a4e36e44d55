"""Runs Granian: faster than Gunicorn, but loses some requests when a worker dies."""

from granian import Granian
from granian.constants import HTTPModes, Interfaces

from lback.cli.probe import Serving
from lback.core.http.development_server import free_port

# Seconds for which an old worker keeps serving beside a new one.
OVERLAP = 1.0

# Its own lines hold tracebacks of the application.
LOGGING = {
    "formatters": {"generic": {"()": "lback.core.logging_setup.LineFormatter"}},
    "handlers": {
        "console": {
            "class": "logging.StreamHandler",
            "formatter": "generic",
            "stream": "ext://sys.stdout",
        }
    },
    "loggers": {"_granian": {"handlers": ["console"], "level": "INFO", "propagate": False}},
}


def run(serving: Serving) -> None:
    """Serve until SIGTERM or SIGINT."""
    Granian(
        "lback.core.wsgi_entry:create_served_app",
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
        # The access log is that of Lback, the same on every server.
        log_access=False,
        log_dictconfig=LOGGING,
    ).serve()
