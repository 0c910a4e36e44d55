"""A worker whose disk is full: it waits, and every task is done once when there is room again."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Text, event, func, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application
from lback.database import Base
from lback.tasks import TaskHandle, Worker, task
from tests.faults.disk import Disk, Skipped, small_disk

PATIENCE = 90.0


class Report(Base):
    __tablename__ = "full_disk_reports"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(Text)


@pytest.fixture
def disk() -> Iterator[Disk]:
    try:
        with small_disk() as found:
            yield found
    except Skipped as error:
        pytest.skip(str(error))


@pytest.fixture
def small_app(disk: Disk) -> Iterator[Application]:
    app = Application(
        TASKS="database",
        DATABASE_URL=f"sqlite:///{disk.folder}/tasks.sqlite3",
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc5sHd1yGf6jBa3e",
    )
    app.db_manager.create_tables()
    yield app
    app.db_manager.dispose()


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def reports(app: Application) -> int:
    with app.db_manager.session() as session:
        return session.scalar(select(func.count()).select_from(Report)) or 0


@contextmanager
def working(app: Application) -> Iterator[None]:
    worker = Worker(app.dependencies)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield
    finally:
        worker.stop()
        thread.join()


def are_done(handles: list[TaskHandle]) -> bool:
    return all(handle.refresh().state == "successful" for handle in handles)


def test_tasks_wait_for_room(small_app: Application, disk: Disk, caplog: Any) -> None:
    @task(name="tests.report")
    def report(db_session: Session) -> None:
        db_session.add(Report(text="x" * 100_000))

    with small_app.db_manager.session():
        handles = [report.enqueue() for _ in range(3)]
    disk.fill()
    with pytest.raises(OperationalError), small_app.db_manager.session():
        for _ in range(200):
            report.enqueue()
    attempts: list[str] = []
    event.listen(small_app.db_manager.engine, "begin", lambda _: attempts.append("begin"))
    with working(small_app):
        until(lambda: "the worker cannot use the database" in caplog.text)
        until(lambda: len(attempts) > 4)
        assert reports(small_app) == 0
        disk.free()
        until(lambda: are_done(handles))
    assert reports(small_app) == 3
    # One line for the outage, and longer and longer pauses within it.
    assert caplog.text.count("the worker cannot use the database") == 1


def test_a_disk_that_a_task_fills_fails_its_attempt_alone(
    small_app: Application, disk: Disk, caplog: Any
) -> None:
    attempts: list[int] = []

    @task(name="tests.fill", retries=20, backoff=0.1)
    def fill(db_session: Session) -> None:
        attempts.append(len(attempts))
        db_session.add(Report(text="x" * 150_000))
        if len(attempts) == 1:
            disk.fill()

    with small_app.db_manager.session():
        handle = fill.enqueue()
    with working(small_app):
        until(lambda: "full" in caplog.text)
        disk.free()
        until(lambda: are_done([handle]))
    assert reports(small_app) == 1
