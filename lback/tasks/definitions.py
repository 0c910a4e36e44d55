"""The decorator `task`, and the tasks of functions by name."""

import hashlib
import inspect
import math
import re
import secrets
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Generic, Literal, ParamSpec, TypeVar, overload

from lback.core.dependencies import latest_services
from lback.core.exceptions import ConfigurationError
from lback.core.settings.security_validators import check_rate
from lback.core.unit_of_work import current
from lback.database.engine import SERVICES
from lback.tasks.arguments import Signature
from lback.tasks.handles import TaskHandle, TaskQueue
from lback.translation import current_translations, get_language

P = ParamSpec("P")
R = TypeVar("R")
Unique = Literal["", "started", "finished"]
Services = Mapping[str, Any]

# All tasks of the process by name; filled when the modules with the decorated functions are
# imported.
TASKS: "dict[str, Task[..., Any]]" = {}

_SECONDS = {"second": 1, "minute": 60, "hour": 3600, "day": 86_400, "month": 2_592_000}
_RATE_PARTS = re.compile(r"(\d+)\s*(?:/|per)\s*(\d*)\s*([a-z]+?)s?", re.IGNORECASE)
_NAME = re.compile(r"[\w.<>:-]{1,200}")


_AT_LEAST = {
    "retries": 0,
    "backoff": 0,
    "max_backoff": 0,
    "time_limit": 0.001,
    "expires": 0,
    "concurrency": 1,
}
# Options that are whole numbers, and those that may be None.
_WHOLE = ("retries", "concurrency")
_OPTIONAL = ("time_limit", "expires", "concurrency")


@dataclass(frozen=True)
class TaskOptions:
    """How a task is run.

    Attributes:
        queue: Name of the queue.
        priority: Tasks of a higher priority are taken first, from -1000 to 1000.
        retries: How often the task is tried again after it raised an exception.
        backoff: Seconds before the first retry; doubled for each further one, with up to 20 %
            of jitter.
        max_backoff: Upper limit of these seconds.
        time_limit: Seconds after which the function is ended; None for no limit.
        expires: Seconds after which a task that was not started is cancelled; None for never.
        unique: While a task with the same arguments waits ("started"), or waits or runs
            ("finished"), no second one is enqueued.
        concurrency: How many tasks with the same key may run at once; None for any number.
        concurrency_key: Name of an argument whose values are limited separately; empty: all
            tasks of this name share the limit.
        rate: How many may start in a time, such as "10 per minute"; empty for any number.
        sensitive: The arguments are deleted when the task has finished, and are never shown.
    """

    queue: str = "default"
    priority: int = 0
    retries: int = 3
    backoff: float = 10.0
    max_backoff: float = 3600.0
    time_limit: float | None = None
    expires: float | None = None
    unique: Unique = ""
    concurrency: int | None = None
    concurrency_key: str = ""
    rate: str = ""
    sensitive: bool = False

    def check(self, name: str) -> None:
        """Validate the options.

        Raises:
            ConfigurationError: An option is not valid; the message names task, option and rule.
        """
        for option, least in _AT_LEAST.items():
            self._check_number(name, option, least)
        if not isinstance(self.priority, int) or not -1000 <= self.priority <= 1000:
            rule = "must be a whole number between -1000 and 1000"
            raise _refused(name, "priority", self.priority, rule)
        if self.unique not in ("", "started", "finished"):
            raise _refused(name, "unique", self.unique, 'must be "started" or "finished"')
        if not _NAME.fullmatch(self.queue) or len(self.queue) > 100:
            raise _refused(name, "queue", self.queue, "must be letters, digits, '.', '-' or '_'")
        if self.concurrency_key and self.concurrency is None:
            raise _refused(name, "concurrency_key", self.concurrency_key, "needs concurrency=…")
        self.parsed_rate(name)

    def _check_number(self, name: str, option: str, least: float) -> None:
        value: Any = getattr(self, option)
        if value is None and option in _OPTIONAL:
            return
        kind = int if option in _WHOLE else int | float
        if not isinstance(value, kind) or not math.isfinite(value):
            what = "a whole number" if option in _WHOLE else "a number of seconds"
            raise _refused(name, option, value, f"must be {what}")
        if value < least:
            raise _refused(name, option, value, f"must be at least {least}")

    def parsed_rate(self, name: str) -> tuple[int, float] | None:
        """Return the rate as a number and the seconds of its window; None without one."""
        if not self.rate:
            return None
        try:
            found = _RATE_PARTS.fullmatch(check_rate(self.rate))
        except ValueError as error:
            raise ConfigurationError(f"the option rate of the task {name!r}: {error}") from None
        if found is None or found[3].lower() not in _SECONDS:
            raise _refused(name, "rate", self.rate, "must be such as '10 per minute'")
        return int(found[1]), float(int(found[2] or 1) * _SECONDS[found[3].lower()])


def _refused(name: str, option: str, value: object, rule: str) -> ConfigurationError:
    return ConfigurationError(f"the option {option} of the task {name!r} is {value!r}; it {rule}")


@dataclass(frozen=True, slots=True)
class NewTask:
    """A task that is about to be enqueued, as the queue stores it."""

    id: str
    name: str
    queue: str
    priority: int
    arguments: str
    run_at: float | None
    expires: float | None
    unique_key: str | None
    concurrency_key: str | None
    language: str | None


class Task(Generic[P, R]):
    """A function that can be enqueued; made by `task`. Calling it runs the function directly.

    Attributes:
        function: The function.
        name: Name by which workers find it; the name of its module and its own.
        options: How it is run.
    """

    def __init__(self, function: Callable[P, R], name: str, options: TaskOptions) -> None:
        self.function = function
        self.name = name
        self.options = options
        self.__wrapped__ = function
        self.__name__ = getattr(function, "__name__", name)
        self.__doc__ = function.__doc__
        self.__module__ = function.__module__
        self._signatures: dict[frozenset[str], Signature] = {}

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the function directly, without the queue."""
        return self.function(*args, **kwargs)

    def __repr__(self) -> str:
        return f"<Task {self.name}>"

    def signature(self, services: Services) -> Signature:
        """Return the parameters, split into arguments and services of an application.

        Args:
            services: Services by name.

        Raises:
            ConfigurationError: The arguments cannot be checked.
        """
        names = frozenset(services)
        found = self._signatures.get(names)
        if found is None:
            found = self._signatures[names] = Signature(self.function, self.name, names)
        return found

    def enqueue(self, **arguments: object) -> TaskHandle:
        """Enqueue the task in the current transaction; without one, in a transaction of its own.

        Args:
            **arguments: Arguments of the function by name.

        Returns:
            A handle of the task, or of the one that is there already if the task is unique.

        Raises:
            TaskArgumentsError: The arguments do not fit the function.
            ConfigurationError: The setting `TASKS` is empty.

        Example:
            >>> from lback.tasks import task
            >>> @task(name="examples.add")
            ... def add(a: int, b: int) -> int:
            ...     return a + b
            >>> app = Application(TASKS="immediate")
            >>> add.enqueue(a=1, b=2).result
            3
        """
        return Enqueuing(self).enqueue(**arguments)

    def enqueue_many(self, many: Iterable[Mapping[str, object]]) -> list[TaskHandle]:
        """Enqueue the task once for each mapping of arguments, in as few statements as possible.

        Args:
            many: Arguments by name, for each task.

        Raises:
            TaskArgumentsError: Arguments do not fit the function; nothing is enqueued then.
        """
        return Enqueuing(self).enqueue_many(many)

    def using(
        self,
        *,
        run_after: datetime | timedelta | None = None,
        priority: int | None = None,
        queue_name: str | None = None,
    ) -> "Enqueuing":
        """Return an object whose `enqueue` uses other options.

        Args:
            run_after: An aware datetime, or the time from now, before which it does not run.
            priority: Priority instead of that of the task.
            queue_name: Queue instead of that of the task.

        Raises:
            TypeError: `run_after` is neither a datetime nor a timedelta.
            ValueError: The datetime has no time zone.
            ConfigurationError: Priority or queue are not valid.
        """
        if not isinstance(run_after, datetime | timedelta | None):
            raise TypeError(
                f"run_after={run_after!r} must be a datetime with a time zone or a timedelta, such "
                "as timedelta(seconds=30)"
            )
        if isinstance(run_after, datetime) and run_after.tzinfo is None:
            raise ValueError(
                f"run_after={run_after!r} has no time zone; use lback.database.utc_now() or a "
                "timedelta"
            )
        options = self.options
        if priority is not None:
            options = replace(options, priority=priority)
        if queue_name is not None:
            options = replace(options, queue=queue_name)
        options.check(self.name)
        return Enqueuing(self, options, run_after)


@dataclass(frozen=True)
class Enqueuing:
    """Enqueues a task with other options; made by `Task.using`."""

    task: Task[..., Any]
    options: TaskOptions = field(default=None)  # type: ignore[assignment]  # see below
    run_after: datetime | timedelta | None = None

    def __post_init__(self) -> None:
        if self.options is None:
            object.__setattr__(self, "options", self.task.options)

    def enqueue(self, **arguments: object) -> TaskHandle:
        """Enqueue the task; see `Task.enqueue`.

        Args:
            **arguments: Arguments of the function by name.
        """
        return self.enqueue_many([arguments])[0]

    def enqueue_many(
        self, many: Iterable[Mapping[str, object]], services: Services | None = None
    ) -> list[TaskHandle]:
        """Enqueue the task several times; see `Task.enqueue_many`.

        Args:
            many: Arguments by name, for each task.
            services: Services of the application, if it is known.
        """
        services = services or current_services(self.task.name)
        return queue_of(services).add([self.new(services, arguments) for arguments in many])

    def new(self, services: Services, arguments: Mapping[str, object]) -> NewTask:
        """Return the task as the queue stores it.

        Args:
            services: Services of the application, by name.
            arguments: Arguments by name.

        Raises:
            TaskArgumentsError: The arguments do not fit the function.
        """
        options, task = self.options, self.task
        text = task.signature(services).encode(arguments)
        key = hashlib.sha256(f"{task.name} {text}".encode()).hexdigest()
        return NewTask(
            new_id(),
            task.name,
            options.queue,
            options.priority,
            text,
            _seconds(self.run_after, services),
            options.expires,
            key if options.unique else None,
            _concurrency_key(task, arguments) if options.concurrency else None,
            None if current_translations() is None else get_language(),
        )


def _concurrency_key(task: Task[..., Any], arguments: Mapping[str, object]) -> str:
    name = task.options.concurrency_key
    if not name:
        return _short(task.name)
    default = inspect.signature(task.function).parameters[name].default
    return _short(f"{task.name} {arguments.get(name, default)!r}")


def _short(key: str) -> str:
    if len(key) <= 100:
        return key
    return f"{key[:80]} {hashlib.sha256(key.encode()).hexdigest()[:16]}"


def _seconds(run_after: datetime | timedelta | None, services: Services) -> float | None:
    if run_after is None:
        return None
    if isinstance(run_after, timedelta):
        return queue_of(services).now() + run_after.total_seconds()
    return run_after.timestamp()


def new_id() -> str:
    """Return an id that begins with the current time: new rows are close together, in order."""
    return f"{time.time_ns():016x}{secrets.token_hex(8)}"


def current_services(name: str) -> Services:
    """Return the services of the application whose request, session or task is running.

    Outside of these, they are those of the application that was built last.

    Args:
        name: Name of the task, for the message.

    Raises:
        ConfigurationError: No application exists.
    """
    transaction = current.get()
    info = getattr(transaction, "info", {})
    services: Services | None = info.get(SERVICES)
    if services is None and transaction is not None and hasattr(transaction, "app"):
        services = transaction.app.dependencies
    services = services or latest_services()
    if services is None:
        raise ConfigurationError(
            f"the task {name!r} cannot be enqueued: no application exists in this process; "
            "build it first"
        )
    return services


def queue_of(services: Services) -> TaskQueue:
    """Return the queue of an application.

    Args:
        services: Services by name.

    Raises:
        ConfigurationError: The setting `TASKS` is empty.
    """
    queue: TaskQueue | None = services.get("tasks")
    if queue is None:
        raise ConfigurationError(
            "tasks cannot be enqueued: the setting TASKS is empty; set TASKS = 'database' in "
            "settings.py and run: lback makemigrations && lback migrate"
        )
    return queue


@overload
def task(function: Callable[P, R], /) -> Task[P, R]: ...


@overload
def task(
    *,
    name: str = "",
    queue: str = "default",
    priority: int = 0,
    retries: int = 3,
    backoff: float = 10.0,
    max_backoff: float = 3600.0,
    time_limit: float | None = None,
    expires: float | timedelta | None = None,
    unique: Unique = "",
    concurrency: int | None = None,
    concurrency_key: str = "",
    rate: str = "",
    sensitive: bool = False,
) -> Callable[[Callable[P, R]], Task[P, R]]: ...


def task(function: Callable[..., Any] | None = None, /, *, name: str = "", **options: Any) -> Any:
    """Make a task of the decorated function, which `enqueue` runs in a worker.

    Parameters without a default that have the name of a service (`mailer`, `config`, …), `app` and
    `db_session` are filled when the task runs. All others are arguments: they are checked against
    their annotations when the task is enqueued and again when it runs. A task may run twice: its
    worker may be killed before it can store that the task has finished. What it writes with
    `db_session` is committed together with that, and so takes effect once.

    Args:
        function: The function, if the decorator has no options.
        name: Name by which workers find the task (default: module and name of the function).
        **options: See `TaskOptions`.

    Raises:
        ConfigurationError: An option is not valid, or another function has the same name.

    Example:
        >>> from lback.tasks import task
        >>> @task(name="examples.greet", retries=5)
        ... def greet(name: str) -> str:
        ...     return f"Hello {name}"
        >>> greet(name="Ada")
        'Hello Ada'
    """
    if isinstance(options.get("expires"), timedelta):
        options["expires"] = options["expires"].total_seconds()
    chosen = TaskOptions(**options)

    def register(function: Callable[P, R]) -> Task[P, R]:
        made = Task(function, name or f"{function.__module__}.{function.__qualname__}", chosen)
        _register(made)
        return made

    return register if function is None else register(function)


def _register(made: Task[..., Any]) -> None:
    if not _NAME.fullmatch(made.name):
        raise ConfigurationError(
            f"the name of the task {made.name!r} must have at most 200 letters, digits, '.', '-'"
        )
    made.options.check(made.name)
    parameters = inspect.signature(made.function).parameters
    key = made.options.concurrency_key
    if key and key not in parameters:
        raise _refused(made.name, "concurrency_key", key, "must be the name of a parameter")
    other = TASKS.get(made.name)
    # A module that is loaded again defines the same function again.
    if other is not None and _place(other.function) != _place(made.function):
        raise ConfigurationError(
            f"two functions are tasks with the name {made.name!r}: {_place(other.function)} and "
            f"{_place(made.function)}; give one of them another name: @task(name=…)"
        )
    TASKS[made.name] = made


def _place(function: Callable[..., object]) -> str:
    return f"{function.__module__}.{function.__qualname__}"
