"""Circuit breaker: stop calling a server that is down, and retry after a pause."""

import logging
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import Any

logger = logging.getLogger(__name__)

PAUSE = 1.0

# By address of the server and credentials, as wrong ones are an error of their own. All that this
# process keeps on one server meets its outage together: were there a breaker for each part, each
# part would wait for a server that is known not to answer.
_breakers: "dict[tuple[str, object, object], CircuitBreaker]" = {}
_lock = Lock()


def shared_breaker(connection: Mapping[str, Any]) -> "CircuitBreaker":
    """Return the circuit breaker of a Redis server, shared by all parts of this process.

    Parts with other credentials have another one, because the server rejects wrong ones with an
    error of the same kind as an outage.

    Args:
        connection: Connection arguments of a client: `connection_pool.connection_kwargs`.

    Example:
        >>> from lback.cache.circuit_breaker import shared_breaker
        >>> first = shared_breaker({"host": "redis.example", "port": 6379, "db": 0})
        >>> first is shared_breaker({"host": "redis.example", "port": 6379, "db": 1})
        True
    """
    address = connection.get("path") or (
        f"{connection.get('host', 'localhost')}:{connection.get('port', 6379)}"
    )
    key = address, connection.get("username"), connection.get("password")
    with _lock:
        if key not in _breakers:
            _breakers[key] = CircuitBreaker(
                f"Redis at {address} is unreachable (caches miss, sessions are answered 503, rate "
                "limits count in each worker)"
            )
        return _breakers[key]


class CircuitBreaker:
    """Stop calls to a server that is unreachable, so that requests do not time out one by one.

    The first failure opens the breaker and is logged. While it is open, one call per pause is
    allowed as a probe; the first success closes it. Safe to use from several threads.

    Args:
        what: Consequence of the outage, for the log: "the cache is unavailable".
        pause: Seconds between two probes.
        clock: Monotonic clock in seconds.

    Example:
        >>> from lback.cache.circuit_breaker import CircuitBreaker
        >>> breaker = CircuitBreaker("the cache is unavailable", clock=lambda: 0.0)
        >>> breaker.allows_call()
        True
        >>> breaker.record_failure(ConnectionError("refused"))
        >>> breaker.allows_call()
        False
    """

    def __init__(
        self, what: str, *, pause: float = PAUSE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._pause = pause
        self._clock = clock
        self._next_probe_at: float | None = None
        self._lock = Lock()

    def allows_call(self) -> bool:
        """Return True if the server may be called now: the breaker is closed or a probe is due.

        While the breaker is open, True is returned once per pause, to a single caller.
        """
        if self._next_probe_at is None:
            return True
        with self._lock:
            now = self._clock()
            if self._next_probe_at is None:
                return True
            if now < self._next_probe_at:
                return False
            self._next_probe_at = now + self._pause
            return True

    def record_failure(self, error: Exception) -> None:
        """Open the breaker after a failed call; log the first failure of an outage.

        Args:
            error: Exception of the client; its type and text are logged.
        """
        with self._lock:
            is_new = self._next_probe_at is None
            self._next_probe_at = self._clock() + self._pause
        if is_new:
            logger.warning("%s: %s: %s", self._what, type(error).__name__, error)

    def record_success(self) -> None:
        """Close the breaker after a successful call; log the end of an outage."""
        if self._next_probe_at is None:
            return
        with self._lock:
            is_over = self._next_probe_at is not None
            self._next_probe_at = None
        if is_over:
            logger.warning("%s: resolved", self._what)
