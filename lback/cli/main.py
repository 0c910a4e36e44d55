"""The entry point: finds the command, loads it alone, and turns errors into words and exit codes.

Exit codes: 0 done, 1 it could not be done or a check found something, 2 wrong usage, 130 stopped.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

import lback
from lback.cli.commands import COMMANDS, SECTIONS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

STOPPED = 130  # as a shell says of a program that Ctrl+C ended


class Commands(click.Group):
    """The commands of the table, imported one by one, then those of packages and of apps."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names: first those of the table, in its order."""
        return list(dict.fromkeys([*COMMANDS, *_packages(), *_apps(ctx)]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Load a command, or return `None` where there is none of that name."""
        target = COMMANDS.get(cmd_name)
        if target is not None:
            module, _, name = target.partition(":")
            found: click.Command = getattr(import_module(module), name)
            return found
        command = _apps(ctx).get(cmd_name)
        return command or _of_package(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that the arguments name.

        Raises:
            UsageError: There is none; names near misses.
        """
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            near = get_close_matches(name, self.list_commands(ctx), n=3)
            hint = f"did you mean {' or '.join(near)}?" if near else "lback --help lists all"
            ctx.fail(f"there is no command {name!r}; {hint}")
        return name, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and summaries by section."""
        sections = {title: dict(summaries) for title, summaries in SECTIONS.items()}
        sections["Installed packages"] = {
            name: f"From {point.dist.name if point.dist else point.value}."
            for name, point in _packages().items()
        }
        trouble = ""
        try:
            apps = _apps(ctx)
        except click.ClickException as error:
            apps, trouble = {}, error.format_message()
        sections["This project"] = {n: c.get_short_help_str(100) for n, c in apps.items()}
        for title, summaries in sections.items():
            if summaries:
                with formatter.section(title):
                    formatter.write_dl(list(summaries.items()), col_spacing=3)
        if trouble:
            with formatter.section("This project"):
                formatter.write_text(f"Its commands cannot be listed: {trouble}")

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; what it cannot do becomes a message without a traceback.

        Raises:
            ClickException: The project or its settings cannot work.
        """
        with _explained(ctx):
            return super().invoke(ctx)


@contextmanager
def _explained(ctx: click.Context) -> Iterator[None]:
    """Turn what Lback raises on purpose into a message, unless the traceback is wanted."""
    # 100 ms, which the help need not wait for; a command imports it anyway.
    from lback.core.exceptions import FrameworkException

    try:
        yield
    except FrameworkException as error:
        if ctx.params.get("traceback"):
            raise
        raise click.ClickException(str(error)) from error


def _packages() -> "dict[str, EntryPoint]":
    from importlib.metadata import entry_points  # 10 ms that most commands need not wait for

    points = {point.name: point for point in entry_points(group="lback.commands")}
    return {name: point for name, point in points.items() if name not in COMMANDS}


def _of_package(name: str) -> click.Command | None:
    point = _packages().get(name)
    if point is None:
        return None
    from lback.cli.app_commands import filled  # brings the core

    return filled(point.load())


def _apps(ctx: click.Context) -> dict[str, click.Command]:
    """Return the commands of the project's apps; they are looked for once."""
    key = "lback.cli.apps"
    if key not in ctx.meta:
        ctx.meta[key] = {}
        if _may_be_in_project():
            with _explained(ctx):
                from lback.cli.app_commands import commands_of_apps  # brings the core

                found = commands_of_apps()
                ctx.meta[key] = {n: c for n, c in found.items() if n not in COMMANDS}
    kept: dict[str, click.Command] = ctx.meta[key]
    return kept


def _may_be_in_project() -> bool:
    """Tell whether it is worth to import the core and look for a project in earnest."""
    here = Path.cwd()
    places = (here, *here.parents)
    return "LBACK_PROJECT_ROOT" in os.environ or any(
        (place / "settings.py").is_file() for place in places
    )


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="'lback COMMAND --help' explains a command and shows examples.",
)
@click.version_option(lback.__version__, prog_name="Lback", message="%(prog)s %(version)s")
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
        code = cli.main(arguments, _program(), standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as stop:
        if isinstance(stop.__cause__, EOFError):
            raise stop.__cause__ from None  # Click takes it for Ctrl+D; a prompt says otherwise
        click.echo("Stopped.", err=True)
        return STOPPED
    except BrokenPipeError:
        # The reader, such as `head`, has had enough; what is left must not fail at the exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def _program() -> str:
    """Return how the user calls this; completion asks for it by that name."""
    name = Path(sys.argv[0]).name
    return name if name == "manage.py" else "lback"


def main() -> None:
    """Run the command that the process was started with, and end the process."""
    sys.exit(run())
