"""Values that clients send, in the form in which a column can be compared with them."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ColumnElement, Dialect, Integer, and_, literal
from sqlalchemy.types import TypeDecorator, TypeEngine

from lback.database.models import UTCDateTime

_LARGEST_INTEGER = 2**15 - 1  # of a SMALLINT, the smallest of them
# The greatest character: all texts that begin with a word are less than word + this.
_LAST = "\U0010ffff"


def python_type_of(kind: TypeEngine[Any]) -> type[Any]:
    """Return the Python type of a column type; `str` if the type defines none."""
    if isinstance(kind, TypeDecorator):
        return python_type_of(kind.impl_instance)
    try:
        return kind.python_type
    except NotImplementedError:
        return str


def has_time_zone(kind: TypeEngine[Any]) -> bool:
    """Return True if a column of datetimes takes aware ones; a column without takes UTC."""
    return isinstance(kind, UTCDateTime) or bool(getattr(kind, "timezone", False))


def moment_of(value: object, kind: TypeEngine[Any]) -> object:
    """Return a date, a time or a datetime as a column takes it, an aware datetime in UTC.

    Args:
        value: The value from a client.
        kind: Type of the column.

    Raises:
        ValueError: The value is a datetime, and has a time zone where the column stores none, or
            none where it stores one.
        OverflowError: In UTC it would be before the year 1 or after the year 9999.
    """
    if not isinstance(value, datetime):
        return value
    wants_zone = has_time_zone(kind)
    if wants_zone != (value.tzinfo is not None):
        raise ValueError("the column and the datetime differ in having a time zone")
    return value.astimezone(UTC) if wants_zone else value


def compared(column: ColumnElement[object], value: object) -> object:
    """Return a value in a form that can be compared with a column, however large it is.

    PostgreSQL converts an integer to the type of the column that it is compared with, and fails if
    it does not fit.

    Args:
        column: The column to compare with.
        value: The value to compare.
    """
    large = isinstance(value, int) and abs(value) > _LARGEST_INTEGER
    small_column = isinstance(column.type, Integer) and not isinstance(column.type, BigInteger)
    return literal(value, BigInteger()) if large and small_column else value


def starts_with(column: ColumnElement[Any], text: str, dialect: Dialect) -> ColumnElement[bool]:
    """Return the SQL condition that a text column begins with a text; an index can answer it.

    Args:
        column: Column of text.
        text: Beginning of the text; `%` and `_` stand for themselves.
        dialect: Dialect of the database.
    """
    if dialect.name == "sqlite":
        # LIKE is case-insensitive in SQLite and does not use an index.
        return and_(column >= text, column < text + _LAST)
    return column.startswith(text, autoescape=True)
