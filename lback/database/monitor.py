"""Time limits of calls to a database server, and detection of a server that stopped answering.

A stopped or unreachable server keeps its connections open, so calls would wait without an end. A
monitor knows the calls under way. One that takes longer than its limit is interrupted. If one takes
longer than `SUSPICIOUS_SECONDS`, the monitor opens a connection of its own; if the server does not
answer it within `PING_SECONDS`, all calls are interrupted and further ones fail at once until the
server answers.

The thread of a monitor starts with a call and ends after `IDLE_SECONDS` without one.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from threading import Lock, Thread
from time import monotonic, sleep
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from lback.core.config import Config

TICK_SECONDS = 0.2
SUSPICIOUS_SECONDS = 1.0
PING_SECONDS = 2
PING_PAUSE_SECONDS = 2.0
IDLE_SECONDS = 10.0

# Seconds that `DatabaseManager.time_limit` sets for its block; 0 means none.
_block_limit: ContextVar[float | None] = ContextVar("lback_database_time_limit", default=None)


class DatabaseLimits(NamedTuple):
    """Time limits in seconds; see the settings `DB_CONNECT_TIMEOUT` and following.

    Attributes:
        connect: Limit of opening a connection.
        statement: Limit of one statement while requests are served; 0 means none.
        pool: Limit of waiting for a free connection of the pool.
        lock: Limit of waiting for another writer of a SQLite database.
    """

    connect: int = 5
    statement: int = 30
    pool: int = 5
    lock: int = 5

    @classmethod
    def of(cls, config: "Config") -> "DatabaseLimits":
        """Return the limits of the settings."""
        return cls(
            config.DB_CONNECT_TIMEOUT,
            config.DB_STATEMENT_TIMEOUT,
            config.DB_POOL_TIMEOUT,
            config.DB_LOCK_TIMEOUT,
        )


DEFAULT_LIMITS = DatabaseLimits()


class TimeLimitReached(Exception):
    """Mixed into the error of a driver when a statement took longer than its limit."""


@contextmanager
def block_limit(seconds: float | None) -> Iterator[None]:
    """Set the limit of statements in the block; None means no limit."""
    token = _block_limit.set(seconds or 0)
    try:
        yield
    finally:
        _block_limit.reset(token)


class Call:
    """A call to the database that is under way.

    Args:
        limit: Seconds after which it is interrupted; 0 means none.
        is_served: Whether it is interrupted when the server stops answering.
        interrupt: Makes the waiting thread return; called from another thread.

    Attributes:
        interruption: Why the call was interrupted; empty while it was not.
        is_over_limit: Whether its own limit is the reason.
    """

    __slots__ = ("_interrupt", "interruption", "is_over_limit", "is_served", "limit", "since")

    def __init__(self, limit: float, *, is_served: bool, interrupt: Callable[[], object]) -> None:
        self.since = monotonic()
        self.limit = limit
        self.is_served = is_served
        self._interrupt = interrupt
        self.interruption = ""
        self.is_over_limit = False

    def stop(self, reason: str, *, is_over_limit: bool = False) -> None:
        """Interrupt the call.

        Args:
            reason: Text of the error that it raises.
            is_over_limit: Whether its own limit is the reason.
        """
        if not self.interruption:
            self.is_over_limit = is_over_limit
            self.interruption = reason
            self._interrupt()


class DatabaseMonitor:
    """Limits the time of the calls of one engine; thread-safe.

    Args:
        limit: Seconds of a statement while requests are served; 0 means none.
        is_serving: Returns True if this process serves requests.
        ping: Asks the server for an answer on a new connection; returns why it did not answer
            within `PING_SECONDS`, or an empty text.
        on_down: Called once when the server has stopped answering, with the reason.
        on_up: Called when it answers again.

    Attributes:
        down_reason: Why the server counts as down; empty if it does not.
    """

    def __init__(
        self,
        *,
        limit: float,
        is_serving: Callable[[], bool],
        ping: Callable[[], str],
        on_down: Callable[[str], object],
        on_up: Callable[[], object],
    ) -> None:
        self.down_reason = ""
        self._limit = limit
        self._is_serving = is_serving
        self._ping = ping
        self._on_down = on_down
        self._on_up = on_up
        self._calls: set[Call] = set()
        self._thread: Thread | None = None
        self._lock = Lock()
        self._pinged_at = 0.0

    def begin(self, interrupt: Callable[[], object] = bool) -> Call | None:
        """Register a call that begins, unless it is neither limited nor of a serving process.

        Args:
            interrupt: Makes the waiting thread return, such as by closing its socket.
        """
        limit, is_served = _block_limit.get(), self._is_serving()
        if not (limit or is_served):
            return None
        if limit is None:
            limit = self._limit
        call = Call(limit, is_served=is_served, interrupt=interrupt)
        self._calls.add(call)
        if self._thread is None:
            self._start()
        return call

    def end(self, call: Call) -> None:
        """Remove a call that has returned."""
        self._calls.discard(call)

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Register the opening of a connection, which has a limit of its own."""
        with block_limit(None):
            call = self.begin()
        try:
            yield
        finally:
            if call is not None:
                self.end(call)

    def forget(self) -> None:
        """Count the server as up and ask no more until a call takes long."""
        self.down_reason = ""

    def _start(self) -> None:
        with self._lock:
            if self._thread is None:
                self._thread = Thread(target=self._run, name="lback-database", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        busy_at = monotonic()
        while True:
            sleep(TICK_SECONDS)
            now, calls = monotonic(), list(self._calls)
            _stop_overdue(calls, now)
            if self._must_ping(calls, now):
                self._ask()
            if calls or self.down_reason:
                busy_at = now
            elif now - busy_at > IDLE_SECONDS:
                self._thread = None
                # A call that began meanwhile may have seen the thread.
                if self._calls:
                    self._start()
                return

    def _must_ping(self, calls: list[Call], now: float) -> bool:
        if self.down_reason:
            return True
        if now - self._pinged_at < PING_PAUSE_SECONDS:
            return False
        return any(call.is_served and now - call.since > SUSPICIOUS_SECONDS for call in calls)

    def _ask(self) -> None:
        problem = self._ping()
        self._pinged_at = monotonic()
        if problem:
            if not self.down_reason:
                self._on_down(problem)
            self.down_reason = problem
            for call in list(self._calls):
                if call.is_served:
                    call.stop(problem)
        elif self.down_reason:
            self.down_reason = ""
            self._on_up()


def _stop_overdue(calls: list[Call], now: float) -> None:
    for call in calls:
        if call.limit and now - call.since > call.limit:
            call.stop(f"no answer within {call.limit:g} s", is_over_limit=True)


def error_of(call: Call, plain: type[Any], limited: type[Any], *args: Any) -> Any:
    """Return the error of a driver for an interrupted call.

    Args:
        call: The interrupted call.
        plain: Class of the driver's errors.
        limited: Its subclass for statements over their limit.
        *args: Arguments of the class before the text.
    """
    return (limited if call.is_over_limit else plain)(*args, call.interruption)
