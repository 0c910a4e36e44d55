"""The entry point: finds the command, loads it alone, and turns errors into words and exit codes.

Exit codes: 0 done, 1 it could not be done or a check found something, 2 wrong usage, 130 stopped.
"""

import os
import sys
from collections.abc import Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click

from lback.cli.commands import COMMANDS, SECTIONS

STOPPED = 130  # as a shell says of a program that Ctrl+C ended


class Commands(click.Group):
    """The commands of the table; a command's module is imported when the command is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names, in the order of the table."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command, or return `None` where there is none of that name."""
        target = COMMANDS.get(cmd_name)
        return None if target is None else _load(target)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name.

        Raises:
            UsageError: There is none; names near misses.
        """
        if self.get_command(ctx, args[0]) is None and not args[0].startswith("-"):
            near = get_close_matches(args[0], self.list_commands(ctx), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "lback --help lists all"
            ctx.fail(f"there is no command {args[0]!r}; {hint}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and summaries by section."""
        for title, summaries in SECTIONS.items():
            with formatter.section(title):
                formatter.write_dl(list(summaries.items()), col_spacing=3)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it cannot do becomes a message without a traceback.

        Raises:
            ClickException: The project or its settings cannot work.
        """
        # 100 ms, which the help need not wait for; a command imports it anyway.
        from lback.core.exceptions import FrameworkException

        try:
            return super().invoke(ctx)
        except FrameworkException as error:
            if ctx.params["traceback"]:
                raise
            raise click.ClickException(str(error)) from error


def _load(target: str) -> click.Command:
    module, _, name = target.partition(":")
    command: click.Command = getattr(import_module(module), name)
    return command


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="'lback COMMAND --help' explains a command and shows examples.",
)
@click.option("--traceback", is_flag=True, help="Show where an error came from.")
def cli(traceback: bool) -> None:
    """Make, run and look after a Lback project.

    Inside a project, 'python manage.py COMMAND' is the same as 'lback COMMAND'.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: What stands behind the name of the program; `None` takes `sys.argv`.
    """
    try:
        code = cli.main(arguments, standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        click.echo("Stopped.", err=True)
        return STOPPED
    except BrokenPipeError:
        # The reader, such as `head`, has had enough; what is left must not fail at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def main() -> None:
    """Run the command that the process was started with, and end the process."""
    sys.exit(run())
