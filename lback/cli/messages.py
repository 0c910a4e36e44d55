"""`lback messages`: extracts, updates, compiles and checks the translations of a project."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from lback.cli.click_classes import Command, Group
from lback.cli.json_output import json_option, print_json
from lback.cli.problems import Problem
from lback.cli.project import open_project
from lback.cli.table import print_table
from lback.core.exceptions import ConfigurationError
from lback.i18n.catalogues import language_codes

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.config import Config
    from lback.i18n.checking import MessageProblem

SHOWN = 5  # problems of `lback check`, which names the command for all


@click.group(
    cls=Group,
    examples=(
        "lback messages extract",
        "lback messages update --language de",
        "lback messages check",
        "lback messages compile",
    ),
)
def messages() -> None:
    """Translate the texts of the project."""


def _targets(config: "Config", chosen: Iterable[str] = ()) -> list[str]:
    """Return the languages into which the project is translated."""
    wanted = list(chosen) or [
        code for code in language_codes(config) if code != config.MESSAGES_LANGUAGE
    ]
    if not wanted:
        raise ConfigurationError(
            "there is no language to translate into; name them in LANGUAGES, such as "
            'LANGUAGES = ["en", "de"], or with --language de'
        )
    return wanted


def _relative(path: Path, config: "Config") -> str:
    root = Path(config.PROJECT_ROOT).resolve()
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


@messages.command("extract", cls=Command, examples=("lback messages extract",))
@json_option
def extract(as_json: bool) -> None:
    """Write the messages of code, templates and scripts to locale/messages.pot."""
    from lback.i18n.extraction import message_sources  # it needs the extra
    from lback.i18n.maintenance import write_template

    config = open_project().config
    done = [(source.name, write_template(source)) for source in message_sources(config)]
    if as_json:
        print_json(
            {
                "templates": [
                    {
                        "source": name,
                        "path": _relative(one.path, config),
                        "messages": one.messages,
                        "changed": one.is_changed,
                    }
                    for name, one in done
                ]
            }
        )
        return
    for _, one in done:
        verb = "Wrote" if one.is_changed else "Unchanged:"
        click.echo(f"{verb} {_relative(one.path, config)} with {one.messages} messages")


@messages.command("update", cls=Command, examples=("lback messages update --language de",))
@click.option("--language", multiple=True, help="Only this language; may be repeated.")
@json_option
def update(language: tuple[str, ...], as_json: bool) -> None:
    """Add new messages to the catalogues of all languages, and keep the translations."""
    from lback.i18n.extraction import extract_messages, message_sources
    from lback.i18n.maintenance import update_catalogue
    from lback.i18n.po_files import write_source

    config = open_project().config
    codes, rows = _targets(config, language), []
    for source in message_sources(config):
        template = extract_messages(source)
        write_source(source.template, template)
        rows += [update_catalogue(source, code, template) for code in codes]
    if as_json:
        print_json(
            {
                "catalogues": [
                    {
                        "path": _relative(row.path, config),
                        "language": row.language,
                        "translated": row.translated,
                        "missing": row.missing,
                        "fuzzy": row.fuzzy,
                        "obsolete": row.obsolete,
                        "changed": row.is_changed,
                    }
                    for row in rows
                ]
            }
        )
        return
    print_table(
        ("CATALOGUE", "TRANSLATED", "MISSING", "FUZZY", "OBSOLETE"),
        [(_relative(row.path, config), *map(str, row[2:6])) for row in rows],
    )


@messages.command("compile", cls=Command, examples=("lback messages compile",))
@json_option
def compile_(as_json: bool) -> None:
    """Compile the catalogues, as collectstatic does."""
    config = open_project().config
    done = compile_project(config)
    if as_json:
        print_json(
            {
                "compiled": [
                    {"path": _relative(path, config), "changed": is_changed}
                    for path, is_changed in done
                ]
            }
        )
        return
    changed = sum(is_changed for _, is_changed in done)
    click.echo(f"Compiled {len(done)} catalogues, {changed} of them changed")


def compile_project(config: "Config") -> list[tuple[Path, bool]]:
    """Compile the catalogues of a project and of the apps in it.

    Args:
        config: Settings of the project.

    Returns:
        The paths of the compiled files, each with whether it has changed.
    """
    if not _has_catalogues(config):
        return []
    from lback.i18n.extraction import message_sources  # it needs the extra
    from lback.i18n.maintenance import compile_catalogues

    return [
        one for source in message_sources(config) for one in compile_catalogues(source.catalogues)
    ]


def _has_catalogues(config: "Config") -> bool:
    is_translated = set(language_codes(config)) != {config.MESSAGES_LANGUAGE}
    return bool(config.PROJECT_ROOT) and is_translated


@messages.command("check", cls=Command, examples=("lback messages check --language de --json",))
@click.option("--language", multiple=True, help="Only this language; may be repeated.")
@json_option
def check(language: tuple[str, ...], as_json: bool) -> int:
    """Find missing, guessed and broken translations."""
    config = open_project().config
    problems = project_problems(config, _targets(config, language))
    if as_json:
        print_json({"problems": [one._asdict() for one in problems]})
    else:
        for one in problems:
            click.echo(_line(one, config))
        click.echo(f"{len(problems)} problem{'' if len(problems) == 1 else 's'}")
    return 1 if problems else 0


def _line(one: "MessageProblem", config: "Config") -> str:
    place = f"{_relative(Path(one.path), config)}:{one.line}".removesuffix(":0")
    message = f" {one.message[:60]!r}:" if one.message else ""
    return f"{place}: {one.kind}:{message} {one.problem}"


def project_problems(config: "Config", codes: Iterable[str]) -> list["MessageProblem"]:
    """Return the problems of all catalogues of a project.

    Args:
        config: Settings of the project.
        codes: Tags of the languages.
    """
    from lback.i18n.checking import check_catalogue  # it needs the extra
    from lback.i18n.extraction import extract_messages, message_sources

    wanted = list(codes)
    found: list[MessageProblem] = []
    for source in message_sources(config):
        template = extract_messages(source)
        for code in wanted:
            found += check_catalogue(source, code, template)
    return found


def translation_problems(app: "Application") -> Iterator[Problem]:
    """Yield the problems of the catalogues of a project for `lback check --deploy`.

    Args:
        app: The application.
    """
    config = app.config
    if not _has_catalogues(config):
        return
    codes = [code for code in language_codes(config) if code != config.MESSAGES_LANGUAGE]
    problems = project_problems(config, codes)
    for one in problems[:SHOWN]:
        yield Problem(
            _line(one, config),
            f"readers of {one.language!r} see this text in another language, or an error",
            "see all of them with: lback messages check",
        )
    if len(problems) > SHOWN:
        yield Problem(
            f"{len(problems) - SHOWN} more translations have problems",
            "readers see these texts in another language, or an error",
            "see all of them with: lback messages check",
        )
