"""How many rows there are: exactly where that is quick, about where it would take long."""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Select, Table, func, literal, select, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

EXACT_UP_TO = 10_000


@dataclass(frozen=True, slots=True)
class Count:
    """A number of rows.

    Attributes:
        number: How many.
        is_exact: Whether there are exactly as many.
        is_least: Whether there are at least as many.
    """

    number: int
    is_exact: bool = True
    is_least: bool = False

    def __str__(self) -> str:
        words = "" if self.is_exact else "more than " if self.is_least else "about "
        return f"{words}{self.number:,}"


def count(session: Session, query: Select[Any], table: Table, *, filtered: bool) -> Count:
    """Count the rows of a query, at most one more than `EXACT_UP_TO` of them."""
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
    """Return what the database believes that a table holds, or `None`."""
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
        # Keys that count upwards: the distance of the ends, found at once in the tree.
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
    except DBAPIError:  # nobody ran ANALYZE
        return None
    return None if not found else int(str(found).split()[0])


def _quoted(session: Session, table: Table) -> str:
    preparer: Any = session.get_bind().dialect.identifier_preparer
    name: str = preparer.format_table(table)
    return name


def _rounded(number: int) -> int:
    """Return a number with two digits that mean something."""
    places = max(0, len(str(number)) - 2)
    return round(number, -places)
