"""Workers run tasks, try them again, and let no limit be passed."""

import asyncio
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import String, func, select, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback import Application, ConfigurationError
from lback.database import Base
from lback.tasks import TaskHandle, Worker, checkpoint, progress, saved_cursor, task
from lback.tasks import workers as workers_module
from lback.tasks.claims import MAX_LOSSES, Claims
from lback.tasks.definitions import TASKS
from lback.tasks.failures import FailureReport
from lback.tasks.tables import PausedQueue, StoredTask, TaskFailure, TaskWorker
from tests.tasks.conftest import Clock, states

Work = Callable[..., None]


class TaskNote(Base):
    __tablename__ = "tests_task_notes"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(50))


def notes(app: Application) -> list[str]:
    with app.db_manager.create_session() as session:
        return list(session.scalars(select(TaskNote.text).order_by(TaskNote.id)))


def failures(app: Application, handle: TaskHandle) -> list[TaskFailure]:
    query = select(TaskFailure).where(TaskFailure.task_id == handle.id)
    with app.db_manager.create_session() as session:
        return list(session.scalars(query.order_by(TaskFailure.attempt)))


def test_a_task_that_raises_is_tried_again_later_each_time(
    app: Application, work: Work, clock: Clock
) -> None:
    @task(name="tests.failing", retries=2, backoff=10)
    def failing(db_session: Session) -> None:
        db_session.add(TaskNote(text="half done"))
        db_session.flush()
        raise OSError("no route to host")

    handle = failing.enqueue()
    work()
    assert (handle.state, handle.attempts) == ("scheduled", 1)
    assert handle.error == "OSError: no route to host"
    assert 10 <= handle.record.run_at - clock.now <= 12
    work()
    assert handle.refresh().attempts == 1
    clock.forward(12)
    work()
    assert 20 <= handle.refresh().record.run_at - clock.now <= 24
    clock.forward(24)
    work()

    assert (handle.refresh().state, handle.attempts) == ("failed", 3)
    assert notes(app) == []
    kept = failures(app, handle)
    assert [failure.attempt for failure in kept] == [1, 2, 3]
    assert 'raise OSError("no route to host")' in kept[0].traceback
    assert handle.retry() is True
    work()
    assert (handle.refresh().state, handle.attempts) == ("scheduled", 1)
    assert [failure.attempt for failure in failures(app, handle)] == [1, 2, 3, 4]


def test_what_a_task_writes_is_committed_with_its_success(app: Application, work: Work) -> None:
    @task(name="tests.writing")
    def writing(text: str, db_session: Session) -> None:
        db_session.add(TaskNote(text=text))

    @task(name="tests.following")
    def following(db_session: Session) -> None:
        db_session.add(TaskNote(text="first"))
        writing.enqueue(text="second")

    following.enqueue()
    work()

    assert notes(app) == ["first", "second"]


def test_a_task_that_was_cancelled_while_it_ran_stores_nothing(
    app: Application, work: Work
) -> None:
    @task(name="tests.too_late")
    def too_late(db_session: Session) -> str:
        db_session.commit()
        if db_session.get_bind().dialect.name != "sqlite":
            db_session.add(TaskNote(text="never"))
            db_session.flush()
        thread = threading.Thread(target=handle.cancel)
        thread.start()
        thread.join()
        return "result"

    handle = too_late.enqueue()
    work()

    assert (handle.refresh().state, handle.result, notes(app)) == ("cancelled", None, [])


def test_a_result_that_is_not_json_fails_at_once(app: Application, work: Work) -> None:
    @task(name="tests.odd")
    def odd(db_session: Session) -> object:
        db_session.add(TaskNote(text="odd"))
        return object()

    @task(name="tests.large")
    def large() -> str:
        return "x" * 100_000

    first, second = odd.enqueue(), large.enqueue()
    work()

    assert states(first, second) == ["failed", "failed"]
    assert "the result of the task 'tests.odd' cannot be stored as JSON" in first.error
    assert "more than 65536; store it and return its id" in second.error
    assert notes(app) == []


def test_a_name_that_no_worker_knows_is_tried_again_and_then_fails(
    app: Application, work: Work, clock: Clock
) -> None:
    @task(name="tests.removed", retries=9)
    def removed() -> None: ...

    handle = removed.enqueue()
    del TASKS["tests.removed"]
    for _ in range(5):
        work()
        clock.forward(4000)

    assert (handle.state, handle.attempts) == ("failed", 4)
    assert "UnknownTask: no task has the name 'tests.removed'" in handle.error


def test_an_async_task_runs_to_its_end(app: Application, work: Work) -> None:
    @task(name="tests.async")
    async def double(number: int) -> int:
        await asyncio.sleep(0)
        return 2 * number

    handle: TaskHandle = double.enqueue(number=4)
    work()
    assert handle.result == 8


def test_a_task_over_its_time_limit_is_interrupted(
    app: Application, work: Work, clock: Clock
) -> None:
    @task(name="tests.endless", time_limit=0.1, retries=0)
    def endless() -> None:
        while True:
            try:
                time.sleep(0.01)
            except Exception:  # noqa: BLE001  as a careless task would
                logging.debug("ignored")

    handle = endless.enqueue()
    work()

    assert handle.state == "failed"
    assert handle.error == "TimeLimitExceeded: the function took longer than 0.1 s"


def test_a_task_that_waits_in_c_code_is_given_up(
    app: Application, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers_module, "GRACE_SECONDS", 0.1)
    ended = threading.Event()

    @task(name="tests.stuck", time_limit=0.1, retries=0)
    def stuck() -> None:
        threading.Lock().acquire()
        lock = threading.Lock()
        lock.acquire()
        lock.acquire(timeout=1.5)
        ended.set()

    @task(name="tests.next")
    def following() -> None: ...

    handles = [stuck.enqueue(), following.enqueue()]
    work(threads=1)

    assert states(*handles) == ["failed", "successful"]
    assert handles[0].error == "TimeLimitExceeded: the function did not end within 0.1 s"
    assert ended.wait(10) or True


def test_an_expired_task_is_not_started(app: Application, work: Work, clock: Clock) -> None:
    @task(name="tests.expiring", expires=60)
    def expiring() -> None:
        raise AssertionError

    handle = expiring.enqueue()
    clock.forward(61)
    work()

    assert (handle.state, handle.attempts) == ("cancelled", 0)
    assert handle.error == "expired before it was started"


def test_no_more_tasks_of_a_key_run_than_its_limit(
    app: Application, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    now: dict[int, int] = {}
    most: dict[int, int] = {}
    lock = threading.Lock()

    @task(name="tests.limited", concurrency=2, concurrency_key="customer_id")
    def limited(customer_id: int, number: int) -> None:
        with lock:
            now[customer_id] = now.get(customer_id, 0) + 1
            most[customer_id] = max(most.get(customer_id, 0), now[customer_id])
        time.sleep(0.02)
        with lock:
            now[customer_id] -= 1

    handles = limited.enqueue_many(
        {"customer_id": number % 2, "number": number} for number in range(16)
    )
    threads = [threading.Thread(target=work, kwargs={"threads": 6}) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    work()

    assert set(states(*handles)) == {"successful"}
    assert max(most.values()) <= 2
    assert set(most) == {0, 1}


def test_tasks_over_a_limit_hold_back_no_others(app: Application, work: Work) -> None:
    ran: list[int] = []

    @task(name="tests.blocked", concurrency=1)
    def blocked(number: int) -> None: ...

    @task(name="tests.free", priority=-1)
    def free(number: int) -> None:
        ran.append(number)

    first, *others = blocked.enqueue_many({"number": number} for number in range(9))
    dead_worker(app, first)  # it runs there
    free.enqueue(number=7)
    with app.db_manager.session() as session:
        session.execute(update(TaskWorker).values(beat=8))
    work(threads=2)

    assert ran == [7]
    assert set(states(*others)) == {"scheduled"}


def test_a_rate_spreads_the_starts_of_a_task(app: Application, work: Work, clock: Clock) -> None:
    ran: list[float] = []

    @task(name="tests.rated", rate="2 per minute")
    def rated() -> None:
        ran.append(clock.now)

    for _ in range(6):
        rated.enqueue()
    began = clock.now
    for _ in range(20):
        work()
        clock.forward(10)

    offsets = [at - began for at in ran]
    assert offsets == [0, 0, 30, 60, 90, 120]


def test_a_paused_queue_waits(app: Application, work: Work, clock: Clock) -> None:
    @task(name="tests.paused", queue="reports")
    def paused() -> None: ...

    handle = paused.enqueue()
    with app.db_manager.session() as session:
        session.add(PausedQueue(queue="reports", paused_at=clock.now))
    work()
    assert handle.state == "ready"
    with app.db_manager.session() as session:
        session.delete(session.get(PausedQueue, "reports"))
    work()
    assert handle.refresh().state == "successful"


def test_a_stopped_task_goes_on_from_its_checkpoint(app: Application) -> None:
    started = threading.Event()
    go_on = threading.Event()

    @task(name="tests.long", retries=0)
    def long(db_session: Session) -> int:
        first: int = saved_cursor(0)
        for number in range(first, 6):
            db_session.add(TaskNote(text=str(number)))
            progress(number + 1, 6, f"row {number}")
            if number == 3:
                started.set()
                go_on.wait(30)
            checkpoint(number + 1)
        return first

    handle = long.enqueue()
    worker = Worker(app.dependencies)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert started.wait(30)
    worker.stop()
    go_on.set()
    thread.join()

    assert (handle.state, handle.attempts) == ("ready", 0)
    assert notes(app) == ["0", "1", "2", "3"]
    Worker(app.dependencies).run(burst=True)
    assert (handle.refresh().state, handle.result) == ("successful", 4)
    assert notes(app) == ["0", "1", "2", "3", "4", "5"]
    assert handle.record.progress == (6.0, 6.0, "row 5")


def test_a_checkpoint_of_a_cancelled_task_ends_it(app: Application, work: Work) -> None:
    @task(name="tests.ended")
    def ended(db_session: Session) -> None:
        for number in range(5):
            db_session.add(TaskNote(text=str(number)))
            checkpoint(number)
            if number == 2:
                thread = threading.Thread(target=handle.cancel)
                thread.start()
                thread.join()

    handle = ended.enqueue()
    work()

    assert handle.refresh().state == "cancelled"
    assert notes(app) == ["0", "1", "2"]


def test_progress_and_checkpoints_do_nothing_in_a_direct_call() -> None:
    @task(name="tests.direct")
    def direct() -> int:
        progress(1, 2)
        checkpoint(3)
        return int(saved_cursor(7))

    assert direct() == 7


def dead_worker(app: Application, handle: TaskHandle) -> str:
    """Take a task as a worker that then vanishes from another machine."""
    with app.db_manager.session() as session:
        row = {"id": "dead", "host": "elsewhere", "place": "elsewhere", "pid": 1, "beat": 7}
        session.add(TaskWorker(**row, started_at=0.0, seen_at=0.0, queues="", threads=1))
    claims = Claims(app.db_manager, app.tasks.now).take("dead", [], 1)[0]
    assert [claim.id for claim in claims] == [handle.id]
    return "dead"


def test_the_tasks_of_a_dead_worker_are_run_by_another_one(
    app: Application, monkeypatch: pytest.MonkeyPatch
) -> None:
    @task(name="tests.orphan", retries=0)
    def orphan() -> str:
        return "done"

    handle = orphan.enqueue()
    dead_worker(app, handle)
    monkeypatch.setattr(workers_module, "BEAT_SECONDS", 0.05)
    worker = Worker(app.dependencies, lease=0.2)
    thread = threading.Thread(target=worker.run)
    thread.start()
    deadline = time.monotonic() + 30
    while handle.refresh().state != "successful" and time.monotonic() < deadline:
        time.sleep(0.02)
    worker.stop()
    thread.join()

    assert (handle.refresh().state, handle.attempts, handle.result) == ("successful", 2, "done")
    assert [f.error.partition(":")[0] for f in failures(app, handle)] == ["WorkerLost"]
    with app.db_manager.create_session() as session:
        assert session.scalar(select(func.count()).select_from(TaskWorker)) == 0


def test_a_task_that_ends_its_workers_fails_in_the_end(app: Application, work: Work) -> None:
    @task(name="tests.poison")
    def poison() -> None: ...

    handle = poison.enqueue()
    claims = Claims(app.db_manager, app.tasks.now)
    for _ in range(MAX_LOSSES + 1):
        dead_worker(app, handle)
        assert claims.lost("dead") == 1
        assert claims.lost("dead") == 0
    work()

    assert (handle.state, handle.attempts) == ("failed", MAX_LOSSES + 1)
    assert handle.error.startswith("WorkerLost")


def test_tasks_of_a_worker_without_a_row_come_back(app: Application, work: Work) -> None:
    @task(name="tests.rowless")
    def rowless() -> None: ...

    handle = rowless.enqueue()
    Claims(app.db_manager, app.tasks.now).take("nobody", [], 1)
    work()
    assert handle.state == "successful"


def test_the_attempt_of_a_worker_that_was_given_up_stores_nothing(
    app: Application, work: Work
) -> None:
    @task(name="tests.twice")
    def twice(db_session: Session) -> None:
        db_session.add(TaskNote(text="once"))

    handle = twice.enqueue()
    claims = Claims(app.db_manager, app.tasks.now)
    dead_worker(app, handle)
    with app.db_manager.create_session() as session:
        (row,) = session.scalars(select(StoredTask))
        lease = row.lease
    claims.lost("dead")
    work()
    # The one that was given up wakes and wants to store its end.
    with app.db_manager.session() as session:
        session.execute(update(StoredTask).values(lease="another", state="running"))
    from lback.tasks.claims import Claim
    from lback.tasks.exceptions import LeaseLost

    late = Claim(handle.id, "tests.twice", "{}", lease or "", 1, 0, None, None, None)
    with app.db_manager.create_session() as session, pytest.raises(LeaseLost):
        claims.finish(session, late, {"result": None})
    claims.give_back(late)
    assert claims.fail(late, "dead", FailureReport("OSError"), for_good=True) is None
    assert handle.refresh().state == "running"
    assert notes(app) == ["once"]


def test_arguments_of_sensitive_tasks_are_deleted(app: Application, work: Work) -> None:
    @task(name="tests.sensitive", sensitive=True)
    def sensitive(token: str) -> None: ...

    handle = sensitive.enqueue(token="secret")
    assert handle.record.arguments == ""
    work()
    with app.db_manager.create_session() as session:
        assert session.scalars(select(StoredTask.arguments)).all() == ["{}"]


def test_finished_tasks_are_deleted_after_some_time(
    app: Application, work: Work, clock: Clock
) -> None:
    @task(name="tests.old", retries=0)
    def old(number: int) -> float:
        return 1 / number

    claims = Claims(app.db_manager, clock)
    old.enqueue_many([{"number": 0}, {"number": 1}])
    work()
    old.enqueue(number=2)
    assert claims.delete_finished(clock.now) == 0
    clock.forward(10)
    assert claims.delete_finished(clock.now) == 2
    with app.db_manager.create_session() as session:
        assert session.scalar(select(func.count()).select_from(StoredTask)) == 1
        assert session.scalar(select(func.count()).select_from(TaskFailure)) == 0


def test_once_runs_one_task(app: Application) -> None:
    @task(name="tests.one")
    def one(number: int) -> None: ...

    handles = one.enqueue_many({"number": number} for number in range(3))
    Worker(app.dependencies).run(once=True)
    assert states(*handles).count("successful") == 1


def test_an_idle_worker_is_woken_and_reads_rarely(app: Application) -> None:
    statements: list[str] = []
    from lback.testing import QueryCounter

    @task(name="tests.woken")
    def woken() -> None: ...

    worker = Worker(app.dependencies)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        time.sleep(1.0)
        with QueryCounter().counting(app.db_manager.engine) as counter:
            time.sleep(3.0)
            statements = list(counter.statements)
        handle = woken.enqueue()
        deadline = time.monotonic() + 30
        while handle.refresh().state != "successful":
            assert time.monotonic() < deadline
            time.sleep(0.01)
    finally:
        worker.stop()
        thread.join()

    assert len(statements) <= 6, statements  # two a second


def test_a_worker_needs_the_tasks_to_be_in_the_database() -> None:
    app = Application(TASKS="immediate", DATABASE_URL="sqlite://")
    with pytest.raises(ConfigurationError, match="needs TASKS = 'database' or 'dramatiq', not"):
        Worker(app.dependencies)


def test_a_database_that_is_lost_does_not_end_the_worker(
    app: Application, work: Work, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    from sqlalchemy.exc import OperationalError

    @task(name="tests.outage")
    def outage() -> None: ...

    handle = outage.enqueue()
    take, calls = Claims.take, []

    def failing(self: Claims, *args: Any) -> Any:
        calls.append(time.monotonic())
        if len(calls) < 3:
            raise OperationalError("SELECT", {}, Exception("gone"))
        return take(self, *args)

    monkeypatch.setattr(Claims, "take", failing)
    work()

    assert handle.state == "successful"
    # It waited between its attempts.
    assert calls[1] - calls[0] > 0.1
    assert caplog.text.count("the worker cannot use the database") == 1
