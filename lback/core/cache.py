"""In-memory cache with optional expiry."""

import math
import time
from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import count, islice
from threading import RLock
from typing import Any

from lback.core.dispatcher_instance import SignalSender
from lback.core.signals import SignalDispatcher

GET_SIGNALS = frozenset({"cache_item_fetched", "cache_hit", "cache_miss", "cache_item_expired"})
SWEPT_PER_SET = 8
STALE_MOMENTS_KEPT = 64


class CacheItem:
    """A cached value with its expiry time.

    Args:
        value: The value.
        expires_at: Expiry time in seconds since the epoch; `None` means never.
        clock: Returns the current time in seconds since the epoch.
    """

    __slots__ = ("_clock", "expires_at", "value")

    def __init__(
        self,
        value: object,
        expires_at: float | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.value = value
        self.expires_at = expires_at
        self._clock = clock

    def is_expired(self) -> bool:
        """Return True if the item has expired. Items without an expiry never do."""
        return self.expires_at is not None and self._clock() >= self.expires_at


class Cache(SignalSender):
    """A thread-safe in-memory cache of one process, with an optional expiry for each value.

    Reads take no lock. Signals are sent outside the lock, so that receivers may use the cache.
    Every `set` also removes a few expired entries, so that they do not accumulate.

    Signals: `cache_initialized` once. `cache_item_expired` (`key`, `expires_at`) when `get`,
    `delete` or `set` removes an expired entry.

    Args:
        dispatcher: Where the signals are sent; `None` means the dispatcher of the process.
        clock: Returns the current time in seconds since the epoch. If the clock is set back,
            entries live longer: do not cache values whose age matters for security.
        max_entries: Maximum number of entries; beyond it, the oldest are removed. `None` means no
            limit.

    Example:
        >>> cache = Cache()
        >>> cache.set("rate", 1.08, ttl=60)
        >>> cache.get("rate"), cache.get("unknown"), cache.has("rate")
        (1.08, None, True)
    """

    def __init__(
        self,
        *,
        dispatcher: SignalDispatcher | None = None,
        clock: Callable[[], float] = time.time,
        max_entries: int | None = None,
    ) -> None:
        self._dispatcher = dispatcher
        self._clock = clock
        self._max_entries = math.inf if max_entries is None else max_entries
        self._items: dict[object, CacheItem] = {}
        # A heap of expiry times. The number prevents keys from being compared. Times of entries
        # that were replaced or deleted stay until `_push_moment` removes them.
        self._moments: list[tuple[float, int, object]] = []
        self._numbers = count()
        # Reentrant: removing a value may run its destructor, which may use the cache.
        self._lock = RLock()
        self.dispatcher.send("cache_initialized", self)

    def get(self, key: object) -> Any | None:
        """Return the value of a key, or `None` if it is absent or expired.

        Use `has` to distinguish a stored `None` from an absent key.

        Signals: `cache_item_expired` (`key`, `expires_at`) if an expired entry was removed, then
        `cache_item_fetched` (`key`, `outcome`: "hit", "miss" or "expired"), then `cache_hit`
        (`key`) or `cache_miss` (`key`).

        Raises:
            TypeError: The key is not hashable.
        """
        item = self._items.get(key)
        dispatcher = self.dispatcher
        if dispatcher.receivers and dispatcher.has_receivers(GET_SIGNALS):
            return self._get_observed(key, item)
        if item is None:
            return None
        if item.is_expired():
            self._drop(key, item)
            return None
        return item.value

    def set(self, key: object, value: object, ttl: float | None = None) -> None:
        """Store a value under a key, replacing an older one.

        Signals: `cache_item_expired` (`key`, `expires_at`) for each expired entry removed,
        `cache_item_deleted` (`key`) for each removed to make room, then `cache_item_set` (`key`,
        `ttl`, `expires_at`).

        Args:
            key: Any hashable object.
            value: Any object; it is not copied.
            ttl: Lifetime in seconds; `None` means no expiry. With 0 or less nothing is stored, and
                the older value is removed.

        Raises:
            TypeError: The key is not hashable, or the ttl is not a number.
            ValueError: The ttl is NaN.
        """
        check_ttl(ttl)
        now = self._clock()
        with self._lock:
            expires_at = None if ttl is None else now + ttl
            if expires_at is None:
                self._items[key] = CacheItem(value, clock=self._clock)
            elif expires_at > now:
                self._items[key] = CacheItem(value, expires_at, clock=self._clock)
                self._push_moment(expires_at, key)
            elif key in self._items:
                del self._items[key]
            expired = self._sweep(now)
            displaced = self._displaced() if len(self._items) > self._max_entries else []
        for old_key, old_item in expired:
            self._tell_expired(old_key, old_item)
        for old_key, _ in displaced:
            self.dispatcher.send("cache_item_deleted", self, key=old_key)
        self.dispatcher.send("cache_item_set", self, key=key, ttl=ttl, expires_at=expires_at)

    def delete(self, key: object) -> None:
        """Remove the entry of a key, if there is one.

        Signals: `cache_item_deleted` (`key`), or `cache_item_expired` (`key`, `expires_at`) if it
        had expired; none for an absent key.

        Raises:
            TypeError: The key is not hashable.
        """
        item = self._items.get(key)
        if item is None:
            return
        expired = item.is_expired()
        if not self._drop(key, item):
            return
        if expired:
            self._tell_expired(key, item)
        else:
            self.dispatcher.send("cache_item_deleted", self, key=key)

    def clear(self) -> None:
        """Remove all entries.

        Signals: `cache_cleared` (`cleared_count`), also if the cache was empty.
        """
        with self._lock:
            # New containers, so that the old values are freed outside the lock.
            dropped, self._items, self._moments = self._items, {}, []
        count = len(dropped)
        dropped.clear()
        self.dispatcher.send("cache_cleared", self, cleared_count=count)

    def has(self, key: object) -> bool:
        """Return True if a key is present and has not expired. Sends no signal.

        Raises:
            TypeError: The key is not hashable.
        """
        item = self._items.get(key)
        return item is not None and not item.is_expired()

    def keys(self) -> list[Any]:
        """Return the keys that have not expired. Sends no signal."""
        with self._lock:
            items = self._items.copy()
        return [key for key, item in items.items() if not item.is_expired()]

    def _get_observed(self, key: object, item: CacheItem | None) -> object | None:
        outcome = "miss" if item is None else "hit"
        if item is not None and item.is_expired():
            if self._drop(key, item):
                self._tell_expired(key, item)
            item, outcome = None, "expired"
        self.dispatcher.send("cache_item_fetched", self, key=key, outcome=outcome)
        self.dispatcher.send("cache_miss" if item is None else "cache_hit", self, key=key)
        return None if item is None else item.value

    def _drop(self, key: object, item: CacheItem) -> bool:
        """Remove an entry; return False if another thread already removed it."""
        with self._lock:
            if self._items.get(key) is not item:
                return False
            del self._items[key]
            return True

    def _sweep(self, now: float) -> list[tuple[object, CacheItem]]:
        """Remove a few expired entries and return them, to be signalled and freed outside the lock.

        Up to eight for each entry added: they cannot accumulate, and no call is slow.
        """
        expired = []
        moments = self._moments
        for _ in range(SWEPT_PER_SET):
            if not moments or moments[0][0] > now:
                break
            key = heappop(moments)[2]
            item = self._items.get(key)
            if item is not None and item.expires_at is not None and item.expires_at <= now:
                del self._items[key]
                expired.append((key, item))
        return expired

    def _displaced(self) -> list[tuple[object, CacheItem]]:
        """Remove the oldest entries and return them.

        A hundredth of all at once, because finding the first item of a dict takes time in
        proportion to the items that were removed before it.
        """
        number = len(self._items) // 100 or 1
        return [(key, self._items.pop(key)) for key in list(islice(self._items, number))]

    def _push_moment(self, expires_at: float, key: object) -> None:
        if len(self._moments) > 2 * len(self._items) + STALE_MOMENTS_KEPT:
            # More than half are stale. The rebuild has a constant amortised cost per call. It
            # iterates over a copy, because the garbage collector may run a destructor that uses
            # the cache.
            self._moments = [
                (item.expires_at, next(self._numbers), key)
                for key, item in self._items.copy().items()
                if item.expires_at is not None
            ]
            heapify(self._moments)
        else:
            heappush(self._moments, (expires_at, next(self._numbers), key))

    def _tell_expired(self, key: object, item: CacheItem) -> None:
        self.dispatcher.send("cache_item_expired", self, key=key, expires_at=item.expires_at)


def check_ttl(ttl: object) -> None:
    """Raise if a value is not a valid time to live.

    Raises:
        TypeError: It is neither a number nor `None`.
        ValueError: It is NaN.
    """
    if ttl is None:
        return
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise TypeError(
            "the ttl of a cache entry must be a number of seconds or None, not "
            f"{type(ttl).__name__}"
        )
    if math.isnan(ttl):
        raise ValueError("the ttl of a cache entry must be a number of seconds, not NaN")
