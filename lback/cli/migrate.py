"""`lback makemigrations`, `lback migrate` and the other commands on the database."""

from pathlib import Path

import click

from lback.application import Application
from lback.cli import prompts
from lback.cli.click_classes import Command, Group
from lback.cli.project import open_project
from lback.database import Base
from lback.database.creation import create_database
from lback.database.migrations import Answers, Migrations, Rename, UnfilledColumn
from lback.database.seeds import choose, load_seeds, sow


@click.command(
    cls=Command,
    examples=(
        "lback makemigrations",
        "lback makemigrations --rename books.title=name  # rename a column",
        "lback makemigrations --fill books.rating=3      # value for existing rows",
        "lback makemigrations --empty -m 'tidy titles'   # to write by hand",
        "lback makemigrations --check                    # in CI: fail if one is missing",
    ),
)
@click.option(
    "-m",
    "--message",
    default="",
    help="Description of the migration (default: derived from the changes).",
)
@click.option(
    "--rename",
    "renames",
    multiple=True,
    metavar="OLD=NEW",
    help="Rename a table ('old=new') or a column ('table.old=new').",
)
@click.option(
    "--no-renames", is_flag=True, help="Drop removed tables and columns instead of renaming them."
)
@click.option(
    "--fill",
    "fills",
    multiple=True,
    metavar="TABLE.COLUMN=VALUE",
    help="Value of a new column for existing rows.",
)
@click.option("--empty", is_flag=True, help="Create a migration without changes.")
@click.option("--merge", is_flag=True, help="Create a migration that joins branches.")
@click.option("--check", is_flag=True, help="Fail if models have changed; write nothing.")
@click.option("--no-input", is_flag=True, help="Fail instead of prompting.")
def makemigrations(
    message: str,
    renames: tuple[str, ...],
    no_renames: bool,
    fills: tuple[str, ...],
    empty: bool,
    merge: bool,
    check: bool,
    no_input: bool,
) -> int:
    """Create a migration from changes in the models."""
    answers = Answers(
        renames=[_with_equals_sign(text, "--rename") for text in renames],
        keep_no_renames=no_renames,
        values=dict(_with_equals_sign(text, "--fill").split("=", 1) for text in fills),
        ask_rename=None if no_input else _ask_rename,
        ask_value=None if no_input else _ask_value,
    )
    migrations = _migrations(open_project())
    if check:
        return _check(migrations)
    if merge:
        path = migrations.merge(message)
        click.echo(f"Wrote {_shown(path)}" if path else "Nothing to merge.")
        return 0
    for written in migrations.create_layout():
        click.echo(f"Wrote {_shown(written)}")
    warnings: list[str] = []
    path = migrations.make(message, answers=answers, empty=empty, warn=warnings.append)
    for sentence in warnings:
        click.echo(f"Warning: while old code is running, {sentence}.", err=True)
    if path is None:
        click.echo("No changes.")
    else:
        click.echo(f"Wrote {_shown(path)}\nReview it, then run: lback migrate")
    return 0


def _check(migrations: Migrations) -> int:
    changes = migrations.changes() if migrations.exist else "there are no migrations yet"
    click.echo(f"Missing migration: {changes}" if changes else "No changes.")
    return 1 if changes else 0


def _with_equals_sign(text: str, option: str) -> str:
    left, sign, right = text.partition("=")
    if not (left and sign and right):
        raise click.BadParameter(f"{text!r} is not of the form NAME=VALUE", param_hint=option)
    return text


def _ask_rename(rename: Rename) -> bool | None:
    return prompts.confirm(rename.question)


def _ask_value(gap: UnfilledColumn) -> str | None:
    return prompts.line(gap.question)


@click.command(
    cls=Command,
    examples=(
        "lback migrate",
        "lback migrate 0003    # up to and including this one",
        "lback migrate --fake  # the tables exist already",
        "lback migrate --wait 600  # wait up to ten minutes for another host",
    ),
)
@click.argument("revision", default="")
@click.option("--fake", is_flag=True, help="Mark migrations as applied without running them.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="Time to wait for another process that migrates (default: 60).",
)
def migrate(revision: str, fake: bool, wait: float | None) -> None:
    """Apply pending migrations."""
    _migrate(_migrations(open_project()), revision, fake=fake, wait=wait)


def _migrate(
    migrations: Migrations,
    revision: str = "",
    *,
    fake: bool = False,
    wait: float | None = None,
) -> None:
    done = migrations.migrate(revision, fake=fake, wait=wait, on_wait=_show_wait)
    for name in done:
        click.echo(f"{'Marked as applied:' if fake else 'Applied'} {name}")
    if done:
        return
    later = migrations.later()
    if later:
        click.echo(
            f"Warning: the database is at {' and '.join(later)}, which belongs to a later version "
            "of the code; it is not changed.",
            err=True,
        )
    click.echo("Nothing to migrate.")


def _show_wait(seconds: float) -> None:
    click.echo(f"Waiting for another process that migrates ({seconds:.0f} s)", err=True)


@click.command(
    cls=Command,
    examples=(
        "lback rollback       # revert the last one",
        "lback rollback 2     # revert the last two",
        "lback rollback 0001  # revert all after this one",
        "lback rollback base  # revert all",
    ),
)
@click.argument("target", default="1")
@click.option("--yes", is_flag=True, help="Do not ask for confirmation.")
def rollback(target: str, yes: bool) -> None:
    """Revert migrations and delete the data in tables they created."""
    migrations = _migrations(open_project())
    undone = migrations.undone_by(target)
    if not undone:
        click.echo("Nothing to revert.")
        return
    if prompts.is_interactive() and not yes:
        names = "\n".join(undone)
        click.confirm(
            f"This reverts the following and deletes data in their tables:\n{names}\nContinue?",
            abort=True,
        )
    for name in migrations.rollback(target):
        click.echo(f"Reverted {name}")


@click.command(cls=Command, examples=("lback showmigrations",))
def showmigrations() -> None:
    """List migrations and whether they are applied."""
    states = _migrations(open_project()).status()
    width = max((len(state.name) for state in states), default=0)
    for state in states:
        click.echo(
            f"[{'x' if state.applied else ' '}] {state.name:{width}}  {state.message}".rstrip()
        )
    if not states:
        click.echo("No migrations.")


@click.command("init_db", cls=Command, examples=("lback init_db",))
def init_db() -> None:
    """Create the database if it does not exist, and its tables."""
    app = open_project()
    if create_database(app.db_manager.direct):
        click.echo(f"Created the database {app.db_manager.shown_url}")
    migrations = _migrations(app)
    if migrations.names:
        _migrate(migrations)
        return
    app.db_manager.create_tables(Base.metadata)
    click.echo("Created the tables of the models.")
    click.echo("No migrations exist; run 'lback makemigrations' before changing the models.")


@click.group(cls=Group, examples=("lback db seed",))
def db() -> None:
    """Load data into the database."""


@db.command(examples=("lback db seed", "lback db seed shop  # seeds of one app only"))
@click.argument("names", nargs=-1, metavar="[APP]...")
def seed(names: tuple[str, ...]) -> None:
    """Insert the initial rows defined in the seeds of apps and project."""
    app = open_project()
    seeds = choose(load_seeds(list(app.config.INSTALLED_APPS)), list(names))
    sow(seeds, app.db_manager, app.app_controller.dependencies)
    for entry in seeds:
        click.echo(f"Loaded the seeds of {entry.name}")
    if not seeds:
        click.echo("No seeds found; define seed(db_session) in seeds.py")


def _migrations(app: Application) -> Migrations:
    return Migrations(app.db_manager, app.config.PROJECT_ROOT)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
