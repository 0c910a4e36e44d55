"""`lback collectstatic`: copies static files to one directory, under names with content hashes."""

import click

from lback.cli.click_classes import Command
from lback.cli.json_output import json_option, print_json
from lback.cli.messages import compile_project
from lback.cli.project import open_project
from lback.static_files import collect


@click.command(
    cls=Command,
    examples=(
        "lback collectstatic",
        "lback collectstatic --clear   # remove files that are no longer used",
        "lback collectstatic --strict  # fail if CSS refers to a missing file",
    ),
)
@click.option("--clear", is_flag=True, help="Remove files of earlier runs that are no longer used.")
@click.option("--strict", is_flag=True, help="Fail if a file refers to a missing file.")
@click.option("--dry-run", is_flag=True, help="Show what would be done, without writing.")
@json_option
def collectstatic(clear: bool, strict: bool, dry_run: bool, as_json: bool) -> int:
    """Collect static files for production, and compile the translations."""
    app = open_project()
    files = app.static_files
    if not dry_run:
        compile_project(app.config)
    collected = collect(files.sources, files.root, files.static_url, clear=clear, dry_run=dry_run)
    if as_json:
        print_json(
            {
                "root": str(files.root),
                "files": sorted(collected.files),
                "written": sorted(collected.written),
                "removed": sorted(collected.removed),
                "warnings": list(collected.warnings),
            }
        )
        return 1 if strict and collected.warnings else 0
    for warning in collected.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for name in collected.removed:
        click.echo(f"Removed {name}" if not dry_run else f"Would remove {name}")
    verb = "Would write" if dry_run else "Wrote"
    click.echo(
        f"{verb} {len(collected.written)} files for {len(collected.files)} static files "
        f"to {files.root}"
    )
    return 1 if strict and collected.warnings else 0
