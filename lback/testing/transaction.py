"""A test within one transaction that is never committed: it leaves no row behind."""

from types import TracebackType

from sqlalchemy import Connection

from lback.database import DatabaseManager


class RolledBack:
    """Keeps all that is written in a `with` block within a transaction, and takes it back.

    Sessions of the application and of the test share one connection, so that each sees what the
    other wrote, and their commits are savepoints. The database is not asked for before the first
    session. Threads and other processes see nothing of it.

    Args:
        db_manager: Whose sessions.
    """

    def __init__(self, db_manager: DatabaseManager) -> None:
        self._db_manager = db_manager
        self._opened: Connection | None = None

    def __enter__(self) -> "RolledBack":
        self._db_manager.share(self._connection)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._db_manager.share(None)
        if self._opened is not None:
            self._opened.rollback()
            self._opened.close()
            self._opened = None

    def _connection(self) -> Connection:
        if self._opened is None:
            self._opened = self._db_manager.engine.connect()
            self._opened.begin()
        return self._opened
