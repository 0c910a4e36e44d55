"""Values of list columns without related rows that the user may not read."""

from collections.abc import Iterable, Iterator

from sqlalchemy.orm import Session

from lback.admin.columns import Column
from lback.auth import policies

_COLLECTIONS = (list, tuple, set, frozenset)


class RelatedRows:
    """Read values of columns, hiding related rows that the policies do not let the user read.

    Args:
        session: Database session.
        user: The admin user.
        columns: Columns to read.
        rows: Rows to read from; the policies of all related rows are checked in one go.
    """

    def __init__(
        self, session: Session, user: object, columns: Iterable[Column], rows: Iterable[object]
    ) -> None:
        # Without policies nothing is hidden, so related rows need not be loaded.
        row_list = list(rows) if policies.exist() else []
        ways = [_steps(column) for column in columns]
        met = {id(item): item for way in ways for row in row_list for item in _met(row, way)}
        known = {id(item) for item in policies.readable(session, user, met.values())}
        # References to the rows are kept, because Python reuses the ids of deleted objects.
        self._hidden = {key: item for key, item in met.items() if key not in known}

    def value(self, column: Column, row: object) -> object:
        """Return the value of a column.

        Args:
            column: One of the columns.
            row: One of the rows.

        Returns:
            The value, with None or a shorter list in place of hidden rows.
        """
        if not self._hidden or not _steps(column):
            return column.value(row)
        here = row
        for step in _steps(column):
            here = self._read(None if here is None else getattr(here, step))
        return here

    def _read(self, value: object) -> object:
        if isinstance(value, _COLLECTIONS):
            return [item for item in value if id(item) not in self._hidden]
        return None if id(value) in self._hidden else value


def _steps(column: Column) -> list[str]:
    """Return the attributes on the path to a value; none if it involves no related row."""
    return column.name.split(".") if column.loads else []


def _met(row: object, steps: list[str]) -> Iterator[object]:
    here = row
    for step in steps:
        here = None if here is None else getattr(here, step)
        for item in here if isinstance(here, _COLLECTIONS) else (here,):
            if hasattr(type(item), "__mapper__") and policies.policy_of(type(item)) is not None:
                yield item
