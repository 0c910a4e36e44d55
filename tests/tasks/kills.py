"""Workers of a project that are killed while they run tasks, and what is left afterwards.

By hand, with a database of its own: `python -m tests.tasks.kills URL 10000`, and with the address
of a broker behind that for tasks that go through it. The word `restart` instead of an address
starts a RabbitMQ of its own, which is killed with -9 and started again when half of the tasks are
done.
"""

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from sqlalchemy import Engine, text

from lback.database import DatabaseManager
from tests.faults.servers import RabbitMQ

TASKS = '''
"""What the workers run."""

from sqlalchemy import text

from lback.tasks import task


@task(retries=0, queue="{queue}")
def note(number: int, db_session, db_manager) -> int:
    # What cannot be rolled back, such as a call of another service: every start leaves a row.
    with db_manager.session() as other:
        other.execute(text("INSERT INTO starts (number) VALUES (:n)"), {{"n": number}})
    db_session.execute(text("INSERT INTO results (number) VALUES (:n)"), {{"n": number}})
    return number
'''
ENQUEUE = """
from lback.core import server
from lback.core.wsgi_entry import create_wsgi_app
from tasks import note

create_wsgi_app()
with server.db_manager.session():
    note.enqueue_many({{"number": number}} for number in range({number}))
"""


@dataclass
class Outcome:
    """What was found after a run.

    Attributes:
        states: Number of tasks in each state.
        starts: How often the function was started.
        results: How many rows its database session committed.
        numbers: How many different tasks these belong to.
        kills: How many workers were killed.
        seconds: Duration.
    """

    states: Mapping[str, int]
    starts: int
    results: int
    numbers: int
    kills: int
    seconds: float


class Site:
    """A project that `lback new project` made, with tasks, on a database, with DEBUG off."""

    def __init__(self, folder: Path, url: str, *, broker: str = "", queue: str = "notes") -> None:
        self.url = url
        self.has_broker = bool(broker)
        self.environment = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
        self.environment |= {"DEBUG": "true", "DATABASE_URL": url, "TASKS": "database"}
        self.environment["LOGGING_LEVEL"] = "WARNING"
        if broker:
            self.environment |= {"TASKS": "dramatiq", "TASK_BROKER_URL": broker}
        self.folder = folder
        self.run("new", "project", "shop", "--minimal")
        self.folder = folder / "shop"
        (self.folder / "tasks.py").write_text(TASKS.format(queue=queue))
        self.run("makemigrations", "--no-input")
        self.run("migrate")
        self.environment |= {"DEBUG": "false", "ALLOWED_HOSTS": "localhost"}
        self.manager = DatabaseManager.from_url(url)

    def run(self, *arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "lback", *arguments],
            cwd=self.folder,
            env=self.environment,
            check=False,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *arguments: str) -> "subprocess.Popen[bytes]":
        return subprocess.Popen(
            [sys.executable, "-m", "lback", *arguments],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def enqueue(self, number: int) -> None:
        with self.engine.begin() as connection:
            connection.execute(text("CREATE TABLE starts (number INTEGER)"))
            connection.execute(text("CREATE TABLE results (number INTEGER)"))
        script = ENQUEUE.format(number=number)
        command = [sys.executable, "-c", script]
        subprocess.run(command, cwd=self.folder, env=self.environment, check=True)

    @property
    def engine(self) -> Engine:
        return self.manager.engine

    def states(self) -> dict[str, int]:
        statement = "SELECT state, count(*) FROM lback_tasks GROUP BY state"
        with self.engine.connect() as connection:
            return {str(state): int(n) for state, n in connection.execute(text(statement))}

    def is_done(self, number: int) -> bool:
        """Whether all tasks have finished; what a broker has is known by what they wrote."""
        if self.has_broker:
            return self.count("count(DISTINCT number)", "results") == number
        return not set(self.states()) - {"successful", "failed"}

    def count(self, what: str, table: str) -> int:
        with self.engine.connect() as connection:
            return int(connection.execute(text(f"SELECT {what} FROM {table}")).scalar_one())


def kill_workers(
    site: Site,
    number: int,
    *,
    every: float,
    patience: float,
    halfway: Callable[[], object] = lambda: None,
) -> Outcome:
    """Run tasks with two workers of which one is killed with -9 again and again.

    `halfway` is called once, when half of the tasks have written their result.
    """
    site.enqueue(number)
    began, kills, is_halfway = time.monotonic(), 0, False
    give_up_at = began + patience
    workers = [site.start("work", "--threads", "4") for _ in range(2)]
    try:
        while not site.is_done(number):
            if time.monotonic() > give_up_at:
                raise TimeoutError(f"tasks are left after {patience:g} seconds: {site.states()}")
            time.sleep(every)
            if not is_halfway and site.count("count(DISTINCT number)", "results") >= number // 2:
                is_halfway = True
                halfway()
            # One of the two, and now and then the other.
            chosen = int(random.random() < 0.9)
            # One that still starts would run nothing.
            if not site.count("count(*)", f"lback_task_workers WHERE pid = {workers[chosen].pid}"):
                continue
            workers[chosen].kill()
            workers[chosen].wait()
            workers[chosen] = site.start("work", "--threads", "4")
            kills += 1
    finally:
        for worker in workers:
            worker.terminate()
            worker.wait()
    return Outcome(
        site.states(),
        site.count("count(*)", "starts"),
        site.count("count(*)", "results"),
        site.count("count(DISTINCT number)", "results"),
        kills,
        time.monotonic() - began,
    )


def restart(server: RabbitMQ) -> None:
    """End a broker as a crash does, and start it again with what it has on its disk."""
    server.stop()
    server.start()


def main(url: str, number: int, broker: str) -> None:
    server = RabbitMQ() if broker == "restart" else None
    try:
        if server is not None:
            server.start()
            broker = server.url
        with tempfile.TemporaryDirectory() as name:
            site = Site(Path(name), url, broker=broker)
            halfway = partial(restart, server) if server else lambda: None
            every = 1.0 if server is None else 10.0  # or the broker carries little
            outcome = kill_workers(site, number, every=every, patience=3600, halfway=halfway)
            sys.stdout.write(f"{outcome}\n")
            site.manager.dispose()
    finally:
        if server is not None:
            server.remove()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), "".join(sys.argv[3:4]))
