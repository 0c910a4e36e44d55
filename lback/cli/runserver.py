"""`lback runserver`: the development server, which outlives every mistake in the code it serves."""

import logging
from collections.abc import Iterable
from contextlib import ExitStack

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
from lback.database import Base, DatabaseManager

NOTHING_TO_SERVE = (
    b"This project cannot start: the terminal tells why. "
    b"It starts anew as soon as a file of it is saved.\n"
)


@click.command(
    cls=Command,
    examples=(
        "lback runserver",
        "lback runserver --port 8080",
        "lback runserver --host 0.0.0.0  # open to the network; name the host in ALLOWED_HOSTS",
    ),
)
@click.option("--host", metavar="ADDRESS", help="Listen there; else the setting HOST decides.")
@click.option("--port", type=click.IntRange(0, 65535), help="Else PORT; 0 takes a free one.")
def runserver(host: str | None, port: int | None) -> None:
    """Serve for development: starts anew on every change."""
    root = find_project()
    try:
        site = server.Server()
    except FrameworkException as error:
        if not development_server.is_reloaded():
            raise
        # An edit broke it, and the next one may mend it.
        click.echo(f"Error: {error}", err=True)
        development_server.run(say_that_it_is_broken, host or "127.0.0.1", port or 8000, debug=True)
        return
    controller = server.app_controller
    assert controller is not None  # noqa: S101  the server published it; for the type checker
    config = controller.config
    reloads, database = config.DEBUG, controller.dependencies["db_manager"]
    if not development_server.is_reloaded():
        tell_of_migrations(database, root)
    if development_server.is_reloaded() or not reloads:
        tell_of_tables(database)
    with ExitStack() as stack:
        if reloads and development_server.is_reloaded():
            # Of the project's own signals, those that somebody hears.
            names = {signal.name for signal in catalogue()} | controller.dispatcher.receivers.keys()
            feed = SignalFeed(controller.dispatcher, names)
            stack.enter_context(feeding(root, feed))
        site.run(config.HOST if host is None else host, config.PORT if port is None else port)


def tell_of_migrations(database: DatabaseManager, root: str) -> None:
    """Say which migrations the database lacks, where all tables are there."""
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every look
    # 200 ms that no restart after an edit should wait for.
    from lback.database.migrations import Migrations

    try:
        if _missing_tables(database):
            return
        pending = [s.name for s in Migrations(database, root).status() if not s.applied]
    except (FrameworkException, SQLAlchemyError):
        return  # `tell_of_tables` says what is wrong
    if pending:
        others = f" and {len(pending) - 1} others" if len(pending) > 1 else ""
        click.echo(
            f"The database lacks the migration {pending[0]}{others}; run: lback migrate", err=True
        )


def tell_of_tables(database: DatabaseManager) -> None:
    """Say which tables are missing; pages that need none of them are served all the same."""
    try:
        missing = _missing_tables(database)
    except (FrameworkException, SQLAlchemyError) as error:
        click.echo(f"The database cannot be used: {error}", err=True)
        return
    if missing:
        others = f" and {len(missing) - 1} others" if len(missing) > 1 else ""
        click.echo(
            f"The database has no table {missing[0]}{others}; run: lback migrate "
            "(after lback makemigrations, if the models are new)",
            err=True,
        )


def _missing_tables(database: DatabaseManager) -> list[str]:
    missing = Base.metadata.tables.keys() - set(inspect(database.engine).get_table_names())
    # Those of the project first: they are what its author knows.
    return sorted(missing, key=lambda name: (name.startswith("lback_"), name))


def say_that_it_is_broken(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Answer every request in place of an application that cannot be built (PEP 3333)."""
    del environ
    headers = [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", str(len(NOTHING_TO_SERVE))),
    ]
    start_response("500 Internal Server Error", headers)
    return [NOTHING_TO_SERVE]
