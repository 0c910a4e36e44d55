"""Each tick of a schedule enqueues its task exactly once."""

import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, select

from lback import Application, ConfigurationError
from lback.tasks import Scheduler, TaskArgumentsError, Worker, schedule, task
from lback.tasks.scheduling import SCHEDULES, Missed, Schedule
from lback.tasks.tables import StoredTask
from tests.tasks.conftest import Clock

BERLIN = ZoneInfo("Europe/Berlin")


@task(name="tests.ticked")
def ticked() -> None: ...


def at(text: str) -> float:
    """Return the seconds of a time in Berlin; `*` at its end means the second one of two."""
    moment = datetime.fromisoformat(text.rstrip("*")).replace(tzinfo=BERLIN)
    return moment.replace(fold=int(text.endswith("*"))).timestamp()


def shown(seconds: float) -> str:
    moment = datetime.fromtimestamp(seconds, BERLIN)
    return f"{moment:%Y-%m-%d %H:%M}{'*' if moment.fold else ''}"


def minute_by_minute(made: Schedule, begin: str, end: str, step: float = 60) -> list[str]:
    """Run a schedule as a worker does that looks again and again."""
    last, now, found = at(begin), at(begin), []
    while now <= at(end):
        due = made.due(last, now, "UTC")
        if due:
            last = due[-1]
            found.extend(due)
        now += step
    return [shown(tick) for tick in found]


def made(**options: Any) -> Schedule:
    values = {"cron": "", "every": 0.0, "timezone": "Europe/Berlin", "missed": "last", **options}
    return Schedule("tests.made", ticked, {}, **values)


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        # 02:30 does not exist on March 29, so the job runs right after.
        ("30 2 * * *", ["2026-03-28 02:30", "2026-03-29 03:00", "2026-03-30 02:30"]),
        ("0 3 * * *", ["2026-03-28 03:00", "2026-03-29 03:00", "2026-03-30 03:00"]),
    ],
)
def test_the_night_in_which_an_hour_is_left_out(cron: str, expected: list[str]) -> None:
    found = minute_by_minute(made(cron=cron), "2026-03-28 00:00", "2026-03-30 12:00")
    assert found == expected


@pytest.mark.parametrize(
    ("cron", "expected"),
    [
        ("30 2 * * *", ["2026-10-24 02:30", "2026-10-25 02:30", "2026-10-26 02:30"]),
        ("0 3 * * *", ["2026-10-24 03:00", "2026-10-25 03:00", "2026-10-26 03:00"]),
    ],
)
def test_the_night_in_which_an_hour_comes_twice(cron: str, expected: list[str]) -> None:
    found = minute_by_minute(made(cron=cron), "2026-10-24 00:00", "2026-10-26 12:00")
    assert found == expected


def test_a_job_of_every_half_hour_follows_the_real_time() -> None:
    found = minute_by_minute(made(cron="*/30 * * * *"), "2026-10-25 01:30", "2026-10-25 03:00")
    assert found == [
        "2026-10-25 02:00",
        "2026-10-25 02:30",
        "2026-10-25 02:00*",
        "2026-10-25 02:30*",
        "2026-10-25 03:00",
    ]


def test_a_worker_that_starts_in_the_repeated_hour_does_not_run_the_job_again() -> None:
    found = minute_by_minute(made(cron="30 2 * * *"), "2026-10-25 02:10*", "2026-10-26 12:00")
    assert found == ["2026-10-26 02:30"]


@given(
    st.lists(st.integers(-3600, 7200), max_size=40),
    st.sampled_from([{"cron": "*/7 * * * *"}, {"cron": "30 2 * * *"}, {"every": 420.0}]),
    st.sampled_from(["2026-03-28 22:00", "2026-10-24 22:00", "2026-06-01 00:00"]),
)
def test_no_tick_fires_twice_whatever_the_clock_does(
    steps: list[int], options: dict[str, Any], begin: str
) -> None:
    schedule = made(missed="all", **options)
    last = now = latest = at(begin)
    found: list[float] = []
    for step in steps:
        now += step
        latest = max(latest, now)
        due = schedule.due(last, now, "UTC")
        last = due[-1] if due else last
        found.extend(due)

    assert sorted(set(found)) == found
    expected = []
    for tick in schedule.ticks(at(begin), "UTC"):
        if tick > latest:
            break
        expected.append(tick)
    assert found == expected


@pytest.mark.parametrize(("missed", "number"), [("last", 1), ("all", 6), ("none", 0)])
def test_ticks_that_were_missed(
    app: Application, clock: Clock, missed: Missed, number: int
) -> None:
    schedule(every=600, missed=missed)(task(name="tests.missed")(lambda: None))
    scheduler = Scheduler(app.dependencies)
    clock.now = 1_800_000_000.0
    assert scheduler.run() == []  # from now on
    clock.forward(3700)
    assert len(scheduler.run()) == number
    assert scheduler.run() == []
    clock.now = 1_800_000_000.0 + 4200
    assert len(scheduler.run()) == 1  # in time, so none is missed
    assert scheduler.next_at() == 1_800_000_000.0 + 4800


def test_years_without_a_worker_take_no_long_look(app: Application, clock: Clock) -> None:
    schedule(cron="* * * * *")(task(name="tests.years")(lambda: None))
    scheduler = Scheduler(app.dependencies)
    scheduler.run()
    clock.forward(20 * 365 * 86_400)
    assert len(scheduler.run()) == 1
    assert scheduler.run() == []


def test_schedulers_enqueue_each_tick_once(app: Application, clock: Clock) -> None:
    schedule(every=60)(task(name="tests.shared")(lambda: None))
    schedulers = [Scheduler(app.dependencies) for _ in range(4)]
    for scheduler in schedulers:
        scheduler.run()
    for _ in range(5):
        clock.forward(60)
        barrier = threading.Barrier(4)

        def run(scheduler: Scheduler, barrier: threading.Barrier = barrier) -> None:
            barrier.wait()
            scheduler.run()

        threads = [threading.Thread(target=run, args=(one,)) for one in schedulers]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    with app.db_manager.create_session() as session:
        assert session.scalar(select(func.count()).select_from(StoredTask)) == 5


def test_a_clock_set_back_and_forth_fires_each_tick_once(app: Application, clock: Clock) -> None:
    schedule(every=600)(task(name="tests.jumping")(lambda: None))
    scheduler = Scheduler(app.dependencies)
    scheduler.run()
    began, numbers = clock.now, []
    for offset in (600, 1200, -2400, -1800, 600, 1200, 1800):
        clock.now = began + offset
        numbers.append(len(scheduler.run()))
    assert numbers == [1, 1, 0, 0, 0, 0, 1]


def test_a_running_worker_enqueues_and_runs_what_is_scheduled(app: Application) -> None:
    ran = threading.Event()
    app.tasks._clock = time.time  # type: ignore[attr-defined]

    @schedule(every=timedelta(seconds=1), arguments={"number": 7})
    @task(name="tests.second")
    def second(number: int) -> None:
        assert number == 7
        ran.set()

    worker = Worker(app.dependencies)
    thread = threading.Thread(target=worker.run)
    thread.start()
    assert ran.wait(30)
    worker.stop()
    thread.join()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "needs either cron=… or every=…"),
        ({"cron": "* * * * *", "every": 60}, "needs either"),
        ({"every": 0.5}, "must be at least 1 second"),
        ({"every": float("nan")}, "has every=nan; it must be at least 1 second"),
        ({"every": float("inf")}, "and at most a century"),
        ({"cron": "0 0 1 * * *"}, "Wrong number of fields"),
        ({"cron": "0 0 31 2 *"}, "is not a cron expression"),
        ({"cron": "61 * * * *"}, "'61 \\* \\* \\* \\*' is not a cron expression"),
        ({"cron": "daily"}, "is not a cron expression"),
        ({"cron": "0 3 * * *", "timezone": "Europe/Berln"}, "did you mean .*Europe/Berlin"),
        ({"every": 60, "missed": "some"}, 'must be "last", "all" or "none"'),
    ],
)
def test_schedules_that_cannot_work_are_refused(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigurationError, match=message):
        schedule(**options)(ticked)


def test_a_second_schedule_of_a_task_needs_a_name(app: Application) -> None:
    schedule(every=60)(ticked)
    with pytest.raises(ConfigurationError, match="has two schedules; give the second one name=…"):
        schedule(every=120)(ticked)
    schedule(every=120, name="tests.other")(ticked)
    assert set(SCHEDULES) == {"tests.ticked", "tests.other"}


def test_arguments_of_a_schedule_are_checked_when_a_worker_starts(app: Application) -> None:
    @schedule(every=60)
    @task(name="tests.needing")
    def needing(number: int) -> None: ...

    with pytest.raises(TaskArgumentsError, match="needs the argument 'number'"):
        Worker(app.dependencies)


def test_a_plain_function_may_be_scheduled(app: Application, work: Callable[..., None]) -> None:
    @schedule(every=60)
    def plain() -> None: ...

    assert plain.name.endswith(".plain")
