"""The page of the commands, read from Click."""

from collections.abc import Iterator
from importlib import import_module

import click

from docs.site.docstrings import cell, code, table
from lback.cli.commands import COMMANDS, SECTIONS


def page(note: str) -> str:
    """Return the page: a list of the commands, then each with its options and examples."""
    parts = ["# Commands", note, "`lback --help` lists them; `lback COMMAND --help` explains one."]
    parts.append(
        table(
            ("command", "description"),
            [
                (f"[`lback {name}`](#lback-{name})", cell(summary, str))
                for summaries in SECTIONS.values()
                for name, summary in summaries.items()
            ],
        )
    )
    for name in (name for summaries in SECTIONS.values() for name in summaries):
        parts += _command(f"lback {name}", load(name))
    return "\n\n".join(part for part in parts if part) + "\n"


def load(name: str) -> click.Command:
    """Return a command of Lback."""
    module, _, attribute = COMMANDS[name].partition(":")
    command: click.Command = getattr(import_module(module), attribute)
    return command


def _command(path: str, command: click.Command, level: str = "##") -> Iterator[str]:
    context = click.Context(command, info_name=path)
    yield f"{level} {path}"
    yield f"```text\n{path} {' '.join(command.collect_usage_pieces(context))}\n```"
    yield from _help(command.help or "")
    options = [_option(option, context) for option in command.params]
    shown = [option for option in options if option]
    yield table(("option", "description"), shown) if shown else ""
    examples = getattr(command, "examples", ())
    yield "```sh\n" + "\n".join(examples) + "\n```" if examples else ""
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            inner = command.commands[name]
            yield from _command(f"{path} {name}", inner, f"{level}#")


def _help(text: str) -> Iterator[str]:
    """Return the help; a paragraph that Click is not to wrap stays as it is."""
    for paragraph in text.split("\n\n"):
        if paragraph.startswith("\b"):
            yield f"```text\n{paragraph[1:].strip()}\n```"
        else:
            yield " ".join(cell(paragraph, str).split()).replace("\\|", "|")


def _option(option: click.Parameter, context: click.Context) -> tuple[str, str] | None:
    record = option.get_help_record(context)
    if record is None:
        return None
    usage, meaning = record
    return code(usage), cell(meaning, str)
