"""What a queue of tasks offers, and handles of tasks in it."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lback.tasks.definitions import NewTask


@dataclass(frozen=True, slots=True)
class TaskRecord:
    """What is stored about a task. Times are in seconds since the epoch.

    Attributes:
        id: Id of the task.
        name: Name of its function.
        queue: Name of its queue.
        priority: Its priority.
        state: "scheduled" (waits for its time), "ready", "running", "successful", "failed" or
            "cancelled".
        attempts: How often it was started.
        created_at: When it was enqueued.
        run_at: When it may run, or could.
        started_at: When the last attempt began.
        finished_at: When it succeeded, failed for good or was cancelled.
        result: What the function returned, as values of JSON.
        error: The last exception, with its type; empty if there was none.
        progress: What was done, the total and a note, as `progress` stored them.
        worker: Id of the worker that runs it.
        arguments: The arguments as JSON; empty if they are sensitive.
        language: Tag of the language in which it was enqueued; None if there is one alone.
    """

    id: str
    name: str
    queue: str
    priority: int
    state: str
    attempts: int
    created_at: float
    run_at: float
    started_at: float | None
    finished_at: float | None
    result: object
    error: str
    progress: tuple[float, float | None, str] | None
    worker: str | None
    arguments: str
    language: str | None = None


class TaskQueue(Protocol):
    """Where tasks wait: `app.tasks`."""

    def now(self) -> float:
        """Return the current time in seconds since the epoch."""
        ...

    def add(self, tasks: "Sequence[NewTask]") -> "list[TaskHandle]":
        """Add tasks in the current transaction; `Task.enqueue` calls it.

        Args:
            tasks: The tasks, with checked arguments.
        """
        ...

    def find(self, task_id: str) -> TaskRecord | None:
        """Return what is stored about a task, or None if it does not exist.

        Args:
            task_id: Id of the task.
        """
        ...

    def cancel(self, task_id: str) -> bool:
        """Cancel a task. One that runs ends at its next checkpoint and stores nothing more.

        Args:
            task_id: Id of the task.

        Returns:
            False if it does not exist or has finished.
        """
        ...

    def retry(self, task_id: str) -> bool:
        """Enqueue a task that failed or was cancelled once more, with all its retries.

        Args:
            task_id: Id of the task.

        Returns:
            False if it does not exist, waits, runs or was successful.
        """
        ...


class TaskHandle:
    """A task that was enqueued.

    The values are read when one is first asked for, and again by `refresh`.

    Args:
        queue: The queue that the task is in.
        task_id: Id of the task.
    """

    def __init__(self, queue: TaskQueue, task_id: str) -> None:
        self.id = task_id
        self._queue = queue
        self._record: TaskRecord | None = None

    @property
    def record(self) -> TaskRecord:
        """Everything that is stored about the task.

        Raises:
            LookupError: The task does not exist: its transaction was rolled back, or it has
                finished and was deleted.
        """
        if self._record is None:
            self._record = self._queue.find(self.id)
        if self._record is None:
            raise LookupError(
                f"the task {self.id!r} does not exist: its transaction was rolled back, or it was "
                "deleted after TASK_RETENTION"
            )
        return self._record

    def refresh(self) -> "TaskHandle":
        """Read the values again, and return the handle."""
        self._record = None
        return self

    @property
    def state(self) -> str:
        """The state; see `TaskRecord`."""
        return self.record.state

    @property
    def is_finished(self) -> bool:
        """Whether the task succeeded, failed for good or was cancelled."""
        return self.record.finished_at is not None

    @property
    def attempts(self) -> int:
        """How often the task was started."""
        return self.record.attempts

    @property
    def result(self) -> Any:
        """What the function returned, as values of JSON; None until then."""
        return self.record.result

    @property
    def error(self) -> str:
        """The last exception, with its type; empty if there was none."""
        return self.record.error

    def cancel(self) -> bool:
        """Cancel the task; see `TaskQueue.cancel`."""
        self.refresh()
        return self._queue.cancel(self.id)

    def retry(self) -> bool:
        """Enqueue the task once more; see `TaskQueue.retry`."""
        self.refresh()
        return self._queue.retry(self.id)

    def __repr__(self) -> str:
        return f"<TaskHandle {self.id}>"


def decoded(text: str | None) -> object:
    """Return the value of JSON text; None for None."""
    return None if text is None else msgspec.json.decode(text)
