"""Builds the application once to validate it and read its settings, for `lback serve`.

This runs in a separate process, so that the master process never imports the project and each
worker, also after a reload, imports the current code.
"""

import dataclasses
import json
import os
import subprocess
import sys
from typing import Any

import click

from lback.cli.project import open_project
from lback.core.exceptions import FrameworkException


@dataclasses.dataclass(frozen=True, slots=True)
class Serving:
    """The settings that `lback serve` needs."""

    debug: bool
    debug_source: str
    host: str
    port: int
    server: str
    workers: int
    threads: int
    shutdown_timeout: int
    drain_seconds: int
    client_timeout: int
    body_limit: int
    max_requests: int
    max_memory: int
    has_realtime: bool = False
    realtime_processes: int = 0
    events_path: str = ""


def read_settings() -> Serving:
    """Build the application of the project and return its settings for serving."""
    app = open_project()
    config = app.config
    return Serving(
        debug=config.DEBUG,
        debug_source=config.source_of("DEBUG"),
        host=config.HOST,
        port=config.PORT,
        server=config.SERVER,
        workers=config.WORKERS or min(8, 2 * len(os.sched_getaffinity(0))),
        threads=config.THREADS,
        shutdown_timeout=config.SHUTDOWN_TIMEOUT,
        drain_seconds=config.DRAIN_SECONDS,
        client_timeout=config.CLIENT_TIMEOUT,
        body_limit=config.MAX_REQUEST_BODY_SIZE,
        max_requests=config.WORKER_MAX_REQUESTS,
        max_memory=config.WORKER_MAX_MEMORY,
        has_realtime=app.has_realtime,
        realtime_processes=config.REALTIME_PROCESSES,
        events_path=f"{config.REALTIME_PATH}events" if config.REALTIME else "",
    )


COMMAND = [sys.executable, "-P", "-m", "lback.cli.probe"]


def read_settings_in_subprocess() -> Serving | None:
    """Call `read_settings` in a separate process; return None if that failed and printed why."""
    result = subprocess.run(COMMAND, stdout=subprocess.PIPE, check=False)  # noqa: S603  of our own
    if result.returncode:
        return None
    # Output of the project itself comes before.
    facts: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return Serving(**facts)


def main() -> None:
    """Print the settings as JSON on the last line, or exit with an error message."""
    try:
        serving = read_settings()
    except (FrameworkException, click.ClickException) as error:
        sys.exit(f"Error: {error}")
    sys.stdout.write(f"\n{json.dumps(dataclasses.asdict(serving))}\n")


if __name__ == "__main__":
    main()
