"""Counts database queries, so that tests can limit them."""

import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Engine, event

_SAVEPOINTS = re.compile(r"\s*(SAVEPOINT|RELEASE|ROLLBACK TO)\b", re.IGNORECASE)


class QueryCounter:
    """Records the statements on an engine, except those on savepoints.

    Attributes:
        statements: The statements in order.

    Example:
        >>> from sqlalchemy import create_engine, text
        >>> counter = QueryCounter()
        >>> engine = create_engine("sqlite://")
        >>> with counter.counting(engine), engine.connect() as connection:
        ...     rows = connection.execute(text("SELECT 1"))
        >>> counter.count
        1
        >>> engine.dispose()
    """

    def __init__(self) -> None:
        self.statements: list[str] = []

    @contextmanager
    def counting(self, engine: Engine) -> Iterator["QueryCounter"]:
        """Record statements that are executed in the `with` block.

        Args:
            engine: SQLAlchemy engine, such as `app.db_manager.engine`.
        """
        event.listen(engine, "after_cursor_execute", self._note)
        try:
            yield self
        finally:
            event.remove(engine, "after_cursor_execute", self._note)

    def _note(self, _: object, __: object, statement: str, *___: object) -> None:
        if not _SAVEPOINTS.match(statement):
            self.statements.append(statement)

    @property
    def count(self) -> int:
        """The number of statements."""
        return len(self.statements)

    def clear(self) -> None:
        """Remove all recorded statements."""
        self.statements.clear()

    @contextmanager
    def at_most(self, limit: int) -> Iterator[None]:
        """Assert that the `with` block executes at most some number of statements.

        Args:
            limit: The largest number allowed.

        Raises:
            AssertionError: There were more; the message lists them with repetitions.
        """
        before = self.count
        yield
        self._check(self.statements[before:], limit, exactly=False)

    @contextmanager
    def exactly(self, number: int) -> Iterator[None]:
        """Assert that the `with` block executes exactly some number of statements.

        Args:
            number: The number expected.

        Raises:
            AssertionError: There were more or fewer; the message lists them with repetitions.
        """
        before = self.count
        yield
        self._check(self.statements[before:], number, exactly=True)

    def _check(self, statements: list[str], limit: int, *, exactly: bool) -> None:
        if len(statements) > limit or (exactly and len(statements) != limit):
            wanted = f"{'' if exactly else 'at most '}{limit}"
            listed = "\n".join(_described(statements)) or "none"
            raise AssertionError(f"{len(statements)} queries, expected {wanted}:\n{listed}")


def _described(statements: list[str]) -> Iterator[str]:
    for statement, times in Counter(" ".join(text.split()) for text in statements).items():
        yield f"- {statement}" + (f"  ({times} times)" if times > 1 else "")
