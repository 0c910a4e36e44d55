"""Commands of apps and of installed packages: found, filled by name like a view."""

import sys
from pathlib import Path

import pytest

from tests.cli.conftest import SETTINGS, Run

COMMANDS = """
import asyncio
import click
from sqlalchemy import text
from sqlalchemy.orm import Session
from lback.core.router import Router

@click.command()
@click.option("--days", default=30, help="Older ones go.")
def discard(days: int, db_session: Session, router: Router) -> None:
    \"\"\"Throw away old notes.\"\"\"
    db_session.execute(text("CREATE TABLE IF NOT EXISTS discardd (days INTEGER)"))
    db_session.execute(text("INSERT INTO discardd VALUES (:days)"), {"days": days})
    count = db_session.scalar(text("SELECT count(*) FROM discardd"))
    click.echo(f"{days} days, home at {router.url_for('home')}, {count} discardd")
    if days < 0:
        raise click.ClickException("days go forward")

@click.group()
def notes() -> None:
    \"\"\"Look after notes.\"\"\"

@notes.command()
@click.pass_context
def count(ctx: click.Context, config) -> None:
    click.echo(f"{ctx.info_name} of {config.SHOP_NAME}")

@click.command()
def version() -> None:
    \"\"\"Must not take the place of the one of Lback.\"\"\"

@click.command()
@click.argument("names", nargs=-1)
async def fetch(names, router) -> None:
    async def one(name):
        await asyncio.sleep(0)
        return f"{name} by {router.url_for('home')}"
    click.echo(", ".join(await asyncio.gather(*map(one, names))))

@click.command()
def odd(dispatchr) -> None:
    \"\"\"Nothing fills this.\"\"\"

def _private(): ...
"""


@pytest.fixture
def shop(project: Path) -> Path:
    (project / "settings.py").write_text(
        SETTINGS + 'INSTALLED_APPS = ["notes", "flat"]\nSHOP_NAME = "Corner"\n'
    )
    (project / "notes").mkdir()
    (project / "notes" / "__init__.py").touch()
    (project / "notes" / "commands.py").write_text(COMMANDS)
    (project / "flat.py").touch()
    return project


def test_a_command_is_filled_with_what_its_parameters_name(lback: Run, shop: Path) -> None:
    deep = shop / "deep"
    deep.mkdir()

    assert lback("discard", cwd=deep).stdout == "30 days, home at /, 1 discardd\n"
    # Committed when it is done, rolled back when it fails.
    failed = lback("discard", "--days", "-1", cwd=shop)
    assert (failed.returncode, failed.stdout) == (1, "-1 days, home at /, 2 discardd\n")
    assert lback("discard", "--days", "7", cwd=shop).stdout == "7 days, home at /, 2 discardd\n"
    assert lback("notes", "count", cwd=shop).stdout == "count of Corner\n"


def test_a_command_may_be_a_coroutine_function(lback: Run, shop: Path) -> None:
    result = lback("fetch", "a", "b", cwd=shop)

    assert (result.stdout, result.stderr) == ("a by /, b by /\n", "")


def test_the_help_lists_them_with_their_summaries(lback: Run, shop: Path) -> None:
    listed = lback("--help", cwd=shop).stdout

    section = listed.partition("This project:")[2]
    assert "discard" in section
    assert "Throw away old notes." in section
    assert "Must not take the place" not in listed
    assert "Older ones go." in lback("discard", "--help", cwd=shop).stdout


def test_what_nothing_fills_is_told_with_near_misses(lback: Run, shop: Path) -> None:
    result = lback("odd", cwd=shop)

    assert result.returncode == 1
    assert result.stderr == (
        "Error: unknown dependency 'dispatchr' in the parameters of this command; "
        "did you mean dispatcher?\n"
    )


def test_a_service_without_its_setting_is_told_with_it(lback: Run, shop: Path) -> None:
    commands = shop / "notes" / "commands.py"
    commands.write_text(commands.read_text().replace("dispatchr", "token_manager"))

    result = lback("odd", cwd=shop)

    assert result.returncode == 1
    assert result.stderr == (
        "Error: the parameter 'token_manager' of this command needs the setting JWT_AUDIENCE\n"
    )


def test_broken_commands_spoil_neither_the_help_nor_those_of_lback(lback: Run, shop: Path) -> None:
    (shop / "notes" / "commands.py").write_text("import no_such_part\n")

    listed = lback("--help", cwd=shop)
    assert listed.returncode == 0
    words = " ".join(listed.stdout.split())
    assert "Commands of apps cannot be listed: the commands of the app 'notes' cannot" in words
    assert "runserver" in listed.stdout
    assert lback("version", cwd=shop).returncode == 0

    result = lback("discard", cwd=shop)
    assert result.returncode == 1
    assert (
        "Error: the commands of the app 'notes' cannot be loaded: ModuleNotFoundError: "
        "No module named 'no_such_part'" in result.stderr
    )
    assert "Traceback" not in result.stderr
    assert "Traceback" in lback("--traceback", "discard", cwd=shop).stderr


def test_installed_packages_offer_commands_by_entry_point(python: Run, project: Path) -> None:
    package = project.parent / "site"
    (package / "greet_lback-1.0.dist-info").mkdir(parents=True)
    (package / "greet_lback-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: greet-lback\nVersion: 1.0\n"
    )
    (package / "greet_lback-1.0.dist-info" / "entry_points.txt").write_text(
        "[lback.commands]\ngreet = greet_lback:greet\n"
    )
    (package / "greet_lback.py").write_text(
        "import click\n@click.command()\ndef greet(config):\n    click.echo(config.ROOT_URLCONF)\n"
    )
    script = f"""
import sys
sys.path.insert(0, {str(package)!r})
from lback.cli.main import run
sys.exit(run(sys.argv[1:] or {{}}))
"""
    assert python(script.replace("sys.argv[1:] or {}", "['greet']"), cwd=project).stdout == "urls\n"
    listed = python(script.replace("sys.argv[1:] or {}", "['--help']")).stdout
    assert "Installed packages:\n  greet   From greet-lback." in listed


def test_completion_knows_commands_and_options(lback: Run, shop: Path) -> None:
    result = lback(cwd=shop, _LBACK_COMPLETE="bash_complete", COMP_WORDS="lback ru", COMP_CWORD="1")
    assert "plain,runserver" in result.stdout, sys.version
