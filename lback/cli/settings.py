"""`lback config`: shows every setting with its value, its source and the values it overrides."""

import inspect
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from lback.cli.click_classes import Command, Group
from lback.cli.json_output import json_option, print_json
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
        "lback config --changed      # settings that differ from the default",
        "lback config --json         # as JSON",
        "lback config explain DEBUG",
    ),
)
@click.option("--changed", is_flag=True, help="Only settings that are set somewhere.")
@json_option
@click.pass_context
def config(ctx: click.Context, changed: bool, as_json: bool) -> None:
    """Show every setting with its value and source."""
    if ctx.invoked_subcommand is not None:
        return
    settings = load()
    names = [n for n in names_of(settings) if not changed or settings.source_of(n) != "default"]
    if as_json:
        print_json({name: about(settings, name) for name in names})
        return
    rows = []
    for name in names:
        facts = about(settings, name)
        shadows = "; ".join(f"{source}: {value}" for source, value in facts["shadows"].items())
        rows.append((name, facts["value"], facts["source"], shadows))
    print_table(("SETTING", "VALUE", "FROM", "SHADOWS"), rows)


@config.command(
    cls=Command, examples=("lback config explain DEBUG", "lback config explain DEBUG --json")
)
@click.argument("name", metavar="KEY")
@json_option
def explain(name: str, as_json: bool) -> None:
    """Explain a setting and show the sources of its value."""
    settings = load()
    known = names_of(settings)
    if name not in known:
        near = did_you_mean(name.upper(), known)
        raise click.BadParameter(f"unknown setting {name!r}{near}", param_hint="KEY")
    meaning = meaning_of(name)
    kind = type(Config.DEFAULTS[name]).__name__ if name in Config.DEFAULTS else "project setting"
    origins = settings.origins_of(name)
    if as_json:
        sources = [
            {"source": source_of(source), "value": masked(settings, name, value)}
            for source, value in origins
        ]
        print_json({"name": name, "type": kind, "meaning": meaning, "origins": sources})
        return
    click.secho(f"{name} ({kind}){': ' if meaning else ''}{meaning}", bold=True)
    width = max(len(source_of(source)) for source, _ in origins)
    for index, (source, value) in enumerate(origins):
        effective = "  <- effective" if index == 0 else ""
        click.echo(f"  {source_of(source):{width}}  {masked(settings, name, value)}{effective}")


def load() -> Config:
    """Load the settings of the project without building the application.

    Raises:
        NoProject: Neither this directory nor one above it is a project.
        ConfigurationError: A setting cannot be read or has the wrong type.
    """
    find_project()
    return server.load_project_config()


def names_of(settings: Config) -> list[str]:
    """Return the names of all settings: first those of Lback, then those of the project."""
    own = sorted(n for n in vars(settings) if n.isupper() and n not in Config.DEFAULTS)
    return [*Config.DEFAULTS, *own]


def about(settings: Config, name: str) -> dict[str, Any]:
    """Return value, source and overridden values of a setting, without secrets.

    Args:
        settings: Settings of the project.
        name: Name of the setting.

    Returns:
        `{"value": ..., "source": ..., "shadows": {source: value}}`; values as `repr`.
    """
    (source, _), *others = settings.origins_of(name)
    return {
        "value": masked(settings, name, settings.get(name)),
        "source": source_of(source),
        "shadows": dict(_shadowed(settings, name, others)),
    }


def _shadowed(
    settings: Config, name: str, origins: list[tuple[str, object]]
) -> Iterator[tuple[str, str]]:
    seen = [settings.get(name)]
    for source, value in origins:
        # Defaults are not worth showing, nor are values that were shown already.
        if source != "default" and value not in seen:
            seen.append(value)
            yield source_of(source), masked(settings, name, value)


def source_of(source: str) -> str:
    """Return a source for display; a file without its directory."""
    return Path(source).name if "/" in source else source


def masked(settings: Config, name: str, value: object) -> str:
    """Return the `repr` of a value with all secrets masked, also those in nested values.

    Args:
        settings: Settings of the project, whose secrets are masked.
        name: Name of the setting, which may say that the value is secret.
        value: Its value.
    """
    return Redactor(settings)(repr(_without_secrets(name, value)))


def _without_secrets(name: str, value: object) -> object:
    if is_secret(name, value):
        return MASK if value else value
    if isinstance(value, dict):
        return {key: _without_secrets(str(key), item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_without_secrets("", item) for item in value]
    return str(value) if isinstance(value, Path) else value


def meaning_of(name: str) -> str:
    """Return the comment on a setting in its definition; empty for settings of a project."""
    comment = re.search(rf"^    {name}: .*?  # (.+)$", inspect.getsource(Settings), re.MULTILINE)
    return comment[1] if comment else ""
