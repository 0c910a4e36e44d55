"""`lback tasks`: lists, shows, retries, cancels and deletes background tasks, and pauses queues."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from lback.cli.click_classes import Command, Group
from lback.cli.json_output import json_option, print_json
from lback.cli.project import open_project
from lback.cli.table import print_table
from lback.core.exceptions import ConfigurationError
from lback.services import TASK_MODULES
from lback.tasks.handles import TaskRecord
from lback.tasks.loading import import_tasks
from lback.tasks.overview import Overview, as_data, moment
from lback.tasks.queues import DatabaseQueue
from lback.tasks.tables import FINISHED, STATES, WAITING

WIDTH = 30


@click.group(
    cls=Group,
    examples=(
        "lback tasks list --state failed",
        "lback tasks show 0199d3c4a2b1…",
        "lback tasks retry --all --name shop.tasks.export",
        "lback tasks pause mail",
    ),
)
def tasks() -> None:
    """Inspect and control background tasks."""


@tasks.command("list", cls=Command, examples=("lback tasks list --state failed --json",))
@click.option("--state", type=click.Choice(STATES), help="Only tasks in this state.")
@click.option("--queue", default="", help="Only tasks of this queue.")
@click.option("--name", default="", help="Only tasks of this name.")
@click.option("--limit", type=click.IntRange(1, 10_000), default=20, help="How many at most.")
@json_option
def list_tasks(state: str | None, queue: str, name: str, limit: int, as_json: bool) -> None:
    """List queues, workers and the newest tasks."""
    overview = _open()
    records = overview.tasks(state=state or "", queue=queue, name=name, limit=limit)
    if as_json:
        print_json(
            {
                "queues": [asdict(one) for one in overview.queues()],
                "workers": [asdict(one) for one in overview.workers()],
                "tasks": [as_data(record) for record in records],
            }
        )
        return
    _print_queues(overview)
    head = ("ID", "NAME", "QUEUE", "STATE", "ATTEMPTS", "PROGRESS", "AT", "ERROR")
    print_table(head, [_row(record) for record in records])


def _print_queues(overview: Overview) -> None:
    queues = overview.queues()
    if queues:
        head = ("QUEUE", "READY", "OLDEST", "SCHEDULED", "RUNNING", "FAILED", "")
        print_table(
            head,
            [
                (
                    one.name,
                    str(one.ready),
                    f"{one.oldest:.0f} s" if one.ready else "",
                    str(one.scheduled),
                    str(one.running),
                    str(one.failed),
                    "paused" if one.is_paused else "",
                )
                for one in queues
            ],
        )
        click.echo()
    workers = overview.workers()
    click.echo(f"{len(workers)} workers{': ' if workers else ''}", nl=False)
    click.echo(", ".join(f"{one.host}/{one.pid} ({one.seen:.0f} s ago)" for one in workers))
    click.echo()


def _row(record: TaskRecord) -> tuple[str, ...]:
    at = record.finished_at or record.started_at or record.run_at
    return (
        record.id,
        record.name,
        record.queue,
        record.state,
        str(record.attempts),
        _bar(record),
        moment(at),
        record.error.partition("\n")[0][:60],
    )


def _bar(record: TaskRecord) -> str:
    """Return the progress as a bar, or as a number if the total is not known."""
    if record.progress is None or record.state in FINISHED:
        return ""
    done, total, note = record.progress
    if not total:
        return f"{done:g} {note}".strip()
    filled = min(int(10 * done / total), 10)
    return f"{'#' * filled}{'.' * (10 - filled)} {100 * done / total:.0f} % {note}".strip()[:WIDTH]


@tasks.command(cls=Command, examples=("lback tasks show 0199d3c4a2b1…",))
@click.argument("task_id")
@json_option
def show(task_id: str, as_json: bool) -> None:
    """Show a task with the traceback of each failed attempt."""
    overview = _open()
    record = overview.queue.find(task_id)
    if record is None:
        raise click.ClickException(f"no task has the id {task_id!r}; see: lback tasks list")
    failures = [
        {"attempt": f.attempt, "at": moment(f.at), "error": f.error, "traceback": f.traceback}
        for f in overview.failures(task_id)
    ]
    if as_json:
        print_json({**as_data(record), "failures": failures})
        return
    for name, value in as_data(record).items():
        if value not in (None, ""):
            click.echo(f"{name:12} {value}")
    for failure in failures:
        click.echo(f"\nattempt {failure['attempt']} at {failure['at']}: {failure['error']}")
        click.echo(failure["traceback"])


@tasks.command(cls=Command, examples=("lback tasks retry --all --queue mail",))
@click.argument("task_ids", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All failed tasks.")
@click.option("--queue", default="", help="With --all: only tasks of this queue.")
@click.option("--name", default="", help="With --all: only tasks of this name.")
@json_option
def retry(task_ids: tuple[str, ...], is_all: bool, queue: str, name: str, as_json: bool) -> None:
    """Enqueue failed or cancelled tasks once more."""
    overview = _open()
    ids = list(task_ids) or (overview.ids(state="failed", queue=queue, name=name) if is_all else [])
    _change(ids, overview.queue.retry, "enqueued again", "has not failed", is_all, as_json)


@tasks.command(cls=Command, examples=("lback tasks cancel 0199d3c4a2b1…",))
@click.argument("task_ids", nargs=-1)
@click.option("--all", "is_all", is_flag=True, help="All tasks that wait.")
@click.option("--queue", default="", help="With --all: only tasks of this queue.")
@click.option("--name", default="", help="With --all: only tasks of this name.")
@json_option
def cancel(task_ids: tuple[str, ...], is_all: bool, queue: str, name: str, as_json: bool) -> None:
    """Cancel tasks; one that runs ends at its next checkpoint."""
    overview = _open()
    ids = list(task_ids)
    if is_all and not ids:
        for state in WAITING:
            ids += overview.ids(state=state, queue=queue, name=name)
    _change(ids, overview.queue.cancel, "cancelled", "has finished", is_all, as_json)


def _change(
    ids: Sequence[str], change: Any, done: str, refused: str, is_all: bool, as_json: bool
) -> None:
    if not ids and not is_all:
        raise click.UsageError("give the ids of tasks, or --all")
    unchanged = [task_id for task_id in ids if not change(task_id)]
    changed = len(ids) - len(unchanged)
    if as_json:
        print_json({"changed": changed, "refused": unchanged})
    else:
        for task_id in unchanged:
            click.echo(f"{task_id} does not exist or {refused}", err=True)
        click.echo(f"{changed} tasks {done}.")
    if unchanged:
        raise click.exceptions.Exit(1)


@tasks.command(cls=Command, examples=("lback tasks purge --state failed",))
@click.option(
    "--state",
    type=click.Choice((*WAITING, *FINISHED)),
    help="Only tasks in this state (default: all that have finished).",
)
@click.option("--queue", default="", help="Only tasks of this queue.")
@click.option("--name", default="", help="Only tasks of this name.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def purge(state: str | None, queue: str, name: str, yes: bool, as_json: bool) -> None:
    """Delete tasks that have finished, or those that wait with --state."""
    overview = _open()
    if not yes:
        click.confirm(f"Delete the {state or 'finished'} tasks of this selection?", abort=True)
    number = overview.purge(state=state or "", queue=queue, name=name)
    if as_json:
        print_json({"deleted": number})
    else:
        click.echo(f"{number} tasks deleted.")


@tasks.command(cls=Command, examples=("lback tasks pause mail",))
@click.argument("queue")
@json_option
def pause(queue: str, as_json: bool) -> None:
    """Let the tasks of a queue wait; those that run go on."""
    _open().pause(queue)
    if as_json:
        print_json({"queue": queue, "paused": True})
    else:
        click.echo(f"The queue {queue} is paused; continue with: lback tasks resume {queue}")


@tasks.command(cls=Command, examples=("lback tasks resume mail",))
@click.argument("queue")
@json_option
def resume(queue: str, as_json: bool) -> None:
    """Let the tasks of a paused queue run again."""
    if not _open().resume(queue):
        raise click.ClickException(f"the queue {queue!r} is not paused")
    if as_json:
        print_json({"queue": queue, "paused": False})
    else:
        click.echo(f"The queue {queue} runs again.")


def _open() -> Overview:
    app = open_project()
    queue = app.dependencies.get("tasks")
    if not isinstance(queue, DatabaseQueue):
        raise ConfigurationError(
            f"lback tasks needs TASKS = 'database' or 'dramatiq', not {app.config.TASKS!r}"
        )
    # Which arguments may be shown is known by the tasks.
    import_tasks(app.config, TASK_MODULES)
    return Overview(queue)
