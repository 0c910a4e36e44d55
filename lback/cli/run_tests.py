"""`lback test`: pytest on the project, from wherever one stands in it."""

import os
import sys

import click

from lback.cli.command import Command
from lback.cli.project import find_project
from lback.core.config_manager import ROOT_VARIABLE


@click.command(
    cls=Command,
    name="test",
    context_settings={"ignore_unknown_options": True},
    examples=(
        "lback test",
        "lback test -x -k notes           # what stands behind it goes to pytest",
        "lback test tests/test_notes.py",
    ),
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(arguments: tuple[str, ...]) -> int:
    """Run the tests of the project with pytest."""
    root = find_project()
    try:
        import pytest  # installed where tests are run, and nowhere else
    except ModuleNotFoundError as error:
        raise click.ClickException(
            'pytest is not installed; run: pip install -e ".[dev]", or pip install pytest'
        ) from error
    os.environ.setdefault(ROOT_VARIABLE, root)
    if root not in sys.path:
        sys.path.insert(0, root)
    # Its own exit codes: 1 a test failed, 5 there was none.
    return int(pytest.main(["--rootdir", root, *(arguments or [root])]))
