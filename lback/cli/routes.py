"""`lback routes`: which address leads where, who is let in, and whether that is still as agreed."""

import dataclasses
import json
from pathlib import Path

import click

from lback.cli.click_classes import Command
from lback.cli.project import open_project
from lback.cli.route_info import RouteInfo, route_info
from lback.cli.route_lock import FILE_NAME, guards_of, opened, read_lock, write_lock
from lback.cli.table import print_table

HEAD = ("METHOD", "PATH", "NAME", "VIEW", "AUTH", "PERMISSION", "CSRF", "LIMITS")


@click.command(
    cls=Command,
    examples=(
        "lback routes",
        "lback routes /api     # those below /api",
        "lback routes --lock   # agree to who is let in where, as it is now",
        "lback routes --audit  # exit 1 where a route has become more open since",
    ),
)
@click.argument("prefix", default="")
@click.option("--json", "as_json", is_flag=True, help="One JSON list, for programs.")
@click.option("--lock", is_flag=True, help=f"Write {FILE_NAME}.")
@click.option("--audit", is_flag=True, help=f"Compare with {FILE_NAME}.")
def routes(prefix: str, as_json: bool, lock: bool, audit: bool) -> None:
    """Show which address leads where, and who is let in."""
    if lock and audit:
        raise click.UsageError("give --lock or --audit, not both")
    app = open_project()
    facts = route_info(app)
    path = Path(app.config.PROJECT_ROOT) / FILE_NAME
    if lock:
        write_lock(path, facts)
        click.echo(f"Wrote {path}: {len(guards_of(facts))} routes.")
    elif audit:
        compare(path, facts)
    else:
        _show([route for route in facts if route.path.startswith(prefix)], as_json=as_json)


def compare(path: Path, facts: list[RouteInfo]) -> None:
    """Say what has become more open since the lock was written.

    Raises:
        ClickException: Something has.
    """
    found = list(opened(read_lock(path), guards_of(facts)))
    if found:
        more = "\n- ".join(found)
        raise click.ClickException(
            f"more open than {FILE_NAME} says:\n- {more}\n"
            "close it, or agree to it with: lback routes --lock"
        )
    click.echo(f"No route is more open than {FILE_NAME} says.")


def _show(facts: list[RouteInfo], *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps([dataclasses.asdict(route) for route in facts], indent=2))
    elif not facts:
        click.echo("No routes.")
    else:
        print_table(HEAD, [(",".join(r.methods), *dataclasses.astuple(r)[1:]) for r in facts])
