"""Cache in Redis or Valkey, shared by all workers and machines."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from itertools import islice
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from lback.cache.circuit_breaker import CircuitBreaker, shared_breaker
from lback.cache.keys import key_of, text_of
from lback.cache.serializing import UNREADABLE, MessagePack, Serializer, import_serializer
from lback.core.cache import check_ttl
from lback.core.dispatcher_instance import SignalSender
from lback.core.exceptions import ConfigurationError
from lback.core.signals import SignalDispatcher
from lback.distribution import install_hint

if TYPE_CHECKING:
    from redis import Redis

    from lback.cache.settings import RedisOptions

logger = logging.getLogger(__name__)

T = TypeVar("T")

_LONGEST = 10**15  # milliseconds; Redis refuses expiry times that overflow its clock
_BATCH = 500
# Limit of failed writes that are tracked by key; beyond it the whole cache is cleared.
_MOST_STALE = 10_000
_RELEASE = (
    'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0'
)


class RedisCache(SignalSender):
    """Cache on a Redis or Valkey server, shared by all workers.

    The interface is that of `lback.core.Cache`, with these differences: keys are text, numbers,
    None and tuples of these; values are copied and must survive a round trip (no tuples, no
    objects); `cache_item_expired` is not sent, because Redis drops expired entries itself.

    An unreachable server is not an error: `get` returns None, `set` does nothing, the outage is
    logged once, and the server is tried again once per second (see `CircuitBreaker`). Sessions and
    other caches on the same server share the outage. Keys that could not be written are deleted
    after it, so that no outdated value reappears.

    Signals: those of `Cache`, except `cache_item_expired`.

    Args:
        options: Connection options.
        dispatcher: Signal dispatcher. None uses the dispatcher of the process.
        serializer: Serializer of the values. None uses that of the options, or MessagePack.
        clock: Monotonic clock in seconds, for the pauses during an outage; then nothing is
            shared with sessions and other caches.

    Raises:
        ConfigurationError: The library `redis` is not installed, or the URL or the serializer is
            not valid.
    """

    def __init__(
        self,
        options: "RedisOptions",
        *,
        dispatcher: SignalDispatcher | None = None,
        serializer: Serializer | None = None,
        clock: Callable[[], float] | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._prefix = f"{options.prefix}cache:"
        if serializer is None:
            named = options.serializer
            serializer = import_serializer(named) if named else MessagePack()
        self._serializer = serializer
        self._client, self._unreachable, self._error = _connect(options)
        self._breaker, self._refusals = _breakers(self._client, clock)
        self._stale: set[str] = set()
        self.dispatcher.send("cache_initialized", self)

    def get(self, key: object) -> Any | None:
        """Return the value of a key, or None if it is absent or the server is unreachable.

        Signals: `cache_item_fetched` (`key`, `outcome`: "hit" or "miss"), then `cache_hit`
        (`key`) or `cache_miss` (`key`).

        Raises:
            TypeError: The key is not text, a number, None or a tuple of these.
        """
        name = self._name(key)
        octets = self._call(lambda: self._client.get(name), None)
        value, found = self._value(octets)
        outcome = "hit" if found else "miss"
        self.dispatcher.send("cache_item_fetched", self, key=key, outcome=outcome)
        self.dispatcher.send(f"cache_{outcome}", self, key=key)
        return value

    def set(self, key: object, value: object, ttl: float | None = None) -> None:
        """Store a value under a key, replacing an older value.

        Signals: `cache_item_set` (`key`, `ttl`, `expires_at`), if the value was stored.

        Args:
            key: Text, a number, None, or a tuple of these.
            value: Data that the serializer accepts; it is copied.
            ttl: Lifetime in seconds. None means forever; 0 or less deletes the key.

        Raises:
            TypeError: The key is not valid, the value would not survive a round trip, or the ttl
                is not a number.
            ValueError: The ttl is NaN.
        """
        check_ttl(ttl)
        name, octets = self._name(key), self._serializer.dumps(value)
        if ttl is not None and ttl <= 0:
            done = self._change(name, lambda: self._client.delete(name))
        else:
            lives = _milliseconds(ttl)
            done = self._change(name, lambda: self._client.set(name, octets, px=lives))
        if done is not None:
            expires_at = None if ttl is None else time.time() + ttl
            self.dispatcher.send("cache_item_set", self, key=key, ttl=ttl, expires_at=expires_at)

    def delete(self, key: object) -> None:
        """Delete a key if it exists.

        Signals: `cache_item_deleted` (`key`), if the key existed.

        Raises:
            TypeError: The key is not text, a number, None or a tuple of these.
        """
        name = self._name(key)
        if self._change(name, lambda: self._client.delete(name)):
            self.dispatcher.send("cache_item_deleted", self, key=key)

    def clear(self) -> None:
        """Delete all entries under the prefix of this cache; other keys on the server stay.

        Signals: `cache_cleared` (`cleared_count`), even if the cache was empty.
        """
        count = self._call(self._drop_all, 0)
        self.dispatcher.send("cache_cleared", self, cleared_count=count)

    def has(self, key: object) -> bool:
        """Return True if a key exists. Sends no signal.

        Raises:
            TypeError: The key is not text, a number, None or a tuple of these.
        """
        name = self._name(key)
        return bool(self._call(lambda: self._client.exists(name), 0))

    def keys(self) -> list[object]:
        """Return all keys of this cache. Sends no signal.

        Slow on a server with many keys, also those of other applications: it scans them all.
        """
        nothing: list[str] = []
        names = self._call(lambda: list(self._names()), nothing)
        return [key_of(name.removeprefix(self._prefix)) for name in names]

    def try_lock(self, key: object, seconds: float) -> Callable[[], None] | None:
        """Try to acquire the lock of a key, shared by all workers.

        Args:
            key: Cache key.
            seconds: The lock is released after this time at the latest.

        Returns:
            A function that releases the lock, or None if another worker has it. While the server
            is unreachable, every caller gets the lock.
        """
        name, mine = f"{self._prefix}lock:{text_of(key)}", token_hex(16)
        lives = _milliseconds(seconds)
        taken = self._call(lambda: bool(self._client.set(name, mine, nx=True, px=lives)), True)
        if not taken:
            return None

        def release() -> None:
            # The script deletes only this caller's lock: it may have expired and been taken.
            self._call(lambda: self._client.eval(_RELEASE, 1, name, mine), None)

        return release

    def _name(self, key: object) -> str:
        return self._prefix + text_of(key)

    def _value(self, octets: Any) -> tuple[object, bool]:
        if octets is None:
            return None, False
        try:
            return self._serializer.loads(octets), True
        except UNREADABLE as error:
            logger.warning("cache: unreadable value treated as missing: %s", error)
            return None, False

    def _call(self, command: Callable[[], T], otherwise: T) -> T:
        """Call the server; return `otherwise` if it is unreachable."""
        if not (self._refusals.allows_call() and self._breaker.allows_call()):
            return otherwise
        try:
            if self._stale:
                self._drop_stale()
            answer = command()
        except self._unreachable as error:
            self._breaker.record_failure(error)
            return otherwise
        except self._error as error:  # the server answers, and sessions may work
            self._refusals.record_failure(error)
            return otherwise
        self._breaker.record_success()
        self._refusals.record_success()
        return answer

    def _change(self, name: str, change: Callable[[], object]) -> object:
        """Change an entry; if that fails, mark its key for deletion after the outage."""
        done = self._call(change, None)
        if done is None and len(self._stale) <= _MOST_STALE:
            self._stale.add(name)
        return done

    def _drop_stale(self) -> None:
        stale = self._stale.copy()
        if len(stale) > _MOST_STALE:
            self._drop_all()
        else:
            self._client.delete(*stale)
        self._stale -= stale

    def _drop_all(self) -> int:
        count, names = 0, self._names()
        while batch := list(islice(names, _BATCH)):
            self._client.delete(*batch)
            count += len(batch)
        return count

    def _names(self) -> Iterator[str]:
        pattern = f"{_glob(self._prefix)}*"
        for name in self._client.scan_iter(match=pattern, count=_BATCH):
            text = name.decode()
            if not text.startswith(f"{self._prefix}lock:"):
                yield text


def connection_arguments(options: "RedisOptions") -> dict[str, Any]:
    """Return the keyword arguments of a Redis client: the timeout, and no retries.

    Retries are left out because the circuit breaker handles an outage.

    Raises:
        ConfigurationError: The library `redis` is not installed.
    """
    try:
        # Optional extra "redis".
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise ConfigurationError(
            f"a Redis cache needs the library redis: {install_hint('redis')}"
        ) from error
    return {
        "socket_timeout": options.timeout,
        "socket_connect_timeout": options.timeout,
        "retry": Retry(NoBackoff(), 0),
    }


def _connect(
    options: "RedisOptions",
) -> "tuple[Redis, tuple[type[Exception], ...], type[Exception]]":
    """Return a client, its errors of an unreachable server, and the class of all its errors."""
    arguments = connection_arguments(options)
    import redis  # optional extra "redis"

    try:
        client = redis.Redis.from_url(options.url, **arguments)
    except ValueError:
        # Neither chained nor quoted: the message may contain the URL with its password.
        raise ConfigurationError(
            "the url of a cache is not valid; write redis://user:password@host:6379/0"
        ) from None
    return client, connection_errors(), redis.RedisError


def connection_errors() -> tuple[type[Exception], ...]:
    """Return the exceptions of the library `redis` for a server that cannot be reached in time."""
    import redis  # optional extra "redis"

    return redis.ConnectionError, redis.TimeoutError


def _breakers(
    client: "Redis", clock: Callable[[], float] | None
) -> tuple[CircuitBreaker, CircuitBreaker]:
    """Return the breaker of the server and that of errors which the server answers."""
    timer = time.monotonic if clock is None else clock
    refusals = CircuitBreaker("the Redis cache rejects commands, its values are missing",
                              clock=timer)  # fmt: skip
    if clock is None:
        return shared_breaker(client.connection_pool.connection_kwargs), refusals
    what = "the Redis cache is unreachable, its values are missing"
    return CircuitBreaker(what, clock=clock), refusals


def _milliseconds(ttl: float | None) -> int | None:
    if ttl is None or math.isinf(ttl):
        return None
    return min(max(1, round(ttl * 1000)), _LONGEST)


def _glob(text: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\^-" else char for char in text)
