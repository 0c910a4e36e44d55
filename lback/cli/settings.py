"""`lback config`: every setting, its value, where it came from, and what that shadows."""

import inspect
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lback.cli.click_classes import Command, Group
from lback.cli.project import find_project
from lback.cli.table import print_table
from lback.core import server
from lback.core.config import Config
from lback.core.errors.redaction import MASK, Redactor
from lback.core.exceptions import did_you_mean
from lback.core.settings.defaults import Settings
from lback.core.settings.secret_names import is_secret


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=(
        "lback config",
        "lback config --changed      # those that something sets",
        "lback config --json         # for programs",
        "lback config explain DEBUG",
    ),
)
@click.option("--changed", is_flag=True, help="Only what is not the default.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for programs.")
@click.pass_context
def config(ctx: click.Context, changed: bool, as_json: bool) -> None:
    """Show every setting, its value, and where it came from."""
    if ctx.invoked_subcommand is not None:
        return
    settings = load()
    names = [n for n in names_of(settings) if not changed or settings.source_of(n) != "default"]
    if as_json:
        click.echo(json.dumps({name: about(settings, name) for name in names}, indent=2))
        return
    rows = []
    for name in names:
        facts = about(settings, name)
        shadows = "; ".join(f"{source}: {value}" for source, value in facts["shadows"].items())
        rows.append((name, facts["value"], facts["source"], shadows))
    print_table(("SETTING", "VALUE", "FROM", "SHADOWS"), rows)


@config.command(cls=Command, examples=("lback config explain DEBUG",))
@click.argument("name", metavar="KEY")
def explain(name: str) -> None:
    """Tell what a setting means, and where its value came from."""
    settings = load()
    known = names_of(settings)
    if name not in known:
        near = did_you_mean(name.upper(), known)
        raise click.BadParameter(f"there is no setting {name!r}{near}", param_hint="KEY")
    meaning = meaning_of(name)
    kind = type(Config.DEFAULTS[name]).__name__ if name in Config.DEFAULTS else "of the project"
    click.secho(f"{name} ({kind}){': ' if meaning else ''}{meaning}", bold=True)
    origins = settings.origins_of(name)
    width = max(len(source_of(source)) for source, _ in origins)
    for index, (source, value) in enumerate(origins):
        counts = "  <- counts" if index == 0 else ""
        click.echo(f"  {source_of(source):{width}}  {masked(settings, name, value)}{counts}")


def load() -> Config:
    """Read the settings of the project, without building the application.

    Raises:
        ConfigurationError: They cannot be read, or have the wrong types.
    """
    find_project()
    return server.load_project_config()


def names_of(settings: Config) -> list[str]:
    """Return the names of all settings: those of Lback, then the project's own."""
    own = sorted(n for n in vars(settings) if n.isupper() and n not in Config.DEFAULTS)
    return [*Config.DEFAULTS, *own]


def about(settings: Config, name: str) -> dict[str, Any]:
    """Return what is shown of a setting."""
    (source, _), *others = settings.origins_of(name)
    return {
        "value": masked(settings, name, settings.get(name)),
        "source": source_of(source),
        "shadows": dict(_shadowed(settings, name, others)),
    }


def _shadowed(
    settings: Config, name: str, origins: list[tuple[str, Any]]
) -> Iterator[tuple[str, str]]:
    told = [settings.get(name)]
    for source, value in origins:
        # The defaults tell nothing new, nor does the copy of settings.py, or a value that counts.
        if source != "default" and value not in told:
            told.append(value)
            yield source_of(source), masked(settings, name, value)


def source_of(source: str) -> str:
    """Return the place of a setting, a file by its name alone."""
    return Path(source).name if "/" in source else source


def masked(settings: Config, name: str, value: Any) -> str:
    """Return a value as it may be shown: without secrets, also those deep inside it."""
    return Redactor(settings)(repr(_without_secrets(name, value)))


def _without_secrets(name: str, value: Any) -> Any:
    if is_secret(name, value):
        return MASK if value else value
    if isinstance(value, dict):
        return {key: _without_secrets(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets("", item) for item in value]
    return str(value) if isinstance(value, Path) else value


def meaning_of(name: str) -> str:
    """Return the remark behind a setting where it is defined; empty for those of a project."""
    found = re.search(rf"^    {name}: .*?  # (.+)$", inspect.getsource(Settings), re.MULTILINE)
    return found[1] if found else ""
