"""Counting attempts: how often something failed within a while, in this process or in Redis."""

import time
from collections.abc import Callable
from threading import Lock
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from lback.sessions.redis_client import Calls, connect

if TYPE_CHECKING:
    from redis import Redis

PREFIX = "lback:attempts:"
# Names and addresses are what clients send: they must not fill the memory.
MAX_KEYS = 100_000

ADD = """
local count = redis.call('INCR', KEYS[1])
if count == 1 then redis.call('PEXPIRE', KEYS[1], ARGV[1]) end
return {count, redis.call('PTTL', KEYS[1])}
"""


class Count(NamedTuple):
    """How often it was, and in how many seconds the counting begins anew."""

    number: int
    seconds_left: float


class Attempts(Protocol):
    """Counts within a window of time that begins with the first; safe from any thread."""

    def add(self, key: str, seconds: float) -> Count:
        """Count one more, and return how many there are now."""
        ...

    def peek(self, key: str) -> Count:
        """Return how many there are."""
        ...

    def forget(self, key: str) -> None:
        """Begin anew."""
        ...


class MemoryAttempts:
    """Counts in this process.

    Args:
        clock: Gives seconds that are never set back.
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = Lock()

    def add(self, key: str, seconds: float) -> Count:
        """Count one more, and return how many there are now."""
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
        self._counts = {key: held for key, held in self._counts.items() if held[1] > now}
        while len(self._counts) >= MAX_KEYS:
            # The oldest: a flood of new names makes old ones free, never the flood itself.
            del self._counts[next(iter(self._counts))]

    def peek(self, key: str) -> Count:
        """Return how many there are."""
        now = self._clock()
        number, ends_at = self._counts.get(key, (0, 0.0))
        return Count(number, ends_at - now) if ends_at > now else Count(0, 0.0)

    def forget(self, key: str) -> None:
        """Begin anew."""
        with self._lock:
            self._counts.pop(key, None)


class RedisAttempts:
    """Counts in Redis or Valkey, for all processes together.

    Args:
        client: A client of the library `redis`.
    """

    def __init__(self, client: "Redis") -> None:
        self._client = client
        # Who cannot be counted cannot be let in: guessing must not be free meanwhile.
        self._call = Calls()
        self._add = client.register_script(ADD)

    @classmethod
    def from_url(cls, url: str) -> "RedisAttempts":
        """Build a counter for a URL such as `"redis://127.0.0.1:6379/0"`; connects when used.

        Raises:
            ConfigurationError: The library is not installed, or it is no such URL.
        """
        return cls(connect(url))

    def add(self, key: str, seconds: float) -> Count:
        """Count one more, and return how many there are now."""
        arguments = [int(seconds * 1000)]
        number, left = self._call(lambda: self._add(keys=[PREFIX + key], args=arguments))
        return Count(int(number), max(0, left) / 1000)

    def peek(self, key: str) -> Count:
        """Return how many there are."""

        def read() -> list[Any]:
            with self._client.pipeline(transaction=True) as pipeline:
                pipeline.get(PREFIX + key)
                pipeline.pttl(PREFIX + key)
                return pipeline.execute()

        number, left = self._call(read)
        return Count(int(number or 0), max(0, left) / 1000)

    def forget(self, key: str) -> None:
        """Begin anew."""
        self._call(lambda: self._client.delete(PREFIX + key))
