"""Tasks are enqueued with the data of a transaction, or not at all."""

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import String, func, select
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application, BaseMiddleware, ConfigurationError, Request, Response
from lback.database import Base
from lback.tasks import TaskArgumentsError, TaskHandle, task
from lback.tasks.definitions import TASKS
from lback.tasks.tables import StoredTask
from lback.testing import Client
from tests.tasks.conftest import Clock, states


class TaskOrder(Base):
    __tablename__ = "tests_task_orders"

    id: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(String(50))


def number_of(app: Application, model: type[Base]) -> int:
    with app.db_manager.create_session() as session:
        return int(session.scalar(select(func.count()).select_from(model)) or 0)


def test_a_task_runs_and_its_handle_tells_the_result(
    app: Application, work: Callable[..., None]
) -> None:
    @task(name="tests.add")
    def add(a: int, b: int = 2) -> dict[str, int]:
        return {"sum": a + b}

    handle = add.enqueue(a=1)

    assert (handle.state, handle.attempts, handle.is_finished) == ("ready", 0, False)
    work()
    handle.refresh()
    assert (handle.state, handle.attempts, handle.is_finished) == ("successful", 1, True)
    assert handle.result == {"sum": 3}
    assert handle.error == ""
    assert add(1, 5) == {"sum": 6}


def test_requests_that_fail_enqueue_nothing(app: Application) -> None:
    @task(name="tests.confirm")
    def confirm(order_id: int) -> None:
        raise AssertionError

    @app.route("/order/{order_id:int}", ["POST"], requires_auth=False)
    def order(request: Request, order_id: int) -> object:
        request.db_session.add(TaskOrder(id=order_id, note="new"))
        confirm.enqueue(order_id=order_id)
        if order_id % 3 == 0:
            raise RuntimeError
        return ("failed", 400) if order_id % 3 == 1 else "ordered"

    client = Client(app)
    for order_id in range(1, 31):
        client.post(f"/order/{order_id}")

    with app.db_manager.create_session() as session:
        rows = set(session.scalars(select(TaskOrder.id)))
        texts = set(session.scalars(select(StoredTask.arguments)))
    assert rows == {order_id for order_id in range(1, 31) if order_id % 3 == 2}
    assert texts == {f'{{"order_id":{order_id}}}' for order_id in rows}


def test_a_savepoint_that_is_rolled_back_takes_its_tasks_with_it(app: Application) -> None:
    @task(name="tests.nested")
    def nested(number: int) -> None: ...

    with app.db_manager.session() as session:
        nested.enqueue(number=1)
        with session.begin_nested() as savepoint:
            nested.enqueue(number=2)
            savepoint.rollback()

    assert number_of(app, StoredTask) == 1


def test_a_task_is_enqueued_after_the_response_hooks_began(app: Application) -> None:
    @task(name="tests.late", unique="finished")
    def late(path: str) -> None: ...

    @task(name="tests.late2")
    def late2(path: str) -> None: ...

    class Noting(BaseMiddleware):
        def process_request(self, request: Request) -> None:
            return None

        def process_response(self, request: Request, response: Response) -> Response:
            if request.path == "/unique":
                late.enqueue(path=request.path)
            else:
                late2.enqueue(path=request.path)
            return response

    app.add_middleware(Noting())
    app.add_route("/unique", lambda request: "", requires_auth=False)
    app.add_route("/plain", lambda request: "", requires_auth=False)

    Client(app).get("/unique")
    assert number_of(app, StoredTask) == 1
    Client(app).get("/plain")
    assert number_of(app, StoredTask) == 2


def test_many_tasks_are_enqueued_together(app: Application, work: Callable[..., None]) -> None:
    @task(name="tests.square")
    def square(number: int) -> int:
        return number**2

    handles = square.enqueue_many({"number": number} for number in range(20))
    work()

    assert [handle.result for handle in handles] == [number**2 for number in range(20)]
    with pytest.raises(TaskArgumentsError):
        square.enqueue_many([{"number": 1}, {"number": "one"}])
    assert number_of(app, StoredTask) == 20


def test_a_task_waits_for_its_time_and_the_highest_priority_runs_first(
    app: Application, work: Callable[..., None], clock: Clock
) -> None:
    ran: list[str] = []

    @task(name="tests.note")
    def note(text: str) -> None:
        ran.append(text)

    note.enqueue(text="usual")
    note.using(priority=5).enqueue(text="urgent")
    note.using(priority=-5).enqueue(text="slow")
    later = note.using(run_after=timedelta(minutes=5)).enqueue(text="later")
    at = datetime.fromtimestamp(clock.now + 600, UTC)
    dated = note.using(run_after=at).enqueue(text="dated")
    other = note.using(queue_name="other").enqueue(text="other")

    work(threads=1, queues=["default"])
    assert ran == ["urgent", "usual", "slow"]
    assert states(later, dated, other) == ["scheduled", "scheduled", "ready"]
    clock.forward(301)
    work(threads=1)
    assert ran[3:] == ["other", "later"]
    clock.forward(300)
    work()
    assert ran[5:] == ["dated"]
    with pytest.raises(ValueError, match="has no time zone"):
        note.using(run_after=datetime(2030, 1, 1))  # noqa: DTZ001  the mistake
    with pytest.raises(TypeError, match="run_after=30 must be a datetime with a time zone or a"):
        note.using(run_after=30)  # type: ignore[arg-type]  # the mistake
    with pytest.raises(ConfigurationError, match="must be a whole number between -1000"):
        note.using(priority=1001)


@pytest.mark.parametrize("until", ["started", "finished"])
def test_a_unique_task_is_enqueued_once(
    app: Application, work: Callable[..., None], until: str
) -> None:
    seen: list[tuple[str, str]] = []

    @task(name=f"tests.unique_{until}", unique=until)  # type: ignore[call-overload, untyped-decorator]
    def refresh(book_id: int) -> None:
        second = refresh.enqueue(book_id=book_id) if not seen else None
        seen.append((first.id, second.id if second else ""))

    first: TaskHandle = refresh.enqueue(book_id=1)
    assert refresh.enqueue(book_id=1).id == first.id
    assert refresh.enqueue(book_id=2).id != first.id
    with app.db_manager.session():
        assert refresh.enqueue(book_id=1).id == first.id
    assert number_of(app, StoredTask) == 2

    work(threads=1)
    assert (seen[0][1] == first.id) == (until == "finished")
    assert refresh.enqueue(book_id=1).id != first.id


def test_two_transactions_enqueue_a_unique_task_once(app: Application) -> None:
    @task(name="tests.race", unique="finished")
    def race(number: int) -> None: ...

    barrier = threading.Barrier(6)
    ids: list[str] = []

    def enqueue() -> None:
        barrier.wait()
        ids.extend(race.enqueue(number=number).id for number in range(5))

    threads = [threading.Thread(target=enqueue) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(set(ids)) == 5
    assert len(ids) == 30
    assert number_of(app, StoredTask) == 5


def test_tasks_of_a_rolled_back_transaction_do_not_exist(app: Application) -> None:
    @task(name="tests.gone")
    def gone() -> None: ...

    with pytest.raises(RuntimeError), app.db_manager.session():
        handle = gone.enqueue()
        assert handle.state == "ready"
        raise RuntimeError
    with pytest.raises(LookupError, match="does not exist"):
        handle.refresh().state  # noqa: B018  the look-up is the test


def test_a_task_is_cancelled_and_enqueued_again(
    app: Application, work: Callable[..., None]
) -> None:
    ran: list[int] = []

    @task(name="tests.cancelled")
    def cancelled(number: int) -> None:
        ran.append(number)

    handle = cancelled.enqueue(number=1)
    assert handle.retry() is False
    assert handle.cancel() is True
    assert handle.cancel() is False
    work()
    assert (handle.state, ran) == ("cancelled", [])
    assert handle.retry() is True
    work()
    assert (handle.refresh().state, ran) == ("successful", [1])
    assert handle.retry() is False


def test_an_application_without_tasks_says_which_setting_to_set() -> None:
    @task(name="tests.off")
    def off() -> None: ...

    app = Application(DATABASE_URL="sqlite://")
    with pytest.raises(ConfigurationError, match="TASKS = 'database'"):
        off.enqueue()
    with pytest.raises(ConfigurationError, match="the setting TASKS is empty"):
        app.tasks  # noqa: B018  the look-up is the test


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"retries": -1}, "the option retries of the task 'tests.bad' is -1; it must be at least"),
        ({"retries": 1.5}, "the option retries of the task 'tests.bad' is 1.5; it must be a whole"),
        ({"retries": None}, "must be a whole number"),
        ({"backoff": float("nan")}, "must be a number of seconds"),
        ({"time_limit": float("inf")}, "must be a number of seconds"),
        ({"time_limit": timedelta(minutes=1)}, "must be a number of seconds"),
        ({"priority": 5000}, "must be a whole number between -1000 and 1000"),
        ({"priority": 1.5}, "must be a whole number between -1000 and 1000"),
        ({"unique": "always"}, 'must be "started" or "finished"'),
        ({"queue": "a b"}, "must be letters, digits"),
        ({"concurrency_key": "x"}, "needs concurrency=…"),
        ({"concurrency_key": "x", "concurrency": 1}, "must be the name of a parameter"),
        ({"rate": "often"}, "the option rate of the task 'tests.bad': 'often' is not a rate"),
        ({"name": "a task"}, "the name of the task 'a task' must have"),
    ],
)
def test_options_are_checked_when_a_task_is_defined(
    options: dict[str, object], message: str
) -> None:
    def function() -> None: ...

    with pytest.raises(ConfigurationError, match=message):
        task(**{"name": "tests.bad", **options})(function)  # type: ignore[call-overload]
    assert "tests.bad" not in TASKS


def test_two_functions_cannot_have_one_name() -> None:
    @task(name="tests.same")
    def one() -> None: ...

    with pytest.raises(ConfigurationError, match="two functions are tasks with the name"):

        @task(name="tests.same")
        def two() -> None: ...
