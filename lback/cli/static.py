"""`lback collectstatic`: what pages need, in one place, under names that may be kept for ever."""

import click

from lback.cli.click_classes import Command
from lback.cli.project import open_project
from lback.static_files import collect


@click.command(
    cls=Command,
    examples=(
        "lback collectstatic",
        "lback collectstatic --clear   # remove what no page names any more",
        "lback collectstatic --strict  # fail where CSS names a file that does not exist",
    ),
)
@click.option("--clear", is_flag=True, help="Remove files of earlier collections.")
@click.option("--strict", is_flag=True, help="Fail on references to nothing.")
@click.option("--dry-run", is_flag=True, help="Only tell what would be done.")
def collectstatic(clear: bool, strict: bool, dry_run: bool) -> int:
    """Collect the static files for production."""
    files = open_project().static_files
    found = collect(files.sources, files.root, files.static_url, clear=clear, dry_run=dry_run)
    for warning in found.warnings:
        click.echo(f"Warning: {warning}", err=True)
    for name in found.removed:
        click.echo(f"Removed {name}" if not dry_run else f"Would remove {name}")
    verb = "Would write" if dry_run else "Wrote"
    click.echo(
        f"{verb} {len(found.written)} files for {len(found.files)} static files to {files.root}"
    )
    return 1 if strict and found.warnings else 0
