"""The queue in the application's database, and the choice of the queue by the setting `TASKS`."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from sqlalchemy import ColumnElement, Select, Update, func, select, update
from sqlalchemy.dialects import mysql, postgresql, sqlite
from sqlalchemy.orm import Session

from lback.core.exceptions import ConfigurationError
from lback.core.unit_of_work import ENQUEUED, current
from lback.tasks.definitions import TASKS
from lback.tasks.handles import TaskHandle, TaskQueue, TaskRecord, decoded
from lback.tasks.tables import (
    CANCELLED,
    FAILED,
    FINISHED,
    READY,
    RUNNING,
    SCHEDULED,
    WAITING,
    StoredTask,
)

if TYPE_CHECKING:
    from lback.database import DatabaseManager
    from lback.tasks.definitions import NewTask

CHANNEL = "lback_tasks"


def build_queue(services: Mapping[str, Any]) -> TaskQueue:
    """Return the queue that the setting `TASKS` chooses.

    Args:
        services: Services of the application, by name.
    """
    config = services["config"]
    if config.TASKS == "dramatiq" and not config.TASK_BROKER_URL:
        raise ConfigurationError(
            "TASKS = 'dramatiq' needs TASK_BROKER_URL, such as amqp://guest:guest@127.0.0.1:5672"
        )
    if config.TASKS == "immediate":
        from lback.tasks.immediate import ImmediateQueue  # in development and tests alone

        return ImmediateQueue(services)
    return DatabaseQueue(services["db_manager"])


class DatabaseQueue:
    """Tasks in the table `lback_tasks`, added in the transaction of the data that they are about.

    Args:
        db_manager: Opens database sessions.
        clock: Returns the seconds since the epoch.
    """

    def __init__(
        self, db_manager: "DatabaseManager", *, clock: Callable[[], float] = time.time
    ) -> None:
        self.db_manager = db_manager
        self._clock = clock

    def now(self) -> float:
        """Return the current time in seconds since the epoch."""
        return self._clock()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        """Give the session of the current transaction, else one of its own that is committed."""
        transaction = current.get()
        session = getattr(transaction, "db_session", transaction)
        if isinstance(session, Session):
            yield session
        else:
            with self.db_manager.session() as own:
                yield own

    def add(self, tasks: "Sequence[NewTask]") -> list[TaskHandle]:
        """Add tasks in the current transaction, or in one of its own.

        Args:
            tasks: The tasks, with checked arguments.

        Returns:
            A handle for each; of the task that is there already, if that is unique.
        """
        with self._session() as session:
            now = self._clock()
            handles = []
            for task in tasks:
                row = _row(task, now)
                if task.unique_key is None:
                    session.add(StoredTask(**row))
                    handles.append(TaskHandle(self, task.id))
                else:
                    handles.append(TaskHandle(self, _add_unique(session, row)))
            _notify(session)
        return handles

    def find(self, task_id: str) -> TaskRecord | None:
        """Return what is stored about a task, or None if it does not exist.

        Args:
            task_id: Id of the task.
        """
        found = self.list(StoredTask.id == task_id, limit=1)
        return found[0] if found else None

    def list(self, *conditions: ColumnElement[bool], limit: int) -> "Sequence[TaskRecord]":
        """Return the newest tasks that meet all conditions.

        Args:
            *conditions: Conditions on columns of `StoredTask`.
            limit: How many at most.
        """
        columns = StoredTask.__table__.columns
        query: Select[Any] = (
            select(*columns).where(*conditions).order_by(StoredTask.id.desc()).limit(limit)
        )
        with self._session() as session:
            if session.new:
                session.flush()
            return [_record(row) for row in session.execute(query)]

    def cancel(self, task_id: str) -> bool:
        """Cancel a task. One that runs ends at its next checkpoint and stores nothing more.

        Args:
            task_id: Id of the task.

        Returns:
            False if it does not exist or has finished.
        """
        values = {"state": CANCELLED, "finished_at": self._clock(), "lease": None}
        states = (*WAITING, RUNNING)
        return self._change(_in(task_id, states).values(unique_key=None, **values))

    def retry(self, task_id: str) -> bool:
        """Enqueue a task that failed or was cancelled once more, with all its retries.

        Args:
            task_id: Id of the task.

        Returns:
            False if it does not exist, waits, runs or was successful.
        """
        values = {"state": READY, "run_at": self._clock(), "finished_at": None, "lease": None}
        statement = _in(task_id, (FAILED, CANCELLED))
        return self._change(
            statement.values(attempts=0, losses=0, expires_at=None, worker=None, **values)
        )

    def _change(self, statement: Update) -> bool:
        with self._session() as session:
            session.flush()
            is_changed = bool(session.connection().execute(statement).rowcount)
            _notify(session)
        return is_changed


def _in(task_id: str, states: Sequence[str]) -> Update:
    return update(StoredTask).where(StoredTask.id == task_id, StoredTask.state.in_(states))


def _row(task: "NewTask", now: float) -> dict[str, object]:
    run_at = now if task.run_at is None else task.run_at
    return {
        "id": task.id,
        "name": task.name,
        "queue": task.queue,
        "rank": -task.priority,
        "arguments": task.arguments,
        "state": SCHEDULED if run_at > now else READY,
        "created_at": now,
        "run_at": run_at,
        "expires_at": None if task.expires is None else max(run_at, now) + task.expires,
        "attempts": 0,
        "losses": 0,
        "unique_key": task.unique_key,
        "concurrency_key": task.concurrency_key,
        "language": task.language,
    }


def _add_unique(session: Session, row: dict[str, object]) -> str:
    """Insert a row unless one with its unique key is there, and return the id of that one."""
    if ENQUEUED not in session.info:
        # The unit of work commits by this after a response hook, as if an object had been added.
        session.info[ENQUEUED] = True
        add_job = getattr(session, "after_commit", None)
        if add_job is not None:
            add_job(session.info.pop, ENQUEUED, None)
    existing = select(StoredTask.id).where(StoredTask.unique_key == row["unique_key"])
    connection = session.connection()
    while True:
        insert_new_row(connection, StoredTask, row, "unique_key")
        found = connection.execute(existing).scalar()
        if found is not None:  # else the other one was finished in between
            return str(found)


def insert_new_row(connection: Any, model: Any, row: Mapping[str, object], key: str) -> bool:
    """Insert a row unless one with its key is there; two transactions may do so at once.

    Args:
        connection: SQLAlchemy connection.
        model: The model of the table.
        row: Values by column.
        key: Name of the unique column.

    Returns:
        True if the row was inserted.
    """
    name, table = connection.dialect.name, model.__table__
    statement: Any
    if name in ("mysql", "mariadb"):
        statement = mysql.insert(table).values(**row)
        statement = statement.on_duplicate_key_update({key: table.c[key]})
    else:
        insert = postgresql.insert if name == "postgresql" else sqlite.insert
        statement = insert(table).values(**row).on_conflict_do_nothing(index_elements=[key])
    # PyMySQL counts found rows, of which an update that changes nothing is one: 1 inserted, 2 or 1
    # updated. Callers that need the answer read the row.
    return bool(connection.execute(statement).rowcount)


def _notify(session: Session) -> None:
    """Wake workers on PostgreSQL once the transaction commits; equal ones are sent once."""
    if session.get_bind().dialect.name == "postgresql":
        session.connection().execute(select(func.pg_notify(CHANNEL, "")))


def _record(row: Any) -> TaskRecord:
    task = TASKS.get(row.name)
    is_sensitive = task is not None and task.options.sensitive
    has_progress = row.progress_done is not None
    return TaskRecord(
        row.id,
        row.name,
        row.queue,
        -row.rank,
        row.state,
        row.attempts,
        row.created_at,
        row.run_at,
        row.started_at,
        row.finished_at,
        decoded(row.result),
        row.error or "",
        (row.progress_done, row.progress_total, row.progress_note or "") if has_progress else None,
        row.worker if row.state not in FINISHED else None,
        "" if is_sensitive else row.arguments,
        row.language,
    )
