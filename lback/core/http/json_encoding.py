"""Encodes Python values as JSON: all types that msgspec supports, and their subclasses."""

from collections import UserString
from collections.abc import Callable, Mapping, Sequence, Set, ValuesView
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from pathlib import PurePath
from typing import Any

import msgspec


def _iso_8601(value: date | time) -> str:
    # Converted to text here, because tools that freeze time in tests replace the classes.
    text = value.isoformat()
    return text.removesuffix("+00:00") + "Z" if text.endswith("+00:00") else text


def _plain_timedelta(value: timedelta) -> timedelta:
    # The attributes of the base class, because subclasses may count weeks and months separately.
    kind = timedelta
    return timedelta(
        kind.days.__get__(value), kind.seconds.__get__(value), kind.microseconds.__get__(value)
    )


# For each type, a function that converts a subclass to a type that msgspec supports; first match.
_REDUCTIONS: tuple[tuple[Any, Callable[[Any], object]], ...] = (
    (str, str.__str__),
    (UserString, str),
    (int, int),
    (float, float),
    ((datetime, date, time), _iso_8601),
    (timedelta, _plain_timedelta),
    (Decimal, Decimal),
    ((bytes, bytearray, memoryview), bytes),
    ((PurePath, IPv4Address, IPv4Network, IPv6Address, IPv6Network), str),
    (Mapping, dict),
    ((Sequence, Set, ValuesView), list),
)


# msgspec supports these as values, so that they come here only as keys of a dict.
_UNFIT_AS_KEYS = frozenset({list, tuple, dict, set, frozenset})


def _reduced(value: object) -> object:
    """Convert a value that msgspec does not support to one that it does."""
    if value is None:  # a key, as above; written as `json.dumps` does
        return "null"
    if type(value) in _UNFIT_AS_KEYS:
        raise TypeError(
            f"a key of a dict is a {type(value).__name__}, which JSON has no form for; "
            "convert it to text or a number first"
        )
    for kind, reduce in _REDUCTIONS:
        if isinstance(value, kind):
            return reduce(value)
    raise TypeError(
        f"data of type {type(value).__name__} has no JSON form; "
        "convert it to a dict, a list, text or a number first"
    )


json_encode = msgspec.json.Encoder(enc_hook=_reduced).encode
