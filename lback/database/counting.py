"""Row counts: exact for small results, estimated for large tables."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, func, literal, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

EXACT_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class Count:
    """A row count, exact or estimated.

    Attributes:
        number: Number of rows.
        is_exact: True if it is the exact number.
        is_least: True if it is a lower bound.

    Example:
        >>> from lback.database.counting import Count
        >>> str(Count(1200)), str(Count(10000, is_exact=False, is_least=True))
        ('1,200', 'more than 10,000')
    """

    number: int
    is_exact: bool = True
    is_least: bool = False

    def __str__(self) -> str:
        words = "" if self.is_exact else "more than " if self.is_least else "about "
        return f"{words}{self.number:,}"


def count(session: Session, query: Select[Any], table: Table, *, filtered: bool) -> Count:
    """Count the rows of a query exactly up to `EXACT_UP_TO`, beyond that by estimate.

    Args:
        session: Database session.
        query: Query to count.
        table: Table of the query, whose statistics are used.
        filtered: True if the query does not return all rows, so that statistics do not apply.
    """
    limited = (
        query.with_only_columns(literal(1), maintain_column_froms=True)
        .order_by(None)
        .limit(EXACT_UP_TO + 1)
    )
    number = session.scalar(select(func.count()).select_from(limited.subquery())) or 0
    if number <= EXACT_UP_TO:
        return Count(number)
    estimate = None if filtered else estimated(session, table)
    if estimate is None or estimate <= EXACT_UP_TO:
        return Count(EXACT_UP_TO, is_exact=False, is_least=True)
    return Count(_rounded(estimate), is_exact=False)


def estimated(session: Session, table: Table) -> int | None:
    """Return the number of rows of a table according to database statistics, or None.

    Args:
        session: Database session.
        table: The table.
    """
    dialect = session.get_bind().dialect.name
    if dialect == "postgresql":
        statement = "SELECT reltuples FROM pg_class WHERE oid = CAST(:name AS regclass)"
        found = session.scalar(text(statement), {"name": _quoted(session, table)})
        return int(found) if found is not None and found > 0 else None
    if dialect in ("mysql", "mariadb"):
        statement = (
            "SELECT table_rows FROM information_schema.tables "
            "WHERE table_schema = COALESCE(:schema, DATABASE()) AND table_name = :name"
        )
        found = session.scalar(text(statement), {"schema": table.schema, "name": table.name})
        return None if found is None else int(found)
    return _estimated_by_sqlite(session, table)


def _estimated_by_sqlite(session: Session, table: Table) -> int | None:
    keys = list(table.primary_key.columns)
    if len(keys) == 1 and keys[0] is table._autoincrement_column:
        # Ascending integer keys: both ends are read from the index.
        least, greatest = session.execute(
            select(
                select(func.min(keys[0])).scalar_subquery(),
                select(func.max(keys[0])).scalar_subquery(),
            )
        ).one()
        return None if least is None else int(greatest) - int(least) + 1
    try:
        with session.begin_nested():
            statement = "SELECT stat FROM sqlite_stat1 WHERE tbl = :name LIMIT 1"
            found = session.scalar(text(statement), {"name": table.name})
    except DBAPIError:  # ANALYZE was never run
        return None
    return None if not found else int(str(found).split()[0])


def _quoted(session: Session, table: Table) -> str:
    preparer = session.get_bind().dialect.identifier_preparer
    name: str = preparer.format_table(table)
    return name


def _rounded(number: int) -> int:
    """Return a number rounded to two significant digits."""
    places = max(0, len(str(number)) - 2)
    return round(number, -places)
