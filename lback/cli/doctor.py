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
from lback.cli.broker_check import broker_problem
from lback.cli.click_classes import Command
from lback.cli.json_output import json_option, print_json
from lback.cli.project import find_project, open_project
from lback.cli.start_checks import (
    database_problem,
    realtime_problem,
    redis_problem,
    task_problems,
)
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
    "broker-rabbitmq": "pika",
    "broker-redis": "dramatiq",
    "i18n": "babel",
    "s3": "obstore",
    "images": "PIL",
    "zstd": "zstandard",
    "docs-ui": "flask_swagger_ui",
}


@click.command(cls=Command, examples=("lback doctor", "lback doctor --json"))
@json_option
def doctor(as_json: bool) -> None:
    """Diagnose problems of the environment and the project."""
    installed = [name for name, module in EXTRAS.items() if find_spec(module)]
    if not as_json:
        click.echo(f"Lback {lback.__version__} in {Path(lback.__file__).parent}")
        click.echo(f"Python {platform.python_version()} in {sys.prefix}")
        click.echo(f"Extras installed: {', '.join(installed) or 'none'}")
    results: list[tuple[str, list[str]]] = []
    for subject, problems in _diagnosed(show_root=not as_json):
        results.append((subject, problems))
        if not as_json:
            _report(subject, problems)
    if as_json:
        found = [{"subject": subject, "problems": problems} for subject, problems in results]
        python = {"version": platform.python_version(), "prefix": sys.prefix}
        print_json(
            {
                "lback": {"version": lback.__version__, "path": str(Path(lback.__file__).parent)},
                "python": python,
                "extras": installed,
                "results": found,
            }
        )
    if any(problems for _, problems in results):
        raise click.exceptions.Exit(1)


def _diagnosed(*, show_root: bool) -> Iterator[tuple[str, list[str]]]:
    """Yield each subject with its problems; the first one is the project itself."""
    try:
        root = find_project()
        if show_root:
            click.echo(f"Project in {root}")
        app = open_project()
    except (FrameworkException, click.ClickException) as error:
        yield "project", [str(error)]
        return
    yield "settings, routes and middlewares", []
    for subject, diagnose in DIAGNOSES.items():
        yield subject, list(diagnose(app))


def _report(subject: str, problems: list[str]) -> None:
    for problem in problems or [""]:
        _report_line(subject, problem)


def _report_line(subject: str, problem: str) -> None:
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


def _realtime(app: "Application") -> Iterator[str]:
    problem = realtime_problem(app)
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


def _broker(app: "Application") -> Iterator[str]:
    problem = broker_problem(app)
    if problem is not None:
        yield f"{problem.what}; {problem.fix}"


DIAGNOSES: dict[str, Callable[["Application"], Iterator[str]]] = {
    "database": _database,
    "redis": _redis,
    "live pages": _realtime,
    ".env": _env_file,
    "templates": _templates,
    "tasks": _tasks,
    "broker of tasks": _broker,
}
