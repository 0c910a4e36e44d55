"""Runs a test in a transaction that is rolled back."""

from types import TracebackType

from sqlalchemy import Connection

from lback.database import DatabaseManager


class RolledBack:
    """Runs a `with` block in a transaction that is rolled back at the end.

    Sessions of the application and of the test share a connection, so that each sees changes of
    the other, and their commits end savepoints. The connection is opened by the first session.
    Other threads and processes do not see the changes.

    Args:
        db_manager: Database manager of the application.
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
