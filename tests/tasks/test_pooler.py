"""Workers that are woken by LISTEN beside PgBouncer in transaction mode."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import pytest
from sqlalchemy import make_url

from lback import Application
from lback.cli.problems import Problem, run_checks
from lback.cli.start_checks import START_CHECKS
from lback.database import DatabaseManager, changes
from lback.tasks import Worker, task, waking, workers
from tests.tasks.conftest import KEY

pytestmark = pytest.mark.postgresql


def build(url: str, direct: str) -> Application:
    app = Application(
        DATABASE_URL=url, DATABASE_DIRECT_URL=direct, TASKS="database", SECRET_KEY=KEY
    )
    app.db_manager.create_tables()
    return app


def problems(app: Application) -> list[Problem]:
    return [p for p in run_checks(START_CHECKS, app) if p.check == "database.notifications"]


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
        app.db_manager.dispose()


def test_a_worker_is_woken_beside_a_pooler(
    pooled_url: str,
    postgresql_url: str,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Nothing but a notification ends the pause of the worker.
    monkeypatch.setattr(workers, "WOKEN_SECONDS", 1000.0)
    monkeypatch.setattr(workers, "BEAT_SECONDS", 1000.0)
    app = build(pooled_url, postgresql_url)
    assert problems(app) == []
    done: list[int] = []

    @task(name="tests.pooled")
    def pooled(number: int) -> None:
        done.append(number)

    with working(app):
        for number in range(5):
            time.sleep(0.2)  # the worker waits again
            handle = pooled.enqueue(number=number)
            deadline = time.monotonic() + 30
            while handle.refresh().state != "successful":
                assert time.monotonic() < deadline, "the worker was not woken"
                time.sleep(0.01)
    assert done == list(range(5))
    assert "DATABASE_DIRECT_URL" not in caplog.text


def test_a_worker_that_is_not_woken_says_so_and_asks_often(
    pooled_url: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "PROBE_SECONDS", 0.3)
    monkeypatch.setattr(workers, "WOKEN_SECONDS", 1000.0)
    app = build(pooled_url, pooled_url)
    (problem,) = problems(app)
    assert f":{make_url(pooled_url).port}/" in problem.what
    assert problem.why == waking.TOO_LATE
    assert "DATABASE_DIRECT_URL" in problem.fix
    assert not problem.is_error

    @task(name="tests.unheard")
    def unheard() -> None: ...

    with working(app):
        deadline = time.monotonic() + 30
        while "set DATABASE_DIRECT_URL" not in caplog.text:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        handle = unheard.enqueue()
        while handle.refresh().state != "successful":
            assert time.monotonic() < deadline
            time.sleep(0.01)


def test_a_worker_listens_again_after_the_driver_failed(
    postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(waking, "RECONNECT_SECONDS", 0.1)
    app = build(postgresql_url, "")
    connect, calls = changes.own_connection, 0

    def failing(manager: DatabaseManager) -> object:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise psycopg.OperationalError("the connection is closed")
        return connect(manager)

    monkeypatch.setattr(waking, "own_connection", failing)
    worker = Worker(app.dependencies)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not worker._waker.is_reliable:
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        worker.stop()
        thread.join()
        app.db_manager.dispose()
