"""`lback serve`: the production server, with workers that are replaced when they die."""

from collections.abc import Mapping
from dataclasses import replace
from importlib import import_module

import click

from lback.cli.click_classes import Command
from lback.cli.probe import Serving, look_from_outside
from lback.cli.project import find_project
from lback.core.http.development_server import check_address
from lback.core.settings.validation import SERVERS
from lback.distribution import install_hint

# Chosen by what a killed worker, a reload and a stop cost: docs/decisions/0031-production-server.md
RUNNERS: Mapping[str, str] = {
    "gunicorn": "lback.cli.gunicorn_server",
    "granian": "lback.cli.granian_server",
}
EXTRAS = {"gunicorn": "serve", "granian": "granian"}


@click.command(
    cls=Command,
    examples=(
        "lback serve",
        "lback serve --host 0.0.0.0 --port 80 --workers 4",
        "kill -HUP PID   # take new code; every request under way is answered",
        "kill -TERM PID  # the same, and stop",
    ),
)
@click.option("--host", metavar="ADDRESS", help="Listen there; else the setting HOST decides.")
@click.option("--port", type=click.IntRange(0, 65535), help="Else PORT.")
@click.option("--workers", type=click.IntRange(1), help="Processes; else WORKERS.")
@click.option("--threads", type=click.IntRange(1), help="Threads of each; else THREADS.")
@click.option("--server", type=click.Choice(SERVERS), help="What answers; else SERVER.")
@click.option("--force", is_flag=True, help="Serve even while DEBUG is on.")
def serve(force: bool, **options: int | str | None) -> None:
    """Serve in production, with workers that are replaced."""
    find_project()
    serving = look_from_outside()
    if serving is None:
        raise click.exceptions.Exit(1)
    if serving.debug and not force:
        raise click.ClickException(
            f"DEBUG is on (from {serving.debug_source}): every error would show strangers the "
            "code and the settings; set DEBUG=false, or insist with --force"
        )
    given = {name: value for name, value in options.items() if value is not None}
    serving = replace(serving, **given)  # type: ignore[arg-type]  # Click has checked them
    if serving.has_proxies and serving.server == "granian":
        raise click.ClickException(
            "TRUSTED_PROXIES cannot be kept with the server granian: it takes X_Forwarded_For, "
            "which any client sends, for X-Forwarded-For; use SERVER=gunicorn behind a proxy"
        )
    check_address(serving.host, serving.port)
    run(serving)


def run(serving: Serving) -> None:
    """Run the server until it is stopped.

    Raises:
        ClickException: It is not installed; names the extra that brings it.
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
