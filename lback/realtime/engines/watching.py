"""Notices messages of other processes: by NOTIFY, by the file of SQLite, or by asking often."""

import logging
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from lback.core.exceptions import FrameworkException
from lback.database.changes import DEAF, file_changes, hears_notifications, own_connection
from lback.database.sqlite import is_file
from lback.realtime.engines import Wake
from lback.realtime.engines.counting import CHANNEL, clock_of
from lback.realtime.tables import COUNTERS

if TYPE_CHECKING:
    from lback.database import DatabaseManager

logger = logging.getLogger("lback.realtime")

TOO_LATE = "messages of live pages are up to five seconds late"

POLL_SECONDS = 0.1
LISTEN_SECONDS = 0.5
RECONNECT_SECONDS = 1.0
# Commits may take so long after the counters were dated. Later ones are found by the hub, which
# looks at all its rooms every few seconds.
OVERLAP_SECONDS = 5.0


def watcher_of(db_manager: "DatabaseManager", wake: Wake) -> "ThreadWatcher":
    """Return the watcher for a database, which has not begun.

    Args:
        db_manager: The database.
        wake: Called from another thread with rooms that may have new messages; None for all.
    """
    url = db_manager.url
    if url.get_backend_name() == "postgresql":
        return _Listener(db_manager, wake)
    if url.get_backend_name() == "sqlite" and is_file(url):
        return _FileWatcher(db_manager, wake)
    return _Poller(db_manager, wake)


class ThreadWatcher(ABC):
    """Watches in a thread of its own.

    Args:
        db_manager: The database.
        wake: See `watcher_of`.
    """

    def __init__(self, db_manager: "DatabaseManager", wake: Wake) -> None:
        self._db = db_manager
        self._wake = wake
        self._stopped = Event()
        self._thread = Thread(target=self._run, name="lback-realtime-watch", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        self._thread.join()

    @abstractmethod
    def _run(self) -> None: ...


class _Listener(ThreadWatcher):
    def _run(self) -> None:
        self._warn_if_deaf()
        while not self._stopped.is_set():
            try:
                connection = own_connection(self._db.direct)
            except Exception:  # noqa: BLE001  of the driver as well: a lost connection of the pool
                self._stopped.wait(RECONNECT_SECONDS)
                continue
            try:
                connection.execute(f"LISTEN {CHANNEL}")
                self._wake(None)  # for what was published before
                self._receive(connection)
            except Exception as error:  # noqa: BLE001  of the driver, whose classes are an extra
                logger.warning("listening for messages ended: %s", error)
                self._wake(None)
                self._stopped.wait(RECONNECT_SECONDS)
            finally:
                with suppress(Exception):
                    connection.close()

    def _warn_if_deaf(self) -> None:
        with suppress(Exception):  # of the driver as well; what follows tries again
            if not hears_notifications(self._db):
                logger.warning(DEAF, self._db.direct.shown_url, TOO_LATE)

    def _receive(self, connection: Any) -> None:
        while not self._stopped.is_set():
            for found in connection.notifies(timeout=LISTEN_SECONDS, stop_after=1):
                self._wake(found.payload.split("\n"))


class _Poller(ThreadWatcher):
    """Asks the database which counters have changed.

    Args:
        db_manager: The database.
        wake: See `watcher_of`.
    """

    def __init__(self, db_manager: "DatabaseManager", wake: Wake) -> None:
        super().__init__(db_manager, wake)
        self._since: float | None = None
        self._seen: dict[str, tuple[str, int]] = {}

    def _run(self) -> None:
        self._look()
        while not self._stopped.wait(POLL_SECONDS):
            self._look()

    def _look(self) -> None:
        try:
            changed = self._changed()
        except (FrameworkException, SQLAlchemyError):
            self._wake(None)  # the hub finds out and reports it
            self._stopped.wait(RECONNECT_SECONDS)
            return
        rooms = [room for room, state in changed.items() if self._seen.get(room) != state]
        self._seen = changed
        if rooms:
            self._wake(rooms)

    def _changed(self) -> dict[str, tuple[str, int]]:
        clock = clock_of(self._db.url.get_backend_name())
        columns = (COUNTERS.c.room, COUNTERS.c.epoch, COUNTERS.c.number, COUNTERS.c.changed_at)
        with self._db.connection() as connection:
            if self._since is None:
                self._since = float(connection.execute(select(clock)).scalar_one())
            oldest = self._since - OVERLAP_SECONDS
            query = select(*columns).where(COUNTERS.c.changed_at >= oldest)
            rows = connection.execute(query).all()
        self._since = max([self._since, *(row.changed_at for row in rows)])
        return {row.room: (row.epoch, row.number) for row in rows}


class _FileWatcher(_Poller):
    def _run(self) -> None:
        self._look()
        while not self._stopped.is_set():
            for _ in file_changes(Path(str(self._db.url.database)), self._stopped):
                self._look()
