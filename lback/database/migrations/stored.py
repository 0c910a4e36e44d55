"""Converts values to the form in which a column stores them, as Python source and as SQL."""

import enum
import json
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import ClauseElement
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import TypeDecorator

from lback.database.migrations.errors import MigrationError
from lback.database.migrations.kinds import Type, kind_of_type

_MYSQL = ("mysql", "mariadb")
_SUBCLASSES: tuple[type, ...] = (int, float, str, bytes)


class TemporaryDefault(ClauseElement):
    """A server default of a new column until the next migration; see `temporary_default`."""

    inherit_cache = False

    def __init__(self, value: object, type_: Type) -> None:
        self.value = value
        self.type_ = type_


def temporary_default(value: object, type_: Type) -> TemporaryDefault:
    """Return a temporary server default for a new column.

    It fills existing rows and those that older code inserts while it still runs. The next migration
    that `makemigrations` writes drops it.

    Args:
        value: Python value.
        type_: Type of the column.
    """
    return TemporaryDefault(value, sa.types.to_instance(type_))


@compiles(TemporaryDefault)
def _compile(element: TemporaryDefault, compiler: Any, **_: object) -> str:
    return literal(element.value, element.type_, compiler.dialect)


def literal(value: Any, type_: Type, dialect: Dialect) -> str:
    """Return a value as a literal of SQL, in the form in which a column stores it.

    Args:
        value: Python value.
        type_: Type of the column.
        dialect: Dialect of the database.

    Raises:
        MigrationError: The dialect has no literals for text.

    Example:
        >>> from sqlalchemy.dialects import sqlite
        >>> literal("it's", sa.String(), sqlite.dialect())
        "'it''s'"
    """
    value, type_ = stored(value, type_, dialect)
    kind = kind_of_type(type_, dialect)
    if kind.name == "bytes":
        return _bytes_literal(value, dialect)
    if kind.name == "interval" and dialect.name == "postgresql":
        return f"'{value.days} days {value.seconds}.{value.microseconds:06} seconds'"
    if kind.name == "bool" and dialect.name == "postgresql":
        return "true" if value else "false"
    if kind.name == "json":
        value = json.dumps(value)
    elif kind.name and dialect.name != "postgresql":
        process = kind.plain.bind_processor(dialect)
        value = value if process is None else process(value)
    if isinstance(value, (int, float, Decimal)):
        return str(+value) if not isinstance(value, bool) else str(int(value))
    text = _quoted(str(value), dialect)
    no_literal = dialect.name in _MYSQL and type(kind.plain).__name__ in (
        "JSON",
        "TEXT",
        "LONGTEXT",
    )
    return f"({text})" if no_literal else text


def _bytes_literal(value: bytes, dialect: Dialect) -> str:
    if dialect.name == "postgresql":
        return f"'\\x{value.hex()}'"
    return f"X'{value.hex()}'"


def _quoted(text: str, dialect: Dialect) -> str:
    process = sa.String().dialect_impl(dialect).literal_processor(dialect)
    if process is None:
        raise MigrationError(f"{dialect.name} has no literals of text")
    if dialect.name in _MYSQL and getattr(dialect, "_backslash_escapes", True):
        text = text.replace("\\", "\\\\")
    return str(process(text))


def stored(value: object, type_: Type, dialect: Dialect) -> tuple[Any, Type]:
    """Return a value of a model in stored form, with a type that does not depend on the project.

    `TypeDecorator.process_bind_param` is applied, a member of an enumeration becomes its text, and
    a moment is converted to UTC without a time zone if the column stores none.

    Args:
        value: Python value.
        type_: Type of the column.
        dialect: Dialect of the database.
    """
    while isinstance(type_, TypeDecorator) and not isinstance(type_, sa.Interval):
        if type(type_).process_bind_param is not TypeDecorator.process_bind_param:
            value = type_.process_bind_param(value, dialect)
        type_ = type_.impl_instance
    plain = type_.dialect_impl(dialect)
    if isinstance(plain, sa.Enum):
        process: Any = plain.bind_processor(dialect)  # type: ignore[no-untyped-call]
        return (process(value) if process and value is not None else value), type_
    if isinstance(value, datetime) and value.tzinfo and not _keeps_time_zone(type_, dialect):
        return value.astimezone(UTC).replace(tzinfo=None), type_
    return _plain_value(value), type_


def _keeps_time_zone(type_: Type, dialect: Dialect) -> bool:
    """Return True if a column stores time zones. MariaDB rejects literals with one."""
    return dialect.name not in _MYSQL and bool(getattr(type_, "timezone", False))


def _plain_value(value: object) -> object:
    """Return a value of a subclass, such as a member of an IntEnum, as its base class."""
    if isinstance(value, enum.Enum):
        value = value.value
    if isinstance(value, bool):
        return value
    for kind in _SUBCLASSES:
        if isinstance(value, kind) and type(value) is not kind:
            return kind.__str__(value) if kind is str else kind(value)
    return value


def python_source(value: object, imports: set[str]) -> str:
    """Return Python source for a value.

    Args:
        value: Python value.
        imports: Import lines that the source needs; added to.

    Raises:
        MigrationError: The value cannot be written as source.

    Example:
        >>> imports = set()
        >>> python_source(date(2026, 1, 2), imports), imports
        ("date.fromisoformat('2026-01-02')", {'from datetime import date'})
    """
    if isinstance(value, timedelta):
        imports.add("from datetime import timedelta")
        parts = {"days": value.days, "seconds": value.seconds, "microseconds": value.microseconds}
        return f"timedelta({', '.join(f'{name}={n}' for name, n in parts.items() if n)})"
    if isinstance(value, (date, time, Decimal, UUID)):
        return _constructed(value, imports)
    if isinstance(value, (dict, list, tuple)):
        return repr(_as_json(value))
    if value is None or isinstance(value, (bool, int, float, str, bytes)):
        return repr(value)
    raise MigrationError(
        f"the default {value!r} cannot be written into a migration; use a constant default, "
        "or --fill TABLE.COLUMN=VALUE"
    )


def _constructed(value: date | time | Decimal | UUID, imports: set[str]) -> str:
    kinds: tuple[type, ...] = (datetime, date, time, Decimal, UUID)
    name = next(kind.__name__ for kind in kinds if isinstance(value, kind))
    module = {"Decimal": "decimal", "UUID": "uuid"}.get(name, "datetime")
    imports.add(f"from {module} import {name}")
    if isinstance(value, (date, time)):
        return f"{name}.fromisoformat({value.isoformat()!r})"
    return f"{name}({str(value)!r})"


def _as_json(value: object) -> object:
    try:
        return json.loads(json.dumps(value))
    except (TypeError, ValueError):
        raise MigrationError(f"the default {value!r} is not JSON") from None
