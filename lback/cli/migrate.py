"""`lback makemigrations`, `migrate` and what belongs to them: the tables follow the models."""

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
        "lback makemigrations --rename books.title=name  # a column got another name",
        "lback makemigrations --fill books.rating=3      # what rows get that are there already",
        "lback makemigrations --empty -m 'tidy titles'   # to be written by hand",
        "lback makemigrations --check                    # in CI: fails where one is missing",
    ),
)
@click.option("-m", "--message", default="", help="What it does; else the changes speak.")
@click.option(
    "--rename", "renames", multiple=True, metavar="OLD=NEW", help="'table.old=new' or 'old=new'."
)
@click.option("--no-renames", is_flag=True, help="What is gone is gone: drop it.")
@click.option(
    "--fill", "fills", multiple=True, metavar="TABLE.COLUMN=VALUE", help="For rows already there."
)
@click.option("--empty", is_flag=True, help="Write one without changes.")
@click.option("--merge", is_flag=True, help="Join migrations that follow the same one.")
@click.option("--check", is_flag=True, help="Write nothing; fail if the models changed.")
@click.option("--no-input", is_flag=True, help="Never ask; fail instead.")
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
    """Write what changed in the models as a migration."""
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
        click.echo(f"Wrote {_shown(path)}" if path else "Nothing to join.")
        return 0
    for written in migrations.create_layout():
        click.echo(f"Wrote {_shown(written)}")
    warnings: list[str] = []
    path = migrations.make(message, answers=answers, empty=empty, warn=warnings.append)
    for sentence in warnings:
        click.echo(f"While old code serves: {sentence}.", err=True)
    if path is None:
        click.echo("No changes.")
    else:
        click.echo(f"Wrote {_shown(path)}\nLook at it, then run: lback migrate")
    return 0


def _check(migrations: Migrations) -> int:
    changes = migrations.changes() if migrations.exist else "there are no migrations yet"
    click.echo(f"Missing: {changes}" if changes else "No changes.")
    return 1 if changes else 0


def _with_equals_sign(text: str, option: str) -> str:
    left, sign, right = text.partition("=")
    if not (left and sign and right):
        raise click.BadParameter(f"{text!r} has no '=' between two names", param_hint=option)
    return text


def _ask_rename(rename: Rename) -> bool | None:
    return prompts.confirm(rename.question)


def _ask_value(gap: UnfilledColumn) -> str | None:
    return prompts.line(gap.question)


@click.command(
    cls=Command,
    examples=(
        "lback migrate",
        "lback migrate 0003    # up to this one",
        "lback migrate --fake  # the tables are there already",
        "lback migrate --wait 600  # another host may migrate for ten minutes",
    ),
)
@click.argument("revision", default="")
@click.option("--fake", is_flag=True, help="Only note that they are applied.")
@click.option(
    "--wait",
    type=click.FloatRange(min=0),
    metavar="SECONDS",
    help="How long to wait for another process that migrates (default: 60).",
)
def migrate(revision: str, fake: bool, wait: float | None) -> None:
    """Apply the migrations that the database lacks."""
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
        click.echo(f"{'Noted' if fake else 'Applied'} {name}")
    if done:
        return
    later = migrations.later()
    if later:
        click.echo(
            f"Warning: the database is at {' and '.join(later)}, of later code than this; "
            "it is left as it is.",
            err=True,
        )
    click.echo("Nothing to migrate.")


def _show_wait(seconds: float) -> None:
    click.echo(f"Waiting for another process that migrates: {seconds:.0f} s", err=True)


@click.command(
    cls=Command,
    examples=(
        "lback rollback       # undo the last one",
        "lback rollback 2     # undo the last two",
        "lback rollback 0001  # undo all that follow this one",
        "lback rollback base  # undo all",
    ),
)
@click.argument("target", default="1")
@click.option("--yes", is_flag=True, help="Do not ask in a terminal.")
def rollback(target: str, yes: bool) -> None:
    """Undo migrations, with what is in the tables that they made."""
    migrations = _migrations(open_project())
    undone = migrations.undone_by(target)
    if not undone:
        click.echo("Nothing to undo.")
        return
    if prompts.is_watched() and not yes:
        names = "\n".join(undone)
        click.confirm(f"This undoes, with what is in their tables:\n{names}\nGo on?", abort=True)
    for name in migrations.rollback(target):
        click.echo(f"Undid {name}")


@click.command(cls=Command, examples=("lback showmigrations",))
def showmigrations() -> None:
    """Show all migrations, and which ones the database has."""
    states = _migrations(open_project()).status()
    width = max((len(state.name) for state in states), default=0)
    for state in states:
        click.echo(
            f"[{'x' if state.applied else ' '}] {state.name:{width}}  {state.message}".rstrip()
        )
    if not states:
        click.echo("There are none yet.")


@click.command("init_db", cls=Command, examples=("lback init_db",))
def init_db() -> None:
    """Make the database where it is missing, and its tables."""
    app = open_project()
    if create_database(app.db_manager):
        click.echo(f"Made the database {app.db_manager.shown_url}")
    migrations = _migrations(app)
    if migrations.names:
        _migrate(migrations)
        return
    app.db_manager.create_tables(Base.metadata)
    click.echo("Made the tables of the models.")
    click.echo("There are no migrations: before the models change, run: lback makemigrations")


@click.group(cls=Group, examples=("lback db seed",))
def db() -> None:
    """Fill the database."""


@db.command(examples=("lback db seed", "lback db seed shop  # those of one app"))
@click.argument("names", nargs=-1, metavar="[APP]...")
def seed(names: tuple[str, ...]) -> None:
    """Add the first rows, from the seeds of apps and project."""
    app = open_project()
    seeds = choose(load_seeds(list(app.config.INSTALLED_APPS)), list(names))
    sow(seeds, app.db_manager, app.app_controller.dependencies)
    for sown in seeds:
        click.echo(f"Added the seeds of {sown.name}")
    if not seeds:
        click.echo("There are no seeds; write def seed(db_session) in seeds.py")


def _migrations(app: Application) -> Migrations:
    return Migrations(app.db_manager, app.config.PROJECT_ROOT)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
