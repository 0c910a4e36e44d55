"""What workers do in the tables of tasks: take, finish, fail and give back."""

import random
import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, literal, select, update
from sqlalchemy.orm import Session

from lback.tasks.definitions import TASKS, TaskOptions
from lback.tasks.exceptions import LeaseLost
from lback.tasks.failures import FailureReport
from lback.tasks.queues import insert_new_row
from lback.tasks.tables import (
    CANCELLED,
    FAILED,
    FINISHED,
    READY,
    RUNNING,
    SCHEDULED,
    SUCCESSFUL,
    PausedQueue,
    StoredTask,
    TaskFailure,
    TaskLimit,
    TaskWorker,
)

if TYPE_CHECKING:
    from lback.database import DatabaseManager

# How often a task may end with its worker before it fails: it may be the one that ends them.
MAX_LOSSES = 10
# Until a task that a limit holds back is looked at again, if no other one of its key ends before.
BLOCKED_SECONDS = 2.0
# The lease of such a task.
BLOCKED = "blocked"
_DEFAULTS = TaskOptions()
_Columns = StoredTask.__table__.c


@dataclass(frozen=True, slots=True)
class Claim:
    """A task that a worker has taken.

    Attributes:
        lease: Says which attempt this is; nothing is stored once the row has another one.
        attempt: Number of the attempt, from 1.
        losses: How many of the attempts before were lost with their worker.
    """

    id: str
    name: str
    arguments: str
    lease: str
    attempt: int
    losses: int
    cursor: str | None
    concurrency_key: str | None
    language: str | None

    @property
    def options(self) -> TaskOptions:
        """The options of the task; the defaults if this process does not know it."""
        task = TASKS.get(self.name)
        return _DEFAULTS if task is None else task.options


class Waiting(NamedTuple):
    """What waits in the queues of a worker.

    Attributes:
        is_ready: Whether a task may run now.
        next_at: When the next one may run, in seconds since the epoch; None if none is scheduled.
    """

    is_ready: bool
    next_at: float | None


class Claims:
    """The part of the queue that workers use.

    Args:
        db_manager: Opens database sessions.
        clock: Returns the seconds since the epoch.
    """

    def __init__(self, db_manager: "DatabaseManager", clock: Callable[[], float]) -> None:
        self._db = db_manager
        self._clock = clock

    @contextmanager
    def _transaction(self) -> Iterator[Any]:
        with self._db.create_session() as session:
            yield session.connection()
            session.commit()

    def waiting(self, queues: Sequence[str]) -> Waiting:
        """Return what waits, in one statement that writes nothing.

        Args:
            queues: Names of queues; empty for all.
        """
        ready = select(literal(1)).where(_Columns.state == READY, *_open(queues)).limit(1)
        next_at = select(func.min(_Columns.run_at)).where(_Columns.state == SCHEDULED)
        with self._db.create_session() as session:
            row = session.execute(select(ready.scalar_subquery(), next_at.scalar_subquery())).one()
        is_due = row[1] is not None and row[1] <= self._clock()
        return Waiting(bool(row[0]) or is_due, row[1])

    def take(self, worker: str, queues: Sequence[str], number: int) -> tuple[list[Claim], int]:
        """Take tasks that may run now, those of the highest priority first.

        Args:
            worker: Id of the worker.
            queues: Names of its queues; empty for all.
            number: How many at most.

        Returns:
            The tasks, and how many were found, with those that a limit holds back.
        """
        now, lease = self._clock(), secrets.token_hex(8)
        columns = (
            _Columns.id,
            _Columns.name,
            _Columns.arguments,
            _Columns.attempts,
            _Columns.losses,
            _Columns.cursor,
            _Columns.concurrency_key,
            _Columns.language,
            _Columns.expires_at,
        )
        candidates = (
            select(*columns)
            .where(_Columns.state == READY, *_open(queues))
            .order_by(_Columns.rank, _Columns.run_at, _Columns.id)
            .limit(number)
            .with_for_update(skip_locked=True)
        )
        with self._transaction() as connection:
            due = list(connection.execute(_due(now)).scalars())
            if due:
                promoted = update(StoredTask).where(_Columns.id.in_(due))
                connection.execute(promoted.values(state=READY))
            found = connection.execute(candidates).all()
            rows = self._admitted(connection, found, now)
            if rows:
                values = {"state": RUNNING, "worker": worker, "lease": lease, "started_at": now}
                taken = update(StoredTask).where(_Columns.id.in_([row.id for row in rows]))
                connection.execute(taken.values(attempts=_Columns.attempts + 1, **values))
                self._end_uniqueness(connection, rows)
        claims = [
            Claim(
                row.id,
                row.name,
                row.arguments,
                lease,
                row.attempts + 1,
                row.losses,
                row.cursor,
                row.concurrency_key,
                row.language,
            )
            for row in rows
        ]
        return claims, len(found)

    def _admitted(self, connection: Any, rows: Sequence[Any], now: float) -> list[Any]:
        """Return the rows that may start; cancel expired ones, and put off those over a limit."""
        admitted = []
        # In the order of the keys, so that two workers do not wait for each other.
        for row in sorted(rows, key=lambda row: (row.concurrency_key or "", row.name)):
            this = update(StoredTask).where(_Columns.id == row.id)
            if row.expires_at is not None and row.expires_at <= now:
                values = {"state": CANCELLED, "finished_at": now, "unique_key": None}
                connection.execute(this.values(error="expired before it was started", **values))
                continue
            again_at = self._blocked_until(connection, row, now)
            if again_at is None:
                admitted.append(row)
            else:
                values = {"state": SCHEDULED, "run_at": again_at, "lease": BLOCKED}
                connection.execute(this.values(**values))
        return admitted

    def _blocked_until(self, connection: Any, row: Any, now: float) -> float | None:
        """Return when to look at a row again if a limit holds it back, else None."""
        task = TASKS.get(row.name)
        if task is None:
            return None
        limit, rate = task.options.concurrency, task.options.parsed_rate(row.name)
        if row.concurrency_key is not None and limit is not None:
            # The lock of this row is held until the commit: others count after it.
            _lock(connection, row.concurrency_key)
            is_same = _Columns.concurrency_key == row.concurrency_key
            count = select(func.count()).where(is_same, _Columns.state == RUNNING)
            if connection.execute(count).scalar() >= limit:
                return now + BLOCKED_SECONDS
            # Counted for the next row of this batch.
            connection.execute(
                update(StoredTask).where(_Columns.id == row.id).values(state=RUNNING)
            )
        if rate is None:
            return None
        number, window = rate
        next_at = max(_lock(connection, f"rate {row.name}"), now)
        if next_at > now + window - window / number:
            return float(next_at - window + window / number)
        allowed = update(TaskLimit).where(TaskLimit.key == f"rate {row.name}")
        connection.execute(allowed.values(next_at=next_at + window / number))
        return None

    def _end_uniqueness(self, connection: Any, rows: Sequence[Any]) -> None:
        until_started = [
            row.id
            for row in rows
            if row.name in TASKS and TASKS[row.name].options.unique == "started"
        ]
        if until_started:
            statement = update(StoredTask).where(_Columns.id.in_(until_started))
            connection.execute(statement.values(unique_key=None))

    def finish(self, session: Session, claim: Claim, values: dict[str, object]) -> None:
        """Store the success of a task in a session, whose commit stores its changes as well.

        Args:
            session: The session of the task.
            claim: The task.
            values: Its result as JSON, and its progress, by column.

        Raises:
            LeaseLost: The task was cancelled or given to another worker.
        """
        session.flush()
        ended = {"state": SUCCESSFUL, "finished_at": self._clock()}
        self._store(session, claim, {**values, **ended, **self._end_values(claim)})

    def _end_values(self, claim: Claim) -> dict[str, object]:
        values: dict[str, object] = {"lease": None, "unique_key": None, "cursor": None}
        if claim.options.sensitive:
            values["arguments"] = "{}"
        return values

    def _store(self, session: Session, claim: Claim, values: dict[str, object]) -> None:
        connection = session.connection()
        if not connection.execute(_own(claim).values(**values)).rowcount:
            raise LeaseLost(
                f"the task {claim.name!r} ({claim.id}) was cancelled or given to another worker; "
                "nothing of this attempt is stored"
            )
        if values.get("state") and claim.concurrency_key is not None:
            self._admit_next(connection, claim.concurrency_key)

    def _admit_next(self, connection: Any, key: str) -> None:
        """Let the task run that has waited longest for a place of a concurrency limit."""
        is_blocked = (_Columns.state == SCHEDULED, _Columns.lease == BLOCKED)
        oldest = select(_Columns.id).where(_Columns.concurrency_key == key, *is_blocked)
        oldest = oldest.order_by(_Columns.rank, _Columns.id).limit(1)
        found = connection.execute(oldest.with_for_update(skip_locked=True)).scalar()
        if found is not None:
            statement = update(StoredTask).where(_Columns.id == found)
            connection.execute(statement.values(state=READY))

    def checkpoint(self, session: Session, claim: Claim, values: dict[str, object]) -> None:
        """Store a cursor in a session and commit it together with the changes of the task.

        Args:
            session: The session of the task.
            claim: The task.
            values: The cursor as JSON, and its progress, by column.

        Raises:
            LeaseLost: The task was cancelled or given to another worker.
        """
        session.flush()
        self._store(session, claim, values)
        session.commit()

    def progress(self, claim: Claim, values: dict[str, object]) -> None:
        """Store how far a task is, in a transaction of its own.

        Args:
            claim: The task.
            values: Its progress, by column.
        """
        with self._transaction() as connection:
            connection.execute(_own(claim).values(**values))

    def fail(
        self, claim: Claim, worker: str, report: FailureReport, *, for_good: bool
    ) -> float | None:
        """Store that an attempt failed, and when the next one is to be made.

        Args:
            claim: The task.
            worker: Id of the worker.
            report: The exception.
            for_good: Do not try again.

        Returns:
            The seconds until the next attempt; None if the task has failed for good, or is not
            that of this attempt any more.
        """
        options, now = claim.options, self._clock()
        tries = claim.attempt - claim.losses
        pause = None if for_good or tries > options.retries else retry_pause(options, tries)
        values: dict[str, object]
        if pause is None:
            values = {"state": FAILED, "finished_at": now, "error": report.error, "lease": None}
            values["unique_key"] = None
        else:
            values = {
                "state": SCHEDULED,
                "run_at": now + pause,
                "error": report.error,
                "lease": None,
            }
        with self._db.create_session() as session:
            try:
                self._store(session, claim, values)
            except LeaseLost:
                return None
            failure = {"task_id": claim.id, "at": now, "worker": worker, **report._asdict()}
            connection = session.connection()
            # Attempts are counted from 1 again after `retry`.
            row = select(func.max(TaskFailure.attempt)).where(TaskFailure.task_id == claim.id)
            attempt = max(claim.attempt, (connection.execute(row).scalar() or 0) + 1)
            connection.execute(insert(TaskFailure).values(**failure, attempt=attempt))
            session.commit()
        return pause

    def give_back(self, claim: Claim) -> None:
        """Make a task ready again whose worker stops, as if this attempt had not been made.

        Args:
            claim: The task.
        """
        values: dict[str, object] = {"state": READY, "lease": None, "worker": None}
        values["attempts"] = claim.attempt - 1
        with self._db.create_session() as session:
            try:
                self._store(session, claim, values)
            except LeaseLost:
                return
            session.commit()

    def lost(self, worker: str) -> int:
        """Make the tasks of a dead worker ready again, and return how many there were.

        Args:
            worker: Id of the worker, whose row is deleted.
        """
        with self._transaction() as connection:
            if not connection.execute(delete(TaskWorker).where(TaskWorker.id == worker)).rowcount:
                return 0  # another worker does it
            return self._return(connection, worker)

    def without_worker(self) -> int:
        """Make tasks ready again whose worker has no row any more; return how many there were."""
        known = select(TaskWorker.id)
        orphans = select(_Columns.worker).where(
            _Columns.state == RUNNING, _Columns.worker.not_in(known)
        )
        with self._transaction() as connection:
            workers = list(connection.execute(orphans.distinct()).scalars())
            return sum(self._return(connection, worker) for worker in workers)

    def _return(self, connection: Any, worker: str) -> int:
        mine = (_Columns.worker == worker, _Columns.state == RUNNING)
        now = self._clock()
        error = "WorkerLost: the worker ended while it ran the task"
        facts = (_Columns.id, _Columns.attempts, literal(now), _Columns.worker)
        failures = select(*facts, literal(error), literal("")).where(*mine)
        names = ["task_id", "attempt", "at", "worker", "error", "traceback"]
        known = select(TaskFailure.attempt).where(
            TaskFailure.task_id == _Columns.id, TaskFailure.attempt == _Columns.attempts
        )
        connection.execute(insert(TaskFailure).from_select(names, failures.where(~known.exists())))
        lost = update(StoredTask).where(*mine)
        values = {"losses": _Columns.losses + 1, "lease": None, "error": error}
        ended = lost.where(_Columns.losses >= MAX_LOSSES).values(
            state=FAILED, finished_at=now, unique_key=None, **values
        )
        failed = connection.execute(ended).rowcount
        returned = connection.execute(lost.values(state=READY, worker=None, **values)).rowcount
        return int(failed + returned)

    def delete_finished(self, before: float, *, limit: int = 1000) -> int:
        """Delete tasks that finished before a time, with their failures; return how many.

        Args:
            before: Seconds since the epoch.
            limit: How many at most, so that no transaction takes long.
        """
        is_old = (_Columns.state.in_(FINISHED), _Columns.run_at < before)
        old = select(_Columns.id).where(*is_old, _Columns.finished_at < before).limit(limit)
        with self._transaction() as connection:
            ids = list(connection.execute(old).scalars())
            if ids:
                connection.execute(delete(TaskFailure).where(TaskFailure.task_id.in_(ids)))
                connection.execute(delete(StoredTask).where(_Columns.id.in_(ids)))
        return len(ids)


def _open(queues: Sequence[str]) -> list[ColumnElement[bool]]:
    """Return the conditions of tasks that are in one of the queues, and in none that is paused."""
    is_open = _Columns.queue.not_in(select(PausedQueue.queue))
    return [is_open, _Columns.queue.in_(list(queues))] if queues else [is_open]


def _due(now: float) -> Any:
    is_due = (_Columns.state == SCHEDULED, _Columns.run_at <= now)
    return select(_Columns.id).where(*is_due).limit(500).with_for_update(skip_locked=True)


def _own(claim: Claim) -> Any:
    """Return an update of the row that has an effect only while this is the current attempt."""
    is_current = (_Columns.lease == claim.lease, _Columns.state == RUNNING)
    return update(StoredTask).where(_Columns.id == claim.id, *is_current)


def _lock(connection: Any, key: str) -> float:
    """Lock the row of a limit until the commit, made if necessary, and return its time."""
    row = select(TaskLimit.next_at).where(TaskLimit.key == key).with_for_update()
    found = connection.execute(row).scalar()
    if found is None:
        insert_new_row(connection, TaskLimit, {"key": key, "next_at": 0.0}, "key")
        found = connection.execute(row).scalar()
    return float(found or 0.0)


def retry_pause(options: TaskOptions, tries: int) -> float:
    """Return the seconds before another attempt: twice as long each time, and not all at once.

    Args:
        options: Options of the task.
        tries: How many attempts have failed.
    """
    exponent = min(tries - 1, 32)
    pause: float = min(options.backoff * 2**exponent, options.max_backoff)
    return pause * random.uniform(1.0, 1.2)  # noqa: S311  not about secrets
