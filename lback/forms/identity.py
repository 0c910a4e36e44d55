"""Primary keys as text, for controls and URLs, and back."""

import re
from datetime import UTC, date, datetime
from typing import Any, TypeVar
from urllib.parse import quote, unquote
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, inspect, literal
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeDecorator, TypeEngine

from lback.database import UTCDateTime

M = TypeVar("M")

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_LARGEST = 2**63 - 1
_LARGEST_INTEGER = 2**15 - 1  # of a SMALLINT, the smallest of them
_LONGEST = 1000


def mapper_of(model: type[M]) -> Mapper[M]:
    """Return the mapper of a model."""
    mapper: Mapper[M] = inspect(model)
    return mapper


def identity_text(row: object) -> str:
    """Return the primary key of a row as text; parts of a composite key are joined by commas.

    Args:
        row: A stored row of any model.
    """
    values = mapper_of(type(row)).primary_key_from_instance(row)
    return ",".join(key_text(value) for value in values)


def identity_of(model: type[object], text: str) -> tuple[object, ...] | None:
    """Return the primary key that a text stands for, or `None` if it cannot be one of the model.

    Args:
        model: A mapped class.
        text: Text as written by `identity_text`.
    """
    columns = mapper_of(model).primary_key
    parts = text.split(",")
    if len(parts) != len(columns) or len(text) > _LONGEST or "\0" in text:
        return None
    values = [key_value(column, unquote(part)) for column, part in zip(columns, parts, strict=True)]
    return None if any(value is None for value in values) else tuple(values)


def label_of(row: object) -> str:
    """Return a label for a row: its `__str__`, or its name, or its model and key.

    The attributes `name`, `title` and `username` count as names, in this order.

    Args:
        row: A row of any model.
    """
    if "__str__" in {name for kind in type(row).__mro__[:-1] for name in vars(kind)}:
        return str(row)
    mapper = mapper_of(type(row))
    for name in ("name", "title", "username"):
        if name in mapper.column_attrs and getattr(row, name):
            return str(getattr(row, name))
    key = mapper.primary_key_from_instance(row)
    if None in key:
        return f"New {type(row).__name__}"
    return f"{type(row).__name__} {', '.join(map(str, key))}"


def python_type_of(kind: TypeEngine[Any]) -> type[Any]:
    """Return the Python type of a column type; `str` if the type defines none."""
    if isinstance(kind, TypeDecorator):
        return python_type_of(kind.impl_instance)
    try:
        return kind.python_type
    except NotImplementedError:
        return str


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
    wants_zone = isinstance(kind, UTCDateTime) or bool(getattr(kind, "timezone", False))
    if wants_zone != (value.tzinfo is not None):
        raise ValueError("the column and the datetime differ in having a time zone")
    return value.astimezone(UTC) if wants_zone else value


def key_text(value: object) -> str:
    """Return one part of a primary key as text."""
    if isinstance(value, str):
        text = quote(value, safe="")
        # One or two dots alone have a meaning in URLs, so they are quoted.
        return text if text.strip(".") else text.replace(".", "%2E")
    return value.isoformat() if isinstance(value, date) else quote(str(value), safe="")


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


def key_value(column: ColumnElement[object], text: str) -> object:
    """Return the value of a key column that a text stands for, or `None` if there is none.

    Args:
        column: A column of a primary key.
        text: One part of a key, unquoted.
    """
    kind = python_type_of(column.type)
    if issubclass(kind, int):
        number = int(text) if _INTEGER.fullmatch(text) else None
        # A larger one would be an error of the database rather than a row that is not there.
        return number if number is not None and -_LARGEST <= number <= _LARGEST else None
    if issubclass(kind, str):
        return text if text and "\0" not in text else None
    reader = {UUID: UUID}.get(kind) or getattr(kind, "fromisoformat", None) or kind
    try:
        return moment_of(reader(text), column.type)
    except (ValueError, TypeError, ArithmeticError):
        return None
