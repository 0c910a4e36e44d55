"""An application with tasks on each kind of database, and tasks that note what they did."""

import itertools
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from lback import Application
from lback.database import DatabaseManager
from lback.tasks import TaskHandle, Worker

KEY = "a key for tests, known to everybody"


@pytest.fixture(autouse=True)
def no_further_tasks(tasks_as_before: None) -> None:
    """Forget the tasks and schedules that a test defined."""


class Clock:
    """The time, as a test sets it."""

    def __init__(self) -> None:
        self.now = 1_800_000_000.0

    def __call__(self) -> float:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def app(database: DatabaseManager, clock: Clock) -> Iterator[Application]:
    url = database.url.render_as_string(hide_password=False)
    app = Application(TASKS="database", DATABASE_URL=url, SECRET_KEY=KEY, DEBUG=True)
    app.tasks._clock = clock  # type: ignore[attr-defined]  # time is passed in
    yield app
    app.db_manager.dispose()


@pytest.fixture
def work(app: Application) -> Callable[..., None]:
    """Runs everything that is ready now."""

    def work(**options: Any) -> None:
        Worker(app.dependencies, **options).run(burst=True)

    return work


@pytest.fixture
def unique_name() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"tests.task{next(numbers)}"


def states(*handles: TaskHandle) -> list[str]:
    return [handle.refresh().state for handle in handles]
