"""A recent result of a slow function: one call at a time, and a bounded wait for it."""

import time
from collections.abc import Callable
from threading import Event, Lock, Thread
from typing import Generic, TypeVar

T = TypeVar("T")

# Seconds for which a result stands in while a new one is made.
LONGEST_AGE = 10.0
# Seconds after which a call that did not return is no longer waited for, and another one begins.
ABANDONED_AFTER = 60.0


class RecentResult(Generic[T]):
    """Calls a function in a thread of its own, and keeps its result for a while.

    Args:
        make: The function.
        late: The result while the function takes longer than `limit`, and if it raises. The
            traceback then goes to `threading.excepthook`.
        age: Seconds for which a result is kept.
        limit: Seconds to wait for a result.
        clock: Returns monotonic seconds.

    Example:
        >>> RecentResult(lambda: "ready", late="no answer").get()
        'ready'
    """

    def __init__(
        self,
        make: Callable[[], T],
        *,
        late: T,
        age: float = 1.0,
        limit: float = 2.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._make = make
        self._late = late
        self._age = age
        self._limit = limit
        self._clock = clock
        self._lock = Lock()
        self._result: tuple[float, T] | None = None
        self._running: tuple[float, Event] | None = None

    def get(self) -> T:
        """Return the kept result, or a new one.

        While a new one is made, others get the last one unless it is older than ten seconds.
        """
        with self._lock:
            now = self._clock()
            is_running = self._running is not None and now - self._running[0] < ABANDONED_AFTER
            longest = LONGEST_AGE if is_running else self._age
            if self._result is not None and now - self._result[0] < longest:
                return self._result[1]
            if self._running is None or not is_running:
                self._running = self._start(now)
            running = self._running
        running[1].wait(self._limit)
        with self._lock:
            if self._running is running:  # it has not returned
                self._result = (self._clock(), self._late)
            return self._late if self._result is None else self._result[1]

    def _start(self, now: float) -> tuple[float, Event]:
        running = (now, Event())
        Thread(target=self._run, args=[running], name="lback-health", daemon=True).start()
        return running

    def _run(self, running: tuple[float, Event]) -> None:
        result = self._late
        try:
            result = self._make()
        finally:
            with self._lock:
                if self._running is running:
                    self._running, self._result = None, (self._clock(), result)
            running[1].set()
