"""An outage: a server that does not answer is told of once, and asked again only after a pause."""

import logging
import time
from collections.abc import Callable
from threading import Lock

logger = logging.getLogger(__name__)

PAUSE = 1.0


class CircuitBreaker:
    """Keeps requests from waiting, one after the other, for a server that is out of reach.

    Args:
        what: What is missing while it lasts, for the log.
        pause: Seconds between two attempts.
        clock: Gives seconds that only go forward.
    """

    def __init__(
        self, what: str, *, pause: float = PAUSE, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._what = what
        self._pause = pause
        self._clock = clock
        self._asked_again_at: float | None = None
        self._lock = Lock()

    def may_ask(self) -> bool:
        """Tell whether to ask the server now; during an outage one call in each pause may."""
        if self._asked_again_at is None:
            return True
        with self._lock:
            now = self._clock()
            if self._asked_again_at is None:
                return True
            if now < self._asked_again_at:
                return False
            self._asked_again_at = now + self._pause
            return True

    def failed(self, error: Exception) -> None:
        """Note that the server did not answer."""
        with self._lock:
            is_new = self._asked_again_at is None
            self._asked_again_at = self._clock() + self._pause
        if is_new:
            logger.warning("%s: %s: %s", self._what, type(error).__name__, error)

    def worked(self) -> None:
        """Note that the server answered."""
        if self._asked_again_at is None:
            return
        with self._lock:
            is_over = self._asked_again_at is not None
            self._asked_again_at = None
        if is_over:
            logger.warning("%s: over", self._what)
