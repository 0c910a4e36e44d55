"""Build the list of a registered model from a query string, in a constant number of queries."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from sqlalchemy import ColumnElement, Select, and_, literal_column
from sqlalchemy.orm import Session

from lback.admin.columns import Column
from lback.admin.filters import Filter, between, span_of
from lback.admin.registered_model import RegisteredModel
from lback.admin.related import RelatedRows
from lback.admin.search import condition, words_of
from lback.auth.scoped_joins import ScopedJoins
from lback.database.counting import Count, count
from lback.database.keyset import (
    SortKey,
    read_page,
    read_rows,
    sort_key,
    token_of,
    unique_order,
    values_of,
)
from lback.forms.identity import mapper_of

if TYPE_CHECKING:
    import datetime

    from lback.users import AdminUser

SEARCH, SORT, AFTER, BEFORE, DATE = "q", "sort", "after", "before", "date"
# Used in place of a token for the last page.
END = "end"


@dataclass(frozen=True, slots=True)
class Page:
    """The rows of one page, and the tokens of the previous and the next page or None."""

    rows: list[object]
    previous: str | None
    following: str | None


class Listing:
    """List of rows for one query string.

    Query parameters are looked up among the columns and filters of the options; unknown names
    and invalid values are ignored.

    Args:
        registered: Registered model.
        query: Query parameters of the request.
        session: Database session.
        user: The admin user; rows that they may not view are left out.
    """

    def __init__(
        self,
        registered: RegisteredModel,
        query: Mapping[str, object],
        session: Session,
        user: "AdminUser",
    ) -> None:
        self.registered = registered
        self.session = session
        self.user = user
        self.dialect = session.get_bind().dialect
        self._query = {name: _last(value) for name, value in query.items()}
        self.search = " ".join(words_of(self._query.get(SEARCH)))
        self.chosen = self._chosen_filters()
        self.date = self._query.get(DATE, "") if registered.options.date_hierarchy else ""
        self.sort = self._chosen_sort()

    def _chosen_filters(self) -> dict[str, tuple[Filter, str, ColumnElement[bool]]]:
        found = {}
        for name, item in self.registered.filters.items():
            text = self._query.get(item.parameter, "")
            narrowed = item.condition(text) if text and "\0" not in text else None
            if narrowed is not None:
                found[name] = (item, text, narrowed)
        return found

    def _chosen_sort(self) -> tuple[str, ...]:
        text = self._query.get(SORT, "")
        known = text.removeprefix("-") in self.registered.sorts
        return (text,) if known else self.registered.ordering

    # The query.

    @property
    def is_narrowed(self) -> bool:
        """True if a search, a filter or a date is active."""
        return bool(self.search or self.chosen or self._span)

    @property
    def _span(self) -> "tuple[datetime.date, datetime.date | None] | None":
        return span_of(self.date) if self.date else None

    def query(self, *, walked: bool = False) -> Select[Any]:
        """Return the query for the rows, without an order.

        Args:
            walked: True to make SQLite scan in sort order until a page is full, which is fast if
                many rows match. By default it would collect and sort all of them.
        """
        registered, joined = self.registered, ScopedJoins(self.registered.model, self.user)
        terms = [
            replace(term, expression=joined.expression(term.expression, term.path))
            for term in (registered.search if self.search else [])
        ]
        conditions = [narrowed for _, _, narrowed in self.chosen.values()]
        found = condition(terms, self.search, self.dialect)
        if found is not None:
            conditions.append(found)
        if self._span:
            column = registered.column(registered.options.date_hierarchy, "date_hierarchy")
            conditions.append(between(column.sort, *self._span))
        if walked and conditions:
            # SQLite does not use an index for such a comparison.
            conditions = [literal_column("1") == and_(*conditions).self_group()]
        return joined.apply(registered.rows(self.user)).where(*conditions)

    @cached_property
    def _is_walked(self) -> bool:
        first = self.sort[0].removeprefix("-") if self.sort else ""
        # The index of the sort column may already start at the matching rows.
        bounds = bool(self._span) and first == self.registered.options.date_hierarchy
        bounds = bounds or (bool(self.search) and first in {t.name for t in self.registered.search})
        return self.dialect.name == "sqlite" and not bounds and self.count.is_least

    def sort_keys(self, joined: "ScopedJoins") -> list[SortKey]:
        """Return the sort keys, with the primary key last, so that the order is unique."""
        keys = []
        for name in self.sort:
            column = self.registered.sorts[name.removeprefix("-")]
            assert column.sort is not None  # noqa: S101  `sorts` has no others
            expression = joined.expression(column.sort, column.path)
            down = name.startswith("-")
            keys.append(
                sort_key(expression, self.dialect, descending=down, nullable=column.nullable)
            )
        return unique_order(keys, self.registered.key)

    def page(self) -> Page:
        """Read one page: one query, and one per to-many relationship that is shown."""
        size = self.registered.options.page_size
        token, backwards = self._place()
        query, keys = self._ordered()
        values = values_of(token, keys) if token else None
        found = read_page(self.session, query, keys, size, values, backwards=backwards)
        return Page(
            self._shown(found.rows, self.registered.columns),
            None if found.previous is None else token_of(found.previous),
            None if found.following is None else token_of(found.following),
        )

    def _shown(self, rows: list[object], columns: list[Column]) -> list[object]:
        seen = self.registered.visible(self.user, rows)
        self._related = RelatedRows(self.session, self.user, columns, seen)
        return seen

    def value(self, column: Column, row: object) -> object:
        """Return the value of a column for a row of the last page or batch.

        Args:
            column: Column of the list or of the export.
            row: The row.
        """
        return self._related.value(column, row)

    def _place(self) -> tuple[str | None, bool]:
        if self._query.get(BEFORE):
            token = self._query[BEFORE]
            return (None if token == END else token), True
        return self._query.get(AFTER) or None, False

    def _ordered(self) -> tuple[Select[Any], list[SortKey]]:
        joined = ScopedJoins(self.registered.model, self.user)
        keys = self.sort_keys(joined)
        query = self.query(walked=self._is_walked).options(*self.registered.loads)
        return joined.apply(query), keys

    def batches(self, size: int, maximum: int) -> Iterator[list[object]]:
        """Yield all rows in batches, for an export.

        Args:
            size: Rows per batch.
            maximum: Maximum number of rows in total.
        """
        query, keys = self._ordered()
        values, read = None, 0
        while read < maximum:
            rows = read_rows(self.session, query, keys, min(size, maximum - read), values)
            if rows:
                yield self._shown([row for row, _ in rows], self.registered.export_columns)
            if len(rows) < size:
                return
            read += len(rows)
            values = rows[-1][1]
            self.session.expunge_all()

    @cached_property
    def count(self) -> Count:
        """Number of rows on all pages."""
        table: Any = mapper_of(self.registered.model).local_table
        narrowed = self.is_narrowed or self.registered.has_scope
        return count(self.session, self.query(), table, filtered=narrowed)

    # Addresses.

    def parameters(self, **changes: str | None) -> str:
        """Return the query string of this list with some parameters changed; None removes one."""
        parameters: dict[str, str | None] = {}
        if self.search:
            parameters[SEARCH] = self.search
        parameters.update({item.parameter: text for item, text, _ in self.chosen.values()})
        if self._span:
            parameters[DATE] = self.date
        if self.sort != self.registered.ordering:
            parameters[SORT] = self.sort[0]
        parameters.update(changes)
        return urlencode({name: value for name, value in parameters.items() if value})

    def sorted_by(self, name: str) -> str:
        """Return "ascending", "descending" or "none", the values of `aria-sort`."""
        first = self.sort[0] if self.sort else ""
        if first.removeprefix("-") != name:
            return "none"
        return "descending" if first.startswith("-") else "ascending"


def _last(value: object) -> str:
    text = value[-1] if isinstance(value, list) and value else value
    return text if isinstance(text, str) else ""
