"""Python values as JSON: what msgspec knows, and what derives from it."""

from collections import UserString
from collections.abc import Callable, Mapping, Sequence, Set, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import msgspec


def _iso_8601(value: date | time) -> str:
    # As text at once: what freezes time in tests replaces the classes themselves.
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _plain_timedelta(value: timedelta) -> timedelta:
    # The attributes of the class itself, for subclasses count weeks and months apart from days.
    kind = timedelta
    return timedelta(
        kind.days.__get__(value), kind.seconds.__get__(value), kind.microseconds.__get__(value)
    )


# Each kind with what reduces a subclass of it to a value that msgspec knows; the first that fits.
_REDUCTIONS: tuple[tuple[Any, Callable[[Any], Any]], ...] = (
    (str, str.__str__),
    (UserString, str),
    (int, int),
    (float, float),
    ((datetime, date, time), _iso_8601),
    (timedelta, _plain_timedelta),
    (Decimal, Decimal),
    ((bytes, bytearray, memoryview), bytes),
    (Mapping, dict),
    ((Sequence, Set, ValuesView), list),
)


def _reduced(value: Any) -> Any:
    """Reduce a value that msgspec does not know to one that it knows."""
    for kind, reduce in _REDUCTIONS:
        if isinstance(value, kind):
            return reduce(value)
    raise TypeError(
        f"data of type {type(value).__name__} has no JSON form; "
        "make it a dict, a list, text or a number first"
    )


json_encode = msgspec.json.Encoder(enc_hook=_reduced).encode
