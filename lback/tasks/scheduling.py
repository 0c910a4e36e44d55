"""Schedules: tasks that are enqueued at times of a cron expression, or at equal intervals."""

import logging
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import select, update

from lback.core.exceptions import ConfigurationError
from lback.core.unit_of_work import current
from lback.distribution import install_hint
from lback.tasks.definitions import Enqueuing, Task, queue_of, task
from lback.tasks.queues import insert_new_row
from lback.tasks.tables import TaskSchedule
from lback.time_zones import zone_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from lback.tasks.handles import TaskHandle

logger = logging.getLogger("lback.tasks")

Missed = Literal["last", "all", "none"]

# All schedules of the process by name.
SCHEDULES: "dict[str, Schedule]" = {}

# A tick that is older counts as missed.
LATE_SECONDS = 60.0
# How many missed ticks are enqueued in one transaction.
MOST_AT_ONCE = 1000
_DAY = 86_400.0
_LONGEST_SECONDS = 36_525 * _DAY


@dataclass(frozen=True)
class Schedule:
    """When a task is enqueued.

    Attributes:
        name: Its name, under which the last tick is stored.
        task: The task.
        arguments: Arguments of the task, by name.
        cron: Cron expression; empty if `every` is set.
        every: Seconds from one tick to the next, counted from the epoch.
        timezone: Time zone of the cron expression; empty for the setting `TIME_ZONE`.
        missed: What happens to ticks at which no worker ran.
    """

    name: str
    task: Task[..., Any]
    arguments: Mapping[str, object]
    cron: str
    every: float
    timezone: str
    missed: Missed

    def ticks(self, after: float, zone: str) -> Iterator[float]:
        """Yield the ticks after a time, in seconds since the epoch.

        Args:
            after: Seconds since the epoch.
            zone: Time zone if the schedule has none.
        """
        if not self.cron:
            first = math.floor(after / self.every) + 1
            while True:
                yield first * self.every
                first += 1
        start = datetime.fromtimestamp(math.floor(after), zone_of(self.timezone or zone))
        for moment in _cron(self.cron, start):
            seconds = moment.timestamp()
            # In the hour that clocks repeat, an expression may name a time that has passed.
            if seconds > after:
                yield seconds

    def due(self, last: float, now: float, zone: str) -> list[float]:
        """Return the ticks for which a task is to be enqueued, and the last one for which not.

        Args:
            last: The last tick for which that was done.
            now: Seconds since the epoch.
            zone: Time zone if the schedule has none.
        """
        found = []
        for tick in islice(self.ticks(self._begin(last, now, zone), zone), 2 * MOST_AT_ONCE):
            if tick > now:
                break
            found.append(tick)
        return found[:MOST_AT_ONCE] if self.missed == "all" else found[-1:]

    def _begin(self, last: float, now: float, zone: str) -> float:
        """Return where to look from, which is not years ago for one tick a minute."""
        if self.missed != "all":
            for since in (now - 600, now - _DAY, now - 31 * _DAY):
                if since > last and next(self.ticks(since, zone)) <= now:
                    return since
        return last


def _cron(expression: str, start: datetime) -> Iterator[datetime]:
    try:
        from cronsim import CronSim, CronSimError  # optional extra "tasks"
    except ImportError as error:
        raise ConfigurationError(
            f"schedules with cron need cronsim; run: {install_hint('tasks')}"
        ) from error
    try:
        # With six fields, CronSim would read seconds.
        if len(expression.split()) != 5:
            raise CronSimError("Wrong number of fields")
        return iter(CronSim(expression, start))
    except CronSimError as error:
        raise ValueError(
            f"{expression!r} is not a cron expression ({error}); write minute, hour, day, month "
            "and weekday, such as '0 3 * * *'"
        ) from None


def schedule(
    *,
    cron: str = "",
    every: float | timedelta | None = None,
    timezone: str = "",
    missed: Missed = "last",
    arguments: Mapping[str, object] | None = None,
    name: str = "",
) -> Callable[[Any], Task[..., Any]]:
    """Enqueue a task at the times of a cron expression, or at equal intervals.

    Each tick enqueues the task once, whatever the number of workers, and only while workers run.
    Where clocks are put forward, a job at a time that does not exist runs right after it; where
    they are put back, a job at a time that exists twice runs once. Expressions whose minute or hour
    begins with `*` follow the real time instead.

    Args:
        cron: Five fields: minute, hour, day of the month, month, day of the week.
        every: Seconds or a timedelta between two ticks, at least a second.
        timezone: Time zone of the expression, such as "Europe/Berlin" (default: setting TIME_ZONE).
        missed: What to do about ticks at which no worker ran: enqueue the task once ("last"), once
            for each ("all"), or not at all ("none").
        arguments: Arguments of the task, by name.
        name: Name of the schedule (default: name of the task); a second schedule of a task needs
            one.

    Raises:
        ConfigurationError: The options are not valid, or another schedule has the name.

    Example:
        >>> from lback.tasks import schedule, task
        >>> @schedule(every=3600, missed="none")
        ... @task(name="examples.clean")
        ... def clean() -> None: ...
        >>> clean.name
        'examples.clean'
    """
    seconds = every.total_seconds() if isinstance(every, timedelta) else float(every or 0)

    def register(decorated: Any) -> Task[..., Any]:
        scheduled = decorated if isinstance(decorated, Task) else task(decorated)
        made = Schedule(
            name or scheduled.name,
            scheduled,
            dict(arguments or {}),
            cron,
            seconds,
            timezone,
            missed,
        )
        _check(made)
        SCHEDULES[made.name] = made
        return scheduled

    return register


def _check(made: Schedule) -> None:
    what = f"the schedule {made.name!r}"
    if bool(made.cron) == bool(made.every):
        raise ConfigurationError(f"{what} needs either cron=… or every=…")
    if made.every and not 1 <= made.every <= _LONGEST_SECONDS:
        raise ConfigurationError(
            f"{what} has every={made.every:g}; it must be at least 1 second and at most a century"
        )
    if made.missed not in ("last", "all", "none"):
        raise ConfigurationError(
            f'{what} has missed={made.missed!r}; it must be "last", "all" or "none"'
        )
    _check_name(made)
    try:
        if made.timezone:
            zone_of(made.timezone)
        if made.cron:
            _cron(made.cron, datetime.now(UTC))
    except ValueError as error:
        raise ConfigurationError(f"{what}: {error}") from None


def _check_name(made: Schedule) -> None:
    other = SCHEDULES.get(made.name)
    if other is not None and other.task is not made.task and other.task.name != made.task.name:
        raise ConfigurationError(f"two schedules have the name {made.name!r}; give one name=…")
    if other is not None and other.task is made.task:
        raise ConfigurationError(
            f"the task {made.name!r} has two schedules; give the second one name=…"
        )


class Scheduler:
    """Enqueues the tasks of all schedules when they are due. Several may run at once.

    Args:
        services: Services of the application, by name.

    Raises:
        ConfigurationError, TaskArgumentsError: The arguments of a schedule do not fit its task.
    """

    def __init__(self, services: Mapping[str, Any]) -> None:
        self._services = services
        self._db = services["db_manager"]
        self._zone = services["config"].TIME_ZONE
        for found in SCHEDULES.values():
            found.task.signature(services).encode(found.arguments)

    def next_at(self) -> float | None:
        """Return when the next tick is, in seconds since the epoch; None without schedules."""
        now = queue_of(self._services).now()
        nexts = [next(found.ticks(now, self._zone)) for found in SCHEDULES.values()]
        return min(nexts, default=None)

    def run(self) -> "Sequence[TaskHandle]":
        """Enqueue the tasks that are due, and return their handles.

        The last tick is stored in the same transaction, and only by one of several schedulers. A
        clock that is set back enqueues nothing until it has passed the last tick.
        """
        handles: list[TaskHandle] = []
        now = queue_of(self._services).now()
        for found in list(SCHEDULES.values()):
            handles.extend(self._run_one(found, now))
        return handles

    def _run_one(self, found: Schedule, now: float) -> "list[TaskHandle]":
        query = select(TaskSchedule.last_tick).where(TaskSchedule.name == found.name)
        with self._db.create_session() as session:
            last = session.scalar(query)
        if last is None:
            with self._db.session() as session:
                row = {"name": found.name, "last_tick": float(math.floor(now))}
                insert_new_row(session.connection(), TaskSchedule, row, "name")
            return []
        due = found.due(last, now, self._zone)
        if not due:
            return []
        taken = update(TaskSchedule).where(
            TaskSchedule.name == found.name, TaskSchedule.last_tick == last
        )
        with self._db.create_session() as session:
            token = current.set(session)
            try:
                if not session.connection().execute(taken.values(last_tick=due[-1])).rowcount:
                    return []  # another scheduler has done it
                if found.missed == "none" and due[-1] < now - LATE_SECONDS:
                    handles = []
                else:
                    enqueuing = Enqueuing(found.task)
                    handles = enqueuing.enqueue_many([found.arguments] * len(due), self._services)
                session.commit()
            finally:
                current.reset(token)
        if handles:
            logger.info("schedule %s: enqueued %d", found.name, len(handles))
        return handles
