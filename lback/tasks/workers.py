"""A worker: takes tasks from the queue of the database and runs them in threads."""

import ctypes
import logging
import os
import platform
import secrets
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from threading import Event, Lock, Thread, get_ident
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from lback.core.exceptions import ConfigurationError, FrameworkException
from lback.core.http.after_answer import run_jobs
from lback.database.unstorable import UnstorableData
from lback.tasks.arguments import encode_result
from lback.tasks.claims import Claim, Claims
from lback.tasks.exceptions import (
    LeaseLost,
    TaskArgumentsError,
    TaskResultError,
    TaskStopped,
    TimeLimitExceeded,
)
from lback.tasks.failures import FailureReport, storable
from lback.tasks.handles import decoded
from lback.tasks.queues import DatabaseQueue
from lback.tasks.running import call_task, running
from lback.tasks.scheduling import Scheduler
from lback.tasks.tables import TaskWorker
from lback.tasks.waking import LONGEST_SECONDS, SHORTEST_SECONDS, WOKEN_SECONDS, Waker

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

logger = logging.getLogger("lback.tasks")

BEAT_SECONDS = 5.0
# A worker whose row has not changed for so long, by the clock of the one that watches, is dead.
LEASE_SECONDS = 30.0
# How long a function has to end after its time limit before its task is given up.
GRACE_SECONDS = 5.0
# The limit of a statement of the worker itself, and pauses while the database is unavailable.
STATEMENT_SECONDS = 30.0
PAUSES = (0.2, 1.0, 2.0, 5.0, 10.0)
PROGRESS_SECONDS = 1.0
# Short tasks are taken in advance, as many as were finished in this time, so that one transaction
# takes several.
AHEAD_SECONDS = 0.1
MOST_AHEAD = 100

_FOR_GOOD = (TaskArgumentsError, TaskResultError, ConfigurationError)


class Running:
    """An attempt that a thread runs.

    Args:
        claims: Stores what becomes of it.
        claim: The task.
        must_stop: Set when the worker is to stop.
        changed: Called with the id of the task when its state or progress was stored.
    """

    def __init__(
        self, claims: Claims, claim: Claim, must_stop: Event, changed: Callable[[str], None]
    ) -> None:
        self.claim = claim
        self._claims = claims
        self._changed = changed
        self._must_stop = must_stop
        self._cursor = claim.cursor
        self._session: Session | None = None
        self._lock = Lock()
        self._thread: int | None = None  # while the function itself runs
        self._reported_at = 0.0
        self._progress: dict[str, object] = {}  # not stored yet
        self.ends_at: float | None = None

    def saved_cursor(self) -> object:
        """Return what the last checkpoint stored, or None."""
        return decoded(self._cursor)

    def checkpoint(self, cursor: object) -> None:
        """Commit, store a cursor and stop if the worker is to stop.

        Args:
            cursor: A value that JSON can hold.

        Raises:
            TaskStopped: The worker is to stop.
            LeaseLost: The task was cancelled or given to another worker.
        """
        text = encode_result(cursor, self.claim.name) or "null"
        assert self._session is not None  # noqa: S101  it exists while the function runs
        self._claims.checkpoint(self._session, self.claim, {"cursor": text, **self._progress})
        has_moved, self._cursor, self._progress = bool(self._progress), text, {}
        if has_moved:
            self._changed(self.claim.id)
        if self._must_stop.is_set():
            raise TaskStopped

    def progress(self, done: float, total: float | None, note: str) -> None:
        """Store how far the task is, at most once a second, and at the end.

        Args:
            done: How much is done.
            total: How much there is to do, or None.
            note: Text for people.
        """
        now = time.monotonic()
        names = ("progress_done", "progress_total", "progress_note")
        self._progress = dict(zip(names, (done, total, storable(note)[:200]), strict=True))
        is_soon = now - self._reported_at < PROGRESS_SECONDS and done != total
        if not is_soon and not _is_writing(self._session):
            self._reported_at = now
            self._claims.progress(self.claim, self._progress)
            self._progress = {}
            self._changed(self.claim.id)

    @contextmanager
    def around(self, session: "Session") -> Iterator[None]:
        """Let `interrupt` end the function while it runs, and nothing after it.

        Args:
            session: The session of the task.
        """
        self._session = session
        limit = self.claim.options.time_limit
        with self._lock:
            self.ends_at = None if limit is None else time.monotonic() + limit
            self._thread = get_ident()
        try:
            yield
        finally:
            with self._lock:
                self._thread = None

    def finish(self, session: "Session", result: str | None) -> None:
        """Store the success of the task in its session.

        Args:
            session: The session of the task.
            result: What the function returned, as JSON.
        """
        self._claims.finish(session, self.claim, {"result": result, **self._progress})

    def interrupt(self) -> None:
        """Raise `TimeLimitExceeded` in the function, as soon as it runs Python code."""
        with self._lock:
            if self._thread is not None:
                error = ctypes.py_object(TimeLimitExceeded)
                ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(self._thread), error)


@dataclass
class _Turn:
    """What a worker knows from one look at the queue to the next.

    Attributes:
        limit: How many tasks it may take in all; None for any number.
        has_more: Whether a task may be ready, so that it is worth to take some.
        next_at: When the next scheduled task is due.
        pause: Seconds until the next look where commits of others are not noticed.
        failures: How often in a row the database could not be used.
    """

    limit: int | None
    taken: int = 0
    has_more: bool = True
    next_at: float | None = None
    pause: float = SHORTEST_SECONDS
    failures: int = 0
    _finished: int = 0
    _counted_at: float = 0.0
    _ahead: int = 0

    @property
    def is_over(self) -> bool:
        """Whether no further task may be taken."""
        return self.limit is not None and self.taken >= self.limit

    def room(self, threads: int, running: int, finished: int) -> int:
        """Return how many tasks to take: for each thread one, and more if they are short.

        Args:
            threads: Number of threads.
            running: Number of tasks that run or wait for a thread.
            finished: Number of tasks that have finished so far.
        """
        now = time.monotonic()
        if now - self._counted_at >= AHEAD_SECONDS:
            rate = (finished - self._finished) / (now - self._counted_at)
            self._ahead = min(int(rate * AHEAD_SECONDS), MOST_AHEAD)
            self._finished, self._counted_at = finished, now
        if self.limit is not None:
            return min(threads - running, self.limit - self.taken)
        if running > threads + self._ahead // 2:
            return 0
        return threads + self._ahead - running

    def took(self, number: int, found: int, room: int) -> None:
        """Note how many tasks were taken.

        Args:
            number: How many were taken.
            found: How many were ready, with those that a limit held back.
            room: How many it could have taken.
        """
        self.taken += number
        self.has_more = 0 < found == room
        self.pause = SHORTEST_SECONDS if number else min(self.pause * 1.5, LONGEST_SECONDS)


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed attempt that is to be stored.

    Attributes:
        claim: The task.
        report: The exception.
        is_for_good: Whether the task is not tried again.
    """

    claim: Claim
    report: FailureReport
    is_for_good: bool = False


class Worker:
    """Takes tasks and runs them in threads, until it is stopped.

    Args:
        services: Services of the application, by name.
        queues: Names of the queues; empty for all.
        threads: How many tasks run at once.
        lease: Seconds after which the tasks of a worker that shows no life are run again.
        shutdown_timeout: Seconds that running tasks have to end when the worker is stopped.

    Raises:
        ConfigurationError: The setting `TASKS` is not "database".

    Example:
        >>> from lback.tasks import Worker, task
        >>> @task(name="examples.double")
        ... def double(number: int) -> int:
        ...     return 2 * number
        >>> app = Application(TASKS="database", DATABASE_URL="sqlite://")
        >>> app.db_manager.create_tables()
        >>> handle = double.enqueue(number=4)
        >>> Worker(app.dependencies).run(burst=True)
        >>> handle.state, handle.result
        ('successful', 8)
    """

    def __init__(
        self,
        services: Mapping[str, Any],
        *,
        queues: Sequence[str] = (),
        threads: int = 4,
        lease: float = LEASE_SECONDS,
        shutdown_timeout: float = 30.0,
    ) -> None:
        queue = services.get("tasks")
        if not isinstance(queue, DatabaseQueue):
            raise ConfigurationError(
                f"a worker needs TASKS = 'database' or 'dramatiq', not {services['config'].TASKS!r}"
            )
        self.id = secrets.token_hex(8)
        self._services = services
        self._queues = list(queues)
        self._threads = threads
        self._lease = lease
        self._shutdown_timeout = shutdown_timeout
        self._db = queue.db_manager
        self._clock = queue.now
        self._claims = Claims(queue.db_manager, queue.now)
        self._work: SimpleQueue[Running | None] = SimpleQueue()
        self._running: dict[str, Running] = {}
        self._unsettled: deque[Failure] = deque()
        self._finished = 0
        self._woken = Event()
        self._stopping = Event()
        self._waker = Waker(self._db, self._woken.set)
        self._beaten_at = -BEAT_SECONDS
        self._beats = 0
        self._seen: dict[str, tuple[int, float]] = {}
        self._jobs: list[Callable[[], object]] = []
        self._listeners: list[Callable[[str], object]] = []
        self._scheduler = Scheduler(services)
        self._tick_at: float | None = None

    def every_beat(self, job: Callable[[], object]) -> None:
        """Call a function in the thread of `run`, every few seconds and at the start.

        Args:
            job: The function.
        """
        self._jobs.append(job)

    def on_change(self, listener: Callable[[str], object]) -> None:
        """Call a function when the state or the progress of a task of this worker was stored.

        Args:
            listener: Called with the id of the task, in the thread that runs it. An exception is
                logged.
        """
        self._listeners.append(listener)

    def _tell(self, task_id: str) -> None:
        run_jobs([partial(listener, task_id) for listener in self._listeners])

    def stop(self) -> None:
        """Take no more tasks; those that run may end, or stop at their next checkpoint."""
        self._stopping.set()
        self._woken.set()

    @property
    def is_stopping(self) -> bool:
        """Whether the worker was told to stop."""
        return self._stopping.is_set()

    def run(self, *, burst: bool = False, once: bool = False) -> None:
        """Run tasks until stopped.

        Args:
            burst: Return when no task is ready.
            once: Return after one task, or when no task is ready.
        """
        for number in range(1 if once else self._threads):
            name = f"lback-task-{number}"
            Thread(target=self._run_tasks, name=name, daemon=True).start()
        if not (burst or once):
            self._waker.start()
        try:
            self._loop(is_short=burst or once, limit=1 if once else None)
        finally:
            self._waker.stop()
            self._end()

    def _loop(self, *, is_short: bool, limit: int | None) -> None:
        turn = _Turn(limit)
        while not self._stopping.is_set():
            self._woken.clear()
            try:
                with self._db.time_limit(STATEMENT_SECONDS):
                    claims = self._take(turn)
                turn.failures = 0
            except (SQLAlchemyError, FrameworkException) as error:
                if is_short and turn.failures == len(PAUSES):
                    raise
                self._pause_after(error, turn)
                continue
            for claim in claims:
                self._start(claim)
            if turn.has_more and len(self._running) < self._threads and not turn.is_over:
                continue
            is_idle = not self._running and not self._unsettled
            if is_short and is_idle and (turn.is_over or not claims):
                return
            self._wait(turn)

    def _take(self, turn: "_Turn") -> list[Claim]:
        """Show that the worker lives, and take as many tasks as it has room for."""
        self._settle()
        self._beat()
        if self._tick_at is not None and self._clock() >= self._tick_at:
            self._scheduler.run()
            self._tick_at = self._scheduler.next_at()
        room = turn.room(self._threads, len(self._running), self._finished)
        turn.next_at = None
        if room <= 0:
            return []
        if self._waker.was_notified:
            turn.has_more, self._waker.was_notified = True, False
        if not turn.has_more:
            turn.has_more, turn.next_at = self._claims.waiting(self._queues)
        claims: list[Claim] = []
        found = 0
        if turn.has_more:
            claims, found = self._claims.take(self.id, self._queues, room)
        turn.took(len(claims), found, room)
        return claims

    def _pause_after(self, error: Exception, turn: "_Turn") -> None:
        level = logging.DEBUG if turn.failures else logging.WARNING
        reason = " ".join(str(error).split())[:300]
        logger.log(level, "the worker cannot use the database: %s", reason)
        self._stopping.wait(PAUSES[min(turn.failures, len(PAUSES) - 1)])
        turn.failures += 1

    def _wait(self, turn: "_Turn") -> None:
        """Wait until woken, until a scheduled task or a time limit is due, or for some time."""
        seconds = WOKEN_SECONDS if self._waker.is_reliable else turn.pause
        for at in (turn.next_at, self._tick_at):
            if at is not None:
                seconds = min(seconds, max(at - self._clock(), 0.0))
        if self._running:
            seconds = min(seconds, self._watch_time_limits())
        self._woken.wait(min(seconds, BEAT_SECONDS))

    def _watch_time_limits(self) -> float:
        """Interrupt functions over their limit; return the seconds until the next limit."""
        soonest = BEAT_SECONDS
        for attempt in list(self._running.values()):
            if attempt.ends_at is None:
                continue
            left = attempt.ends_at - time.monotonic()
            if left <= 0:
                attempt.interrupt()
                left = GRACE_SECONDS
            soonest = min(soonest, left)
            if time.monotonic() > attempt.ends_at + GRACE_SECONDS:
                self._give_up(attempt)
        return soonest

    def _give_up(self, attempt: Running) -> None:
        """Fail a task whose function does not end, such as one that waits in C code.

        Its thread is lost until it ends by itself, so another one takes its place.
        """
        claim = attempt.claim
        attempt.ends_at = None
        self._running.pop(claim.lease + claim.id, None)
        limit = claim.options.time_limit
        error = f"TimeLimitExceeded: the function did not end within {limit:g} s"
        logger.error("task %s gave no sign after its time limit: %s", claim.name, claim.id)
        self._end_failed(Failure(claim, FailureReport(error)))
        Thread(target=self._run_tasks, name="lback-task-more", daemon=True).start()

    def _start(self, claim: Claim) -> None:
        attempt = Running(self._claims, claim, self._stopping, self._tell)
        self._running[claim.lease + claim.id] = attempt
        self._work.put(attempt)

    def _run_tasks(self) -> None:
        """Run attempts in this thread until one is None."""
        while True:
            attempt = self._work.get()
            if attempt is None:
                return
            key = attempt.claim.lease + attempt.claim.id
            try:
                self._run_one(attempt)
            except BaseException as error:  # noqa: BLE001  a thread must not end with its task
                logger.error("the end of a task could not be stored: %s", error)
            if self._running.pop(key, None) is None:
                return  # given up, and another thread has taken the place of this one
            self._finished += 1
            self._woken.set()

    def _run_one(self, attempt: Running) -> None:
        claim = attempt.claim
        token = running.set(attempt)
        began = time.monotonic()
        self._tell(claim.id)
        try:
            call_task(
                self._services,
                claim.name,
                claim.arguments,
                attempt.around,
                attempt.finish,
                language=claim.language,
            )
        except TaskStopped:
            self._claims.give_back(claim)
            logger.info("task %s stopped at a checkpoint: %s", claim.name, claim.id)
        except LeaseLost as error:
            logger.warning("%s", error)
        except BaseException as error:  # noqa: BLE001  SystemExit as well; stored with its traceback
            self._fail(claim, error)
        else:
            duration = time.monotonic() - began
            logger.info("task %s finished in %.3f s: %s", claim.name, duration, claim.id)
        finally:
            running.reset(token)
        self._tell(claim.id)

    def _fail(self, claim: Claim, error: BaseException) -> None:
        message = ""
        if isinstance(error, TimeLimitExceeded):
            message = f"the function took longer than {claim.options.time_limit or 0.0:g} s"
        report = FailureReport.of(error, message)
        self._end_failed(Failure(claim, report, isinstance(error, _FOR_GOOD)))

    def _end_failed(self, failure: Failure) -> None:
        """Store that an attempt failed, now or when the database takes it."""
        try:
            self._store(failure)
        except (SQLAlchemyError, FrameworkException) as error:
            claim = failure.claim
            logger.error(
                "the end of task %s is not stored, trying again: %s: %s",
                claim.name,
                claim.id,
                error,
            )
            self._unsettled.append(failure)

    def _store(self, failure: Failure) -> None:
        claim, report = failure.claim, failure.report
        for_good = failure.is_for_good
        try:
            pause = self._claims.fail(claim, self.id, report, for_good=for_good)
        except UnstorableData:
            pause = self._claims.fail(claim, self.id, report.as_ascii(), for_good=for_good)
        if pause is None:
            logger.error("task %s failed: %s: %s", claim.name, claim.id, report.error)
        else:
            logger.warning(
                "task %s retried in %.0f s: %s: %s", claim.name, pause, claim.id, report.error
            )

    def _settle(self) -> None:
        """Store the failures that the database has not taken before."""
        while self._unsettled:
            self._store(self._unsettled[0])
            self._unsettled.popleft()

    def _beat(self) -> None:
        """Show that the worker lives, and take back the tasks of those that do not."""
        now = time.monotonic()
        if now - self._beaten_at < BEAT_SECONDS:
            return
        self._beaten_at = now
        self._beats += 1
        mine = update(TaskWorker).where(TaskWorker.id == self.id)
        values = {"beat": self._beats, "seen_at": self._clock()}
        with self._db.session() as session:
            if not session.connection().execute(mine.values(**values)).rowcount:
                session.connection().execute(insert(TaskWorker).values(**self._row(), **values))
        self._watch_others(now)
        if self._beats % 6 == 1:
            self._log_returned(self._claims.without_worker())
        if self._beats % 60 == 2:
            retention = self._services["config"].TASK_RETENTION
            self._claims.delete_finished(self._clock() - retention)
        self._scheduler.run()
        self._tick_at = self._scheduler.next_at()
        for job in self._jobs:
            job()

    def _row(self) -> dict[str, object]:
        return {
            "id": self.id,
            "host": platform.node()[:100],
            "place": _place(),
            "pid": os.getpid(),
            "started_at": self._clock(),
            "queues": ",".join(self._queues)[:500],
            "threads": self._threads,
        }

    def _watch_others(self, now: float) -> None:
        query = select(TaskWorker.id, TaskWorker.beat, TaskWorker.place, TaskWorker.pid)
        with self._db.create_session() as session:
            others = session.execute(query.where(TaskWorker.id != self.id)).all()
        before, self._seen = self._seen, {}
        for row in others:
            beat, since = before.get(row.id, (row.beat, now))
            self._seen[row.id] = (row.beat, now if beat != row.beat else since)
            is_late = now - self._seen[row.id][1] >= self._lease
            if is_late or (row.place == _place() and not _is_process(row.pid)):
                self._log_returned(self._claims.lost(row.id))

    def _log_returned(self, number: int) -> None:
        if number:
            logger.warning("%d tasks of a worker that ended are run again", number)

    def _end(self) -> None:
        """Wait for running tasks, give back those that do not end, and delete the worker's row."""
        ends_at = time.monotonic() + self._shutdown_timeout
        while self._running and time.monotonic() < ends_at:
            self._woken.clear()
            self._woken.wait(min(self._watch_time_limits(), 0.2))
            with suppress(SQLAlchemyError, FrameworkException):
                self._beat()
        for _ in range(self._threads):
            self._work.put(None)
        with suppress(SQLAlchemyError, FrameworkException):
            self._settle()
            for attempt in list(self._running.values()):
                logger.warning("task %s did not end, and is run again", attempt.claim.name)
                self._claims.give_back(attempt.claim)
            with self._db.session() as session:
                statement = delete(TaskWorker).where(TaskWorker.id == self.id)
                session.connection().execute(statement)


def _is_writing(session: "Session | None") -> bool:
    """Return True if a session holds the lock of writers of a SQLite database."""
    if session is None or not session.in_transaction():
        return False
    connection = session.connection()
    is_sqlite = connection.dialect.name == "sqlite"
    return is_sqlite and bool(getattr(connection.connection, "in_transaction", False))


def _place() -> str:
    """Return what process numbers are unique in: a boot of a machine, and a namespace there."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{platform.node()[:60]} {boot} {Path('/proc/self/ns/pid').readlink()}"[:150]
    except OSError:
        return ""  # then dead workers are known by their age alone


def _is_process(pid: int) -> bool:
    if not _place():
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
