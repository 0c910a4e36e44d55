"""The tables of background tasks, which migrations create in the application's database."""

from sqlalchemy import Double, Index, String, Text
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import Base

# Text, not JSON: PostgreSQL refuses the NUL characters that JSON may hold. TEXT of MySQL ends at
# 64 KB.
_JSON = Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb")

SCHEDULED, READY, RUNNING = "scheduled", "ready", "running"
SUCCESSFUL, FAILED, CANCELLED = "successful", "failed", "cancelled"
WAITING = (SCHEDULED, READY)
FINISHED = (SUCCESSFUL, FAILED, CANCELLED)
STATES = (*WAITING, RUNNING, *FINISHED)


class StoredTask(Base):
    """A task that was enqueued.

    Times are in seconds since the epoch.

    Attributes:
        id: Begins with the time of its creation, so that new rows are close together.
        name: Name of the function's task.
        queue: Name of the queue.
        rank: The negative priority, so that one index has the order in which tasks are taken.
        arguments: JSON object.
        state: One of `STATES`.
        run_at: When it may run.
        expires_at: When it is cancelled unless it was started before.
        attempts: How often it was started.
        losses: How many of these attempts ended with their worker.
        worker: The worker that runs it.
        lease: Changes with each attempt; an attempt whose lease is over cannot store anything.
        unique_key: Hash of name and arguments, while no second task with it may be enqueued.
        concurrency_key: Tasks with the same key are limited in number.
        language: Tag of the language in which it was enqueued, in an application with several.
        cursor: What `checkpoint` stored, as JSON.
        result: What the function returned, as JSON.
        error: The last exception, with its type.
    """

    __tablename__ = "lback_tasks"
    __table_args__ = (
        Index("ix_lback_tasks_order", "state", "rank", "run_at", "id"),
        Index("ix_lback_tasks_run_at", "state", "run_at"),
        Index("ix_lback_tasks_worker", "worker"),
        Index("ix_lback_tasks_running", "concurrency_key", "state"),
    )

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    queue: Mapped[str] = mapped_column(String(100))
    rank: Mapped[int]
    arguments: Mapped[str] = mapped_column(_JSON)
    state: Mapped[str] = mapped_column(String(20))
    created_at: Mapped[float] = mapped_column(Double)
    run_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float | None] = mapped_column(Double)
    started_at: Mapped[float | None] = mapped_column(Double)
    finished_at: Mapped[float | None] = mapped_column(Double)
    attempts: Mapped[int] = mapped_column(default=0)
    losses: Mapped[int] = mapped_column(default=0)
    worker: Mapped[str | None] = mapped_column(String(32))
    lease: Mapped[str | None] = mapped_column(String(32))
    unique_key: Mapped[str | None] = mapped_column(String(64), unique=True)
    concurrency_key: Mapped[str | None] = mapped_column(String(150))
    language: Mapped[str | None] = mapped_column(String(20))
    progress_done: Mapped[float | None] = mapped_column(Double)
    progress_total: Mapped[float | None] = mapped_column(Double)
    progress_note: Mapped[str | None] = mapped_column(String(200))
    cursor: Mapped[str | None] = mapped_column(_JSON)
    result: Mapped[str | None] = mapped_column(_JSON)
    error: Mapped[str | None] = mapped_column(Text)


class TaskFailure(Base):
    """An attempt that failed or was lost, with its traceback."""

    __tablename__ = "lback_task_failures"

    task_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    attempt: Mapped[int] = mapped_column(primary_key=True)
    at: Mapped[float] = mapped_column(Double, index=True)
    worker: Mapped[str | None] = mapped_column(String(32))
    error: Mapped[str] = mapped_column(Text)
    traceback: Mapped[str] = mapped_column(_JSON)


class TaskWorker(Base):
    """A worker that runs tasks.

    Attributes:
        id: Random.
        place: Machine, boot and process namespace, within which process numbers are unique.
        pid: Process number.
        beat: Grows every few seconds while the worker lives. Other workers watch it by their own
            monotonic clocks, so that no two clocks are compared.
        seen_at: When it grew, for people.
        queues: Names of its queues, separated by commas; empty for all.
    """

    __tablename__ = "lback_task_workers"

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    host: Mapped[str] = mapped_column(String(100))
    place: Mapped[str] = mapped_column(String(150))
    pid: Mapped[int]
    beat: Mapped[int]
    started_at: Mapped[float] = mapped_column(Double)
    seen_at: Mapped[float] = mapped_column(Double)
    queues: Mapped[str] = mapped_column(String(500))
    threads: Mapped[int]


class PausedQueue(Base):
    """A queue whose tasks wait until it is resumed."""

    __tablename__ = "lback_task_pauses"

    queue: Mapped[str] = mapped_column(String(100), primary_key=True)
    paused_at: Mapped[float] = mapped_column(Double)


class TaskLimit(Base):
    """The row that workers lock to count the running tasks of a key, with the times of a rate.

    Attributes:
        key: Key of a concurrency limit, or name of a task with a rate.
        next_at: When the next task would start if they were spread evenly (GCRA).
    """

    __tablename__ = "lback_task_limits"

    key: Mapped[str] = mapped_column(String(220), primary_key=True)
    next_at: Mapped[float] = mapped_column(Double)


class TaskSchedule(Base):
    """The last tick of a schedule for which a task was enqueued."""

    __tablename__ = "lback_task_schedules"

    name: Mapped[str] = mapped_column(String(200), primary_key=True)
    last_tick: Mapped[float] = mapped_column(Double)
