"""The entry point: imports the requested command and turns errors into messages and exit codes.

Exit codes: 0 success, 1 failure or problems found by a check, 2 wrong usage, 130 interrupted.
"""

import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import click

import lback
from lback.cli.commands import COMMANDS, SECTIONS

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

STOPPED = 130  # 128 + SIGINT, as shells report a program that Ctrl+C ended


class Commands(click.Group):
    """The root command group: built-in commands, then those of installed packages and of apps.

    A command is imported when it is run, not when it is listed.
    """

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names of all commands, the built-in ones first."""
        return list(dict.fromkeys([*COMMANDS, *_packages(), *_apps(ctx)]))

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command, or return None if no command has that name.

        Args:
            ctx: Click context; caches the commands of apps.
            cmd_name: Name of the command, such as `"migrate"`.

        Raises:
            ClickException: The name is not a built-in command and the apps of the project cannot
                be loaded.
        """
        target = COMMANDS.get(cmd_name)
        if target is not None:
            module, _, name = target.partition(":")
            loaded: click.Command = getattr(import_module(module), name)
            return loaded
        command = _apps(ctx).get(cmd_name)
        return command or _of_package(cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Return the name, the command and the remaining arguments.

        Args:
            ctx: Click context.
            args: Arguments after the options of the group; the first one names the command.

        Raises:
            UsageError: No command has that name; the message suggests similar names.
        """
        name = args[0]
        command = self.get_command(ctx, name)
        if command is None:
            near = get_close_matches(name, self.list_commands(ctx), n=3)
            hint = (
                f"did you mean {' or '.join(near)}?"
                if near
                else "'lback --help' lists all commands"
            )
            ctx.fail(f"unknown command {name!r}; {hint}")
        return name, command, args[1:]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the names and summaries of the commands, one section per group.

        Commands of apps that cannot be loaded are replaced by the reason.

        Args:
            ctx: Click context.
            formatter: The help page to write to.
        """
        sections = {title: dict(summaries) for title, summaries in SECTIONS.items()}
        sections["Installed packages"] = {
            name: f"From {point.dist.name if point.dist else point.value}."
            for name, point in _packages().items()
        }
        reason = ""
        try:
            apps = _apps(ctx)
        except click.ClickException as error:
            apps, reason = {}, error.format_message()
        sections["This project"] = {n: c.get_short_help_str(100) for n, c in apps.items()}
        for title, summaries in sections.items():
            if summaries:
                with formatter.section(title):
                    formatter.write_dl(list(summaries.items()), col_spacing=3)
        if reason:
            with formatter.section("This project"):
                formatter.write_text(f"Commands of apps cannot be listed: {reason}")

    def invoke(self, ctx: click.Context) -> object:
        """Run the command.

        Raises:
            ClickException: Lback raised a `FrameworkException`, such as for an invalid setting.
                With `--traceback` the exception itself is raised.
        """
        with _explained(ctx):
            return super().invoke(ctx)


@contextmanager
def _explained(ctx: click.Context) -> Iterator[None]:
    """Turn a `FrameworkException` into a message, unless `--traceback` is given."""
    # Takes 100 ms, which the help does not need; commands import it anyway.
    from lback.core.exceptions import FrameworkException

    try:
        yield
    except FrameworkException as error:
        if ctx.params.get("traceback"):
            raise
        raise click.ClickException(str(error)) from error


def _packages() -> "dict[str, EntryPoint]":
    from importlib.metadata import entry_points  # takes 10 ms, which most commands do not need

    points = {point.name: point for point in entry_points(group="lback.commands")}
    return {name: point for name, point in points.items() if name not in COMMANDS}


def _of_package(name: str) -> click.Command | None:
    point = _packages().get(name)
    if point is None:
        return None
    from lback.cli.app_commands import inject_dependencies  # imports the core

    return inject_dependencies(point.load())


def _apps(ctx: click.Context) -> dict[str, click.Command]:
    """Return the commands of the project's apps, loaded once per context."""
    key = "lback.cli.apps"
    if key not in ctx.meta:
        ctx.meta[key] = {}
        if _may_be_in_project():
            with _explained(ctx):
                from lback.cli.app_commands import commands_of_apps  # imports the core

                commands = commands_of_apps()
                ctx.meta[key] = {n: c for n, c in commands.items() if n not in COMMANDS}
    cached: dict[str, click.Command] = ctx.meta[key]
    return cached


def _may_be_in_project() -> bool:
    """Return True if there may be a project here, before the core is imported to find it."""
    here = Path.cwd()
    places = (here, *here.parents)
    return "LBACK_PROJECT_ROOT" in os.environ or any(
        (place / "settings.py").is_file() for place in places
    )


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Run 'lback COMMAND --help' for details and examples of a command.",
)
@click.version_option(lback.__version__, prog_name="Lback", message="%(prog)s %(version)s")
@click.option("--traceback", is_flag=True, help="Show the traceback of an error.")
def cli(traceback: bool) -> None:
    """Create, run and maintain a Lback project.

    Inside a project, 'python manage.py COMMAND' is the same as 'lback COMMAND'.
    """


def run(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code.

    Args:
        arguments: Command line without the name of the program; `None` takes `sys.argv`.

    Returns:
        0 for success, 1 for failure, 2 for wrong usage, 130 for an interruption.
    """
    try:
        code = cli.main(arguments, _program(), standalone_mode=False)
        sys.stdout.flush()
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except (click.Abort, KeyboardInterrupt) as stop:
        if isinstance(stop.__cause__, EOFError):
            raise stop.__cause__ from None  # Click reports it as Ctrl+D
        click.echo("Stopped.", err=True)
        return STOPPED
    except BrokenPipeError:
        # The reader, such as `head`, closed the pipe; the flush at exit must not fail.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return code if isinstance(code, int) else 0


def _program() -> str:
    """Return the program name of the command line, by which completion finds it."""
    name = Path(sys.argv[0]).name
    return name if name == "manage.py" else "lback"


def main() -> None:
    """Run the command in `sys.argv` and exit with its code."""
    sys.exit(run())
