"""Tasks through RabbitMQ and Redis: `TASKS = "dramatiq"`."""

import os
import secrets
import socket
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Thread
from typing import Any

import pika
import pytest
from pika.exceptions import AMQPConnectionError

from lback import Application
from lback.core.exceptions import ConfigurationError
from lback.database import DatabaseManager
from lback.i18n import get_language, language
from lback.tasks import Task, checkpoint, task
from lback.tasks.broker import BrokerWorker, build_broker
from lback.tasks.overview import Overview
from lback.tasks.queues import DatabaseQueue
from lback.tasks.tables import StoredTask
from tests.conftest import unavailable
from tests.tasks.conftest import KEY
from tests.tasks.kills import Site, kill_workers


@pytest.fixture(params=["rabbitmq", "redis"])
def broker_url(request: pytest.FixtureRequest) -> Iterator[str]:
    if request.param == "redis":
        request.getfixturevalue("redis_client")
        yield request.getfixturevalue("redis_url")
        return
    url = os.environ.get("LBACK_TEST_RABBITMQ_URL", "amqp://guest:guest@127.0.0.1:5672")
    try:
        pika.BlockingConnection(pika.URLParameters(url)).close()
    except AMQPConnectionError as error:
        unavailable(f"RabbitMQ: {error!r} (set LBACK_TEST_RABBITMQ_URL to use another server)")
    yield url


@pytest.fixture
def queue(broker_url: str) -> Iterator[str]:
    """The name of a queue of our own, which is deleted afterwards."""
    name = f"test-{secrets.token_hex(4)}"
    yield name
    if broker_url.startswith("amqp"):
        with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
            channel = connection.channel()
            for ending in ("", ".DQ", ".XQ"):
                channel.queue_delete(f"{name}{ending}")


@pytest.fixture
def app(database: DatabaseManager, broker_url: str) -> Iterator[Application]:
    url = database.url.render_as_string(hide_password=False)
    app = Application(
        TASKS="dramatiq",
        TASK_BROKER_URL=broker_url,
        DATABASE_URL=url,
        SECRET_KEY=KEY,
        DEBUG=True,
    )
    yield app
    app.db_manager.dispose()


@pytest.fixture
def work(app: Application, queue: str) -> Callable[[], None]:
    """Runs everything that is ready now."""
    return lambda: BrokerWorker(app.dependencies, queues=[queue], threads=2).run(burst=True)


def counted(app: Application) -> int:
    with app.db_manager.create_session() as session:
        return session.query(StoredTask).count()


def noting(
    queue: str, unique_name: Callable[[], str], **options: Any
) -> tuple[Task[Any, Any], list[int]]:
    """A task that notes its numbers, and raises for those below zero."""
    seen: list[int] = []

    @task(name=unique_name(), queue=queue, **options)
    def note(number: int) -> None:
        seen.append(number)
        if number < 0:
            raise ValueError(f"{number} is negative")

    return note, seen


def test_tasks_are_run_once_their_transaction_has_committed(
    app: Application, queue: str, work: Callable[[], None], unique_name: Callable[[], str]
) -> None:
    note, seen = noting(queue, unique_name)
    with app.db_manager.session():
        note.enqueue_many([{"number": n} for n in range(30)])
    with pytest.raises(RuntimeError), app.db_manager.session():
        note.enqueue(number=99)
        raise RuntimeError
    work()
    assert sorted(seen) == list(range(30))
    assert counted(app) == 0  # neither the queue nor the broker keeps what is done


def test_a_task_gets_its_services_and_commits_at_checkpoints(
    app: Application, queue: str, work: Callable[[], None], unique_name: Callable[[], str]
) -> None:
    other, seen = noting(queue, unique_name)

    @task(name=unique_name(), queue=queue, retries=0)
    def outer(db_session: Any, config: Any) -> None:
        other.enqueue(number=1)
        checkpoint("half")
        other.enqueue(number=2)
        raise ValueError(config.TASKS)

    with app.db_manager.session():
        outer.enqueue()
    work()
    assert seen == [1]  # what follows the checkpoint was rolled back


def test_a_failed_task_is_kept_with_its_attempts_and_retried(
    app: Application, queue: str, work: Callable[[], None], unique_name: Callable[[], str]
) -> None:
    note, seen = noting(queue, unique_name, retries=2, backoff=0)
    with app.db_manager.session():
        handle = note.enqueue(number=-1)
    work()
    assert seen == [-1, -1, -1]
    record = handle.refresh().record
    assert (record.state, record.attempts) == ("failed", 3)
    assert record.error == "ValueError: -1 is negative"
    assert isinstance(app.tasks, DatabaseQueue)
    failures = Overview(app.tasks).failures(handle.id)
    assert [failure.attempt for failure in failures] == [1, 2, 3]
    assert "raise ValueError" in failures[0].traceback
    assert handle.retry()
    work()
    assert len(seen) == 6


@pytest.mark.parametrize("error", [SystemExit(3), ValueError("a\0b\udcff"), KeyboardInterrupt()])
def test_what_a_task_raises_is_kept(
    error: BaseException,
    app: Application,
    queue: str,
    work: Callable[[], None],
    unique_name: Callable[[], str],
) -> None:
    @task(name=unique_name(), queue=queue, retries=1, backoff=0)
    def failing() -> None:
        raise error

    with app.db_manager.session():
        handle = failing.enqueue()
    work()
    record = handle.refresh().record
    assert (record.state, record.attempts) == ("failed", 2)
    assert record.error.startswith(type(error).__name__)


def test_a_task_runs_in_the_language_in_which_it_was_enqueued(
    database: DatabaseManager, broker_url: str, queue: str, unique_name: Callable[[], str]
) -> None:
    url = database.url.render_as_string(hide_password=False)
    settings: dict[str, Any] = {"TASK_BROKER_URL": broker_url, "DATABASE_URL": url}
    settings |= {"TASKS": "dramatiq", "LANGUAGES": ["en", "de"], "SECRET_KEY": KEY}
    app = Application(**settings, DEBUG=True)
    seen: list[str] = []

    @task(name=unique_name(), queue=queue, retries=1, backoff=0)
    def note() -> None:
        seen.append(get_language())
        if len(seen) == 1:
            raise ValueError("again")

    with language("de"), app.db_manager.session():
        note.enqueue()
    BrokerWorker(app.dependencies, queues=[queue]).run(burst=True)
    app.db_manager.dispose()
    assert seen == ["de", "de"]


def test_a_time_limit_ends_the_function(
    app: Application, queue: str, work: Callable[[], None], unique_name: Callable[[], str]
) -> None:
    @task(name=unique_name(), queue=queue, retries=0, time_limit=0.2)
    def slow() -> None:
        end = time.monotonic() + 30
        while time.monotonic() < end:
            time.sleep(0.01)

    with app.db_manager.session():
        handle = slow.enqueue()
    work()
    assert handle.refresh().error.startswith("TimeLimitExceeded")


def test_a_scheduled_task_waits_in_the_database_and_can_be_cancelled(
    app: Application, queue: str, work: Callable[[], None], unique_name: Callable[[], str]
) -> None:
    note, seen = noting(queue, unique_name)
    with app.db_manager.session():
        later = note.using(run_after=timedelta(hours=1)).enqueue(number=1)
    work()
    assert (seen, later.state) == ([], "scheduled")
    assert later.cancel()


def test_nothing_is_lost_while_the_broker_is_away(
    app: Application, queue: str, work: Callable[[], None], unique_name: Callable[[], str]
) -> None:
    note, seen = noting(queue, unique_name)
    with app.db_manager.session():
        note.enqueue(number=1)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        scheme = app.config.TASK_BROKER_URL.partition("://")[0]
        worker = BrokerWorker(app.dependencies, queues=[queue], shutdown_timeout=0.1)
        worker._broker = build_broker(f"{scheme}://127.0.0.1:{closed.getsockname()[1]}")
        thread = Thread(target=worker.run)
        thread.start()
        deadline = time.monotonic() + 20
        while not worker._is_away and time.monotonic() < deadline:
            time.sleep(0.05)
        worker.stop()
        thread.join()
    assert worker._is_away
    assert (seen, counted(app)) == ([], 1)
    work()
    assert (seen, counted(app)) == ([1], 0)


def test_killed_workers_lose_no_task(
    broker_url: str, queue: str, new_database_url: str, tmp_path: Path
) -> None:
    site = Site(tmp_path, new_database_url, broker=broker_url, queue=queue)
    outcome = kill_workers(site, 200, every=1.5, patience=240)
    site.manager.dispose()
    # Rows that a killed worker had handed over are left until its lease ends, and then run again.
    assert set(outcome.states) <= {"running"}
    assert outcome.numbers == 200


def test_options_that_need_the_database_stop_the_worker(
    app: Application, queue: str, unique_name: Callable[[], str]
) -> None:
    noting(queue, unique_name, concurrency=1)
    noting(queue, unique_name, unique="finished")
    with pytest.raises(ConfigurationError, match=r"concurrency=1.*unique='finished'"):
        BrokerWorker(app.dependencies)


def test_a_missing_address_is_told(database: DatabaseManager) -> None:
    url = database.url.render_as_string(hide_password=False)
    app = Application(TASKS="dramatiq", DATABASE_URL=url, SECRET_KEY=KEY, DEBUG=True)
    with pytest.raises(ConfigurationError, match="needs TASK_BROKER_URL, such as amqp://"):
        _ = app.tasks
    app.db_manager.dispose()


def test_an_address_of_another_kind_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="must begin with amqp://"):
        Application(TASK_BROKER_URL="kafka://x", SECRET_KEY=KEY).prepare()
