"""`lback version`: the installed versions, as a bug report needs them."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import click

import lback
from lback.cli.click_classes import Command
from lback.cli.json_output import json_option, print_json

PARTS = ("SQLAlchemy", "Alembic", "Jinja2", "msgspec", "Werkzeug", "click")


@click.command(cls=Command, examples=("lback version", "lback version --json"))
@json_option
def version(as_json: bool) -> None:
    """Show the versions of Lback and its main dependencies."""
    if as_json:
        machine = {"system": platform.system(), "machine": platform.machine()}
        versions = {"Lback": lback.__version__, "Python": platform.python_version()}
        versions |= {part: _installed(part) for part in PARTS}
        print_json({"versions": versions, **machine})
        return
    click.echo(f"Lback {lback.__version__}")
    click.echo(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for part in PARTS:
        click.echo(f"{part} {_installed(part)}")


def _installed(part: str) -> str:
    try:
        return version_of(part)
    except PackageNotFoundError:
        return "not installed"
