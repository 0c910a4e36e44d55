"""Tasks through a broker: RabbitMQ or Redis distributes them, by Dramatiq.

A task is a row of the table `lback_tasks` until its worker has handed it to the broker, so that it
is enqueued with the transaction of its data, or not at all. The row is deleted once the broker has
confirmed the message. An attempt that fails is a row again, with the time of the next one.
"""

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from lback.core.exceptions import ConfigurationError, FrameworkException
from lback.database.unstorable import UnstorableData
from lback.distribution import install_hint
from lback.tasks.arguments import encode_result
from lback.tasks.claims import Claim, retry_pause
from lback.tasks.definitions import TASKS, TaskOptions
from lback.tasks.exceptions import TaskArgumentsError, TaskResultError
from lback.tasks.failures import FailureReport
from lback.tasks.queues import insert_new_row
from lback.tasks.running import call_task, running
from lback.tasks.tables import FAILED, RUNNING, SCHEDULED, StoredTask, TaskFailure
from lback.tasks.workers import LEASE_SECONDS, Worker

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.tasks.workers import _Turn

logger = logging.getLogger("lback.tasks")

ACTOR = "lback.task"
# The time limit of a task without one; Dramatiq always has one.
NO_LIMIT = 365 * 86_400 * 1000
# Pause after the broker could not be reached.
BROKER_SECONDS = 2.0
# After so long without a sign of a worker, Redis delivers its messages again. RabbitMQ knows by the
# connection. The look for such workers is a part of one command in ten.
DEAD_SECONDS = 15
LOOKS_IN_A_MILLION = 100_000
_FOR_GOOD = (TaskArgumentsError, TaskResultError, ConfigurationError)
# What a row of a failed attempt has of the row before it.
_KEPT = ("name", "queue", "rank", "arguments", "created_at", "language")
_Columns = StoredTask.__table__.c


def build_broker(url: str) -> Any:
    """Return the broker of an address.

    Args:
        url: Address of RabbitMQ (`amqp://`, `amqps://`) or Redis (`redis://`, `rediss://`).

    Raises:
        ConfigurationError: Dramatiq or the client of the broker is not installed.
    """
    extra = "rabbitmq" if url.startswith("amqp") else "redis"
    for name in ("dramatiq", "pika"):
        # Both log a lost connection with tracebacks, again and again; the worker says it once.
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        # Imported here, because both are extras.
        from dramatiq.middleware import Retries, TimeLimit

        # What fails in here is the storing of a failure, while the database cannot be used.
        again = Retries(max_retries=1_000_000, min_backoff=1000, max_backoff=60_000)
        middleware = [TimeLimit(time_limit=NO_LIMIT), again]
        if extra == "rabbitmq":
            from dramatiq.brokers.rabbitmq import RabbitmqBroker

            return RabbitmqBroker(url=url, confirm_delivery=True, middleware=middleware)
        from dramatiq.brokers.redis import RedisBroker

        return RedisBroker(  # type: ignore[no-untyped-call]
            url=url,
            middleware=middleware,
            namespace="lback:tasks",
            heartbeat_timeout=DEAD_SECONDS * 1000,
            maintenance_chance=LOOKS_IN_A_MILLION,
        )
    except ModuleNotFoundError as error:
        hint = install_hint(f"broker-{extra}")
        missing = str(error.name).partition(".")[0]
        raise ConfigurationError(f"TASKS = 'dramatiq' needs {missing}; run: {hint}") from error


def check_options() -> None:
    """Check that the broker can do what the tasks of this process ask for.

    Raises:
        ConfigurationError: Tasks have options that need `TASKS = "database"`; the message names
            all of them.
    """
    problems = []
    for name, task in TASKS.items():
        if task.options.concurrency is not None:
            problems.append(f"{name!r} has concurrency={task.options.concurrency}")
        if task.options.unique == "finished":
            problems.append(f"{name!r} has unique='finished' (use 'started')")
    if problems:
        raise ConfigurationError(
            f"TASKS = 'dramatiq' cannot run these tasks: {'; '.join(problems)}; "
            "use TASKS = 'database', or remove the options"
        )


class _Attempt:
    """An attempt whose checkpoints commit, and store no cursor."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._session: Session | None = None

    @contextmanager
    def around(self, session: "Session") -> Iterator[None]:
        """Note the session of the task."""
        self._session = session
        yield

    def saved_cursor(self) -> object:
        """Return None: each attempt begins at the start."""
        return None

    def checkpoint(self, cursor: object) -> None:
        """Commit what the task has written so far."""
        encode_result(cursor, self._name)  # the same rule as with the database
        assert self._session is not None  # noqa: S101  it exists while the function runs
        self._session.commit()

    def progress(self, done: float, total: float | None, note: str) -> None:
        """Store nothing."""


class BrokerWorker(Worker):
    """Hands tasks from the database to the broker, and runs what the broker delivers.

    Arguments as those of `Worker`.

    Raises:
        ConfigurationError: As `Worker`; or tasks have options that the broker cannot do.
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
        super().__init__(
            services,
            queues=queues,
            threads=threads,
            lease=lease,
            shutdown_timeout=shutdown_timeout,
        )
        check_options()
        self._broker = build_broker(services["config"].TASK_BROKER_URL)
        self._handed: list[Claim] = []  # confirmed, and still in the database
        self._is_away = False

    def run(self, *, burst: bool = False, once: bool = False) -> None:
        """Run tasks until stopped.

        Args:
            burst: Return when no task is ready and the broker has none.
            once: Not supported.

        Raises:
            ConfigurationError: `once` is True.
        """
        if once:
            raise ConfigurationError("a broker delivers several tasks; use burst instead of once")
        from dramatiq import Worker as Consumer
        from dramatiq import actor

        queues = set(self._queues) or self._known_queues()
        register = actor(actor_name=ACTOR, broker=self._broker, queue_name=min(queues))
        register(self._run_message)
        for queue in queues:
            self._broker.declare_queue(queue)
        self._broker.emit_after("process_boot")  # starts the watch of time limits
        consumer = Consumer(
            self._broker, queues=queues, worker_threads=self._threads, worker_timeout=200
        )
        consumer.start()
        if not burst:
            self._waker.start()
        try:
            self._loop(is_short=burst, limit=None)
            while burst and self._has_work(consumer, queues):
                self._loop(is_short=True, limit=None)
        finally:
            self._waker.stop()
            consumer.stop(timeout=int(self._shutdown_timeout * 1000))
            self._broker.close()
            self._end()

    @staticmethod
    def _known_queues() -> set[str]:
        return {TaskOptions.queue, *(task.options.queue for task in TASKS.values())}

    def _has_work(self, consumer: Any, queues: set[str]) -> bool:
        """Wait for what the broker has; return True if a task is ready in the database again."""
        for queue in queues:
            self._broker.join(queue)
        consumer.join()
        return self._claims.waiting(self._queues).is_ready

    def _take(self, turn: "_Turn") -> list[Claim]:
        """Hand tasks to the broker, so that none is left for threads of this worker."""
        self._delete_handed()
        claims = super()._take(turn)
        if claims:
            self._hand(claims)
            self._delete_handed()
        return []

    def _hand(self, claims: Sequence[Claim]) -> None:
        query = select(_Columns.id, _Columns.queue, _Columns.rank, _Columns.created_at)
        with self._db.create_session() as session:
            found = session.execute(query.where(_Columns.id.in_([c.id for c in claims]))).all()
        rows = {row.id: row for row in found}
        for number, claim in enumerate(claims):
            try:
                self._broker.enqueue(self._message(claim, rows[claim.id]))
            except Exception as error:  # noqa: BLE001  each client has exceptions of its own
                self._give_back(claims[number:], error)
                return
            self._handed.append(claim)
            self._finished += 1
        self._is_away = False

    def _give_back(self, claims: Sequence[Claim], error: Exception) -> None:
        level = logging.DEBUG if self._is_away else logging.WARNING
        logger.log(level, "the broker cannot be used: %s: %s", type(error).__name__, error)
        self._is_away = True
        for claim in claims:
            self._claims.give_back(claim)
        self._stopping.wait(BROKER_SECONDS)

    def _delete_handed(self) -> None:
        if self._handed:
            ids = [claim.id for claim in self._handed]
            leases = {claim.lease for claim in self._handed}
            mine = (_Columns.id.in_(ids), _Columns.lease.in_(leases), _Columns.state == RUNNING)
            with self._db.session() as session:
                session.connection().execute(delete(StoredTask).where(*mine))
            self._handed.clear()

    def _message(self, claim: Claim, row: Any) -> Any:
        from dramatiq import Message

        limit = claim.options.time_limit
        milliseconds = NO_LIMIT if limit is None else int(limit * 1000)
        facts = {
            "task_id": claim.id,
            "name": claim.name,
            "queue": row.queue,
            "rank": row.rank,
            "arguments": claim.arguments,
            "created_at": row.created_at,
            "attempt": claim.attempt,
            "language": claim.language,
        }
        # No worker listens to a queue that no task names; `using(queue_name=…)` may name one.
        known = row.queue in self._known_queues() or row.queue in self._queues
        queue = row.queue if known else TaskOptions.queue
        return Message(queue, ACTOR, (), facts, {"time_limit": milliseconds})

    def _run_message(self, **facts: Any) -> None:
        """Run the task of a message, in a thread of Dramatiq."""
        from dramatiq.middleware import Interrupt, TimeLimitExceeded

        name, task_id = facts["name"], facts["task_id"]
        began = time.monotonic()
        attempt = _Attempt(name)
        token = running.set(attempt)
        try:
            language = facts["language"]
            call_task(self._services, name, facts["arguments"], attempt.around, language=language)
        except BaseException as error:  # SystemExit as well; stored with its traceback
            if isinstance(error, Interrupt) and not isinstance(error, TimeLimitExceeded):
                raise  # the consumer stops, and the broker delivers the message again
            report = FailureReport.of(error)
            for_good = isinstance(error, _FOR_GOOD)
            try:
                self._store_failure(facts, report, for_good)
            except UnstorableData:
                self._store_failure(facts, report.as_ascii(), for_good)
        else:
            logger.info("task %s finished in %.3f s: %s", name, time.monotonic() - began, task_id)
            if facts["attempt"] > 1:
                self._forget_failures(task_id)
        finally:
            running.reset(token)
        self._tell(task_id)

    def _store_failure(
        self, facts: Mapping[str, Any], report: FailureReport, for_good: bool
    ) -> None:
        """Store a failed attempt and, as a row of the queue again, when the next one is due."""
        task = TASKS.get(facts["name"])
        options = TaskOptions() if task is None else task.options
        attempt, now = facts["attempt"], self._clock()
        is_over = for_good or attempt > options.retries
        pause = None if is_over else retry_pause(options, attempt)
        row = {name: facts[name] for name in _KEPT}
        row |= {"id": facts["task_id"], "attempts": attempt, "losses": 0}
        row["error"] = report.error
        if pause is None:
            row |= {"state": FAILED, "run_at": now, "finished_at": now}
        else:
            row |= {"state": SCHEDULED, "run_at": now + pause}
        failure = {"task_id": facts["task_id"], "at": now, "worker": self.id, **report._asdict()}
        with self._db.session() as session:
            connection = session.connection()
            # The row of this attempt is still there if the broker was faster than its deletion.
            mine = (_Columns.id == facts["task_id"], _Columns.attempts == attempt)
            changed = {**row, "lease": None, "worker": None}
            if not connection.execute(update(StoredTask).where(*mine).values(**changed)).rowcount:
                insert_new_row(connection, StoredTask, row, "id")
            known = select(func.max(TaskFailure.attempt))
            known = known.where(TaskFailure.task_id == facts["task_id"])
            number = max(attempt, (connection.execute(known).scalar() or 0) + 1)
            connection.execute(insert(TaskFailure).values(**failure, attempt=number))
        if pause is None:
            logger.error("task %s failed: %s: %s", facts["name"], facts["task_id"], report.error)
        else:
            logger.warning(
                "task %s retried in %.0f s: %s: %s",
                facts["name"],
                pause,
                facts["task_id"],
                report.error,
            )

    def _forget_failures(self, task_id: str) -> None:
        statement = delete(TaskFailure).where(TaskFailure.task_id == task_id)
        with suppress(SQLAlchemyError, FrameworkException), self._db.session() as session:
            session.connection().execute(statement)
