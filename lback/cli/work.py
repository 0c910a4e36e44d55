"""`lback work`: runs background tasks."""

import logging
import os
import signal
import sys
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

import click

from lback.cli.click_classes import Command
from lback.cli.project import find_project
from lback.cli.work_processes import Keeper
from lback.core import server
from lback.core.exceptions import ConfigurationError
from lback.core.logging_setup import setup_logging
from lback.core.settings.defaults import TASKS_IN_DATABASE
from lback.services import TASK_MODULES
from lback.tasks.loading import import_tasks
from lback.tasks.queues import DatabaseQueue

if TYPE_CHECKING:
    from lback.application import Application
    from lback.tasks import Worker

logger = logging.getLogger("lback.tasks")


@click.command(
    cls=Command,
    examples=(
        "lback work",
        "lback work --queue mail --queue default --threads 8",
        "lback work --processes 2",
        "lback work --burst   # run what is ready, and exit",
        "kill -TERM PID       # stop; tasks go on from their last checkpoint",
    ),
)
@click.option("--queue", "queues", multiple=True, help="Queue to work on (default: all).")
@click.option(
    "--threads", type=click.IntRange(1, 200), default=4, help="Tasks at once in a process."
)
@click.option("--processes", type=click.IntRange(1, 64), help="Number of processes (default: 1).")
@click.option("--burst", is_flag=True, help="Exit when no task is ready.")
@click.option("--once", is_flag=True, help="Exit after one task, or when none is ready.")
@click.option("--with-parent", is_flag=True, hidden=True, help="Stop when the parent ends.")
def work(
    queues: tuple[str, ...],
    threads: int,
    processes: int | None,
    burst: bool,
    once: bool,
    with_parent: bool,
) -> None:
    """Run background tasks until stopped."""
    find_project()
    if processes is not None:
        if burst or once:
            raise click.UsageError("--processes cannot be combined with --burst and --once")
        options = [f"--queue={queue}" for queue in queues]
        sys.exit(Keeper([*options, f"--threads={threads}"], processes, with_parent).run())
    app = open_worker_application()
    worker = build_worker(app, list(queues), threads)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stop_or_exit(worker, number))
    if with_parent:
        parent = os.getppid()
        worker.every_beat(lambda: None if os.getppid() == parent else worker.stop())
    logger.info("working on %s with %d threads", ", ".join(queues) or "all queues", threads)
    worker.run(burst=burst, once=once)
    app.db_manager.dispose()


def open_worker_application() -> "Application":
    """Build the application of the project with all its tasks, and set up logging.

    Raises:
        ConfigurationError: The settings, the tasks or the routes are invalid, or tasks are not
            stored in the database.
    """
    app = server.build_project_application()
    server.publish(app)
    setup_logging(app.config)
    if not isinstance(app.dependencies.get("tasks"), DatabaseQueue):
        raise ConfigurationError(
            f"lback work needs TASKS = 'database' or 'dramatiq'; it is {app.config.TASKS!r}"
        )
    import_tasks(app.config, TASK_MODULES)
    return app


def build_worker(app: "Application", queues: list[str], threads: int) -> "Worker":
    """Return a worker of an application.

    Args:
        app: The application.
        queues: Names of queues; empty for all.
        threads: Tasks at once.
    """
    from lback.tasks.workers import Worker

    kind: type[Worker] = Worker
    if app.config.TASKS == "dramatiq":
        from lback.tasks.broker import BrokerWorker  # an extra

        kind = BrokerWorker
    timeout = app.config.SHUTDOWN_TIMEOUT
    worker = kind(app.dependencies, queues=queues, threads=threads, shutdown_timeout=timeout)
    if app.config.REALTIME:
        # Imported here, because tasks need no live pages.
        from lback.realtime.task_progress import publish_task

        worker.on_change(partial(publish_task, app.dependencies))
    return worker


def stop_or_exit(worker: "Worker", number: int) -> None:
    """Stop a worker at the first signal, and exit at the second one.

    Args:
        worker: The worker.
        number: Number of the signal.
    """
    if worker.is_stopping:
        os._exit(128 + number)
    worker.stop()


def work_in_background(app: "Application") -> None:
    """Run tasks in a thread of the development server, if tasks are stored in the database.

    Args:
        app: The application.
    """
    if app.config.TASKS in TASKS_IN_DATABASE:
        import_tasks(app.config, TASK_MODULES)
        worker = build_worker(app, [], 2)
        Thread(target=worker.run, name="lback-work", daemon=True).start()
