"""`lback routes`: lists routes with their guards and compares the guards with a lock file."""

import dataclasses
from pathlib import Path

import click

from lback.cli.click_classes import Command
from lback.cli.json_output import json_option, print_json
from lback.cli.project import open_project
from lback.cli.route_info import RouteInfo, route_info
from lback.cli.route_lock import FILE_NAME, guards_of, more_open_routes, read_lock, write_lock
from lback.cli.table import print_table

HEAD = ("METHOD", "PATH", "NAME", "VIEW", "AUTH", "PERMISSION", "CSRF", "LIMITS", "TOOL")


@click.command(
    cls=Command,
    examples=(
        "lback routes",
        "lback routes /api     # routes below /api",
        "lback routes --lock   # write the current guards to the lock file",
        "lback routes --audit  # exit with 1 if a route has become more open since",
    ),
)
@click.argument("prefix", default="")
@json_option
@click.option("--lock", is_flag=True, help=f"Write the guards of all routes to {FILE_NAME}.")
@click.option("--audit", is_flag=True, help=f"Fail if a route is more open than in {FILE_NAME}.")
def routes(prefix: str, as_json: bool, lock: bool, audit: bool) -> None:
    """List routes with their views, permissions and CSRF checks."""
    if lock and audit:
        raise click.UsageError("use either --lock or --audit, not both")
    app = open_project()
    facts = route_info(app)
    path = Path(app.config.PROJECT_ROOT) / FILE_NAME
    if lock:
        write_lock(path, facts)
        count = len(guards_of(facts))
        if as_json:
            print_json({"file": str(path), "routes": count})
        else:
            click.echo(f"Wrote {path}: {count} routes.")
    elif audit:
        compare(path, facts, as_json=as_json)
    else:
        _show([route for route in facts if route.path.startswith(prefix)], as_json=as_json)


def compare(path: Path, facts: list[RouteInfo], *, as_json: bool = False) -> None:
    """Compare the guards of routes with a lock file.

    Args:
        path: The lock file.
        facts: All routes of the application.
        as_json: Whether to print the result as JSON.

    Raises:
        ClickException: A route is more open than the file says; the message lists all of them.
        Exit: As before, and the result was printed as JSON.
    """
    opened = list(more_open_routes(read_lock(path), guards_of(facts)))
    if as_json:
        print_json({"opened": opened})
        if opened:
            raise click.exceptions.Exit(1)
        return
    if opened:
        more = "\n- ".join(opened)
        raise click.ClickException(
            f"routes are more open than in {FILE_NAME}:\n- {more}\n"
            "restrict them, or accept the change with: lback routes --lock"
        )
    click.echo(f"No route is more open than in {FILE_NAME}.")


def _show(facts: list[RouteInfo], *, as_json: bool) -> None:
    if as_json:
        print_json([dataclasses.asdict(route) for route in facts])
    elif not facts:
        click.echo("No routes.")
    else:
        print_table(HEAD, [(",".join(r.methods), *dataclasses.astuple(r)[1:]) for r in facts])
