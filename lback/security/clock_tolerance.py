"""Clocks of several machines: how far one may be ahead, and a log line if it is further."""

import logging
import time
from collections.abc import Callable

logger = logging.getLogger(__name__)

# Default of the setting CLOCK_TOLERANCE.
SECONDS = 60
SECONDS_BETWEEN_WARNINGS = 3600.0


class ClockTolerance:
    """Recognizes times that another machine set further in the future than its clock may be ahead.

    Args:
        seconds: How far the clock of another machine may be ahead.
        clock: Returns the seconds since the epoch.

    Attributes:
        is_exceeded: Whether a time was refused since the process started.

    Example:
        >>> tolerance = ClockTolerance(60, clock=lambda: 1000.0)
        >>> tolerance.refuses(1060, "a session"), tolerance.refuses(1061, "a session")
        (False, True)
    """

    def __init__(self, seconds: float = SECONDS, *, clock: Callable[[], float] = time.time) -> None:
        self._seconds = seconds
        self._clock = clock
        self._warned_at: float | None = None
        self.is_exceeded = False

    def refuses(self, moment: float, what: str) -> bool:
        """Return True if a time is too far in the future; logged once an hour.

        Args:
            moment: The time, in seconds since the epoch.
            what: What has this time, for the log.
        """
        now = self._clock()
        if moment <= now + self._seconds:
            return False
        self.is_exceeded = True
        warned_at = self._warned_at
        if warned_at is None or abs(now - warned_at) >= SECONDS_BETWEEN_WARNINGS:
            self._warned_at = now
            logger.warning(
                "refused %s from %.0f s in the future: the clocks of the machines differ by more "
                "than CLOCK_TOLERANCE (%g s); synchronize them",
                what, moment - now, self._seconds,
            )  # fmt: skip
        return True
