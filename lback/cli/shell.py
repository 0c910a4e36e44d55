"""`lback shell`: a Python shell with the application of the project."""

import code
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

import click

from lback.cli.click_classes import Command
from lback.cli.project import open_project
from lback.database import Base

if TYPE_CHECKING:
    from lback.application import Application


@click.command(
    cls=Command,
    examples=(
        "lback shell",
        "lback shell -c 'print(app.router.routes)'",
        "lback shell < script.py",
    ),
)
@click.option("-c", "command", metavar="CODE", help="Code to run instead of an interactive shell.")
def shell(command: str | None) -> None:
    """Open a Python shell with the application and its models loaded."""
    app = open_project()
    with app.db_manager.create_session() as session:
        names = {"app": app, "config": app.config, "db_session": session, **dict(_models())}
        if command is not None:
            _run(command, names)
        elif not sys.stdin.isatty():
            _run(sys.stdin.read(), names)
        else:
            _interact(app, names)


def _models() -> Iterator[tuple[str, type]]:
    for mapper in Base.registry.mappers:
        yield mapper.class_.__name__, mapper.class_


def _run(source: str, names: dict[str, object]) -> None:
    exec(compile(source, "<lback shell>", "exec"), names)  # noqa: S102  what the user typed


def _interact(app: "Application", names: dict[str, object]) -> None:
    with suppress(ImportError):  # not on every platform; adds completion and history
        import readline
        import rlcompleter

        readline.set_completer(rlcompleter.Completer(names).complete)
        readline.parse_and_bind("tab: complete")
    banner = (
        f"{app!r} with database {app.db_manager.shown_url}\n"
        f"Names: {', '.join(sorted(names))}. Call db_session.commit() to save changes."
    )
    code.interact(banner, local=names, exitmsg="")
