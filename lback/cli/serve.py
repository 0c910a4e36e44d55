"""`lback serve`: the production server, which replaces workers that die."""

import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from importlib import import_module

import click

from lback.cli.click_classes import Command
from lback.cli.listeners import has_passed_sockets, is_unix
from lback.cli.probe import Serving, read_settings_in_subprocess
from lback.cli.project import find_project
from lback.cli.work_processes import COMMAND
from lback.core.http.development_server import check_address
from lback.core.settings.validation import SERVERS
from lback.distribution import install_hint

# For the choice of servers see docs/decisions/0118-granian-under-a-supervisor.md
RUNNERS: Mapping[str, str] = {
    "gunicorn": "lback.cli.gunicorn_server",
    "granian": "lback.cli.granian_server",
}
EXTRAS = {"gunicorn": "gunicorn", "granian": "serve"}


@click.command(
    cls=Command,
    examples=(
        "lback serve",
        "lback serve --host 0.0.0.0 --port 80 --workers 4",
        "lback serve --work  # with background tasks, on a single machine",
        "kill -HUP PID   # reload the code; running requests are completed",
        "kill -TERM PID  # stop; running requests are completed",
    ),
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on (default: setting HOST).")
@click.option(
    "--port", type=click.IntRange(0, 65535), help="Port to listen on (default: setting PORT)."
)
@click.option(
    "--workers",
    type=click.IntRange(1),
    help="Number of worker processes (default: setting WORKERS).",
)
@click.option(
    "--threads", type=click.IntRange(1), help="Threads per worker (default: setting THREADS)."
)
@click.option(
    "--server", type=click.Choice(SERVERS), help="Server to run (default: setting SERVER)."
)
@click.option(
    "--realtime-processes",
    type=click.IntRange(1),
    help="Processes for WebSockets and events (default: setting REALTIME_PROCESSES).",
)
@click.option("--no-realtime", is_flag=True, help="Leave WebSockets and events to lback realtime.")
@click.option("--work", "works", is_flag=True, help="Run background tasks as well.")
@click.option("--force", is_flag=True, help="Serve even if DEBUG is on.")
def serve(force: bool, works: bool, no_realtime: bool, **options: int | str | None) -> None:
    """Run the production server, which replaces failed workers."""
    find_project()
    serving = read_settings_in_subprocess()
    if serving is None:
        raise click.exceptions.Exit(1)
    if serving.debug and not force:
        raise click.ClickException(
            f"DEBUG is on (from {serving.debug_source}), so error pages would show code and "
            "settings to visitors; set DEBUG=false, or serve anyway with --force"
        )
    given = {name: value for name, value in options.items() if value is not None}
    serving = replace(serving, **given)  # type: ignore[arg-type]  # Click has checked them
    if no_realtime:
        serving = replace(serving, has_realtime=False)
    if not is_unix(serving.host) and not has_passed_sockets():
        check_address(serving.host, serving.port)
    with working() if works else nullcontext():
        run(serving)


@contextmanager
def working() -> Iterator[None]:
    """Run `lback work` in a process beside the server, replaced when it ends."""
    process = subprocess.Popen([*COMMAND, "--processes=1"])  # noqa: S603
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def run(serving: Serving) -> None:
    """Run the server until it is stopped.

    Raises:
        ClickException: The server is not installed; the message names the extra that installs it.
    """
    try:
        module = import_module(RUNNERS[serving.server])
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] != serving.server:
            raise
        raise click.ClickException(
            f"the server {serving.server} is not installed; "
            f"run: {install_hint(EXTRAS[serving.server])}"
        ) from error
    module.run(serving)
