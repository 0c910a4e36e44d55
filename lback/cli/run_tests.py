"""`lback test`: runs pytest on the project from any directory in it."""

import os
import sys
from importlib.util import find_spec

import click

from lback.cli.click_classes import Command
from lback.cli.project import find_project
from lback.core.config_manager import ROOT_VARIABLE


@click.command(
    cls=Command,
    name="test",
    context_settings={"ignore_unknown_options": True},
    examples=(
        "lback test",
        "lback test -x -k notes           # arguments are passed to pytest",
        "lback test tests/test_notes.py",
    ),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> None:
    """Run the project's tests with pytest."""
    root = find_project()
    if find_spec("pytest") is None:
        raise click.ClickException(
            "pytest is not installed; run: pip install -r requirements-dev.txt"
        )
    os.environ.setdefault(ROOT_VARIABLE, root)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = f"{root}{os.pathsep}{before}" if before else root
    # Replaces this process, which has imported modules that pytest wants to import itself. The
    # exit codes are those of pytest: 1 a test failed, 5 no tests were found.
    command = [sys.executable, "-m", "pytest", "--rootdir", root, *(arguments or [root])]
    os.execv(sys.executable, command)  # noqa: S606  no shell
