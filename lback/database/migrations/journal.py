"""Records what a run of migrations changed, so that a failure can report what remains."""

import re
from typing import Any

from sqlalchemy import Connection, event

from lback.database.migrations import lineage

_CHANGES = re.compile(r"\s*(CREATE|ALTER|DROP|RENAME|TRUNCATE|INSERT|UPDATE|DELETE)\b", re.I)
_DEFINES = re.compile(r"\s*(CREATE|ALTER|DROP|RENAME|TRUNCATE)\b", re.I)
_OURS = ("alembic_version", lineage.TABLE)
SHOWN = 100


def changes_something(statement: str) -> bool:
    """Return True if a statement of a migration changes tables or rows."""
    return bool(_CHANGES.match(statement)) and not any(name in statement for name in _OURS)


def defines(statement: str) -> bool:
    """Return True if a statement changes tables, which MariaDB and MySQL commit."""
    return bool(_DEFINES.match(statement))


def shown(statement: str) -> str:
    """Return a statement on one line, shortened."""
    words = " ".join(statement.split())
    return words if len(words) <= SHOWN else f"{words[:SHOWN]}..."


class Journal:
    """Records the statements on a connection.

    Attributes:
        done: Names of the completed migrations in order.
    """

    def __init__(self) -> None:
        self.done: list[str] = []
        # Statements, each with the number of migrations completed before it.
        self._open: list[tuple[int, str]] = []
        self._committed: list[tuple[int, str]] = []
        self._definitions_commit = False

    @property
    def kept(self) -> list[str]:
        """Committed statements of migrations that were not completed."""
        return [statement for _, statement in self._committed]

    def follow(self, connection: Connection) -> None:
        """Record the statements on a connection from now on."""
        self._definitions_commit = connection.dialect.name in ("mysql", "mariadb")
        event.listen(connection, "after_cursor_execute", self._note)
        event.listen(connection, "commit", self._commit)
        event.listen(connection, "rollback", self._forget)

    def step(self, *, step: Any, **_: object) -> None:
        """Record that a migration was completed; a callback for Alembic's `on_version_apply`.

        Args:
            step: Alembic's information about the migration.
            **_: Other arguments of Alembic; not used.
        """
        self.done.extend(step.up_revision_ids)

    def add_committed(self, statement: str) -> None:
        """Record a statement that an earlier run of the migration has committed."""
        self._committed.append((len(self.done), shown(statement)))

    def _note(self, _: Any, __: Any, statement: str, *___: Any) -> None:
        if changes_something(statement):
            self._open.append((len(self.done), shown(statement)))
            if self._definitions_commit and defines(statement):
                self._commit()

    def _commit(self, *_: object) -> None:
        # The version was committed together with what completed migrations did.
        now = len(self.done)
        self._committed = [(n, s) for n, s in (*self._committed, *self._open) if n == now]
        self._open = []

    def _forget(self, _: object) -> None:
        self._open = []
