"""Plain data: what templates from a database may read without being told to."""

import datetime
import types
from collections.abc import Collection, Mapping
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

from jinja2 import Undefined
from jinja2.runtime import BlockReference, LoopContext, Macro
from jinja2.utils import Cycler, Namespace
from markupsafe import Markup

_TEXT = (
    "capitalize casefold count endswith find index isalnum isalpha isdecimal isdigit islower "
    "isspace istitle isupper join lower lstrip partition removeprefix removesuffix replace rfind "
    "rindex rpartition rsplit rstrip split splitlines startswith strip swapcase title upper"
)
_DATE = "day isocalendar isoformat isoweekday month strftime weekday year"
_TIME = "hour microsecond minute second isoformat strftime tzname utcoffset"
# Attributes of plain data that templates from the database may read, by type.
_READABLE: Mapping[type, frozenset[str]] = {
    kind: frozenset(names.split())
    for kind, names in {
        str: _TEXT,
        bytes: "",
        bool: "",
        int: "",
        float: "is_integer",
        types.NoneType: "",
        Decimal: "is_finite is_nan is_signed",
        UUID: "hex",
        datetime.datetime: f"{_DATE} {_TIME} date time timestamp",
        datetime.date: _DATE,
        datetime.time: _TIME,
        datetime.timedelta: "days seconds microseconds total_seconds",
        dict: "get items keys values",
        list: "count index",
        tuple: "count index",
        set: "isdisjoint issubset issuperset",
        frozenset: "isdisjoint issubset issuperset",
        Enum: "name value",
        LoopContext: (
            "changed cycle depth depth0 first index index0 last length nextitem previtem "
            "revindex revindex0"
        ),
        Cycler: "current next reset",
        Namespace: "",
        Macro: "",
        BlockReference: "super",
    }.items()
}
CONTAINERS = (dict, list, tuple, set, frozenset)


def readable_names(obj: Any) -> frozenset[str]:
    """Return the attributes that templates from the database may read of an object."""
    names: set[str] = set()
    for kind, readable in _READABLE.items():
        if isinstance(obj, kind) and (kind not in CONTAINERS or is_plain(obj)):
            names |= readable
    fields: Collection[str] = getattr(type(obj), "_fields", ()) if isinstance(obj, tuple) else ()
    declared: Collection[str] = getattr(type(obj), "template_attributes", ())
    return frozenset(names.union(fields, declared))


def is_plain(value: Any) -> bool:
    """Return True for plain data: containers of the standard library or of a request, and scalars.

    The items of a container are not checked here, but when they are read.
    """
    if isinstance(value, CONTAINERS):
        module = type(value).__module__
        return (
            module in ("builtins", "collections")
            or hasattr(value, "_fields")
            or (module == "lback.core.http.multidict")
        )
    return isinstance(value, (*_READABLE, Markup))


def is_shown(value: Any) -> bool:
    """Return True if the class of an object declares `template_attributes`."""
    return isinstance(value, Undefined) or hasattr(type(value), "template_attributes")
