"""Records the tasks that are enqueued, and runs them when the test says so."""

import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from lback.core.unit_of_work import after_commit
from lback.tasks.definitions import TASKS, Task
from lback.tasks.handles import TaskHandle, TaskRecord
from lback.tasks.immediate import ImmediateQueue, new_record
from lback.tasks.scheduling import SCHEDULES
from lback.tasks.tables import FAILED, READY, SCHEDULED, SUCCESSFUL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lback.application import Application
    from lback.tasks.definitions import NewTask


class TaskRecorder(ImmediateQueue):
    """Takes the place of the queue of an application: records tasks, and runs them on demand.

    Tasks are recorded at the commit of the transaction that enqueued them; those of a request that
    fails are not. A unique task is recorded once while it waits.

    Args:
        app: The application.

    Attributes:
        runs_at_once: Run each task when it is recorded.

    Example:
        >>> from lback.tasks import task
        >>> @task(name="examples.welcome")
        ... def welcome(name: str) -> str:
        ...     return f"Welcome, {name}"
        >>> tasks = TaskRecorder(Application())
        >>> handle = welcome.enqueue(name="Ada")
        >>> tasks.assert_enqueued(welcome, name="Ada")
        >>> tasks.run()
        1
        >>> handle.refresh().result
        'Welcome, Ada'
    """

    def __init__(self, app: "Application") -> None:
        super().__init__(app.dependencies, clock=self._time)
        self._now: float | None = None
        self._zone = app.config.TIME_ZONE
        self.runs_at_once = False
        app.dependencies["tasks"] = self

    def _time(self) -> float:
        return time.time() if self._now is None else self._now

    def set_time(self, now: datetime) -> None:
        """Set the time of the queue, which stands still then.

        Args:
            now: An aware datetime.
        """
        self._now = now.timestamp()

    def forward(self, by: timedelta) -> None:
        """Move the time of the queue, which stands still afterwards.

        Args:
            by: How far.
        """
        self._now = self._time() + by.total_seconds()

    def add(self, tasks: "Sequence[NewTask]") -> list[TaskHandle]:
        """Record tasks once the current transaction has committed; without one, now.

        Args:
            tasks: The tasks, with checked arguments.
        """
        handles = []
        for task in tasks:
            same = self._waiting_twin(task)
            if same is not None:
                handles.append(TaskHandle(self, same.id))
                continue
            record = new_record(task, self._time())
            after_commit(self._record, record)
            handles.append(TaskHandle(self, task.id))
        return handles

    def _waiting_twin(self, task: "NewTask") -> TaskRecord | None:
        if task.unique_key is None:
            return None
        for record in self.waiting:
            if (record.name, record.arguments) == (task.name, task.arguments):
                return record
        return None

    def _record(self, record: TaskRecord) -> None:
        twin = any(
            (other.name, other.arguments) == (record.name, record.arguments)
            for other in self.waiting
        )
        task = TASKS.get(record.name)
        if twin and task is not None and task.options.unique:
            return
        self._keep(record)
        self._run_later(record.id)

    def _run_later(self, task_id: str) -> None:
        if self.runs_at_once:
            self.run_one(task_id)

    @property
    def enqueued(self) -> list[TaskRecord]:
        """All tasks that were enqueued, the first one first, in their current states."""
        return list(self._records.values())

    @property
    def waiting(self) -> list[TaskRecord]:
        """The tasks that have not run."""
        return [record for record in self.enqueued if record.state in (READY, SCHEDULED)]

    def of(self, task: "Task[..., Any] | str", **arguments: object) -> list[TaskRecord]:
        """Return the recorded tasks of a function.

        Args:
            task: The task or its name.
            **arguments: Only those with these arguments, among others.
        """
        name = task if isinstance(task, str) else task.name
        wanted = msgspec.to_builtins(arguments)
        found = []
        for record in self.enqueued:
            given = msgspec.json.decode(record.arguments)
            if record.name == name and wanted.items() <= given.items():
                found.append(record)
        return found

    def assert_enqueued(
        self, task: "Task[..., Any] | str", *, times: int = 1, **arguments: object
    ) -> None:
        """Assert that a task was enqueued a number of times.

        Args:
            task: The task or its name.
            times: How often.
            **arguments: Arguments that it was enqueued with, among others.

        Raises:
            AssertionError: It was not; the message lists what was enqueued.
        """
        number = len(self.of(task, **arguments))
        if number != times:
            lines = [f"- {record.name} {record.arguments}" for record in self.enqueued]
            listed = "\n".join(lines) or "nothing"
            raise AssertionError(f"enqueued {number} times, not {times}; enqueued:\n{listed}")

    def run(self, *, raises: bool = True) -> int:
        """Run the tasks that are due, and those that these enqueue.

        Args:
            raises: Raise an error if a task fails.

        Returns:
            How many tasks ran.

        Raises:
            AssertionError: A task failed; the log has its traceback.
        """
        number = 0
        while due := [record for record in self.waiting if record.run_at <= self._time()]:
            for record in sorted(due, key=lambda r: (-r.priority, r.run_at, r.id)):
                self.run_one(record.id, raises=raises)
                number += 1
        return number

    def run_one(self, task_id: str, *, raises: bool = True) -> None:
        """Run one task.

        Args:
            task_id: Its id.
            raises: Raise an error if it fails.

        Raises:
            AssertionError: It failed.
        """
        super().run_now(task_id)
        record = self._records[task_id]
        if raises and record.state == FAILED:
            raise AssertionError(f"the task {record.name} failed: {record.error}")
        assert record.state in (SUCCESSFUL, FAILED)  # noqa: S101  in a tool for tests

    def ticks(self, task: "Task[..., Any] | str", begin: datetime, end: datetime) -> list[datetime]:
        """Return the times in UTC at which the schedule of a task enqueues it.

        Args:
            task: The task or the name of its schedule.
            begin: An aware datetime; a tick at this time is not among them.
            end: An aware datetime; a tick at this time is.

        Raises:
            LookupError: No schedule has the name.
        """
        name = task if isinstance(task, str) else task.name
        found = []
        for tick in SCHEDULES[name].ticks(begin.timestamp(), self._zone):
            if tick > end.timestamp():
                break
            found.append(datetime.fromtimestamp(tick, UTC))
        return found
