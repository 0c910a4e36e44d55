"""Counters of attempts in a window of time, in this process or in Redis."""

import time
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lback.sessions.redis_client import SECONDS_TO_WAIT, Calls, connect

if TYPE_CHECKING:
    from redis import Redis

PREFIX = "lback:attempts:"
# Clients choose names and addresses: they must not fill the memory.
MAX_KEYS = 100_000

ADD = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class Count(NamedTuple):
    """Number of attempts, and the seconds until the counter starts again at zero."""

    number: int
    seconds_left: float


class Attempts(Protocol):
    """Counts attempts within a window of time that begins with the first one; thread-safe."""

    def add(self, key: str, seconds: float) -> Count:
        """Count one more attempt, and return how many there are now.

        Args:
            key: What is counted, such as `"address:127.0.0.1"`.
            seconds: Length of the window; it begins with the first attempt and is not extended.
        """
        ...

    def peek(self, key: str) -> Count:
        """Return how many attempts there are, without counting one."""
        ...

    def forget(self, key: str) -> None:
        """Reset the counter of a key to zero; without effect if there is none."""
        ...


class MemoryAttempts:
    """Counts attempts in this process alone.

    Args:
        clock: Returns monotonic seconds.

    Example:
        >>> attempts = MemoryAttempts()
        >>> attempts.add("address:192.0.2.1", 600).number
        1
        >>> attempts.add("address:192.0.2.1", 600).number
        2
        >>> attempts.forget("address:192.0.2.1")
        >>> attempts.peek("address:192.0.2.1").number
        0
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = Lock()

    def add(self, key: str, seconds: float) -> Count:
        """Count one more attempt, and return how many there are now.

        Args:
            key: What is counted, such as `"address:127.0.0.1"`.
            seconds: Length of the window; it begins with the first attempt and is not extended.
        """
        now = self._clock()
        with self._lock:
            number, ends_at = self._counts.get(key, (0, 0.0))
            if ends_at <= now:
                number, ends_at = 0, now + seconds
                self._make_room(now)
            self._counts[key] = (number + 1, ends_at)
        return Count(number + 1, ends_at - now)

    def _make_room(self, now: float) -> None:
        if len(self._counts) < MAX_KEYS:
            return
        self._counts = {key: count for key, count in self._counts.items() if count[1] > now}
        while len(self._counts) >= MAX_KEYS:
            # The oldest: a flood of new names resets old counters, never its own.
            del self._counts[next(iter(self._counts))]

    def peek(self, key: str) -> Count:
        """Return how many attempts there are, without counting one."""
        now = self._clock()
        number, ends_at = self._counts.get(key, (0, 0.0))
        return Count(number, ends_at - now) if ends_at > now else Count(0, 0.0)

    def forget(self, key: str) -> None:
        """Reset the counter of a key to zero; without effect if there is none."""
        with self._lock:
            self._counts.pop(key, None)


class RedisAttempts:
    """Counts attempts in Redis or Valkey, for all processes together.

    Args:
        client: A client of the package `redis`.
    """

    def __init__(self, client: "Redis") -> None:
        self._client = client
        # Without Redis attempts fail with 503: guessing must not be unlimited meanwhile.
        self._call = Calls(client)
        self._add = client.register_script(ADD)

    @classmethod
    def from_url(cls, url: str, timeout: float = SECONDS_TO_WAIT) -> "RedisAttempts":
        """Return a counter for a URL such as `"redis://127.0.0.1:6379/0"`; connects when used.

        Args:
            url: A URL with the scheme `redis`, `rediss` or `unix`.
            timeout: Seconds to wait for a connection and for each reply.

        Raises:
            ConfigurationError: The package redis is not installed, or the URL is not valid.
        """
        return cls(connect(url, timeout))

    def add(self, key: str, seconds: float) -> Count:
        """Count one more attempt, and return how many there are now.

        Args:
            key: What is counted, such as `"address:127.0.0.1"`.
            seconds: Length of the window; it begins with the first attempt and is not extended.
        """
        arguments = [int(seconds * 1000)]
        number, left = self._call(lambda: self._add(keys=[PREFIX + key], args=arguments))
        return Count(int(number), max(0, left) / 1000)

    def peek(self, key: str) -> Count:
        """Return how many attempts there are, without counting one."""

        def read() -> list[Any]:
            with self._client.pipeline(transaction=True) as pipeline:
                pipeline.get(PREFIX + key)
                pipeline.pttl(PREFIX + key)
                return pipeline.execute()

        number, left = self._call(read)
        return Count(int(number or 0), max(0, left) / 1000)

    def forget(self, key: str) -> None:
        """Reset the counter of a key to zero; without effect if there is none."""
        self._call(lambda: self._client.delete(PREFIX + key))
