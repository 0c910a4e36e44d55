"""The commands of people who look after tasks, in a project."""

import json
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, select

from lback.database import DatabaseManager
from lback.tasks.tables import StoredTask, TaskFailure
from tests.cli.conftest import Run, launcher, lback  # noqa: F401  fixtures

SETTINGS = """
DEBUG = False
SECRET_KEY = "kT4-q9ZpW2_xR7mL8vNc"
ALLOWED_HOSTS = ["localhost"]
ROOT_URLCONF = "urls"
TASKS = "database"
"""
TASKS = """
import time

from lback.tasks import progress, schedule, task


@task(retries=0)
def export(number: int) -> int:
    print("exporting", number)
    return 10 // number


@task(queue="slow", sensitive=True)
def slow(token: str) -> None:
    progress(1, 4, "begun")
    time.sleep(600)


@schedule(every=86_400)
@task
def daily() -> None: ...
"""
ENQUEUE = """
import click


@click.command()
@click.argument("numbers", nargs=-1, type=int)
def enqueue(numbers, db_session):
    from tasks import export, slow

    for number in numbers:
        export.enqueue(number=number)
    slow.enqueue(token="secret")
"""


@pytest.fixture
def project(tmp_path: Path, lback: Run) -> Iterator[Path]:  # noqa: F811
    root = tmp_path / "shop"
    (root / "back").mkdir(parents=True)
    (root / "settings.py").write_text(f'{SETTINGS}INSTALLED_APPS = ["back"]\n')
    (root / "urls.py").write_text("urlpatterns = []\n")
    (root / "tasks.py").write_text(TASKS)
    (root / "back" / "__init__.py").write_text("")
    (root / "back" / "commands.py").write_text(ENQUEUE)
    for command in (["makemigrations", "--no-input"], ["migrate"]):
        assert lback(*command, cwd=root).returncode == 0
    yield root


def listed(lback: Run, project: Path, *options: str) -> Any:  # noqa: F811
    done = lback("tasks", "list", "--json", *options, cwd=project)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_tasks_are_listed_shown_retried_and_cancelled(project: Path, lback: Run) -> None:  # noqa: F811
    assert lback("enqueue", "2", "0", cwd=project).returncode == 0
    problem = lback("check", cwd=project)
    assert "3 tasks are ready and no worker runs" in problem.stdout
    assert lback("doctor", cwd=project).returncode == 1
    worked = lback("work", "--queue", "default", "--burst", cwd=project)
    assert worked.returncode == 0, worked.stderr
    assert "task tasks.export failed" in worked.stderr

    found = listed(lback, project)
    states = [(t["name"], t["state"], t["arguments"]) for t in found["tasks"]]
    assert states == [
        ("tasks.slow", "ready", ""),
        ("tasks.export", "failed", '{"number":0}'),
        ("tasks.export", "successful", '{"number":2}'),
    ]
    assert [queue["name"] for queue in found["queues"]] == ["default", "slow"]
    (failed,) = listed(lback, project, "--state", "failed")["tasks"]
    shown = lback("tasks", "show", failed["id"], cwd=project).stdout
    assert "ZeroDivisionError" in shown
    assert "return 10 // number" in shown
    (failure,) = json.loads(lback("tasks", "show", failed["id"], "--json", cwd=project).stdout)[
        "failures"
    ]
    assert failure["attempt"] == 1
    table = lback("tasks", "list", cwd=project).stdout
    assert "tasks.slow" in table
    assert "secret" not in table

    assert "1 tasks enqueued again" in lback("tasks", "retry", "--all", cwd=project).stdout
    cancelled = lback("tasks", "cancel", failed["id"], cwd=project)
    assert cancelled.stdout == "1 tasks cancelled.\n"
    again = lback("tasks", "cancel", failed["id"], cwd=project)
    assert (again.returncode, again.stdout) == (1, "0 tasks cancelled.\n")
    assert lback("tasks", "retry", cwd=project).returncode == 2
    assert "2 tasks deleted" in lback("tasks", "purge", "--yes", cwd=project).stdout
    assert len(listed(lback, project)["tasks"]) == 1
    assert "no task has the id" in lback("tasks", "show", failed["id"], cwd=project).stderr


def test_a_paused_queue_is_seen_and_resumed(project: Path, lback: Run) -> None:  # noqa: F811
    assert lback("enqueue", cwd=project).returncode == 0
    assert lback("tasks", "pause", "slow", cwd=project).returncode == 0
    assert lback("work", "--burst", cwd=project).returncode == 0
    assert "paused" in lback("tasks", "list", cwd=project).stdout
    assert "tasks" not in lback("check", cwd=project).stdout
    assert "runs again" in lback("tasks", "resume", "slow", cwd=project).stdout
    assert "is not paused" in lback("tasks", "resume", "slow", cwd=project).stderr


def test_rows_are_pruned_by_their_age(project: Path, lback: Run) -> None:  # noqa: F811
    assert lback("enqueue", "1", "0", cwd=project).returncode == 0
    assert lback("work", "--queue", "default", "--burst", cwd=project).returncode == 0
    assert "0 finished tasks deleted" in lback("prune", cwd=project).stdout
    time.sleep(1.1)
    pruned = lback("prune", cwd=project, TASK_RETENTION="1")
    assert "2 finished tasks deleted" in pruned.stdout
    assert "0 ended sessions deleted" in pruned.stdout
    manager = DatabaseManager.from_url(f"sqlite:///{project / 'db.sqlite3'}")
    with manager.create_session() as session:
        assert session.scalar(select(func.count()).select_from(StoredTask)) == 1
        assert session.scalar(select(func.count()).select_from(TaskFailure)) == 0
    manager.dispose()


def test_without_tasks_the_commands_say_so(project: Path, lback: Run) -> None:  # noqa: F811
    for command in (["work"], ["tasks", "list"]):
        done = lback(*command, cwd=project, TASKS="immediate")
        assert done.returncode == 1
        assert "needs TASKS = 'database'" in done.stderr


def test_tasks_that_cannot_be_imported_are_named(project: Path, lback: Run) -> None:  # noqa: F811
    (project / "tasks.py").write_text("import nowhere\n")
    done = lback("work", "--burst", cwd=project)
    assert done.returncode == 1
    assert "the tasks in 'tasks' cannot be imported: ModuleNotFoundError" in done.stderr


def start(project: Path, log: Path, *arguments: str) -> int:
    import subprocess
    import sys

    with log.open("wb") as output:
        environment = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
        process = subprocess.Popen(
            [sys.executable, "-m", "lback", *arguments],
            cwd=project,
            stdout=output,
            stderr=output,
            env={**environment, "PYTHONUNBUFFERED": "1"},
        )
    started.append(process)
    return process.pid


started: list[Any] = []


@pytest.mark.parametrize("command", ["work", "processes", "serve", "runserver"])
def test_tasks_run_beside_the_server_and_stop_with_it(
    project: Path,
    lback: Run,  # noqa: F811
    tmp_path: Path,
    command: str,
) -> None:
    assert lback("enqueue", "5", cwd=project).returncode == 0
    arguments = {
        "work": ["work", "--queue", "default"],
        "processes": ["work", "--processes", "2", "--queue", "default"],
        "serve": ["serve", "--work", "--port", "0", "--workers", "1"],
        "runserver": ["runserver", "--port", "0"],
    }[command]
    log = tmp_path / "log.txt"
    pid = start(project, log, *arguments)
    try:
        deadline = time.monotonic() + 180
        while True:
            found = listed(lback, project, "--name", "tasks.export")["tasks"]
            if found[0]["state"] == "successful":
                break
            assert time.monotonic() < deadline, log.read_text()
            time.sleep(0.1)
    finally:
        if command in ("serve", "runserver"):
            # The slow task is running, and is run again after the kill of its worker.
            os.kill(pid, signal.SIGINT)
            time.sleep(0.2)
            os.kill(pid, signal.SIGINT)
        else:
            os.kill(pid, signal.SIGTERM)
        process = started.pop()
        process.wait(timeout=120)
