"""`lback signals`: the names things happen under, who hears them, and what happens right now."""

import contextlib
import socket

import click

from lback.cli.click_classes import Command, Group
from lback.cli.project import NoProject, find_project, open_project
from lback.cli.signal_catalogue import Signal, catalogue
from lback.cli.signal_feed import socket_path
from lback.cli.table import print_table
from lback.core.routing.views import view_name


@click.group(
    cls=Group,
    invoke_without_command=True,
    examples=(
        "lback signals               # of Lback, with their receivers in this project",
        "lback signals --heard       # those that somebody hears",
        "lback signals watch         # those that the running development server sends",
        "lback signals watch request  # with a name that holds this",
    ),
)
@click.option("--heard", is_flag=True, help="Only those with receivers.")
@click.pass_context
def signals(ctx: click.Context, heard: bool) -> None:
    """Show every signal: who sends it, when, with what, and who hears it."""
    if ctx.invoked_subcommand is not None:
        return
    receivers = _receivers()
    known = catalogue()
    names = {signal.name for signal in known}
    known += [Signal(name, "", "", "") for name in sorted(receivers.keys() - names)]
    rows = [
        (s.name, s.sender, s.when, s.arguments, receivers.get(s.name, ""))
        for s in known
        if not heard or s.name in receivers
    ]
    if rows:
        print_table(("SIGNAL", "SENDER", "WHEN", "ARGUMENTS", "RECEIVERS"), rows)
    else:
        click.echo("Nothing hears a signal.")


def _receivers() -> dict[str, str]:
    """Return who hears each signal in this project; nobody where there is none."""
    try:
        find_project()
    except NoProject:
        return {}
    heard = open_project().dispatcher.receivers
    return {name: ", ".join(map(view_name, receivers)) for name, receivers in heard.items()}


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
                "no development server of this project runs with DEBUG on; "
                "start it in another terminal: lback runserver"
            ) from error
        with server.makefile(encoding="utf-8") as lines:
            lines.readline()  # empty: the server has heard us
            click.echo("Watching. What signals carry is shown by its type, for it may be secret.")
            for line in lines:
                if part in line.split("  ")[1]:
                    click.echo(line, nl=False)
    click.echo("The server has stopped, or starts anew.")
