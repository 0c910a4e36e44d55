"""The entry point: help without imports, near misses, exit codes."""

import subprocess
import sys
from pathlib import Path

import click
import pytest

import lback as package
from lback.cli import main
from lback.cli.commands import COMMANDS, SECTIONS
from tests.cli.conftest import Run


def test_the_help_imports_neither_commands_nor_core(python: Run) -> None:
    script = """
import sys
from lback.cli.main import run
run(["--help"])
loaded = [name for name in sys.modules if name.startswith("lback.")]
own = {"lback.cli", "lback.cli.main", "lback.cli.commands"}
own |= {"lback.lazy_names", "lback.moved_modules"}
assert set(loaded) == own, loaded
"""
    result = python(script)
    assert result.returncode == 0, result.stderr
    assert "Usage: " in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_loads_and_is_told_of_in_the_help(name: str) -> None:
    summaries = {n: text for section in SECTIONS.values() for n, text in section.items()}
    command = main.cli.get_command(click.Context(main.cli), name)

    assert command is not None
    assert summaries[name] == command.get_short_help_str(limit=200)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_help_of_every_command_teaches_by_example(name: str) -> None:
    command = main.cli.get_command(click.Context(main.cli), name)

    assert command is not None
    text = command.get_help(click.Context(command, info_name=f"lback {name}"))
    assert "\nExamples:\n  lback " in text


def test_the_help_tells_of_no_other_command() -> None:
    named = [name for section in SECTIONS.values() for name in section]
    assert sorted(named) == sorted(COMMANDS)


def test_an_unknown_command_is_wrong_usage_with_near_misses(lback: Run) -> None:
    result = lback("versoin")

    assert result.returncode == 2
    assert "unknown command 'versoin'; did you mean version?" in result.stderr

    assert "'lback --help' lists all commands" in lback("qqqq").stderr


def test_a_reader_that_leaves_early_is_not_scolded(tmp_path: Path) -> None:
    result = subprocess.run(
        f"{sys.executable} -m lback version | true",
        shell=True,
        check=False,
        executable="/bin/bash",
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert (result.stdout, result.stderr) == ("", "")


def test_an_end_of_file_in_a_project_is_not_a_wish_to_stop(lback: Run, project: Path) -> None:
    result = lback("shell", "-c", "import marshal; marshal.loads(b'')", cwd=project)

    assert result.returncode == 1
    assert "EOFError: " in result.stderr
    assert "Stopped" not in result.stderr


def test_the_version_names_what_a_bug_report_needs(lback: Run) -> None:
    lines = lback("version").stdout.splitlines()

    assert lines[0] == f"Lback {package.__version__}"
    assert any(line.startswith("SQLAlchemy 2.") for line in lines)
