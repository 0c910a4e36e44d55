"""`lback check`: whether the project can start, and with `--deploy` whether it should."""

import click

from lback.cli.command import Command
from lback.cli.deployment import CHECKS, Problem, problems_of
from lback.cli.project import open_project


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
    app = open_project()
    if not deploy:
        count = len(app.router.routes)
        click.echo(f"The project can start: {count} routes, database {app.db_manager.shown_url}.")
        return
    problems = problems_of(app)
    for problem in problems:
        _tell(problem)
    grave = sum(problem.grave for problem in problems)
    click.echo(f"{len(CHECKS)} checks: {grave} errors, {len(problems) - grave} warnings.")
    if grave or (strict and problems):
        raise click.exceptions.Exit(1)


def _tell(problem: Problem) -> None:
    word, colour = ("error", "red") if problem.grave else ("warning", "yellow")
    click.echo(f"{click.style(word, fg=colour, bold=True)}: {problem.what}")
    click.echo(f"    why: {problem.why}")
    click.echo(f"    fix: {problem.fix}\n")
