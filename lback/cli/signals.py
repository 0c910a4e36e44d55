"""`lback signals`: lists signals and their receivers, and watches those of a running server."""

import contextlib
import dataclasses
import socket

import click

from lback.cli.click_classes import Command, Group
from lback.cli.json_output import json_option, print_json
from lback.cli.project import NoProject, find_project, open_project
from lback.cli.signal_catalogue import Signal, catalogue
from lback.cli.signal_feed import socket_path
from lback.cli.table import print_table
from lback.core.routing.views import view_name


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=(
        "lback signals                   # all, with their receivers in this project",
        "lback signals --with-receivers  # only those with receivers",
        "lback signals --json            # as JSON",
        "lback signals watch             # as the running development server sends them",
        "lback signals watch request     # only those with 'request' in the name",
    ),
)
@click.option("--with-receivers", is_flag=True, help="Only signals with receivers.")
@click.option("--heard", is_flag=True, hidden=True)
@json_option
@click.pass_context
def signals(ctx: click.Context, with_receivers: bool, heard: bool, as_json: bool) -> None:
    """List signals with their senders, arguments and receivers."""
    if ctx.invoked_subcommand is not None:
        return
    if heard:
        click.echo("Warning: --heard is deprecated; use --with-receivers.", err=True)
    receivers = _receivers()
    known = catalogue()
    names = {signal.name for signal in known}
    known += [Signal(name, "", "", "") for name in sorted(receivers.keys() - names)]
    chosen = [s for s in known if s.name in receivers or not (with_receivers or heard)]
    if as_json:
        found = [{**dataclasses.asdict(s), "receivers": receivers.get(s.name, [])} for s in chosen]
        print_json(found)
        return
    rows = [
        (s.name, s.sender, s.when, s.arguments, ", ".join(receivers.get(s.name, ())))
        for s in chosen
    ]
    if rows:
        print_table(("SIGNAL", "SENDER", "WHEN", "ARGUMENTS", "RECEIVERS"), rows)
    else:
        click.echo("No signal has receivers.")


def _receivers() -> dict[str, list[str]]:
    """Return the receivers of each signal in this project; empty without a project."""
    try:
        find_project()
    except NoProject:
        return {}
    receivers = open_project().dispatcher.receivers
    return {name: list(map(view_name, functions)) for name, functions in receivers.items()}


@signals.command(cls=Command, examples=("lback signals watch", "lback signals watch cache"))
@click.argument("part", default="")
def watch(part: str) -> None:
    """Show the signals that the running development server sends, until Ctrl+C."""
    path = socket_path(find_project())
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as server:
        try:
            server.connect(str(path))
        except OSError as error:
            raise click.ClickException(
                "no development server of this project is running with DEBUG on; "
                "start one in another terminal: lback runserver"
            ) from error
        with server.makefile(encoding="utf-8") as lines:
            lines.readline()  # empty: the server has accepted the connection
            click.echo("Watching. Arguments that may be secret are shown by their type.")
            for line in lines:
                if part in line.split("  ")[1]:
                    click.echo(line, nl=False)
    click.echo("The server has stopped or is restarting.")
