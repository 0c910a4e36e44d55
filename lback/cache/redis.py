"""A cache in Redis or Valkey, for all workers and machines, with the interface of `Cache`."""

import logging
import math
import time
from collections.abc import Callable, Iterator
from itertools import islice
from secrets import token_hex
from typing import TYPE_CHECKING, Any, TypeVar

from lback.cache.circuit_breaker import CircuitBreaker
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

_LONGEST = 10**15  # milliseconds; Redis refuses what overflows its clock
_BATCH = 500
# How many changes that could not be made are remembered one by one, before all is given up.
_MOST_STALE = 10_000
_RELEASE = (
    'if redis.call("get", KEYS[1]) == ARGV[1] then return redis.call("del", KEYS[1]) end return 0'
)


class RedisCache(SignalSender):
    """Keeps values on a server that every worker asks.

    The interface is that of `lback.core.Cache`. What differs: keys are text, numbers, `None` and
    tuples of these; values are copied, and must come back as they are (no tuples, no objects);
    `cache_item_expired` is not sent, for the server drops what has expired without telling.

    A server that does not answer is no error: `get` finds nothing and `set` keeps nothing, one
    line in the log says so, and for a second at a time nobody waits for it. What was changed
    meanwhile is dropped when it answers again, so that no old value comes back.

    Signals: those of `Cache`, without `cache_item_expired`.

    Args:
        options: Where the server is.
        dispatcher: Where the signals are sent; `None` means the dispatcher of the process.
        serializer: Turns values into octets; `None` takes that of the options, or MessagePack.
        clock: For the pauses of an outage; gives seconds that only go forward.

    Raises:
        ConfigurationError: The library `redis` is missing, or the URL or the serializer cannot
            be used.
    """

    def __init__(
        self,
        options: "RedisOptions",
        *,
        dispatcher: SignalDispatcher | None = None,
        serializer: Serializer | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._dispatcher = dispatcher
        self._prefix = f"{options.prefix}cache:"
        if serializer is None:
            named = options.serializer
            serializer = import_serializer(named) if named else MessagePack()
        self._serializer = serializer
        self._client, self._error = _connect(options)
        self._breaker = CircuitBreaker("the cache in Redis does not answer, its values are missing",
                              clock=clock)  # fmt: skip
        self._stale: set[str] = set()
        self.dispatcher.send("cache_initialized", self)

    def get(self, key: Any) -> Any | None:
        """Return the value of a key, or `None` if it is absent or the server does not answer.

        Signals: `cache_item_fetched` (`key`, `outcome`: "hit" or "miss"), then `cache_hit`
        (`key`) or `cache_miss` (`key`).

        Raises:
            TypeError: The key is none.
        """
        name = self._name(key)
        octets = self._ask(lambda: self._client.get(name), None)
        value, found = self._value(octets)
        outcome = "hit" if found else "miss"
        self.dispatcher.send("cache_item_fetched", self, key=key, outcome=outcome)
        self.dispatcher.send(f"cache_{outcome}", self, key=key)
        return value

    def set(self, key: Any, value: Any, ttl: float | None = None) -> None:
        """Keep a value under a key, in place of an older one.

        Signals: `cache_item_set` (`key`, `ttl`, `expires_at`), if the server answered.

        Args:
            key: Text, a number, `None`, or a tuple of these.
            value: Data; copied.
            ttl: Seconds it lives; `None` means for ever. With 0 or less nothing is kept, and
                the older value is gone all the same.

        Raises:
            TypeError: The key is none, the value would come back as another, or the ttl is no
                number.
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

    def delete(self, key: Any) -> None:
        """Remove the entry of a key, if there is one.

        Signals: `cache_item_deleted` (`key`); none for an absent key.

        Raises:
            TypeError: The key is none.
        """
        name = self._name(key)
        if self._change(name, lambda: self._client.delete(name)):
            self.dispatcher.send("cache_item_deleted", self, key=key)

    def clear(self) -> None:
        """Remove every entry of this application, and nothing else on the server.

        Signals: `cache_cleared` (`cleared_count`), also if there was none.
        """
        count = self._ask(self._drop_all, 0)
        self.dispatcher.send("cache_cleared", self, cleared_count=count)

    def has(self, key: Any) -> bool:
        """Tell whether a key is there; sends no signal.

        Raises:
            TypeError: The key is none.
        """
        name = self._name(key)
        return bool(self._ask(lambda: self._client.exists(name), 0))

    def keys(self) -> list[Any]:
        """Return the keys; slow where the server holds many, of whomever. Sends no signal."""
        nothing: list[str] = []
        names = self._ask(lambda: list(self._names()), nothing)
        return [key_of(name.removeprefix(self._prefix)) for name in names]

    def try_lock(self, key: Any, seconds: float) -> Callable[[], None] | None:
        """Take the lock of a key for so long at most, and return what gives it back.

        Returns:
            `None` where somebody else has it. Without the server, everybody gets it.
        """
        name, mine = f"{self._prefix}lock:{text_of(key)}", token_hex(16)
        lives = _milliseconds(seconds)
        taken = self._ask(lambda: bool(self._client.set(name, mine, nx=True, px=lives)), True)
        if not taken:
            return None

        def release() -> None:
            # Only one's own: it may have ended meanwhile, and belong to another.
            self._ask(lambda: self._client.eval(_RELEASE, 1, name, mine), None)

        return release

    def _name(self, key: Any) -> str:
        return self._prefix + text_of(key)

    def _value(self, octets: Any) -> tuple[Any, bool]:
        if octets is None:
            return None, False
        try:
            return self._serializer.loads(octets), True
        except UNREADABLE as error:
            logger.warning("a value in the cache cannot be read and counts as missing: %s", error)
            return None, False

    def _ask(self, question: Callable[[], T], otherwise: T) -> T:
        """Ask the server; without an answer, return the other value."""
        if not self._breaker.may_ask():
            return otherwise
        try:
            if self._stale:
                self._drop_stale()
            answer = question()
        except self._error as error:
            self._breaker.failed(error)
            return otherwise
        self._breaker.worked()
        return answer

    def _change(self, name: str, change: Callable[[], Any]) -> Any:
        """Change an entry; where that fails, see to it that the old value does not come back."""
        done = self._ask(change, None)
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
    """Return how a client waits: for the timeout, once, for an outage is dealt with elsewhere.

    Raises:
        ConfigurationError: The library `redis` is missing.
    """
    try:
        # Only who uses Redis installs it.
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as error:
        raise ConfigurationError(
            f"a cache in Redis needs the library redis: {install_hint('redis')}"
        ) from error
    return {
        "socket_timeout": options.timeout,
        "socket_connect_timeout": options.timeout,
        "retry": Retry(NoBackoff(), 0),
    }


def _connect(options: "RedisOptions") -> "tuple[Redis, type[Exception]]":
    arguments = connection_arguments(options)
    import redis  # only who uses Redis installs it

    try:
        client = redis.Redis.from_url(options.url, **arguments)
    except ValueError:
        # Not chained, and without its text: it may quote the URL with its password.
        raise ConfigurationError(
            "the url of a cache cannot be read; write redis://user:password@host:6379/0"
        ) from None
    return client, redis.RedisError


def _milliseconds(ttl: float | None) -> int | None:
    if ttl is None or math.isinf(ttl):
        return None
    return min(max(1, round(ttl * 1000)), _LONGEST)


def _glob(text: str) -> str:
    return "".join(f"\\{char}" if char in "*?[]\\^-" else char for char in text)
