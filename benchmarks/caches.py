"""The cache: get and set, from one thread and from eight at once."""

import statistics
import threading
import time
from collections.abc import Callable
from typing import Any

KEYS = [f"key:{number}" for number in range(1000)]
OPERATIONS = 40_000


class Locked:
    """The least that a cache can be: a dict and a lock."""

    def __init__(self) -> None:
        self._values: dict[str, tuple[Any, float]] = {}
        self._lock = threading.Lock()

    def get(self, key: str) -> Any:
        with self._lock:
            value, until = self._values.get(key, (None, 0.0))
        return value if until > time.time() else None

    def set(self, key: str, value: Any, ttl: float) -> None:
        with self._lock:
            self._values[key] = value, time.time() + ttl


def caches() -> dict[str, Any]:
    from django.core.cache.backends.locmem import LocMemCache

    from lback.core import Cache, SignalDispatcher

    return {
        "Lback": Cache(dispatcher=SignalDispatcher()),
        "Django (locmem)": LocMemCache("benchmark", {"OPTIONS": {"MAX_ENTRIES": 10_000}}),
        "a dict and a lock": Locked(),
    }


def seconds(work: Callable[[], None], threads: int) -> tuple[float, float]:
    """Return the seconds on the clock and of the processor, per operation of all threads."""
    started, used = time.perf_counter(), time.process_time()
    running = [threading.Thread(target=work) for _ in range(threads)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    count = threads * OPERATIONS
    return (time.perf_counter() - started) / count, (time.process_time() - used) / count


def works(cache: Any) -> dict[str, Callable[[], None]]:
    def get() -> None:
        for number in range(OPERATIONS):
            cache.get(KEYS[number % 1000])

    def put() -> None:
        for number in range(OPERATIONS):
            cache.set(KEYS[number % 1000], number, 300)

    return {"get": get, "set": put}


def measure(rounds: int) -> dict[str, Any]:
    taken: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    subjects = {name: works(cache) for name, cache in caches().items()}
    for number in range(rounds + 1):
        for what in ("set", "get"):
            for threads in (1, 8):
                for name, work in subjects.items():
                    found = seconds(work[what], threads)
                    if number:  # the first one warms
                        taken.setdefault((name, what, threads), []).append(found)
    rows = [
        [name, [
            f"{statistics.median(pair[kind] for pair in taken[name, what, threads]) * 1e9:,.0f}"
            for what in ("get", "set") for threads in (1, 8) for kind in (0, 1)
        ]]
        for name in subjects
    ]  # fmt: skip
    return {
        "title": "Cache",
        "text": f"Nanoseconds per operation on the clock, and of the processor; medians of "
        f"{rounds} interleaved rounds of {OPERATIONS:,} operations in each thread.",
        "columns": [
            f"{what}, {threads} thread{'s' * (threads > 1)}{kind}"
            for what in ("get", "set") for threads in (1, 8) for kind in ("", " (processor)")
        ],
        "rows": rows,
    }  # fmt: skip
