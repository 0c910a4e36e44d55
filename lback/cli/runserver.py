"""`lback runserver`: the development server, which restarts on changes and survives errors."""

from collections.abc import Iterable
from contextlib import ExitStack
from typing import TYPE_CHECKING

import click
from sqlalchemy import inspect
from sqlalchemy.exc import SQLAlchemyError

from lback.cli.click_classes import Command
from lback.cli.project import find_project
from lback.cli.signal_catalogue import catalogue
from lback.cli.signal_feed import SignalFeed, feeding
from lback.core import server
from lback.core.exceptions import FrameworkException
from lback.core.http import development_server
from lback.core.response import Environ, StartResponse
from lback.core.settings.defaults import TASKS_IN_DATABASE
from lback.database import Base, DatabaseManager

if TYPE_CHECKING:
    from lback.application import Application

NOTHING_TO_SERVE = (
    b"This project cannot start. The terminal shows the reason. "
    b"The server restarts when a file of the project is saved.\n"
)


@click.command(
    cls=Command,
    examples=(
        "lback runserver",
        "lback runserver --port 8080",
        "lback runserver --host 0.0.0.0  # open to the network; add the host to ALLOWED_HOSTS",
    ),
)
@click.option("--host", metavar="ADDRESS", help="Address to listen on (default: setting HOST).")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    help="Port to listen on, 0 for a free one (default: setting PORT).",
)
def runserver(host: str | None, port: int | None) -> None:
    """Run the development server, which restarts on every change."""
    root = find_project()
    try:
        site = server.Server()
    except FrameworkException as error:
        if not development_server.is_reloaded():
            raise
        # An edit broke the project, and the next one may fix it.
        click.echo(f"Error: {error}", err=True)
        development_server.run(answer_broken_project, host or "127.0.0.1", port or 8000, debug=True)
        return
    controller = server.app_controller
    assert controller is not None  # noqa: S101  the server published it; for the type checker
    config = controller.config
    reloads, database = config.DEBUG, controller.dependencies["db_manager"]
    if not development_server.is_reloaded():
        print_pending_migrations(database, root)
    if development_server.is_reloaded() or not reloads:
        print_missing_tables(database)
    with ExitStack() as stack:
        if reloads and development_server.is_reloaded():
            # Signals of the project are known by their receivers.
            names = {signal.name for signal in catalogue()} | controller.dispatcher.receivers.keys()
            feed = SignalFeed(controller.dispatcher, names)
            stack.enter_context(feeding(root, feed))
        hand = None
        if development_server.is_reloaded() or not reloads:
            app: Application = controller.dependencies["app"]
            _start_tasks(app)
            hand = app.hand_over_realtime()
        address = config.HOST if host is None else host, config.PORT if port is None else port
        site.run(*address, hand=hand)


def _start_tasks(app: "Application") -> None:
    if app.config.TASKS in TASKS_IN_DATABASE:
        from lback.cli.work import work_in_background  # projects without tasks do not import it

        work_in_background(app)


def print_pending_migrations(database: DatabaseManager, root: str) -> None:
    """Print the first pending migration if there is one and all tables exist.

    Args:
        database: Database of the project.
        root: Directory of the project, which contains `migrations`.
    """
    # Takes 200 ms, which a restart after an edit should not wait for.
    from lback.database.migrations import Migrations

    try:
        if _missing_tables(database):
            return
        pending = [s.name for s in Migrations(database, root).status() if not s.applied]
    except (FrameworkException, SQLAlchemyError):
        return  # `print_missing_tables` reports the error
    if pending:
        others = f" and {len(pending) - 1} others" if len(pending) > 1 else ""
        click.echo(f"Migration {pending[0]}{others} not applied; run: lback migrate", err=True)


def print_missing_tables(database: DatabaseManager) -> None:
    """Print the first missing table, or why the database cannot be used.

    Neither keeps the server from starting: pages without the database work.
    """
    try:
        missing = _missing_tables(database)
    except (FrameworkException, SQLAlchemyError) as error:
        click.echo(f"The database cannot be used: {error}", err=True)
        return
    if missing:
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        click.echo(
            f"The database has no table {missing[0]}{others}; run: lback migrate "
            "(after lback makemigrations for new models)",
            err=True,
        )


def _missing_tables(database: DatabaseManager) -> list[str]:
    missing = Base.metadata.tables.keys() - set(inspect(database.engine).get_table_names())
    # Tables of the project first, which its author knows.
    return sorted(missing, key=lambda name: (name.startswith("lback_"), name))


def answer_broken_project(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request with status 500 while the application cannot be built (PEP 3333).

    Args:
        environ: WSGI environment; not used.
        start_response: WSGI callable that takes status and header fields.
    """
    del environ
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(NOTHING_TO_SERVE))),
    ]
    start_response("500 Internal Server Error", headers)
    return [NOTHING_TO_SERVE]
