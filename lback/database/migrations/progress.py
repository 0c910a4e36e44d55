"""Continues a run on MariaDB or MySQL that was killed in the middle of a migration.

These databases commit each change of a table. The statements of a migration are recorded while it
runs. If the next run finds the record of an unfinished migration, it skips the statements in it.
"""

import hashlib
import logging
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, event

from lback.database.migrations.errors import MigrationError
from lback.database.migrations.journal import Journal, changes_something, defines, shown

TABLE = "lback_unfinished"
_ROLLBACK = " (rollback)"
logger = logging.getLogger(__name__)
_CREATE = (
    f"CREATE TABLE IF NOT EXISTS {TABLE} (number INTEGER PRIMARY KEY, migration VARCHAR(64) "
    "NOT NULL, digest CHAR(64) NOT NULL, statement TEXT NOT NULL, is_done BOOLEAN NOT NULL)"
)
# Errors of a statement whose effect exists: a table, column, key or constraint that exists already,
# or one that does not exist and would have been dropped or renamed.
_HAS_HAPPENED = (1005, 1022, 1050, 1051, 1054, 1060, 1061, 1091, 1146, 1826)


@dataclass(frozen=True, slots=True)
class Recorded:
    """A statement of an unfinished migration.

    Attributes:
        migration: Name of the migration, and `" (rollback)"` if it was being undone.
        digest: Hash of statement and parameters.
        statement: The statement, shortened.
        is_done: False if the run was killed while the statement ran.
    """

    migration: str
    digest: str
    statement: str
    is_done: bool


def title(migration: str, *, is_upgrade: bool) -> str:
    """Return the name under which a migration is recorded.

    Args:
        migration: Name of the migration.
        is_upgrade: False if it is undone.
    """
    return migration if is_upgrade else f"{migration}{_ROLLBACK}"


def is_rollback(recorded: str) -> bool:
    """Return True if a migration was being undone, by its `title`."""
    return recorded.endswith(_ROLLBACK)


def read(connection: Connection) -> list[Recorded]:
    """Return the statements of an unfinished migration in order; empty without one.

    Args:
        connection: Connection to the database.
    """
    if connection.dialect.name not in ("mysql", "mariadb"):
        return []
    if not sa.inspect(connection).has_table(TABLE):
        return []
    query = f"SELECT migration, digest, statement, is_done FROM {TABLE} ORDER BY number"  # noqa: S608  a constant
    rows = connection.exec_driver_sql(query).all()
    return [Recorded(title_, digest, text, bool(done)) for title_, digest, text, done in rows]


class Progress:
    """Records the statements of the running migration.

    Args:
        connection: Connection to the database.
        journal: Journal of the run, which reports what stays after a failure.
    """

    def __init__(self, connection: Connection, journal: Journal) -> None:
        self._connection = connection
        self._journal = journal
        self._migration = ""
        self._earlier: list[Recorded] = []
        self._number = 0
        self._is_refused = False
        event.listen(connection, "before_cursor_execute", self._before, retval=True)
        event.listen(connection, "after_cursor_execute", self._after)

    def __enter__(self) -> None:
        """Start a run."""

    def __exit__(self, _: object, error: BaseException | None, __: object) -> None:
        """Delete the record, unless the process or the connection ends in a migration."""
        if error is None:
            self.delete()
        elif isinstance(error, Exception) and not (self._is_refused or self._is_lost):
            self._connection.rollback()
            self.delete()

    @property
    def _is_lost(self) -> bool:
        return self._connection.invalidated

    def begin(self, migration: str) -> None:
        """Start to record a migration.

        Args:
            migration: Its `title`.
        """
        found = read(self._connection)
        self._earlier = [entry for entry in found if entry.migration == migration]
        if not self._earlier:
            self.delete()
            self._run(_CREATE)
        else:
            logger.warning("continuing an interrupted migration: %s", migration)
        self._migration, self._number = migration, 0

    def finish(self, **_: Any) -> None:
        """Delete the record together with the change of the version; a callback for Alembic.

        Args:
            **_: Arguments of Alembic's `on_version_apply`; not used.
        """
        if self._migration:
            self._migration = ""
            self._run(f"DELETE FROM {TABLE}")  # noqa: S608

    @property
    def continues(self) -> bool:
        """Whether an earlier run was killed in the middle of the migration."""
        return bool(self._earlier)

    def delete(self) -> None:
        """Delete the record."""
        self._migration = ""
        self._run(f"DROP TABLE IF EXISTS {TABLE}")

    def _before(
        self, _: Any, cursor: Any, statement: str, parameters: Any, __: Any, many: bool
    ) -> tuple[str, Any]:
        if not self._migration or not changes_something(statement):
            return statement, parameters
        self._number += 1
        digest = hashlib.sha256(f"{statement}\0{parameters!r}".encode()).hexdigest()
        if self._number > len(self._earlier):
            is_done = not defines(statement)  # rows are committed together with the record
            values = (self._number, self._migration, digest, shown(statement), is_done)
            self._run(f"INSERT INTO {TABLE} VALUES (%s, %s, %s, %s, %s)", values)  # noqa: S608
            return statement, parameters
        entry = self._earlier[self._number - 1]
        if entry.digest != digest:
            self._refuse(entry, statement)
        if not entry.is_done:
            self._try_again(cursor, statement, parameters, many)
        self._journal.add_committed(statement)
        return "DO 0", ()

    def _after(self, _: Any, __: Any, statement: str, *___: Any) -> None:
        if self._migration and changes_something(statement) and defines(statement):
            self._mark_done()

    def _mark_done(self) -> None:
        self._run(f"UPDATE {TABLE} SET is_done = 1 WHERE number = %s", (self._number,))  # noqa: S608
        self._driver.commit()

    def _try_again(self, cursor: Any, statement: str, parameters: Any, many: bool) -> None:
        """Run a statement in which the earlier run was killed, unless its effect exists."""
        try:
            (cursor.executemany if many else cursor.execute)(statement, parameters)
        except self._driver.Error as error:
            if error.args[:1] not in [(code,) for code in _HAS_HAPPENED]:
                raise
        self._mark_done()

    def _refuse(self, entry: Recorded, statement: str) -> None:
        done = "\n- ".join(found.statement for found in self._earlier)
        self._is_refused = True
        raise MigrationError(
            f"an earlier run of {entry.migration} was interrupted, and the migration has changed "
            f"since: it now runs\n- {shown(statement)}\nwhere that run had\n- {entry.statement}\n"
            f"Restore the file, or revert these statements by hand, then run DROP TABLE {TABLE}, "
            f"and run the command again:\n- {done}"
        )

    @property
    def _driver(self) -> Any:
        return self._connection.connection.driver_connection

    def _run(self, sql: str, values: tuple[Any, ...] = ()) -> None:
        # Past SQLAlchemy, whose events would record it.
        with self._driver.cursor() as cursor:
            cursor.execute(sql, values or None)
