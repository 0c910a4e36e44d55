"""Runs tasks at the commit of the transaction that enqueued them, in the same thread."""

import logging
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from lback.core.unit_of_work import after_commit
from lback.tasks.handles import TaskHandle, TaskRecord, decoded
from lback.tasks.running import call_task
from lback.tasks.tables import CANCELLED, FAILED, READY, RUNNING, SCHEDULED, SUCCESSFUL

if TYPE_CHECKING:
    from lback.tasks.definitions import NewTask

logger = logging.getLogger("lback.tasks")

KEPT = 1000


class ImmediateQueue:
    """Runs each task once, at the commit; for development without a worker, and for tests.

    Tasks are not tried again. Those with `run_after` run at once as well. The last 1000 are kept in
    memory.

    Args:
        services: Services of the application, by name.
        clock: Returns the seconds since the epoch.
    """

    def __init__(
        self, services: Mapping[str, Any], *, clock: Callable[[], float] = time.time
    ) -> None:
        self._services = services
        self._clock = clock
        self._records: OrderedDict[str, TaskRecord] = OrderedDict()

    def now(self) -> float:
        """Return the current time in seconds since the epoch."""
        return self._clock()

    def add(self, tasks: "Sequence[NewTask]") -> list[TaskHandle]:
        """Run tasks once the current transaction has committed; without one, now.

        Args:
            tasks: The tasks, with checked arguments.
        """
        for task in tasks:
            self._keep(new_record(task, self._clock()))
            self._run_later(task.id)
        return [TaskHandle(self, task.id) for task in tasks]

    def _keep(self, record: TaskRecord) -> None:
        self._records[record.id] = record
        while len(self._records) > KEPT:
            self._records.popitem(last=False)

    def run_now(self, task_id: str) -> None:
        """Run a task that waits, and store its result or its error.

        Args:
            task_id: Id of the task.
        """
        record = self._records[task_id]
        if record.state not in (READY, SCHEDULED):
            return
        started = {"state": RUNNING, "attempts": record.attempts + 1, "started_at": self._clock()}
        record = replace(record, **started)  # type: ignore[arg-type]  # the types are those above
        self._keep(record)
        try:
            result = call_task(
                self._services, record.name, record.arguments, language=record.language
            )
        except Exception as error:
            logger.exception("task %s failed", record.name)
            text = f"{type(error).__name__}: {error}"
            record = replace(record, state=FAILED, error=text, finished_at=self._clock())
        else:
            value = decoded(result)
            record = replace(record, state=SUCCESSFUL, result=value, finished_at=self._clock())
        self._keep(record)

    def find(self, task_id: str) -> TaskRecord | None:
        """Return what is known about a task, or None if it does not exist.

        Args:
            task_id: Id of the task.
        """
        return self._records.get(task_id)

    def cancel(self, task_id: str) -> bool:
        """Cancel a task that waits for a commit.

        Args:
            task_id: Id of the task.

        Returns:
            False if it does not exist or was started.
        """
        record = self._records.get(task_id)
        if record is None or record.state not in (READY, SCHEDULED):
            return False
        self._keep(replace(record, state=CANCELLED, finished_at=self._clock()))
        return True

    def retry(self, task_id: str) -> bool:
        """Run a task that failed or was cancelled once more.

        Args:
            task_id: Id of the task.

        Returns:
            False if it does not exist, waits, runs or was successful.
        """
        record = self._records.get(task_id)
        if record is None or record.state not in (FAILED, CANCELLED):
            return False
        self._keep(replace(record, state=READY, finished_at=None))
        self._run_later(task_id)
        return True

    def _run_later(self, task_id: str) -> None:
        after_commit(self.run_now, task_id)


def new_record(task: "NewTask", now: float) -> TaskRecord:
    """Return the record of a task that was just enqueued.

    Args:
        task: The task.
        now: Seconds since the epoch.
    """
    run_at = now if task.run_at is None else task.run_at
    state = SCHEDULED if run_at > now else READY
    return TaskRecord(
        task.id,
        task.name,
        task.queue,
        task.priority,
        state,
        0,
        now,
        run_at,
        None,
        None,
        None,
        "",
        None,
        None,
        task.arguments,
        task.language,
    )
