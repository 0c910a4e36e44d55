"""`lback storage`: checks stored files, copies storages, and finds files without a row."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from lback.cli.click_classes import Command, Group
from lback.cli.json_output import json_option, print_json
from lback.cli.project import open_project
from lback.forms.file_fields import readable_size
from lback.storage import maintenance

if TYPE_CHECKING:
    from collections.abc import Iterator

    from lback.application import Application
    from lback.storage import FileInfo, Storage, Storages


@click.group(
    cls=Group,
    examples=(
        "lback storage check --hashes",
        "lback storage sync default archive",
        "lback storage orphans --delete",
    ),
)
def storage() -> None:
    """Check, copy and clean up stored files."""


@storage.command("check", cls=Command, examples=("lback storage check --hashes",))
@click.option("--hashes", is_flag=True, help="Read each file and compare its SHA-256.")
@json_option
def check(hashes: bool, as_json: bool) -> int:
    """Check that each storage can be listed, and that the files of all rows are there."""
    app, storages = _open()
    count, found = maintenance.problems_of(storages, app.db_manager, hashes=hashes)
    problems = [asdict(problem) for problem in found]
    if as_json:
        print_json({"storages": list(storages), "files": count, "problems": problems})
    else:
        for one_problem in problems:
            click.echo(" ".join(filter(None, one_problem.values())), err=True)
        click.echo(f"{count} files of rows in {len(storages)} storages: {len(problems)} problems.")
    return 1 if problems else 0


@storage.command("sync", cls=Command, examples=("lback storage sync default archive --dry-run",))
@click.argument("source", metavar="FROM")
@click.argument("target", metavar="TO")
@click.option("--dry-run", is_flag=True, help="Show what would be copied, without copying.")
@json_option
def sync(source: str, target: str, dry_run: bool, as_json: bool) -> None:
    """Copy the files that another storage lacks; run it again after an interruption."""
    _, storages = _open()
    from_storage, to_storage = _named(storages, source), _named(storages, target)
    if from_storage is to_storage:
        raise click.BadParameter("FROM and TO are the same storage", param_hint="TO")
    found = maintenance.compare(from_storage, to_storage)
    total = sum(file.size for file in found.missing)
    copying = maintenance.copy_files(from_storage, to_storage, found.missing)
    copied = 0 if dry_run else _copy(copying, total, quiet=as_json)
    if as_json:
        names = [file.name for file in found.missing]
        print_json({"same": found.same, "missing": names, "bytes": total, "copied": copied})
        return
    if dry_run:
        for file in found.missing:
            click.echo(f"Would copy {file.name} ({readable_size(file.size)})")
    verb = "Would copy" if dry_run else "Copied"
    number = len(found.missing) if dry_run else copied
    click.echo(f"{verb} {number} files ({readable_size(total)}); {found.same} were there already.")


def _copy(copying: "Iterator[FileInfo]", total: int, *, quiet: bool) -> int:
    if quiet:
        return sum(1 for _ in copying)
    copied = 0
    with click.progressbar(length=total, label="Copying", file=sys.stderr) as bar:
        for file in copying:
            copied += 1
            bar.update(file.size)
    return copied


@storage.command("orphans", cls=Command, examples=("lback storage orphans --delete",))
@click.option("--delete", is_flag=True, help="Delete the files that are found.")
@click.option("--dry-run", is_flag=True, help="With --delete: show what would be deleted.")
@click.option(
    "--older-than",
    type=click.IntRange(min=0),
    default=86_400,
    show_default=True,
    help="Only files that were stored so many seconds ago.",
)
@json_option
def orphans(delete: bool, dry_run: bool, older_than: int, as_json: bool) -> None:
    """List files that no row refers to, and what interrupted uploads left."""
    app, storages = _open()
    writes = delete and not dry_run
    found: list[dict[str, object]] = []
    interrupted: list[dict[str, object]] = []
    for name, one in storages.items():
        for file in maintenance.orphans(one, app.db_manager, older_than=older_than):
            found.append({"storage": name, "name": file.name, "size": file.size})
            if writes:
                one.delete(file.name)
        left = maintenance.abandoned(one, older_than=older_than, dry_run=not writes)
        interrupted += [{"storage": name, "name": part} for part in left]
    if as_json:
        print_json({"orphans": found, "interrupted": interrupted, "deleted": writes})
        return
    verb = "Deleted" if writes else "Found"
    entries = [*found, *interrupted]
    for entry in entries:
        click.echo(f"{verb} {entry['storage']} {entry['name']}")
    click.echo(f"{verb} {len(found)} files without a row, {len(interrupted)} interrupted uploads.")


def _open() -> "tuple[Application, Storages]":
    app = open_project()
    # Names the models, whose columns are read.
    app.db_manager  # noqa: B018
    storages: Storages = app.dependencies["storages"]
    return app, storages


def _named(storages: "Storages", name: str) -> "Storage":
    try:
        return storages[name]
    except KeyError as error:
        raise click.BadParameter(str(error.args[0])) from None
