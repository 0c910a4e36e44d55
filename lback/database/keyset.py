"""Keyset pagination: a page starts after the sort values of a row instead of an offset."""

import binascii
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import ColumnElement, Select, String, and_, cast, false, literal, or_
from sqlalchemy import Enum as EnumType
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import Session

from lback.database.column_values import compared, moment_of, python_type_of

R = TypeVar("R")

_LONGEST_TOKEN = 2000
_LONGEST_NUMBER = 100
_UNREADABLE = (
    ValueError,
    TypeError,
    binascii.Error,
    RecursionError,
    ArithmeticError,
    KeyError,
)


@dataclass(frozen=True, slots=True)
class SortKey:
    """A sort column.

    Attributes:
        expression: Column expression.
        descending: True for descending order.
        nullable: True if the expression can be NULL.
    """

    expression: ColumnElement[object]
    descending: bool = False
    nullable: bool = False

    def reversed(self) -> "SortKey":
        """Return the sort key with the opposite direction."""
        return SortKey(self.expression, not self.descending, self.nullable)

    @property
    def order(self) -> ColumnElement[object]:
        """Expression for `ORDER BY`."""
        return self.expression.desc() if self.descending else self.expression.asc()


def sort_key(
    expression: ColumnElement[Any],
    dialect: Dialect,
    *,
    descending: bool = False,
    nullable: bool = False,
) -> SortKey:
    """Return the sort key of an expression, in a form that its database sorts as it compares.

    MySQL and MariaDB sort enumerations by position, but compare them as text.

    Args:
        expression: Column expression.
        dialect: Dialect of the database.
        descending: True for descending order.
        nullable: True if the expression can be NULL.
    """
    if isinstance(expression.type, EnumType) and dialect.name in ("mysql", "mariadb"):
        expression = cast(expression, String(255))
    return SortKey(expression, descending, nullable)


def unique_order(
    keys: Sequence[SortKey], primary_key: Iterable[ColumnElement[Any]]
) -> list[SortKey]:
    """Return sort keys with the columns of the primary key last, so that no two rows are equal.

    The added columns have the direction of the first key, so that one index can serve them all.

    Args:
        keys: Sort keys; may be empty.
        primary_key: Columns of the primary key.
    """
    known = {id(key.expression) for key in keys}
    backwards = keys[0].descending if keys else False
    return [*keys, *(SortKey(c, backwards) for c in primary_key if id(c) not in known)]


@dataclass(frozen=True, slots=True)
class KeysetPage(Generic[R]):
    """One page of rows.

    Attributes:
        rows: The rows in order.
        previous: Sort values of the first row if rows come before it, else None.
        following: Sort values of the last row if rows come after it, else None.
    """

    rows: list[R]
    previous: list[object] | None
    following: list[object] | None


def read_rows(
    session: Session,
    query: Select[Any],
    keys: Sequence[SortKey],
    limit: int,
    values: Sequence[object] | None = None,
) -> list[tuple[Any, list[object]]]:
    """Return rows in order, each with its sort values; one query.

    Args:
        session: Database session.
        query: Query that selects one entity, without an order.
        keys: Sort keys; together they must be unique.
        limit: Maximum number of rows.
        values: Sort values of a row; rows after it are returned. None begins with the first row.
    """
    dialect = session.get_bind().dialect
    shown = [key.expression.label(f"sort_{number}") for number, key in enumerate(keys)]
    query = query.add_columns(*shown)
    if values is not None:
        query = query.where(after(keys, values, dialect))
    query = query.order_by(*(key.order for key in keys)).limit(limit)
    return [(row[0], list(row[1:])) for row in session.execute(query).unique()]


def read_page(
    session: Session,
    query: Select[Any],
    keys: Sequence[SortKey],
    size: int,
    values: Sequence[object] | None = None,
    *,
    backwards: bool = False,
) -> KeysetPage[Any]:
    """Return the page after, or before, the row with some sort values; one query.

    Rows that are inserted or deleted meanwhile move no row to another page: each page begins where
    the one before it ended.

    Args:
        session: Database session.
        query: Query that selects one entity, without an order.
        keys: Sort keys; together they must be unique, see `unique_order`.
        size: Maximum number of rows.
        values: Sort values of a row. None is the first page, or with `backwards` the last one.
        backwards: True for the page before the row.
    """
    way = [key.reversed() for key in keys] if backwards else keys
    found = read_rows(session, query, way, size + 1, values)
    more, found = len(found) > size, found[:size]
    if backwards:
        found.reverse()
    given = values is not None
    before, behind = (more, given) if backwards else (given, more)
    return KeysetPage(
        [row for row, _ in found],
        found[0][1] if found and before else None,
        found[-1][1] if found and behind else None,
    )


def after(
    keys: Sequence[SortKey], values: Sequence[object], dialect: Dialect
) -> ColumnElement[bool]:
    """Return the SQL condition that a row comes after the row with these sort values.

    PostgreSQL sorts NULL last, other databases sort it first. The condition follows the order of
    the database, because an index is not used with `NULLS FIRST` or `NULLS LAST`.

    Args:
        keys: Sort keys; together they must be unique.
        values: One value per key.
        dialect: Dialect of the database.
    """
    nulls_are_greatest = dialect.name == "postgresql"
    condition: ColumnElement[bool] = false()
    for key, value in reversed(list(zip(keys, values, strict=True))):
        nulls_last = nulls_are_greatest != key.descending
        condition = _step(key, value, condition, nulls_last=nulls_last)
    return condition


def _step(
    key: SortKey, value: Any, rest: ColumnElement[bool], *, nulls_last: bool
) -> ColumnElement[bool]:
    column = key.expression
    if value is None:
        beyond = false() if nulls_last else column.is_not(None)
        return or_(beyond, and_(column.is_(None), rest))
    if compared(column, value) is value:
        value = literal(value, column.type)  # SQLAlchemy refuses `column > True`
    else:
        value = compared(column, value)
    beyond = column < value if key.descending else column > value
    same = and_(column == value, rest)
    if not key.nullable:
        # Redundant, but lets the database start at this place of the index.
        bound = column <= value if key.descending else column >= value
        return and_(bound, or_(beyond, same)) if _has_rest(rest) else beyond
    return or_(beyond, same, column.is_(None) if nulls_last else false())


def _has_rest(rest: ColumnElement[bool]) -> bool:
    return not rest.compare(false())


def plain_values(values: Iterable[object]) -> list[object]:
    """Return sort values in a form that JSON can store; `typed_values` reads them."""
    return [_plain(value) for value in values]


def typed_values(plain: object, keys: Sequence[SortKey]) -> list[object] | None:
    """Return sort values from their JSON form, converted to the types of the columns.

    Args:
        plain: What `plain_values` returned, as a client may have changed it.
        keys: Sort keys; one value per key.

    Returns:
        The values, or None if they are not valid.
    """
    if not isinstance(plain, list) or len(plain) != len(keys):
        return None
    try:
        return [_typed(value, key.expression) for value, key in zip(plain, keys, strict=True)]
    except _UNREADABLE:
        return None


def token_of(values: Sequence[object]) -> str:
    """Return sort values as a URL-safe token.

    Example:
        >>> from lback.database.keyset import token_of
        >>> token_of(["Emma", 7])
        'WyJFbW1hIiwgN10'
    """
    text = json.dumps(plain_values(values), ensure_ascii=False)
    return urlsafe_b64encode(text.encode("utf-8", "surrogatepass")).decode().rstrip("=")


def values_of(token: str, keys: Sequence[SortKey]) -> list[object] | None:
    """Return the sort values of a token, converted to the types of the columns.

    Args:
        token: Token from a client.
        keys: Sort keys; the token must have one value per key.

    Returns:
        The values, or None if the token is not valid.
    """
    if not token.isascii() or len(token) > _LONGEST_TOKEN:
        return None
    try:
        plain = json.loads(urlsafe_b64decode(token + "=" * (-len(token) % 4)))
    except _UNREADABLE:
        return None
    return typed_values(plain, keys)


def _plain(value: object) -> object:
    if isinstance(value, Enum):
        return value.name
    if isinstance(value, (date, time)):
        return value.isoformat()
    return value if isinstance(value, (str, int, float, bool, type(None))) else str(value)


def _typed(value: object, expression: ColumnElement[object]) -> object:
    if value is None:
        return None
    kind: Any = expression.type
    if getattr(kind, "enum_class", None) is not None:
        return kind.enum_class[value]
    python_type = python_type_of(kind)
    if issubclass(python_type, bool) or python_type in (int, float, str):
        return _same_type(value, python_type)
    if python_type in (datetime, date, time):
        return moment_of(python_type.fromisoformat(_same_type(value, str)), kind)
    if python_type is Decimal:
        return _decimal(_same_type(value, str))
    if python_type is UUID:
        return UUID(_same_type(value, str))
    raise TypeError(f"rows sorted by {python_type.__name__} cannot be paged")


def _decimal(text: str) -> Decimal:
    value = Decimal(text[:_LONGEST_NUMBER])
    if not value.is_finite() or abs(value.adjusted()) > _LONGEST_NUMBER:
        raise ValueError("out of range for a database")
    return value


def _same_type(value: object, wanted: type[object]) -> Any:
    accepted = (int, float) if wanted is float else (wanted,)
    if type(value) not in accepted:
        raise TypeError(f"{value!r} is not of type {wanted.__name__}")
    if isinstance(value, int) and abs(value) >= 2**63:
        raise ValueError("too large for a database")
    if isinstance(value, str) and "\0" in value:
        raise ValueError("databases do not store NUL characters")
    if isinstance(value, str):
        value.encode()  # raises for a lone surrogate, which databases do not store either
    return value
