"""`lback doctor`: diagnoses problems of the environment and the project."""

import platform
import stat
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import click

import lback
from lback.cli.click_classes import Command
from lback.cli.project import find_project, open_project
from lback.cli.start_checks import database_problem, redis_problem, task_problems
from lback.cli.template_check import template_problems
from lback.core.exceptions import FrameworkException

if TYPE_CHECKING:
    from lback.application import Application

# The extras of pyproject.toml, with a module that each one installs.
EXTRAS = {
    "postgres": "psycopg",
    "mysql": "pymysql",
    "redis": "redis",
    "jwt": "joserfc",
    "serve": "granian",
    "gunicorn": "gunicorn",
    "ratelimit": "limits",
    "tasks": "cronsim",
    "zstd": "zstandard",
}


@click.command(cls=Command, examples=("lback doctor",))
def doctor() -> None:
    """Diagnose problems of the environment and the project."""
    click.echo(f"Lback {lback.__version__} in {Path(lback.__file__).parent}")
    click.echo(f"Python {platform.python_version()} in {sys.prefix}")
    installed = [name for name, module in EXTRAS.items() if find_spec(module)]
    click.echo(f"Extras installed: {', '.join(installed) or 'none'}")
    try:
        root = find_project()
        click.echo(f"Project in {root}")
        app = open_project()
    except (FrameworkException, click.ClickException) as error:
        _report("project", str(error))
        raise click.exceptions.Exit(1) from error
    _report("settings, routes and middlewares", "")
    has_problems = False
    for subject, diagnose in DIAGNOSES.items():
        problems = list(diagnose(app))
        for problem in problems or [""]:
            _report(subject, problem)
        has_problems = has_problems or bool(problems)
    if has_problems:
        raise click.exceptions.Exit(1)


def _report(subject: str, problem: str) -> None:
    status = click.style("error", fg="red") if problem else click.style("ok   ", fg="green")
    click.echo(f"{status}  {subject}{': ' if problem else ''}{problem}")


def _database(app: "Application") -> Iterator[str]:
    problem = database_problem(app)
    if problem:
        yield problem


def _redis(app: "Application") -> Iterator[str]:
    url = app.config.REDIS_URL
    if url and app.config.source_of("REDIS_URL") != "default":
        problem = redis_problem(url)
        if problem:
            yield problem


def _env_file(app: "Application") -> Iterator[str]:
    path = Path(app.config.PROJECT_ROOT) / ".env"
    if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"other users of this machine can read it; run: chmod 600 {path}"


def _templates(app: "Application") -> Iterator[str]:
    for directory in app.config.TEMPLATE_DIRS:
        if not (Path(app.config.PROJECT_ROOT) / directory).is_dir():
            yield f"TEMPLATE_DIRS names {str(directory)!r}, which is not a directory"
    for problem in template_problems(app):
        yield problem.what


def _tasks(app: "Application") -> Iterator[str]:
    for what, fix in task_problems(app):
        yield f"{what}; {fix}"


DIAGNOSES: dict[str, Callable[["Application"], Iterator[str]]] = {
    "database": _database,
    "redis": _redis,
    ".env": _env_file,
    "templates": _templates,
    "tasks": _tasks,
}
