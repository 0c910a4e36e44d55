"""`lback check`: checks that the project can start, or with `--deploy` is ready to deploy."""

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lback.cli.click_classes import Command
from lback.cli.deployment import CHECKS
from lback.cli.json_output import json_option, print_json
from lback.cli.problems import Problem, run_checks, without_silenced
from lback.cli.project import find_project, open_project
from lback.cli.start_checks import START_CHECKS, templates_without_application
from lback.core.exceptions import FrameworkException

if TYPE_CHECKING:
    from lback.application import Application


@click.command(
    cls=Command,
    examples=(
        "lback check                    # can the project start?",
        "lback check --deploy           # is it safe in production?",
        "lback check --deploy --strict  # exit with 1 for warnings, too",
        "lback check --json             # as JSON",
    ),
)
@click.option("--deploy", is_flag=True, help="Run the checks for production as well.")
@click.option("--strict", is_flag=True, help="Fail on warnings as well.")
@json_option
def check(deploy: bool, strict: bool, as_json: bool) -> None:
    """Check that the project can start, or is ready to deploy."""
    app = _open(as_json=as_json)
    checks = CHECKS if deploy else START_CHECKS
    problems, silenced = without_silenced(run_checks(checks, app), app.config, CHECKS)
    if as_json:
        _print_json(problems, silenced)
    else:
        _print_problems(app, problems, silenced, checks=len(checks), deploy=deploy)
    if any(problem.is_error for problem in problems) or (strict and problems):
        raise click.exceptions.Exit(1)


def _open(*, as_json: bool) -> "Application":
    """Build the application; if that fails, print the problems of templates before raising."""
    root = Path(find_project())
    try:
        return open_project()
    except FrameworkException:
        problems = list(templates_without_application(root))
        if as_json:
            _print_json(problems, [])
        else:
            for problem in problems:
                _print_problem(problem)
        raise


def _print_json(problems: list[Problem], silenced: list[Problem]) -> None:
    print_json(
        {
            "problems": [dataclasses.asdict(problem) for problem in problems],
            "silenced": [dataclasses.asdict(problem) for problem in silenced],
        }
    )


def _print_problems(
    app: "Application",
    problems: list[Problem],
    silenced: list[Problem],
    *,
    checks: int,
    deploy: bool,
) -> None:
    for problem in problems:
        _print_problem(problem)
    errors = sum(problem.is_error for problem in problems)
    if not errors and not deploy:
        count = len(app.router.routes)
        click.echo(f"The project can start: {count} routes, database {app.db_manager.shown_url}.")
    if deploy or problems:
        _print_summary(checks, errors, len(problems) - errors, silenced)


def _print_problem(problem: Problem) -> None:
    word, colour = ("error", "red") if problem.is_error else ("warning", "yellow")
    click.echo(f"{click.style(word, fg=colour, bold=True)}: {problem.what}")
    click.echo(f"    why: {problem.why}")
    click.echo(f"    fix: {problem.fix}")
    click.echo(f"    check: {problem.check}\n")


def _print_summary(checks: int, errors: int, warnings: int, silenced: list[Problem]) -> None:
    names = ", ".join(sorted({problem.check for problem in silenced}))
    more = f", {len(silenced)} silenced ({names})" if silenced else ""
    click.echo(f"{checks} checks: {errors} errors, {warnings} warnings{more}.")
