"""Checks whether the application can handle requests: database and migrations."""

import logging
import time
from collections.abc import Callable
from pathlib import Path
from threading import Lock

from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from lback.core.exceptions import FrameworkException
from lback.database import DatabaseManager
from lback.database.migrations import MigrationError, Migrations
from lback.database.sqlite import is_file
from lback.monitoring.recent import RecentResult

logger = logging.getLogger(__name__)

SECONDS_OF_A_CHECK = 2.0
UNREACHABLE = "unreachable"
NO_ANSWER = f"no result in {SECONDS_OF_A_CHECK:g} seconds"


class Readiness:
    """Checks database and migrations, at most once a second, and logs when the result changes.

    Args:
        db_manager: Returns the database manager; called by the first check.
        root: Directory of the project; empty without one.
        clock: Returns monotonic seconds.
    """

    def __init__(
        self,
        db_manager: Callable[[], DatabaseManager],
        root: str,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._db_manager = db_manager
        self._root = root
        self._applied = _Applied()
        self._recent = RecentResult(
            self._check, late={"database": NO_ANSWER}, limit=SECONDS_OF_A_CHECK, clock=clock
        )
        self._known: dict[str, str] = {}
        self._lock = Lock()

    def problems(self) -> dict[str, str]:
        """Return what is wrong, by the name of the check; empty if nothing is.

        It takes at most two seconds, also if the database does not answer.
        """
        problems = self._recent.get()
        with self._lock:
            before, self._known = self._known, problems
        if problems and not before:
            words = ", ".join(f"{name}: {problem}" for name, problem in problems.items())
            logger.warning("not ready: %s", words)
        elif before and not problems:
            logger.warning("ready again")
        return problems

    def _check(self) -> dict[str, str]:
        try:
            return self._check_database(self._db_manager())
        except (FrameworkException, SQLAlchemyError, OSError):
            return {"database": UNREACHABLE}  # the reason is in the log of the database

    def _check_database(self, db_manager: DatabaseManager) -> dict[str, str]:
        migrations = Migrations(db_manager, self._root) if self._root else None
        if migrations is not None and not migrations.exist:
            migrations = None
        if _is_missing_file(db_manager):
            # The first session creates it; a check creates no file.
            return {} if migrations is None else {"migrations": "not applied"}
        with db_manager.engine.connect() as connection:
            connection.exec_driver_sql("SELECT 1")
            heads = () if migrations is None else _heads(connection)
        problem = "" if migrations is None else self._applied.problem(migrations, heads)
        return {"migrations": problem} if problem else {}


def _heads(connection: Connection) -> tuple[str, ...]:
    return tuple(sorted(MigrationContext.configure(connection).get_current_heads()))


def _is_missing_file(db_manager: DatabaseManager) -> bool:
    url = db_manager.url
    is_sqlite_file = url.get_backend_name() == "sqlite" and is_file(url)
    return is_sqlite_file and not Path(str(url.database)).exists()


class _Applied:
    """Whether the migrations of the project are applied; files are read when the database changes.

    A database that later code migrated is not a problem.
    """

    def __init__(self) -> None:
        self._complete: tuple[str, ...] | None = None

    def problem(self, migrations: Migrations, heads: tuple[str, ...]) -> str:
        """Return which migrations are missing; empty if none are.

        Args:
            migrations: The migrations of the project.
            heads: The last migrations that the database has.
        """
        if heads == self._complete:
            return ""
        try:
            pending = [state.name for state in migrations.status() if not state.applied]
        except MigrationError as error:
            logger.warning("migrations: %s", error)
            return "those of other code are applied"
        if pending:
            return f"{len(pending)} not applied, the first is {pending[0]}"
        self._complete = heads
        return ""
