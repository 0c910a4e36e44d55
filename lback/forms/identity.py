"""Primary keys as text, for controls and URLs, and back."""

import re
from datetime import date
from typing import TypeVar
from urllib.parse import quote, unquote
from uuid import UUID

from sqlalchemy import ColumnElement, inspect
from sqlalchemy.orm import Mapper

from lback.database.column_values import moment_of, python_type_of
from lback.translation import gettext

M = TypeVar("M")

_INTEGER = re.compile(r"-?[0-9]{1,19}")
_LARGEST = 2**63 - 1
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
        return gettext("New %(name)s", name=type(row).__name__)
    return f"{type(row).__name__} {', '.join(map(str, key))}"


def key_text(value: object) -> str:
    """Return one part of a primary key as text."""
    if isinstance(value, str):
        text = quote(value, safe="")
        # One or two dots alone have a meaning in URLs, so they are quoted.
        return text if text.strip(".") else text.replace(".", "%2E")
    return value.isoformat() if isinstance(value, date) else quote(str(value), safe="")


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


def model_name(model: type[object]) -> str:
    """Return the name of a model in words: "BlogPost" becomes "blog post".

    Example:
        >>> from lback.forms.identity import model_name
        >>> class BlogPost: ...
        >>> model_name(BlogPost)
        'blog post'
    """
    name = model.__name__
    words = "".join(
        f" {letter}" if letter.isupper() and at and not name[at - 1].isupper() else letter
        for at, letter in enumerate(name)
    )
    return words.replace("_", " ").lower()


def plural_of(name: str) -> str:
    """Return the regular plural of an English noun.

    Example:
        >>> from lback.forms.identity import plural_of
        >>> plural_of("category"), plural_of("box"), plural_of("book")
        ('categories', 'boxes', 'books')
    """
    if name.endswith("y") and name[-2:-1] not in ("a", "e", "i", "o", "u"):
        return f"{name[:-1]}ies"
    return f"{name}es" if name.endswith(("s", "x", "z", "ch", "sh")) else f"{name}s"
