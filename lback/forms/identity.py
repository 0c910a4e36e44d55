"""The key of a row as text, for forms and paths, and back again."""

import re
from datetime import date
from typing import Any
from urllib.parse import quote, unquote
from uuid import UUID

from sqlalchemy import BigInteger, ColumnElement, Integer, inspect, literal
from sqlalchemy.orm import Mapper
from sqlalchemy.types import TypeDecorator, TypeEngine

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_LARGEST = 2**63 - 1
_LARGEST_INTEGER = 2**15 - 1  # of a SMALLINT, the smallest of them
_LONGEST = 1000


def mapper_of(model: type[Any]) -> Mapper[Any]:
    """Return the mapper of a model."""
    mapper: Mapper[Any] = inspect(model)
    return mapper


def identity_text(row: Any) -> str:
    """Return the key of a row as text; the parts of a composite one are joined by commas."""
    values = mapper_of(type(row)).primary_key_from_instance(row)
    return ",".join(key_text(value) for value in values)


def identity_of(model: type[Any], text: str) -> tuple[Any, ...] | None:
    """Return the key that a text means, or `None` if it can be none of this model."""
    columns = mapper_of(model).primary_key
    parts = text.split(",")
    if len(parts) != len(columns) or len(text) > _LONGEST or "\0" in text:
        return None
    values = [key_value(column, unquote(part)) for column, part in zip(columns, parts, strict=True)]
    return None if any(value is None for value in values) else tuple(values)


def label_of(row: Any) -> str:
    """Return what people call a row: its `__str__`, or else its name, or its model and key."""
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
    """Return what the values of a type are in Python; `str` where it does not say."""
    if isinstance(kind, TypeDecorator):
        return python_type_of(kind.impl_instance)
    try:
        return kind.python_type
    except NotImplementedError:
        return str


def key_text(value: Any) -> str:
    """Return one part of a key as text."""
    if isinstance(value, str):
        text = quote(value, safe="")
        # One or two dots alone are a place in a path, which nobody's key may be.
        return text if text.strip(".") else text.replace(".", "%2E")
    return value.isoformat() if isinstance(value, date) else quote(str(value), safe="")


def compared(column: ColumnElement[Any], value: Any) -> Any:
    """Return a value in a form that may be compared with a column, however large it is.

    PostgreSQL makes an integer of the type of the column out of what it is compared with, and
    fails where that is too small for it.
    """
    large = isinstance(value, int) and abs(value) > _LARGEST_INTEGER
    small_column = isinstance(column.type, Integer) and not isinstance(column.type, BigInteger)
    return literal(value, BigInteger()) if large and small_column else value


def key_value(column: ColumnElement[Any], text: str) -> Any:
    """Return what a text means as a value of a key, or `None` if it means none."""
    kind = python_type_of(column.type)
    if issubclass(kind, int):
        number = int(text) if _INTEGER.fullmatch(text) else None
        # A larger one would be an error of the database rather than a row that is not there.
        return number if number is not None and -_LARGEST <= number <= _LARGEST else None
    if issubclass(kind, str):
        return text if text and "\0" not in text else None
    reader = {UUID: UUID}.get(kind) or getattr(kind, "fromisoformat", None) or kind
    try:
        return reader(text)
    except (ValueError, TypeError, ArithmeticError):
        return None
