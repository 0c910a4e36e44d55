"""Queues, tasks and workers as people see them, and what they may change."""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, delete, func, select

from lback.tasks.claims import Claims
from lback.tasks.definitions import TASKS
from lback.tasks.handles import TaskRecord
from lback.tasks.queues import DatabaseQueue, insert_new_row
from lback.tasks.tables import (
    FAILED,
    FINISHED,
    READY,
    RUNNING,
    SCHEDULED,
    PausedQueue,
    StoredTask,
    TaskFailure,
    TaskWorker,
)

if TYPE_CHECKING:
    from lback.database import DatabaseManager

# A worker shows a sign of life every few seconds.
SEEN_SECONDS = 60.0
_Columns = StoredTask.__table__.c


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue.

    Attributes:
        ready: Tasks that may run now.
        oldest: Seconds for which the oldest of these has been ready.
    """

    name: str
    ready: int
    scheduled: int
    running: int
    failed: int
    oldest: float
    is_paused: bool


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker; `seen` is the seconds since its last sign of life."""

    id: str
    host: str
    pid: int
    queues: str
    threads: int
    seen: float


class Overview:
    """Reads and changes the tasks in the database, for commands and pages.

    Args:
        queue: The queue of the application.
    """

    def __init__(self, queue: DatabaseQueue) -> None:
        self.queue = queue
        self._db: DatabaseManager = queue.db_manager

    def queues(self) -> list[QueueState]:
        """Return the queues that have tasks that have not succeeded, or are paused, by name."""
        is_open = _Columns.state.in_((READY, SCHEDULED, RUNNING, FAILED))
        counts = select(_Columns.queue, _Columns.state, func.count(), func.min(_Columns.run_at))
        counts = counts.where(is_open).group_by(_Columns.queue, _Columns.state)
        with self._db.create_session() as session:
            rows = session.execute(counts).all()
            paused = set(session.scalars(select(PausedQueue.queue)))
        numbers = {(queue, state): number for queue, state, number, _ in rows}
        oldest = {queue: at for queue, state, _, at in rows if state == READY}
        now = self.queue.now()
        return [
            QueueState(
                name,
                numbers.get((name, READY), 0),
                numbers.get((name, SCHEDULED), 0),
                numbers.get((name, RUNNING), 0),
                numbers.get((name, FAILED), 0),
                max(now - oldest.get(name, now), 0.0),
                name in paused,
            )
            for name in sorted({queue for queue, *_ in rows} | paused)
        ]

    def workers(self) -> list[WorkerState]:
        """Return the workers that have not been stopped, the last seen first."""
        with self._db.create_session() as session:
            rows = session.scalars(select(TaskWorker).order_by(TaskWorker.seen_at.desc())).all()
        now = self.queue.now()
        return [
            WorkerState(
                row.id, row.host, row.pid, row.queues, row.threads, max(now - row.seen_at, 0.0)
            )
            for row in rows
        ]

    def tasks(
        self,
        *,
        state: str = "",
        queue: str = "",
        name: str = "",
        before: str = "",
        limit: int = 50,
    ) -> Sequence[TaskRecord]:
        """Return the newest tasks.

        Args:
            state: Only those in this state.
            queue: Only those of this queue.
            name: Only those of this task.
            before: Only those older than the task of this id.
            limit: How many at most.
        """
        conditions = _conditions(state, queue, name)
        if before:
            conditions.append(StoredTask.id < before)
        return self.queue.list(*conditions, limit=limit)

    def failures(self, task_id: str) -> Sequence[TaskFailure]:
        """Return the attempts at a task that failed, the first one first.

        Args:
            task_id: Id of the task.
        """
        query = select(TaskFailure).where(TaskFailure.task_id == task_id)
        with self._db.create_session() as session:
            return session.scalars(query.order_by(TaskFailure.attempt)).all()

    def ids(self, *, state: str, queue: str = "", name: str = "") -> list[str]:
        """Return the ids of all tasks in a state, the oldest first.

        Args:
            state: The state.
            queue: Only those of this queue.
            name: Only those of this task.
        """
        query = select(_Columns.id).where(*_conditions(state, queue, name)).order_by(_Columns.id)
        with self._db.create_session() as session:
            return list(session.scalars(query))

    def pause(self, queue: str) -> None:
        """Let the tasks of a queue wait until `resume`. Those that run go on.

        Args:
            queue: Name of the queue.
        """
        row = {"queue": queue, "paused_at": self.queue.now()}
        with self._db.session() as session:
            insert_new_row(session.connection(), PausedQueue, row, "queue")

    def resume(self, queue: str) -> bool:
        """Let the tasks of a paused queue run again.

        Args:
            queue: Name of the queue.

        Returns:
            False if it was not paused.
        """
        statement = delete(PausedQueue).where(PausedQueue.queue == queue)
        with self._db.session() as session:
            return bool(session.connection().execute(statement).rowcount)

    def purge(self, *, state: str = "", queue: str = "", name: str = "") -> int:
        """Delete tasks that have finished, or all that wait; never those that run.

        Args:
            state: Only those in this state; empty for all that have finished.
            queue: Only those of this queue.
            name: Only those of this task.

        Returns:
            How many were deleted.
        """
        states = _Columns.state.in_(FINISHED) if not state else _Columns.state == state
        conditions = [*_conditions("", queue, name), states, _Columns.state != RUNNING]
        with self._db.session() as session:
            connection = session.connection()
            ids = list(connection.execute(select(_Columns.id).where(*conditions)).scalars())
            for begin in range(0, len(ids), 1000):
                some = ids[begin : begin + 1000]
                connection.execute(delete(TaskFailure).where(TaskFailure.task_id.in_(some)))
                is_idle = _Columns.state != RUNNING
                connection.execute(delete(StoredTask).where(_Columns.id.in_(some), is_idle))
        return len(ids)

    def prune(self, seconds: float) -> int:
        """Delete tasks that finished some time ago, and return how many.

        Args:
            seconds: How long ago.
        """
        claims = Claims(self._db, self.queue.now)
        deleted = total = claims.delete_finished(self.queue.now() - seconds)
        while deleted:
            deleted = claims.delete_finished(self.queue.now() - seconds)
            total += deleted
        return total

    def problems(self, oldest: float) -> list[tuple[str, str]]:
        """Return what is wrong with the tasks now, and what to do about it.

        Args:
            oldest: Seconds that a task may be ready before it counts as late.
        """
        found = []
        queues = [queue for queue in self.queues() if not queue.is_paused]
        waiting = sum(queue.ready for queue in queues)
        if waiting and not any(worker.seen < SEEN_SECONDS for worker in self.workers()):
            found.append((f"{waiting} tasks are ready and no worker runs", "start: lback work"))
        for queue in queues:
            if queue.oldest > oldest:
                text = f"a task of the queue {queue.name!r} has been ready for {queue.oldest:.0f} s"
                found.append((text, "run more workers, or one with this queue: lback work"))
        return found


def _conditions(state: str, queue: str, name: str) -> list[ColumnElement[bool]]:
    given = {"state": state, "queue": queue, "name": name}
    return [_Columns[column] == value for column, value in given.items() if value]


def as_data(record: TaskRecord) -> dict[str, Any]:
    """Return a record as values of JSON, with times in UTC.

    Args:
        record: The record.
    """
    values: dict[str, Any] = {name: getattr(record, name) for name in record.__slots__}
    for name in ("created_at", "run_at", "started_at", "finished_at"):
        values[name] = None if values[name] is None else moment(values[name])
    return values


def moment(seconds: float) -> str:
    """Return a time as text in UTC.

    Args:
        seconds: Seconds since the epoch.

    Example:
        >>> moment(1_800_000_000)
        '2027-01-15T08:00:00Z'
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def known_tasks() -> Mapping[str, str]:
    """Return the tasks that this process knows: the queue of each by its name."""
    return {name: task.options.queue for name, task in sorted(TASKS.items())}
