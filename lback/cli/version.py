"""`lback version`: the installed versions, as a bug report needs them."""

import platform
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of

import click

import lback
from lback.cli.click_classes import Command

PARTS = ("SQLAlchemy", "Alembic", "Jinja2", "msgspec", "Werkzeug", "click")


@click.command(cls=Command, examples=("lback version",))
def version() -> None:
    """Show the versions of Lback and its main dependencies."""
    click.echo(f"Lback {lback.__version__}")
    click.echo(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}")
    for part in PARTS:
        click.echo(f"{part} {_installed(part)}")


def _installed(part: str) -> str:
    try:
        return version_of(part)
    except PackageNotFoundError:
        return "not installed"
