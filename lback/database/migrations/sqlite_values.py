"""Converts values of columns in the form in which SQLite stores them."""

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from sqlalchemy.engine import Dialect

from lback.database.migrations.conversions import Inexact, JSONText, convert
from lback.database.migrations.kinds import Kind

_STORED: dict[str, tuple[tuple[type, ...], str]] = {
    "int": ((int,), "a whole number"),
    "bool": ((int,), "0 or 1"),
    "float": ((int, float), "a number"),
    "decimal": ((int, float), "a number"),
    "bytes": ((bytes,), "bytes"),
    "json": ((str, int, float), "JSON"),
}


def converter(old: Kind, new: Kind, dialect: Dialect) -> Callable[[object], object]:
    """Return a function that converts stored values of one kind to another.

    The function raises `Inexact` if the value would change.

    Args:
        old: Kind of the values now.
        new: Kind of the values afterwards.
        dialect: Dialect of SQLite.
    """
    read, write = _reader(old, dialect), _writer(new, dialect)

    def change(stored: object) -> object:
        return None if stored is None else write(convert(read(stored), old, new))

    return change


def trial(change: Callable[[object], object]) -> Callable[[object], str | None]:
    """Return a function that returns why a value cannot be converted, or None if it can."""

    def reason(stored: object) -> str | None:
        try:
            change(stored)
        except Inexact as inexact:
            return str(inexact)
        return None

    return reason


def _reader(kind: Kind, dialect: Dialect) -> Callable[[object], object]:
    classes, words = _STORED.get(kind.name, ((str,), "text"))
    process = kind.plain.result_processor(dialect, None)

    def read(stored: object) -> object:
        if not isinstance(stored, classes) or (kind.name == "bool" and stored not in (0, 1)):
            raise Inexact(f"is not {words}")
        if kind.name == "json":
            return JSONText(stored)
        if kind.name == "decimal":
            return Decimal(repr(stored))
        if process is None or kind.name in ("enum", "str"):
            return stored
        try:
            return process(stored)
        except (ValueError, TypeError):
            raise Inexact(f"is not a {kind.name}") from None

    return read


def _writer(kind: Kind, dialect: Dialect) -> Callable[[object], object]:
    process = kind.plain.bind_processor(dialect)

    def write(value: Any) -> object:
        if kind.name == "decimal":
            number = float(value)
            if Decimal(repr(number)) != value:
                raise Inexact("has more digits than SQLite keeps of a decimal number")
            return number
        if kind.name in ("json", "enum", "str"):
            return str(value)
        if kind.name == "bool":
            return int(value)
        return value if process is None or kind.name == "bytes" else process(value)

    return write
