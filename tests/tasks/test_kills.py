"""Real workers of a project are killed with -9, and no task is lost."""

import subprocess
import sys
from pathlib import Path

from tests.tasks.kills import Site, kill_workers


def test_killed_workers_lose_no_task(new_database_url: str, tmp_path: Path) -> None:
    site = Site(tmp_path, new_database_url)
    outcome = kill_workers(site, 300, every=0.7, patience=120)
    site.manager.dispose()

    assert outcome.states == {"successful": 300}
    # The rows of the session are committed with the end of the task: once, however often it ran.
    assert outcome.results == outcome.numbers == 300
    # Those that a kill repeated: at most the threads of a worker.
    assert outcome.kills
    assert 300 <= outcome.starts <= 300 + 4 * outcome.kills


LONG = """

import time

from lback.tasks import checkpoint, progress, saved_cursor


@task(name="long", retries=0)
def long(db_session) -> int:
    first = saved_cursor(0)
    for number in range(first, 30):
        db_session.execute(text("INSERT INTO results (number) VALUES (:n)"), {"n": number})
        progress(number, 30)
        checkpoint(number + 1)
        time.sleep(0.1)
    return first
"""
ENQUEUE_LONG = """
from lback.core.wsgi_entry import create_wsgi_app
from tasks import long

create_wsgi_app()
long.enqueue()
"""


def test_a_worker_that_is_stopped_hands_its_task_over(tmp_path: Path) -> None:
    site = Site(tmp_path, f"sqlite:///{tmp_path / 'long.sqlite3'}")
    with (site.folder / "tasks.py").open("a") as file:
        file.write(LONG)
    site.enqueue(0)
    command = [sys.executable, "-c", ENQUEUE_LONG]
    subprocess.run(command, cwd=site.folder, env=site.environment, check=True)
    worker = site.start("work")
    while site.count("count(*)", "results") < 3:
        assert worker.poll() is None
    worker.terminate()

    assert worker.wait(60) == 0
    assert site.states() == {"ready": 1}
    done = site.count("count(*)", "results")
    assert done < 30
    site.run("work", "--burst")
    assert site.states() == {"successful": 1}
    assert (
        site.count("count(*)", "results") == site.count("count(DISTINCT number)", "results") == 30
    )
    with site.engine.connect() as connection:
        result = connection.exec_driver_sql("SELECT result FROM lback_tasks").scalar_one()
    assert int(result) == done
    site.manager.dispose()
