"""The fixture that records tasks, as tests of a project use it."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy.orm import Session

from lback import Application, Request
from lback.mail import Mail, Mailer, MemoryBackend
from lback.tasks import schedule, task
from lback.testing import Client, TaskRecorder

pytestmark = pytest.mark.usefixtures("tasks_as_before")


@pytest.fixture
def app() -> object:
    app = Application(TASKS="database", DATABASE_URL="sqlite://", MAIL_BACKEND="memory")
    yield app
    app.db_manager.dispose()


def test_what_a_request_enqueues_is_recorded_and_run(
    app: Application, client: Client, tasks: TaskRecorder
) -> None:
    @task(name="testing.confirm", unique="finished")
    def confirm(order_id: int, mailer: Mailer, db_session: Session) -> str:
        mailer.send_later(Mail("ada@example.org", f"Order {order_id}", "Thank you."))
        return "confirmed"

    @app.route("/order/{order_id:int}", requires_auth=False)
    def order(request: Request, order_id: int) -> object:
        confirm.enqueue(order_id=order_id)
        confirm.enqueue(order_id=order_id)
        return ("failed", 400) if order_id == 0 else "ordered"

    client.get("/order/0")
    assert tasks.enqueued == []
    client.get("/order/7")

    tasks.assert_enqueued(confirm, order_id=7)
    tasks.assert_enqueued(confirm, order_id=8, times=0)
    with pytest.raises(AssertionError, match=r"enqueued 1 times, not 2; enqueued:\n- testing.con"):
        tasks.assert_enqueued("testing.confirm", times=2)
    assert tasks.run() == 2  # and the mail that it sent
    assert tasks.of(confirm)[0].result == "confirmed"
    assert isinstance(app.mailer.backend, MemoryBackend)
    assert [mail["Subject"] for mail in app.mailer.backend.outbox] == ["Order 7"]
    assert tasks.run() == 0


def test_time_is_passed_in(app: Application, tasks: TaskRecorder) -> None:
    @schedule(every=timedelta(hours=1))
    @task(name="testing.hourly")
    def hourly() -> None: ...

    tasks.set_time(datetime(2026, 3, 1, 12, tzinfo=UTC))
    handle = hourly.using(run_after=timedelta(minutes=10)).enqueue()
    assert (tasks.run(), handle.state) == (0, "scheduled")
    tasks.forward(timedelta(minutes=10))
    assert (tasks.run(), handle.refresh().state) == (1, "successful")
    begin = datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert tasks.ticks(hourly, begin, begin + timedelta(hours=2)) == [
        datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (13, 14)
    ]


def test_a_failing_task_fails_the_test(app: Application, tasks: TaskRecorder) -> None:
    @task(name="testing.failing")
    def failing() -> None:
        raise OSError("no")

    handle = failing.enqueue()
    with pytest.raises(AssertionError, match=r"the task testing.failing failed: OSError: no"):
        tasks.run()
    assert handle.retry()
    assert tasks.run(raises=False) == 1
    assert handle.refresh().state == "failed"
    assert not handle.cancel()


def test_tasks_may_run_at_once(app: Application, tasks: TaskRecorder) -> None:
    @task(name="testing.once")
    def once(number: int) -> int:
        return number + 1

    tasks.runs_at_once = True
    with app.db_manager.session():
        handle = once.enqueue(number=1)
        with pytest.raises(LookupError):
            handle.state  # noqa: B018  nothing is recorded before the commit
    assert handle.result == 2


def test_immediate_tasks_run_at_the_commit() -> None:
    @task(name="testing.immediate")
    def immediate(number: int, db_session: Session) -> float:
        return 1 / number

    app = Application(TASKS="immediate", DATABASE_URL="sqlite://")
    with app.db_manager.session():
        handles = [immediate.enqueue(number=number) for number in (2, 0)]
        cancelled = immediate.enqueue(number=4)
        assert cancelled.cancel()
        assert [handle.state for handle in handles] == ["ready", "ready"]
    assert [h.refresh().state for h in (*handles, cancelled)] == [
        "successful", "failed", "cancelled",
    ]  # fmt: skip
    assert (handles[0].result, handles[1].error) == (0.5, "ZeroDivisionError: division by zero")
    app.db_manager.dispose()
