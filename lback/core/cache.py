"""A cache in memory: a key to a value and the moment from which it no longer counts."""

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
    """A value with the moment from which it no longer counts.

    Args:
        value: What is kept.
        expires_at: Seconds since the epoch; `None` means never.
        clock: Gives the present moment in seconds since the epoch.
    """

    __slots__ = ("_clock", "expires_at", "value")

    def __init__(
        self,
        value: Any,
        expires_at: float | None = None,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.value = value
        self.expires_at = expires_at
        self._clock = clock

    def is_expired(self) -> bool:
        """Tell whether the moment has come; never so without one."""
        return self.expires_at is not None and self._clock() >= self.expires_at


class Cache(SignalSender):
    """Keeps values for the threads of one process, each for as long as it was given.

    Reading takes no lock. Signals are sent outside the lock: a receiver may use the cache.
    Every `set` also drops a few expired entries, so that memory follows the living ones.

    Signals: `cache_initialized` once. `cache_item_expired` (`key`, `expires_at`) when an expired
    entry is dropped, whoever noticed it first: `get`, `delete` or a later `set`.

    Args:
        dispatcher: Where the signals are sent; `None` means the dispatcher of the process.
        clock: Gives the present moment in seconds since the epoch. Where it is set back,
            entries live longer by the jump: keep nothing here whose age is a matter of security.
        max_entries: How many it keeps at most; over that, those that were first kept go. `None`
            means any number.
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
        self._items: dict[Any, CacheItem] = {}
        # The moments of expiry, soonest first. The number keeps keys from being compared. A
        # moment outlives an entry that is replaced or deleted; `_push_moment` weeds those out.
        self._moments: list[tuple[float, int, Any]] = []
        self._numbers = count()
        # Reentrant: dropping a value may run its destructor, and that may use the cache.
        self._lock = RLock()
        self.dispatcher.send("cache_initialized", self)

    def get(self, key: Any) -> Any | None:
        """Return the value of a key, or `None` if it is absent or expired.

        A stored `None` looks the same; `has` tells them apart.

        Signals: `cache_item_expired` (`key`, `expires_at`) if an expired entry was dropped, then
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

    def set(self, key: Any, value: Any, ttl: float | None = None) -> None:
        """Keep a value under a key, in place of an older one.

        Signals: `cache_item_expired` (`key`, `expires_at`) for each expired entry dropped on the
        way, `cache_item_deleted` (`key`) for each that had to make room, then `cache_item_set`
        (`key`, `ttl`, `expires_at`).

        Args:
            key: Anything hashable.
            value: Kept as it is, not copied.
            ttl: Seconds it lives; `None` means for ever. With 0 or less nothing is kept, and
                the older value is gone all the same.

        Raises:
            TypeError: The key is not hashable, or the ttl is no number.
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

    def delete(self, key: Any) -> None:
        """Remove the entry of a key, if there is one.

        Signals: `cache_item_deleted` (`key`), or `cache_item_expired` (`key`, `expires_at`) if its
        time was over; none for an absent key.

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
        """Remove every entry.

        Signals: `cache_cleared` (`cleared_count`), also if there was none.
        """
        with self._lock:
            # New containers: the old ones, and the values in them, die outside the lock.
            dropped, self._items, self._moments = self._items, {}, []
        count = len(dropped)
        dropped.clear()
        self.dispatcher.send("cache_cleared", self, cleared_count=count)

    def has(self, key: Any) -> bool:
        """Tell whether a key is there and has not expired; sends no signal.

        Raises:
            TypeError: The key is not hashable.
        """
        item = self._items.get(key)
        return item is not None and not item.is_expired()

    def keys(self) -> list[Any]:
        """Return the keys that have not expired; sends no signal."""
        with self._lock:
            items = self._items.copy()
        return [key for key, item in items.items() if not item.is_expired()]

    def _get_observed(self, key: Any, item: CacheItem | None) -> Any | None:
        outcome = "miss" if item is None else "hit"
        if item is not None and item.is_expired():
            if self._drop(key, item):
                self._tell_expired(key, item)
            item, outcome = None, "expired"
        self.dispatcher.send("cache_item_fetched", self, key=key, outcome=outcome)
        self.dispatcher.send("cache_miss" if item is None else "cache_hit", self, key=key)
        return None if item is None else item.value

    def _drop(self, key: Any, item: CacheItem) -> bool:
        """Remove an entry unless another thread was first; tell whether it was this call."""
        with self._lock:
            if self._items.get(key) is not item:
                return False
            del self._items[key]
            return True

    def _sweep(self, now: float) -> list[tuple[Any, CacheItem]]:
        """Drop a few expired entries, and hand them out to be told of and freed outside the lock.

        Eight for one that is added: the expired go faster than others come, and no call is slow.
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

    def _displaced(self) -> list[tuple[Any, CacheItem]]:
        """Take out the entries that were first kept, as `_sweep` does with expired ones.

        A hundredth of all at once: to find the first one of a mapping takes as long as many were
        taken from its front.
        """
        number = len(self._items) // 100 or 1
        return [(key, self._items.pop(key)) for key in list(islice(self._items, number))]

    def _push_moment(self, expires_at: float, key: Any) -> None:
        if len(self._moments) > 2 * len(self._items) + STALE_MOMENTS_KEPT:
            # More than half belong to no entry. Rebuilt at most once in so many calls as there
            # are entries, which makes it a constant cost for each. From a copy, because the
            # garbage collector may run a destructor that uses the cache.
            self._moments = [
                (item.expires_at, next(self._numbers), key)
                for key, item in self._items.copy().items()
                if item.expires_at is not None
            ]
            heapify(self._moments)
        else:
            heappush(self._moments, (expires_at, next(self._numbers), key))

    def _tell_expired(self, key: Any, item: CacheItem) -> None:
        self.dispatcher.send("cache_item_expired", self, key=key, expires_at=item.expires_at)


def check_ttl(ttl: object) -> None:
    """Refuse what is no time to live.

    Raises:
        TypeError: It is no number and not `None`.
        ValueError: It is NaN.
    """
    if ttl is None:
        return
    if isinstance(ttl, bool) or not isinstance(ttl, (int, float)):
        raise TypeError(
            f"the ttl of a cache entry is a number of seconds or None, not {type(ttl).__name__}"
        )
    if math.isnan(ttl):
        raise ValueError("the ttl of a cache entry is a number of seconds, not NaN")
