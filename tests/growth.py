"""How the work for an input grows with its length: what a test may say of speed without a time.

A bound in seconds fails on a busy machine and passes on a fast one. Twice the processor time for
twice the length holds on every machine, and quadratic work does not pass as linear.
"""

import gc
import time
from collections.abc import Callable
from typing import TypeVar

Text = TypeVar("Text", str, bytes)

TIMES_LONGER = 4
# Linear work takes 4 times as long, quadratic work 16 times.
ALLOWED = 9
# Below this, in seconds, the clock and the start of a function are what is measured.
RESOLUTION = 0.002
ATTEMPTS = 5


def assert_linear(work: Callable[[Text], object], text: Text) -> None:
    """Fail if the processor time of `work` grows faster than the length of a text.

    The text is compared with one of a quarter of its length, cut out of the middle, so that both
    begin and end alike.

    Args:
        work: Called with each; catches what it is allowed to raise.
        text: Long enough that quadratic work would be noticed.
    """
    kept = len(text) // TIMES_LONGER // 2
    shorter = text[:kept] + text[len(text) - kept :]
    assert_linear_in(lambda scale: work(text if scale > 1 else shorter))


def assert_linear_in(work: Callable[[int], object]) -> None:
    """Fail if the processor time of `work(4)` is out of proportion to that of `work(1)`.

    Args:
        work: Called with the factor by which its input is to be longer.
    """
    short = long = float("inf")
    for _ in range(ATTEMPTS):
        # The least of several, for other programs only ever add to it.
        short = min(short, _processor_time(work, 1))
        long = min(long, _processor_time(work, TIMES_LONGER))
        if long <= ALLOWED * max(short, RESOLUTION):
            return
    raise AssertionError(
        f"{TIMES_LONGER} times the input took {long / max(short, RESOLUTION):.0f} times as long"
    )


def _processor_time(work: Callable[[int], object], scale: int) -> float:
    # A collection walks everything that the tests before have left as well.
    gc.disable()
    try:
        started = time.thread_time()
        work(scale)
        return time.thread_time() - started
    finally:
        gc.enable()
