"""Converts values of one column type to another exactly, or raises `Inexact`.

Conversions of databases are not exact: SQLite converts '2024-05-06' to 2024, PostgreSQL 12.5 to 13,
and MariaDB drops the time of a datetime that becomes a date.
"""

import json
import math
import re
import struct
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias
from uuid import UUID

from lback.database.migrations.kinds import MICROSECONDS, Kind

Converter: TypeAlias = Callable[[Any, Kind, Kind], object]

_INTEGER = re.compile(r"\s*[+-]?[0-9]+\s*")
_NUMBER = re.compile(r"\s*[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)(e[+-]?[0-9]{1,4})?\s*", re.I)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MOMENT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}([ T][0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?"
    r" ?(Z|[+-][0-9]{2}(:?[0-9]{2})?)?)?"
)
_TIME = re.compile(r"[0-9]{2}:[0-9]{2}(:[0-9]{2}(\.[0-9]{1,6})?)?")
_SPAN = re.compile(
    r"(?:(?P<days>-?[0-9]+) days?)?,? ?"
    r"(?:(?P<sign>[+-]?)(?P<h>[0-9]+):(?P<m>[0-9]{2}):(?P<s>[0-9]{2}(\.[0-9]{1,6})?))?"
)
_LEAST_BIGINT, _GREATEST_BIGINT = -(2**63), 2**63 - 1
# Texts that PostgreSQL accepts as booleans, as well as unambiguous prefixes of them.
_TRUE, _FALSE = ("true", "yes", "on", "1"), ("false", "no", "off", "0")


class Inexact(ValueError):
    """The new type cannot hold a value unchanged; the message says why."""


def convert(value: object, old: Kind, new: Kind) -> object:
    """Convert a Python value of one kind to another.

    Args:
        value: The value; not None.
        old: Its kind.
        new: Kind to convert to.

    Raises:
        Inexact: The conversion would change or lose something.

    Example:
        >>> from sqlalchemy import Integer, String
        >>> convert("42", Kind("str", String()), Kind("int", Integer()))
        42
        >>> convert("4.2", Kind("str", String()), Kind("int", Integer()))
        Traceback (most recent call last):
        lback.database.migrations.conversions.Inexact: is not a whole number
    """
    if old.name == new.name:
        return _limited(value, new)
    converter = _CONVERTERS.get((old.name, new.name))
    if converter is None:
        raise Inexact(f"cannot be converted from {old.name} to {new.name}")
    try:
        return _limited(converter(value, old, new), new)
    except Inexact:
        raise
    except (ValueError, ArithmeticError, UnicodeError):
        raise Inexact(f"is not {_WORDS.get(new.name, new.name)}") from None


def is_known(old: Kind, new: Kind) -> bool:
    """Return True if a conversion from one kind to another exists.

    Args:
        old: Kind of the values.
        new: Kind to convert to.
    """
    return old.name == new.name or (old.name, new.name) in _CONVERTERS


_WORDS = {
    "int": "a whole number", "float": "a number", "decimal": "a number", "bool": "true or false",
    "date": "a date such as 2024-05-06", "datetime": "a date and time", "time": "a time",
    "uuid": "a UUID", "json": "JSON", "bytes": "bytes", "str": "text", "interval": "a time span",
}  # fmt: skip


def _limited(value: object, new: Kind) -> object:
    limit = _LIMITS.get(new.name)
    return value if limit is None else limit(value, new)


# Limits of a kind.


def _limited_integer(value: int, new: Kind) -> int:
    if new.lowest is None or new.highest is None or new.lowest <= value <= new.highest:
        return value
    raise Inexact("is out of range")


def _limited_text(value: str, new: Kind) -> str:
    if new.members is not None and value not in new.members:
        raise Inexact(f"is not one of {', '.join(new.members)}")
    if new.length is not None and len(value) > new.length:
        raise Inexact(f"has more than {new.length} characters")
    return value


def _limited_decimal(value: Decimal, new: Kind) -> Decimal:
    value = Decimal(value)
    if not value.is_finite():
        raise Inexact("is not a number")
    if new.precision is None:
        return value
    scale = new.scale or 0
    _, digits, exponent = value.as_tuple()
    significant = len("".join(map(str, digits)).rstrip("0"))
    places = significant - len(digits) - int(exponent)
    if any(digits) and places > scale:
        raise Inexact(f"has more than {scale} digits after the point")
    if value and value.adjusted() >= new.precision - scale:
        raise Inexact("is out of range")
    return value


def _limited_float(value: float, new: Kind) -> float:
    value = float(value)
    if new.is_single and math.isfinite(value):
        try:
            same = struct.unpack("f", struct.pack("f", value))[0] == value
        except OverflowError:
            same = False
        if not same:
            raise Inexact("has more digits than a single float")
    return value


def _limited_moment(value: datetime, new: Kind) -> datetime:
    _limited_time(value.time(), new)
    if value.tzinfo is not None:
        value = value.astimezone(UTC)
        return value if new.with_zone else value.replace(tzinfo=None)
    return value.replace(tzinfo=UTC) if new.with_zone else value


def _limited_time(value: time, new: Kind) -> time:
    if value.microsecond % 10 ** (MICROSECONDS - new.fraction):
        raise Inexact("has a fraction of a second")
    return value


_LIMITS: dict[str, Callable[[Any, Kind], object]] = {
    "int": _limited_integer, "str": _limited_text, "enum": _limited_text,
    "decimal": _limited_decimal, "float": _limited_float, "datetime": _limited_moment,
    "time": _limited_time,
}  # fmt: skip

# From one kind to another.


def _matched(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(text)
    return text.strip()


def _text_to_bool(value: str, _: Kind, __: Kind) -> bool:
    text = value.strip().lower()
    meant = [
        truth for truth, words in ((True, _TRUE), (False, _FALSE))
        if text and any(word.startswith(text) for word in words)
    ]  # fmt: skip
    if len(meant) != 1:
        raise Inexact("is not true or false")
    return meant[0]


def _text_to_float(value: str, _: Kind, __: Kind) -> float:
    text = _matched(_NUMBER, value)
    return _exact_float(Decimal(text))


def _exact_float(number: Decimal) -> float:
    result = float(number)
    if not math.isfinite(result) or Decimal(repr(result)) != number:
        raise Inexact("has more digits than a float keeps")
    return result


def _text_to_moment(value: str, _: Kind, new: Kind) -> datetime:
    moment = datetime.fromisoformat(_matched(_MOMENT, value).replace(" +", "+").replace(" -", "-"))
    if moment.tzinfo is not None and not new.with_zone:
        raise Inexact("has a time zone, and the new type has none")
    return moment


def _text_to_span(value: str, _: Kind, __: Kind) -> timedelta:
    found = _SPAN.fullmatch(value.strip())
    if not found or not value.strip() or found["days"] is found["h"] is None:
        raise ValueError(value)
    parts = timedelta(
        hours=int(found["h"] or 0), minutes=int(found["m"] or 0), seconds=float(found["s"] or 0)
    )
    return timedelta(days=int(found["days"] or 0)) + (-parts if found["sign"] == "-" else parts)


def _text_to_json(value: str, _: Kind, __: Kind) -> "JSONText":
    loaded = json.loads(value, parse_constant=_refuse_constant)
    if isinstance(loaded, int) and not _LEAST_BIGINT <= loaded <= _GREATEST_BIGINT:
        raise Inexact("is out of range")
    return JSONText(value)


def _refuse_constant(name: str) -> object:
    raise ValueError(name)


class JSONText(str):
    """Text that is JSON already."""

    __slots__ = ()


def _number_to_int(value: int | float | Decimal, _: Kind, __: Kind) -> int:
    number = Decimal(repr(value)) if isinstance(value, float) else Decimal(value)
    if not number.is_finite() or number != number.to_integral_value():
        raise Inexact("is not a whole number")
    return int(number)


def _to_bool(value: int, _: Kind, __: Kind) -> bool:
    if value not in (0, 1):
        raise Inexact("is not 0 or 1")
    return bool(value)


def _decimal_text(value: Decimal, old: Kind, __: Kind) -> str:
    number = Decimal(value)
    if not number.is_finite() or old.scale is None:
        return format(number, "f")
    try:
        rounded = number.quantize(Decimal(1).scaleb(-old.scale))
    except InvalidOperation:
        return format(number, "f")
    return format(rounded if rounded == number else number, "f")


def _span_text(value: timedelta, _: Kind, __: Kind) -> str:
    if value < timedelta():
        raise Inexact("is negative")
    hours, seconds = divmod(value.seconds, 3600)
    clock = f"{hours:02}:{seconds // 60:02}:{seconds % 60:02}"
    if value.microseconds:
        clock += f".{value.microseconds:06}".rstrip("0")
    days = f"{value.days} day{'s' if value.days != 1 else ''}" if value.days else ""
    return f"{days} {clock}".strip() if value.seconds or value.microseconds or not days else days


def _moment_to_date(value: datetime, _: Kind, __: Kind) -> date:
    moment = value.astimezone(UTC) if value.tzinfo else value
    if moment.time() != time():
        raise Inexact("has a time of day, which a date would lose")
    return moment.date()


def _bytes_to_text(value: bytes, _: Kind, __: Kind) -> str:
    text = bytes(value).decode()
    if "\0" in text:
        raise Inexact("has a byte that text cannot hold")
    return text


def _float_to_decimal(value: float, _: Kind, __: Kind) -> Decimal:
    return Decimal(repr(float(value)))


def _json_text(value: object, _: Kind, __: Kind) -> str:
    return value if isinstance(value, JSONText) else json.dumps(value)


def _to_json(value: object, _: Kind, __: Kind) -> JSONText:
    return JSONText(json.dumps(value, allow_nan=False))


_FROM_TEXT: dict[str, Converter] = {
    "str": lambda value, _, __: value,
    "enum": lambda value, _, __: value,
    "int": lambda value, _, __: int(_matched(_INTEGER, value)),
    "bool": _text_to_bool,
    "float": _text_to_float,
    "decimal": lambda value, _, __: Decimal(_matched(_NUMBER, value)),
    "date": lambda value, _, __: date.fromisoformat(_matched(_DATE, value)),
    "datetime": _text_to_moment,
    "time": lambda value, _, __: time.fromisoformat(_matched(_TIME, value)),
    "interval": _text_to_span,
    "uuid": lambda value, _, __: UUID(value.strip()),
    "json": _text_to_json,
    "bytes": lambda value, _, __: value.encode(),
}
_TO_TEXT: dict[str, Converter] = {
    "int": lambda value, _, __: str(int(value)),
    "bool": lambda value, _, __: "true" if value else "false",
    "float": lambda value, _, __: repr(float(value)),
    "decimal": _decimal_text,
    "date": lambda value, _, __: value.isoformat(),
    "datetime": lambda value, _, __: value.isoformat(sep=" "),
    "time": lambda value, _, __: value.isoformat(),
    "interval": _span_text,
    "uuid": lambda value, _, __: str(value),
    "json": _json_text,
    "bytes": _bytes_to_text,
}
_CONVERTERS: dict[tuple[str, str], Converter] = {
    **{(text, new): converter for text in ("str", "enum") for new, converter in _FROM_TEXT.items()},
    **{(old, "str"): converter for old, converter in _TO_TEXT.items()},
    ("str", "enum"): _FROM_TEXT["enum"],
    ("enum", "str"): _FROM_TEXT["str"],
    ("int", "bool"): _to_bool,
    ("int", "float"): lambda value, _, __: _exact_float(Decimal(value)),
    ("int", "decimal"): lambda value, _, __: Decimal(value),
    ("int", "json"): _to_json,
    ("bool", "int"): lambda value, _, __: int(value),
    ("bool", "json"): _to_json,
    ("float", "int"): _number_to_int,
    ("float", "decimal"): _float_to_decimal,
    ("float", "json"): _to_json,
    ("decimal", "int"): _number_to_int,
    ("decimal", "float"): lambda value, _, __: _exact_float(Decimal(value)),
    ("date", "datetime"): lambda value, _, __: datetime(value.year, value.month, value.day),  # noqa: DTZ001  days have no zone
    ("datetime", "date"): _moment_to_date,
}
