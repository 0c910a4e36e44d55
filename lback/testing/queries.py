"""Queries that were sent to the database, counted, so that a page cannot grow slow unseen."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, event

_SAVEPOINTS = re.compile(r"\s*(SAVEPOINT|RELEASE|ROLLBACK TO)\b", re.IGNORECASE)


class QueryCounter:
    """Counts the statements on an engine, without those of savepoints.

    Attributes:
        statements: The statements, in order.
    """

    def __init__(self) -> None:
        self.statements: list[str] = []

    @contextmanager
    def counting(self, engine: Engine) -> Iterator["QueryCounter"]:
        """Count what is sent in the block."""
        event.listen(engine, "after_cursor_execute", self._note)
        try:
            yield self
        finally:
            event.remove(engine, "after_cursor_execute", self._note)

    def _note(self, _: Any, __: Any, statement: str, *___: Any) -> None:
        if not _SAVEPOINTS.match(statement):
            self.statements.append(statement)

    @property
    def count(self) -> int:
        """How many there were."""
        return len(self.statements)

    def clear(self) -> None:
        """Begin to count anew."""
        self.statements.clear()

    @contextmanager
    def at_most(self, limit: int) -> Iterator[None]:
        """Check that the block sends no more than so many.

        Raises:
            AssertionError: It does; shows them, and which ones are repeated.
        """
        before = self.count
        yield
        self._check(self.statements[before:], limit, exactly=False)

    @contextmanager
    def exactly(self, number: int) -> Iterator[None]:
        """Check that the block sends just so many.

        Raises:
            AssertionError: It does not; shows them, and which ones are repeated.
        """
        before = self.count
        yield
        self._check(self.statements[before:], number, exactly=True)

    def _check(self, statements: list[str], limit: int, *, exactly: bool) -> None:
        if len(statements) > limit or (exactly and len(statements) != limit):
            wanted = f"{'' if exactly else 'at most '}{limit}"
            listed = "\n".join(_described(statements)) or "none"
            raise AssertionError(f"{len(statements)} queries, not {wanted}:\n{listed}")


def _described(statements: list[str]) -> Iterator[str]:
    for statement, times in Counter(" ".join(text.split()) for text in statements).items():
        yield f"- {statement}" + (f"  ({times} times)" if times > 1 else "")
