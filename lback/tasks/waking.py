"""Wakes workers that wait for tasks: by NOTIFY, by the file of SQLite, or after some time."""

import logging
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from lback.database.changes import DEAF, file_changes, hears_notifications, own_connection
from lback.database.sqlite import is_file
from lback.tasks.queues import CHANNEL

if TYPE_CHECKING:
    from lback.database import DatabaseManager

logger = logging.getLogger("lback.tasks")

TOO_LATE = "tasks start up to a second late"

LISTEN_SECONDS = 1.0
RECONNECT_SECONDS = 2.0
# Between two statements of an idle worker: where it is woken, and the limits where it is not.
WOKEN_SECONDS = 5.0
SHORTEST_SECONDS, LONGEST_SECONDS = 0.1, 0.9


class Waker:
    """Sets an event when a task may have been enqueued.

    Args:
        db_manager: The database.
        wake: Called from another thread.

    Attributes:
        is_reliable: Whether commits of other processes are noticed now.
        was_notified: Whether a task has been enqueued since the worker set it to False.
    """

    def __init__(self, db_manager: "DatabaseManager", wake: Callable[[], object]) -> None:
        self._db = db_manager
        self._wake = wake
        self._stopped = Event()
        self._thread: Thread | None = None
        self.is_reliable = self.was_notified = False

    def start(self) -> None:
        """Begin to watch, in a thread, where the database allows it."""
        url = self._db.url
        watch: Callable[[], None] | None = None
        if url.get_backend_name() == "postgresql":
            watch = self._listen
        elif url.get_backend_name() == "sqlite" and is_file(url):
            self.is_reliable = True
            watch = self._watch_file
        if watch is not None:
            self._thread = Thread(target=watch, name="lback-tasks-wake", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()

    def _watch_file(self) -> None:
        path = Path(str(self._db.url.database))
        for _ in file_changes(path, self._stopped):
            self._wake()

    def _listen(self) -> None:
        while not self._stopped.is_set():
            try:
                connection = own_connection(self._db.direct)
            except Exception:  # noqa: BLE001  of the driver as well: a lost connection of the pool
                self._stopped.wait(RECONNECT_SECONDS)
                continue
            try:
                connection.execute(f"LISTEN {CHANNEL}")
                self.is_reliable = self._hears()
                self._wake()  # for what was enqueued before
                self._receive(connection)
            except Exception as error:  # noqa: BLE001  of the driver, whose classes are an extra
                logger.warning("listening for tasks ended: %s", error)
                self._stopped.wait(RECONNECT_SECONDS)
            finally:
                self.is_reliable = False
                with suppress(Exception):
                    connection.close()

    def _hears(self) -> bool:
        """Return False, with a warning, if notifications do not arrive."""
        if hears_notifications(self._db):
            return True
        logger.warning(DEAF, self._db.direct.shown_url, TOO_LATE)
        return False

    def _receive(self, connection: Any) -> None:
        while not self._stopped.is_set():
            for _ in connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                self.was_notified = True
                self._wake()
