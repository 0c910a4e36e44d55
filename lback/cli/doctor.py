"""`lback doctor`: looks at machine and project, and says what ails them, in one go."""

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
from lback.cli.start_checks import database_trouble, redis_trouble
from lback.cli.template_check import template_problems
from lback.core.exceptions import FrameworkException

if TYPE_CHECKING:
    from lback.application import Application

# The extras of pyproject.toml, and the module that each one brings.
EXTRAS = {
    "postgres": "psycopg",
    "mysql": "pymysql",
    "redis": "redis",
    "jwt": "joserfc",
    "serve": "gunicorn",
    "granian": "granian",
    "ratelimit": "limits",
}


@click.command(cls=Command, examples=("lback doctor",))
def doctor() -> None:
    """Look at machine and project, and tell what ails them."""
    click.echo(f"Lback {lback.__version__} in {Path(lback.__file__).parent}")
    click.echo(f"Python {platform.python_version()} in {sys.prefix}")
    there = [name for name, module in EXTRAS.items() if find_spec(module)]
    click.echo(f"Extras installed: {', '.join(there) or 'none'}")
    try:
        root = find_project()
        click.echo(f"Project in {root}")
        app = open_project()
    except (FrameworkException, click.ClickException) as error:
        _say("project", str(error))
        raise click.exceptions.Exit(1) from error
    _say("settings, routes and middlewares", "")
    ill = False
    for what, look in LOOKS.items():
        troubles = list(look(app))
        for trouble in troubles or [""]:
            _say(what, trouble)
        ill = ill or bool(troubles)
    if ill:
        raise click.exceptions.Exit(1)


def _say(what: str, trouble: str) -> None:
    word = click.style("ill ", fg="red") if trouble else click.style("well", fg="green")
    click.echo(f"{word}  {what}{': ' if trouble else ''}{trouble}")


def _database(app: "Application") -> Iterator[str]:
    trouble = database_trouble(app)
    if trouble:
        yield trouble


def _redis(app: "Application") -> Iterator[str]:
    url = app.config.REDIS_URL
    if url and app.config.source_of("REDIS_URL") != "default":
        trouble = redis_trouble(url)
        if trouble:
            yield trouble


def _env_file(app: "Application") -> Iterator[str]:
    path = Path(app.config.PROJECT_ROOT) / ".env"
    if path.is_file() and path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        yield f"other users of this machine can read it; run: chmod 600 {path}"


def _templates(app: "Application") -> Iterator[str]:
    for directory in app.config.TEMPLATE_DIRS:
        if not (Path(app.config.PROJECT_ROOT) / directory).is_dir():
            yield f"TEMPLATE_DIRS names {str(directory)!r}, which is no folder"
    for problem in template_problems(app):
        yield problem.what


LOOKS: dict[str, Callable[["Application"], Iterator[str]]] = {
    "database": _database,
    "redis": _redis,
    ".env": _env_file,
    "templates": _templates,
}
