"""Related rows: what a column shows of other rows, without those that the user may not read."""

from collections.abc import Iterable, Iterator
from typing import Any

from sqlalchemy.orm import Session

from lback.admin.columns import Column
from lback.auth import policies

_COLLECTIONS = (list, tuple, set, frozenset)


class RelatedRows:
    """Gives the values of columns, with nothing in the place of a row that is not to be read.

    Args:
        session: Where the rows are.
        user: Who reads.
        columns: The columns.
        rows: The rows that they are shown of; all related ones are asked about at once.
    """

    def __init__(
        self, session: Session, user: Any, columns: Iterable[Column], rows: Iterable[Any]
    ) -> None:
        # Without policies nothing is hidden, and nothing need be loaded to find that out.
        held = list(rows) if policies.exist() else []
        ways = [_steps(column) for column in columns]
        met = {id(item): item for way in ways for row in held for item in _met(row, way)}
        known = {id(item) for item in policies.readable(session, user, met.values())}
        # The rows themselves are kept, so that none of the ids is given to another object.
        self._hidden = {key: item for key, item in met.items() if key not in known}

    def value(self, column: Column, row: Any) -> Any:
        """Return what a column shows of a row."""
        if not self._hidden or not _steps(column):
            return column.value(row)
        here = row
        for step in _steps(column):
            here = self._read(None if here is None else getattr(here, step))
        return here

    def _read(self, value: Any) -> Any:
        if isinstance(value, _COLLECTIONS):
            return [item for item in value if id(item) not in self._hidden]
        return None if id(value) in self._hidden else value


def _steps(column: Column) -> list[str]:
    """Return the attributes on the way to a value; none where the way meets no other row."""
    return column.name.split(".") if column.loads else []


def _met(row: Any, steps: list[str]) -> Iterator[Any]:
    here = row
    for step in steps:
        here = None if here is None else getattr(here, step)
        for item in here if isinstance(here, _COLLECTIONS) else (here,):
            if hasattr(type(item), "__mapper__") and policies.policy_of(type(item)) is not None:
                yield item
