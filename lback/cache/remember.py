"""Cache results of functions; concurrent callers compute a missing value only once."""

import inspect
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial, update_wrapper
from threading import Lock, RLock
from typing import Any, Generic, ParamSpec, TypeAlias, TypeVar, cast

from lback.cache.caches import AnyCache
from lback.core.request import Request

P = ParamSpec("P")
R = TypeVar("R")
CacheSource: TypeAlias = AnyCache | Callable[[], AnyCache] | None

# How many seconds other workers wait for a value being computed, and how often they poll.
LONGEST_WORK = 10.0
SECONDS_BETWEEN_LOOKS = 0.02
# How much the clocks of two machines may differ.
CLOCK_SKEW = 60.0


class _KeyLocks:
    """One reentrant lock per key, dropped when no thread uses it."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._locks: dict[object, tuple[Any, int]] = {}

    @contextmanager
    def lock(self, key: object, *, wait: bool) -> Iterator[bool]:
        """Acquire the lock of a key. Yield False if another thread has it and `wait` is False."""
        with self._guard:
            lock, users = self._locks.get(key, (None, 0))
            lock = lock or RLock()
            self._locks[key] = (lock, users + 1)
        taken = lock.acquire(blocking=wait)
        try:
            yield taken
        finally:
            if taken:
                lock.release()
            with self._guard:
                users = self._locks[key][1]
                if users == 1:
                    del self._locks[key]
                else:
                    self._locks[key] = (lock, users - 1)


_KEY_LOCKS = _KeyLocks()


def remember(
    cache: AnyCache,
    key: object,
    make: Callable[[], R],
    ttl: float,
    *,
    grace: float = 0,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> R:
    """Return the cached value of a key, or compute and cache it.

    If several callers miss at the same time, one computes the value and the others wait for it:
    among the threads of this process, and with a Redis cache among all workers. An exception of
    `make` is raised to its caller and not cached; the next caller tries again.

    Args:
        cache: Cache to use.
        key: Cache key.
        make: Computes the value; called without arguments.
        ttl: Seconds the value is fresh.
        grace: Seconds after `ttl` in which callers get the stale value while one recomputes it.
        clock: Clock in seconds since the epoch.
        sleep: Called with the seconds to wait between two polls.

    Returns:
        The value of `make`, computed now or earlier.

    Raises:
        TypeError: The cache does not accept the key or the value.

    Example:
        >>> from lback.cache import remember
        >>> from lback.core.cache import Cache
        >>> cache = Cache()
        >>> remember(cache, "answer", lambda: 6 * 7, ttl=60)
        42
        >>> remember(cache, "answer", lambda: 0, ttl=60)
        42
    """
    work = _Work(cache, key, make, ttl, grace, clock)
    entry = work.stored()
    if entry is not None and work.is_fresh(entry):
        return cast("R", entry[0])
    with _KEY_LOCKS.lock((id(cache), key), wait=entry is None) as acquired:
        if not acquired:
            return cast("R", entry[0]) if entry is not None else work.done()
        return _compute_once(work, sleep)


class _Work(Generic[R]):
    """A value to compute, and its cache entry: the value and the time until which it is fresh."""

    def __init__(
        self,
        cache: AnyCache,
        key: object,
        make: Callable[[], R],
        ttl: float,
        grace: float,
        clock: Callable[[], float],
    ) -> None:
        self.cache = cache
        self.key = key
        self._make = make
        self._ttl = ttl
        self._grace = grace
        self._clock = clock

    def stored(self) -> list[object] | None:
        """Return the cached value and its expiry time, or None."""
        entry = self.cache.get(self.key)
        return entry if isinstance(entry, list) and len(entry) == 2 else None

    def is_fresh(self, entry: list[Any]) -> bool:
        """Return True if an entry has not reached its expiry time.

        An entry that expires later than possible was made before a clock was set back.
        """
        left = entry[1] - self._clock()
        return bool(0 < left <= self._ttl + CLOCK_SKEW)

    def done(self) -> R:
        """Compute and cache the value."""
        value = self._make()
        self.cache.set(self.key, [value, self._clock() + self._ttl], self._ttl + self._grace)
        return value


def _compute_once(work: _Work[R], sleep: Callable[[float], None]) -> R:
    """Compute the value unless another thread or worker has done so or is doing so."""
    take = getattr(work.cache, "try_lock", None)
    waited = 0.0
    while True:
        entry = work.stored()
        if entry is not None and work.is_fresh(entry):
            return cast("R", entry[0])
        release = take(work.key, LONGEST_WORK) if take is not None else _release_nothing
        if release is not None:
            break
        if entry is not None:
            return cast("R", entry[0])
        if waited >= LONGEST_WORK:
            return work.done()
        sleep(SECONDS_BETWEEN_LOOKS)
        waited += SECONDS_BETWEEN_LOOKS
    try:
        return work.done()
    finally:
        release()


def _release_nothing() -> None:
    """Do nothing: an in-memory cache needs no lock beyond that of the process."""


def cached(
    ttl: float,
    *,
    cache: CacheSource = None,
    key: Callable[..., object] | None = None,
    grace: float = 0,
) -> Callable[[Callable[P, R]], "CachedFunction[P, R]"]:
    """Cache the results of the decorated function by its arguments.

    Args:
        ttl: Seconds a result is fresh.
        cache: A cache, or a function that returns one. None uses the cache of the application of
            the request that is the first argument; the request is then not part of the key.
        key: Function from the arguments to the cache key. None uses all arguments.
        grace: Seconds after `ttl` in which callers get the stale result while one recomputes it.

    Returns:
        A decorator; the decorated function has `forget(…)` and `key(…)` besides.

    Raises:
        TypeError: The function is a method and `key` is not given: `self` is not a cache key. Or
            it is a coroutine function.

    Example:
        >>> from lback.cache import cached
        >>> from lback.core.cache import Cache
        >>> @cached(60, cache=Cache())
        ... def square(number):
        ...     print("computing")
        ...     return number * number
        >>> square(3)
        computing
        9
        >>> square(3)
        9
        >>> square.forget(3)
        >>> square(3)
        computing
        9
    """

    def decorate(function: Callable[P, R]) -> "CachedFunction[P, R]":
        return CachedFunction(function, ttl, cache, key, grace)

    return decorate


class CachedFunction(Generic[P, R]):
    """Function whose results are cached; made by the decorator `cached`."""

    def __init__(
        self,
        function: Callable[P, R],
        ttl: float,
        cache: CacheSource,
        key: Callable[..., object] | None,
        grace: float,
    ) -> None:
        self._function = function
        self._signature = inspect.signature(function)
        parameters = self._signature.parameters.values()
        self._further = [p.name for p in parameters if p.kind is p.VAR_KEYWORD]
        self._ttl = ttl
        self._cache = cache
        self._key = key
        self._grace = grace
        self._name = f"{function.__module__}.{function.__qualname__}"
        if inspect.iscoroutinefunction(function):
            raise TypeError(
                f"{self._name} is a coroutine function, and its result can be awaited only once; "
                "cache a plain function"
            )
        if key is None and next(iter(self._signature.parameters), "") in ("self", "cls"):
            raise TypeError(
                f"{self._name} is a method, and its object is not a cache key; pass a key to "
                "cached, such as key=lambda self, number: number"
            )
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return the cached result for these arguments, or call the function."""
        return remember(
            self._cache_for(args),
            self.key(*args, **kwargs),
            lambda: self._function(*args, **kwargs),
            self._ttl,
            grace=self._grace,
        )

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Delete the cached result for these arguments.

        Args:
            *args: Positional arguments, as for the function.
            **kwargs: Keyword arguments, as for the function.
        """
        self._cache_for(args).delete(self.key(*args, **kwargs))

    def key(self, *args: P.args, **kwargs: P.kwargs) -> object:
        """Return the cache key for these arguments.

        Positional and keyword arguments give the same key; defaults are filled in.

        Args:
            *args: Positional arguments, as for the function.
            **kwargs: Keyword arguments, as for the function.

        Raises:
            TypeError: The function does not accept these arguments.
        """
        if self._key is not None:
            return (self._name, self._key(*args, **kwargs))
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = dict(bound.arguments)
        for name in self._further:
            values[name] = tuple(sorted(values[name].items()))
        parts = list(values.values())
        return (self._name, *(parts[1:] if self._cache is None else parts))

    def __get__(self, instance: Any, owner: type[object] | None = None) -> Any:
        # Binds like a function, so that methods can be decorated.
        return self if instance is None else partial(self, instance)

    def _cache_for(self, args: tuple[object, ...]) -> AnyCache:
        if callable(self._cache):
            return self._cache()
        if self._cache is not None:
            return self._cache
        found = args[0].get_context("cache") if args and isinstance(args[0], Request) else None
        if found is None:
            raise TypeError(
                f"{self._name} needs a request of an application as its first argument, to find "
                "the cache; or pass a cache to cached"
            )
        return cast("AnyCache", found)
