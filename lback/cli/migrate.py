"""`lback makemigrations`, `lback migrate` and the other commands on the database."""

from dataclasses import dataclass, field
from pathlib import Path

import click

from lback.application import Application
from lback.cli import prompts
from lback.cli.click_classes import Command, Group
from lback.cli.json_output import json_option, print_json
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
@json_option
def makemigrations(
    message: str,
    renames: tuple[str, ...],
    no_renames: bool,
    fills: tuple[str, ...],
    empty: bool,
    merge: bool,
    check: bool,
    no_input: bool,
    as_json: bool,
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
        return _check(migrations, as_json=as_json)
    made = _Made()
    if merge:
        made.migration = migrations.merge(message)
        made.advice = "" if made.migration else "Nothing to merge."
    else:
        made.layout = list(migrations.create_layout())
        if not as_json:  # before `make`, which may fail
            for path in made.layout:
                click.echo(f"Wrote {_shown(path)}")
        made.migration = migrations.make(
            message, answers=answers, empty=empty, warn=made.warnings.append
        )
        made.advice = "Review it, then run: lback migrate" if made.migration else "No changes."
    made.print(as_json=as_json)
    return 0


@dataclass(slots=True)
class _Made:
    """What `makemigrations` wrote, and what it says about it."""

    layout: list[Path] = field(default_factory=list)
    migration: Path | None = None
    warnings: list[str] = field(default_factory=list)
    advice: str = ""

    def print(self, *, as_json: bool) -> None:
        """Print the migration and the warnings as text, or all files as JSON."""
        if as_json:
            written = [_shown(path) for path in (*self.layout, self.migration) if path]
            print_json({"written": written, "warnings": self.warnings})
            return
        for sentence in self.warnings:
            click.echo(f"Warning: while old code is running, {sentence}.", err=True)
        if self.migration is not None:
            click.echo(f"Wrote {_shown(self.migration)}")
        if self.advice:
            click.echo(self.advice)


def _check(migrations: Migrations, *, as_json: bool) -> int:
    changes = migrations.changes() if migrations.exist else "there are no migrations yet"
    if as_json:
        print_json({"missing": changes or None})
    else:
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
@json_option
def migrate(revision: str, fake: bool, wait: float | None, as_json: bool) -> None:
    """Apply pending migrations."""
    migrations = _migrations(open_project())
    if as_json:
        done = migrations.migrate(revision, fake=fake, wait=wait, on_wait=_show_wait)
        print_json({"applied": done, "later": [] if done else list(migrations.later())})
    else:
        _migrate(migrations, revision, fake=fake, wait=wait)


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
@json_option
def rollback(target: str, yes: bool, as_json: bool) -> None:
    """Revert migrations and delete the data in tables they created."""
    migrations = _migrations(open_project())
    undone = migrations.undone_by(target)
    if undone and prompts.is_interactive() and not yes:
        names = "\n".join(undone)
        click.confirm(
            f"This reverts the following and deletes data in their tables:\n{names}\nContinue?",
            abort=True,
            err=as_json,
        )
    reverted = list(migrations.rollback(target)) if undone else []
    if as_json:
        print_json({"reverted": reverted})
        return
    for name in reverted:
        click.echo(f"Reverted {name}")
    if not undone:
        click.echo("Nothing to revert.")


@click.command(cls=Command, examples=("lback showmigrations", "lback showmigrations --json"))
@json_option
def showmigrations(as_json: bool) -> None:
    """List migrations and whether they are applied."""
    states = _migrations(open_project()).status()
    if as_json:
        names = ("name", "message", "applied")
        print_json([{name: getattr(state, name) for name in names} for state in states])
        return
    width = max((len(state.name) for state in states), default=0)
    for state in states:
        click.echo(
            f"[{'x' if state.applied else ' '}] {state.name:{width}}  {state.message}".rstrip()
        )
    if not states:
        click.echo("No migrations.")


@click.command("init_db", cls=Command, examples=("lback init_db",))
@json_option
def init_db(as_json: bool) -> None:
    """Create the database if it does not exist, and its tables."""
    app = open_project()
    created = create_database(app.db_manager.direct)
    migrations = _migrations(app)
    if as_json:
        applied = list(migrations.migrate(on_wait=_show_wait)) if migrations.names else []
        if not migrations.names:
            app.db_manager.create_tables(Base.metadata)
        has_migrations = bool(migrations.names)
        print_json({"created": created, "applied": applied, "has_migrations": has_migrations})
        return
    if created:
        click.echo(f"Created the database {app.db_manager.shown_url}")
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
@json_option
def seed(names: tuple[str, ...], as_json: bool) -> None:
    """Insert the initial rows defined in the seeds of apps and project."""
    app = open_project()
    seeds = choose(load_seeds(list(app.config.INSTALLED_APPS)), list(names))
    sow(seeds, app.db_manager, app.app_controller.dependencies)
    if as_json:
        print_json({"loaded": [entry.name for entry in seeds]})
        return
    for entry in seeds:
        click.echo(f"Loaded the seeds of {entry.name}")
    if not seeds:
        click.echo("No seeds found; define seed(db_session) in seeds.py")


def _migrations(app: Application) -> Migrations:
    return Migrations(app.db_manager, app.config.PROJECT_ROOT)


def _shown(path: Path) -> str:
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)
