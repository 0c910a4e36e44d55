"""Remembering results: work that is done once, however many ask for it at the same time."""

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

# How long one may work before the others no longer wait for it, and how often they look.
LONGEST_WORK = 10.0
SECONDS_BETWEEN_LOOKS = 0.02


class _Turns:
    """Lets one thread at a time work on a key."""

    def __init__(self) -> None:
        self._guard = Lock()
        self._held: dict[Any, tuple[Any, int]] = {}

    @contextmanager
    def turn(self, key: Any, *, wait: bool) -> Iterator[bool]:
        """Take the turn of a key; yields false where another has it and there is no wait."""
        with self._guard:
            lock, users = self._held.get(key, (None, 0))
            lock = lock or RLock()
            self._held[key] = (lock, users + 1)
        taken = lock.acquire(blocking=wait)
        try:
            yield taken
        finally:
            if taken:
                lock.release()
            with self._guard:
                users = self._held[key][1]
                if users == 1:
                    del self._held[key]
                else:
                    self._held[key] = (lock, users - 1)


_TURNS = _Turns()


def remember(
    cache: AnyCache,
    key: Any,
    make: Callable[[], R],
    ttl: float,
    *,
    grace: float = 0,
    clock: Callable[[], float] = time.time,
    sleep: Callable[[float], None] = time.sleep,
) -> R:
    """Return what is kept under a key, or else make it and keep it.

    Where many ask at once for what is not there, one makes it and the others wait for it: the
    threads of this process, and with a cache in Redis all workers. What `make` raises is raised
    to its caller and not kept; the next one tries.

    Args:
        cache: Where it is kept.
        key: As the cache takes it.
        make: Makes the value.
        ttl: Seconds it is fresh.
        grace: Seconds that it may still be used after that, while one makes it anew.
        clock: Gives the seconds since the epoch.
        sleep: Waits.
    """
    work = _Work(cache, key, make, ttl, grace, clock)
    entry = work.kept()
    if entry is not None and work.is_fresh(entry):
        return cast("R", entry[0])
    with _TURNS.turn((id(cache), key), wait=entry is None) as taken:
        if not taken:
            return cast("R", entry[0]) if entry is not None else work.done()
        return _in_turn(work, sleep)


class _Work(Generic[R]):
    """One value to be made, and the place where it is kept: with the moment it is fresh until."""

    def __init__(
        self,
        cache: AnyCache,
        key: Any,
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

    def kept(self) -> list[Any] | None:
        """Return value and moment, if they are there."""
        entry = self.cache.get(self.key)
        return entry if isinstance(entry, list) and len(entry) == 2 else None

    def is_fresh(self, entry: list[Any]) -> bool:
        """Tell whether the moment has not come."""
        return bool(self._clock() < entry[1])

    def done(self) -> R:
        """Make the value and keep it."""
        value = self._make()
        self.cache.set(self.key, [value, self._clock() + self._ttl], self._ttl + self._grace)
        return value


def _in_turn(work: _Work[R], sleep: Callable[[float], None]) -> R:
    """Make the value unless another thread or worker has, or is about to."""
    take = getattr(work.cache, "try_lock", None)
    waited = 0.0
    while True:
        entry = work.kept()
        if entry is not None and work.is_fresh(entry):
            return cast("R", entry[0])
        release = take(work.key, LONGEST_WORK) if take is not None else _nothing
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


def _nothing() -> None:
    """Release a lock that only this process knows."""


def cached(
    ttl: float,
    *,
    cache: CacheSource = None,
    key: Callable[..., Any] | None = None,
    grace: float = 0,
) -> Callable[[Callable[P, R]], "CachedFunction[P, R]"]:
    """Remember what the decorated function returns, for each set of arguments.

    Args:
        ttl: Seconds it is fresh.
        cache: A cache, or what returns one when called. `None` means the cache of the
            application whose request is the first argument, which is then no part of the key.
        key: Makes the key from the arguments; `None` takes all of them.
        grace: As for `remember`.

    Raises:
        TypeError: It is a method, whose object is no key; give `key`.
    """

    def decorate(function: Callable[P, R]) -> "CachedFunction[P, R]":
        return CachedFunction(function, ttl, cache, key, grace)

    return decorate


class CachedFunction(Generic[P, R]):
    """A function whose results are remembered; called as it was before."""

    def __init__(
        self,
        function: Callable[P, R],
        ttl: float,
        cache: CacheSource,
        key: Callable[..., Any] | None,
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
        if key is None and next(iter(self._signature.parameters), "") in ("self", "cls"):
            raise TypeError(
                f"{self._name} is a method, and its object is no key; give cached a key, such as "
                "key=lambda self, number: number"
            )
        update_wrapper(self, function)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Return what is remembered for these arguments, or call the function."""
        return remember(
            self._cache_for(args),
            self.key(*args, **kwargs),
            lambda: self._function(*args, **kwargs),
            self._ttl,
            grace=self._grace,
        )

    def forget(self, *args: P.args, **kwargs: P.kwargs) -> None:
        """Forget what is remembered for these arguments."""
        self._cache_for(args).delete(self.key(*args, **kwargs))

    def key(self, *args: P.args, **kwargs: P.kwargs) -> Any:
        """Return the key for these arguments, however they are written."""
        if self._key is not None:
            return (self._name, self._key(*args, **kwargs))
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        values = dict(bound.arguments)
        for name in self._further:
            values[name] = tuple(sorted(values[name].items()))
        parts = list(values.values())
        return (self._name, *(parts[1:] if self._cache is None else parts))

    def __get__(self, instance: Any, owner: type[Any] | None = None) -> Any:
        # In a class it is bound like any function.
        return self if instance is None else partial(self, instance)

    def _cache_for(self, args: tuple[Any, ...]) -> AnyCache:
        if callable(self._cache):
            return self._cache()
        if self._cache is not None:
            return self._cache
        found = args[0].get_context("cache") if args and isinstance(args[0], Request) else None
        if found is None:
            raise TypeError(
                f"{self._name} needs a request of an application as its first argument, to know "
                "which cache to ask; or give cached a cache"
            )
        return cast("AnyCache", found)
