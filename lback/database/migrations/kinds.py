"""Kinds of column types: the values that a column can hold, and their limits."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from sqlalchemy import types
from sqlalchemy.dialects import mysql, postgresql
from sqlalchemy.engine import Dialect
from sqlalchemy.types import TypeDecorator, TypeEngine

# A SQL type of any column. TypeEngine is invariant in its Python type, so that no other argument
# stands for all of them.
Type: TypeAlias = TypeEngine[Any]

# The first match counts, as some classes inherit from others.
_KINDS: tuple[tuple[str, tuple[type, ...]], ...] = (
    ("bool", (types.Boolean,)),
    ("enum", (types.Enum,)),
    ("uuid", (types.Uuid,)),
    ("json", (types.JSON,)),
    ("bytes", (types._Binary,)),  # as TINYBLOB of MariaDB inherits from no other class
    ("datetime", (types.DateTime,)),
    ("date", (types.Date,)),
    ("time", (types.Time,)),
    ("float", (types.Float,)),
    ("decimal", (types.Numeric,)),
    ("int", (types.Integer,)),
    ("str", (types.String,)),
)
_BITS: tuple[tuple[type, int], ...] = (
    (mysql.TINYINT, 8),
    (types.SmallInteger, 16),
    (mysql.MEDIUMINT, 24),
    (types.BigInteger, 64),
)
# In SQLAlchemy 2.0 some float types of drivers inherit from decimals.
_FLOATS = ("float", "double", "double_precision", "real", "REAL", "FLOAT", "DOUBLE")
MICROSECONDS = 6


@dataclass(frozen=True, slots=True)
class Kind:
    """The values that a column can hold. A limit of None means no limit.

    Attributes:
        name: Name of the kind, such as `"int"` or `"datetime"`; empty if the type is unknown.
        plain: Type of the dialect, without decorators.
        length: Maximum number of characters.
        lowest: Minimum of an integer.
        highest: Maximum of an integer.
        precision: Maximum number of digits.
        scale: Digits after the decimal point.
        members: Stored texts of an enumeration.
        with_zone: Whether datetimes have a time zone.
        fraction: Digits of fractions of a second.
        is_single: Whether floats have 32 bits.
    """

    name: str
    plain: Type
    length: int | None = None
    lowest: int | None = None
    highest: int | None = None
    precision: int | None = None
    scale: int | None = None
    members: tuple[str, ...] | None = None
    with_zone: bool = False
    fraction: int = MICROSECONDS
    is_single: bool = False

    def holds_all_of(self, other: "Kind") -> bool:
        """Return True if this kind can hold each value of another kind unchanged."""
        if self.name != other.name or self.with_zone != other.with_zone:
            return False
        pairs = (
            (self.length, other.length),
            (self.highest, other.highest),
            (self.scale, other.scale),
            (_before_the_point(self), _before_the_point(other)),
            (self.fraction, other.fraction),
        )
        if not all(
            mine is None or (theirs is not None and mine >= theirs) for mine, theirs in pairs
        ):
            return False
        if self.lowest is not None and (other.lowest is None or self.lowest > other.lowest):
            return False
        if self.members is not None and not set(other.members or ("",)) <= set(self.members):
            return False
        return not self.is_single or other.is_single


def kind_of_type(type_: Type, dialect: Dialect) -> Kind:
    """Return the kind of a column type.

    Args:
        type_: SQLAlchemy type of the column.
        dialect: Dialect of the database.
    """
    plain = _plain(type_, dialect)
    if isinstance(plain, (types.Interval, postgresql.INTERVAL)):
        return Kind("interval", plain)
    if plain.__visit_name__ in _FLOATS:
        return Kind("float", plain, **_limits("float", plain, dialect))
    for name, classes in _KINDS:
        if isinstance(plain, classes):
            return Kind(name, plain, **_limits(name, plain, dialect))
    return Kind("", plain)


def _plain(type_: Type, dialect: Dialect) -> Type:
    plain = type_
    while isinstance(plain, TypeDecorator) and not isinstance(plain, types.Interval):
        plain = plain.dialect_impl(dialect)
        if isinstance(plain, TypeDecorator) and not isinstance(plain, types.Interval):
            plain = plain.impl_instance
    return plain.dialect_impl(dialect)


def _limits(name: str, plain: Any, dialect: Dialect) -> dict[str, Any]:
    if name in ("str", "enum"):
        members = tuple(plain.enums) if name == "enum" else None
        return {"length": getattr(plain, "length", None), "members": members}
    if name == "int":
        bits = next((bits for known, bits in _BITS if isinstance(plain, known)), 32)
        if getattr(plain, "unsigned", False):
            return {"lowest": 0, "highest": 2**bits - 1}
        return {"lowest": -(2 ** (bits - 1)), "highest": 2 ** (bits - 1) - 1}
    if name == "decimal":
        scale = plain.scale if plain.scale is not None or plain.precision is None else 0
        return {"precision": plain.precision, "scale": scale}
    if name in ("datetime", "time"):
        return {"with_zone": bool(plain.timezone), "fraction": _fraction(plain, dialect)}
    if name == "float":
        return {"is_single": _is_single(plain, dialect)}
    return {}


def _fraction(plain: object, dialect: Dialect) -> int:
    if dialect.name in ("mysql", "mariadb"):
        return getattr(plain, "fsp", None) or 0
    given = getattr(plain, "precision", None)
    return MICROSECONDS if given is None else int(given)


def _is_single(plain: Any, dialect: Dialect) -> bool:
    if dialect.name == "sqlite" or isinstance(plain, types.Double):
        return False
    if dialect.name == "postgresql":
        return isinstance(plain, types.REAL) or (plain.precision or 53) <= 24
    return not isinstance(plain, types.REAL) and (plain.precision or 24) <= 24


def _before_the_point(kind: Kind) -> int | None:
    return None if kind.precision is None else kind.precision - (kind.scale or 0)
