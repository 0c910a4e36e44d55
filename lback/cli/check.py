"""`lback check`: whether the project can start, and with `--deploy` whether it should."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lback.cli.click_classes import Command
from lback.cli.deployment import CHECKS
from lback.cli.problems import Problem, found_by, without_silenced
from lback.cli.project import find_project, open_project
from lback.cli.start_checks import START_CHECKS, templates_without_application
from lback.core.exceptions import FrameworkException

if TYPE_CHECKING:
    from lback.application import Application


@click.command(
    cls=Command,
    examples=(
        "lback check                    # can it start?",
        "lback check --deploy           # may strangers come in?",
        "lback check --deploy --strict  # exit 1 for warnings as well",
    ),
)
@click.option("--deploy", is_flag=True, help="Check what matters where strangers come in.")
@click.option("--strict", is_flag=True, help="Warnings fail as well.")
def check(deploy: bool, strict: bool) -> None:
    """Check whether the project can start, or be deployed."""
    app = _open()
    checks = CHECKS if deploy else START_CHECKS
    problems, silenced = without_silenced(found_by(checks, app), app.config, CHECKS)
    for problem in problems:
        _tell(problem)
    grave = sum(problem.grave for problem in problems)
    if not grave and not deploy:
        count = len(app.router.routes)
        click.echo(f"The project can start: {count} routes, database {app.db_manager.shown_url}.")
    if deploy or problems:
        _sum_up(len(checks), grave, len(problems) - grave, silenced)
    if grave or (strict and problems):
        raise click.exceptions.Exit(1)


def _open() -> "Application":
    """Build the application; where that fails, tell what is wrong besides, and raise."""
    root = Path(find_project())
    try:
        return open_project()
    except FrameworkException:
        for problem in templates_without_application(root):
            _tell(problem)
        raise


def _tell(problem: Problem) -> None:
    word, colour = ("error", "red") if problem.grave else ("warning", "yellow")
    click.echo(f"{click.style(word, fg=colour, bold=True)}: {problem.what}")
    click.echo(f"    why: {problem.why}")
    click.echo(f"    fix: {problem.fix}")
    click.echo(f"    check: {problem.check}\n")


def _sum_up(checks: int, errors: int, warnings: int, silenced: list[Problem]) -> None:
    names = ", ".join(sorted({problem.check for problem in silenced}))
    more = f", {len(silenced)} silenced ({names})" if silenced else ""
    click.echo(f"{checks} checks: {errors} errors, {warnings} warnings{more}.")
