"""Builds the application of the project once, to see that it can be built; for `lback serve`.

It runs in a process of its own, so that the one which starts the workers never imports the
project: each worker, also one that a reload starts, then finds the code as it is on the disk.
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
    """What `lback serve` needs to know of the settings."""

    debug: bool
    debug_source: str
    host: str
    port: int
    server: str
    workers: int
    threads: int
    shutdown_timeout: int
    has_proxies: bool


def look() -> Serving:
    """Build the application of the project and return its settings."""
    config = open_project().config
    return Serving(
        debug=config.DEBUG,
        debug_source=config.source_of("DEBUG"),
        host=config.HOST,
        port=config.PORT,
        server=config.SERVER,
        workers=config.WORKERS or min(8, 2 * len(os.sched_getaffinity(0))),
        threads=config.THREADS,
        shutdown_timeout=config.SHUTDOWN_TIMEOUT,
        has_proxies=bool(config.TRUSTED_PROXIES),
    )


def look_from_outside() -> Serving | None:
    """Do the same in a process of its own; `None` where that failed, and has said why."""
    result = subprocess.run(
        [sys.executable, "-P", "-m", "lback.cli.probe"], stdout=subprocess.PIPE, check=False
    )
    if result.returncode:
        return None
    # What the project itself printed comes before.
    facts: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return Serving(**facts)


def main() -> None:
    """Print what `look` finds as the last line, or end with the reason why it cannot."""
    try:
        serving = look()
    except (FrameworkException, click.ClickException) as error:
        sys.exit(f"Error: {error}")
    sys.stdout.write(f"\n{json.dumps(dataclasses.asdict(serving))}\n")


if __name__ == "__main__":
    main()
