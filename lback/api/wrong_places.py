"""Collects every invalid place of a value, after its conversion to a type has failed."""

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from functools import cache
from typing import Annotated, Any, Literal, NamedTuple, TypeAlias, Union

import msgspec
from msgspec import inspect

from lback.api.column_limits import WrongMembers
from lback.api.messages import message

# The limits keep the answer to a large body small, and the walk through it short.
MAX_PLACES = 100
MAX_VALUES = 50_000

Path: TypeAlias = tuple[str | int, ...]


class WrongPlace(NamedTuple):
    """An invalid place of a value: the names and indexes that lead to it, a code and a message."""

    path: Path
    code: str
    detail: str


def json_pointer(path: Path) -> str:
    """Return the JSON Pointer of a place (RFC 6901 section 3).

    Args:
        path: Names of members and indexes of items, from the outside in.

    Example:
        >>> json_pointer(("items", 0, "a/b~c"))
        '/items/0/a~1b~0c'
    """
    return "".join(f"/{str(step).replace('~', '~0').replace('/', '~1')}" for step in path)


def wrong_places(value: object, annotation: Any, *, strict: bool = True) -> list[WrongPlace]:
    """Return the invalid places of a value; empty if it fits the type.

    Args:
        value: Of dicts, lists, text, numbers, booleans and None.
        annotation: The type that it should have.
        strict: Whether text does not count as a number or a boolean.
    """
    try:
        converted = msgspec.convert(value, annotation, strict=strict)
    except (msgspec.ValidationError, ValueError) as error:
        found = _first_of(_Walk(strict).places(value, _info(annotation), ()))
        return found or [message_place(str(error))]
    return _first_of(non_finite(converted, ()))


def non_finite(value: object, path: Path) -> Iterator[WrongPlace]:
    """Yield the places of decimals and floats that are not finite, which msgspec accepts as text.

    Args:
        value: A converted value.
        path: Where it is.
    """
    if isinstance(value, (Decimal, float)):
        if not _is_finite(value):
            yield WrongPlace(path, "finite", message("finite"))
        return
    for step, part in _parts_of(value):
        yield from non_finite(part, (*path, step))


def _is_finite(value: Decimal | float) -> bool:
    """Return True for a number that a column and a sum can hold; 1e999999 is not one."""
    # math.isfinite raises for a signalling NaN.
    return not (isinstance(value, Decimal) and value.is_snan()) and math.isfinite(value)


def _parts_of(value: Any) -> Iterable[tuple[str | int, object]]:
    """Return the parts of a value, each with the name or index that leads to it."""
    if isinstance(value, msgspec.Struct):
        return [(f.encode_name, getattr(value, f.name)) for f in msgspec.structs.fields(value)]
    if isinstance(value, Mapping):
        return [(str(name), item) for name, item in value.items()]
    if isinstance(value, (list, tuple, set, frozenset)):
        return enumerate(value)
    names = getattr(value, "__dataclass_fields__", ())
    return [(name, getattr(value, name)) for name in names]


def _first_of(places: Iterable[WrongPlace]) -> list[WrongPlace]:
    found: list[WrongPlace] = []
    try:
        for place in places:
            found.append(place)
            if len(found) == MAX_PLACES:
                break
    except (_TooManyValues, RecursionError):
        pass  # those found so far; none leaves the place that msgspec named
    return found


class _TooManyValues(Exception):
    """So many values were compared that the rest is left out."""


@cache
def _cached_info(annotation: Any) -> inspect.Type:
    return inspect.type_info(annotation)


def _info(annotation: Any) -> inspect.Type:
    try:
        return _cached_info(annotation)
    except TypeError:  # not hashable
        return inspect.type_info(annotation)


class _Walk:
    """Walks a value and the description of its type together.

    Args:
        strict: Whether text does not count as a number or a boolean.
    """

    def __init__(self, strict: bool) -> None:
        self._strict = strict
        self._values_left = MAX_VALUES

    def places(self, value: object, info: inspect.Type, path: Path) -> Iterator[WrongPlace]:
        self._values_left -= 1
        if self._values_left < 0:
            raise _TooManyValues
        if isinstance(info, inspect.Metadata):
            info = info.type
        walk = _WALKS.get(type(info))
        if walk is not None:
            yield from walk(self, value, info, path)
            return
        place = self.leaf(value, info, path)
        if place is not None:
            yield place

    def leaf(self, value: object, info: inspect.Type, path: Path) -> WrongPlace | None:
        """Return the place if a value does not fit a type without parts."""
        annotation = _annotation_of(info)
        try:
            found = msgspec.convert(value, annotation, strict=self._strict)
        except (msgspec.ValidationError, ValueError) as error:
            return _place_of(str(error), value, info, path)
        return next(non_finite(found, path), None)

    def struct(self, value: object, info: Any, path: Path) -> Iterator[WrongPlace]:
        if not isinstance(value, Mapping):
            yield _wrong_type(value, "an object", path)
            return
        found = False
        for place in self.members(value, info, path):
            found = True
            yield place
        if not found:
            yield from self.own_rule(value, info, path)

    def members(self, value: Mapping[Any, object], info: Any, path: Path) -> Iterator[WrongPlace]:
        fields = {field.encode_name: field for field in info.fields}
        for name, field in fields.items():
            if name in value:
                yield from self.places(value[name], field.type, (*path, name))
            elif field.required:
                yield WrongPlace((*path, name), "missing", message("missing"))
        if getattr(info, "forbid_unknown_fields", False):
            known = {*fields, getattr(info, "tag_field", None)}
            for name in value:
                if name not in known:
                    yield WrongPlace((*path, str(name)), "unknown", message("unknown"))

    def own_rule(self, value: object, info: Any, path: Path) -> Iterator[WrongPlace]:
        """Yield the place of an object whose parts are valid and that `__post_init__` refuses."""
        kind = getattr(info, "cls", None)
        if not hasattr(kind, "__post_init__"):
            return
        try:
            msgspec.convert(value, kind, strict=self._strict)
        except (msgspec.ValidationError, ValueError) as error:
            if isinstance(error.__cause__, WrongMembers):
                sent = {field.name: field.encode_name for field in info.fields}
                for name, (code, detail) in error.__cause__.problems.items():
                    yield WrongPlace((*path, sent[name]), code, detail)
                return
            place = message_place(str(error))
            yield place._replace(path=(*path, *place.path))

    def mapping(self, value: object, info: inspect.DictType, path: Path) -> Iterator[WrongPlace]:
        if not isinstance(value, Mapping):
            yield _wrong_type(value, "an object", path)
            return
        yield from _wrong_length(value, info, path)
        for name, item in value.items():
            step = (*path, str(name))
            wrong = self.leaf(name, info.key_type, step)
            if wrong is not None:
                yield wrong
            yield from self.places(item, info.value_type, step)

    def array(self, value: object, info: Any, path: Path) -> Iterator[WrongPlace]:
        if not isinstance(value, (list, tuple)):
            yield _wrong_type(value, "a list", path)
            return
        yield from _wrong_length(value, info, path)
        for index, item in enumerate(value):
            yield from self.places(item, info.item_type, (*path, index))

    def tuple_(self, value: object, info: inspect.TupleType, path: Path) -> Iterator[WrongPlace]:
        if not isinstance(value, (list, tuple)):
            yield _wrong_type(value, "a list", path)
            return
        if len(value) != len(info.item_types):
            code = "max_length" if len(value) > len(info.item_types) else "min_length"
            yield WrongPlace(path, code, message(code, limit=len(info.item_types)))
        for index, (item, kind) in enumerate(zip(value, info.item_types, strict=False)):
            yield from self.places(item, kind, (*path, index))

    def union(self, value: object, info: inspect.UnionType, path: Path) -> Iterator[WrongPlace]:
        kinds = [_bare(kind) for kind in info.types]
        structs = [kind for kind in kinds if isinstance(kind, inspect.StructType)]
        if isinstance(value, Mapping) and len(structs) > 1:
            yield from self.tagged(value, structs, path)
            return
        suited = [kind for kind in kinds if _suits(value, kind)]
        if len(suited) == 1:
            yield from self.places(value, suited[0], path)
            return
        if suited and any(self.leaf(value, kind, path) is None for kind in suited):
            return
        if len(kinds) == 2 and any(isinstance(kind, inspect.NoneType) for kind in kinds):
            other = next(kind for kind in kinds if not isinstance(kind, inspect.NoneType))
            yield from self.places(value, other, path)
        else:
            expected = " or ".join(dict.fromkeys(_named(kind) for kind in kinds))
            yield WrongPlace(path, "type", message("type", expected=expected, found=_found(value)))

    def tagged(
        self, value: Mapping[Any, object], structs: Sequence[Any], path: Path
    ) -> Iterator[WrongPlace]:
        name = structs[0].tag_field
        if name not in value:
            yield WrongPlace((*path, name), "missing", message("missing"))
            return
        for kind in structs:
            if kind.tag == value[name]:
                yield from self.struct(value, kind, path)
                return
        choices = ", ".join(str(kind.tag) for kind in structs)
        yield WrongPlace((*path, name), "choice", message("choice", choices=choices))


_Step: TypeAlias = Callable[[_Walk, object, Any, Path], Iterator[WrongPlace]]
_WALKS: Mapping[type[inspect.Type], _Step] = {
    inspect.StructType: _Walk.struct,
    inspect.DataclassType: _Walk.struct,
    inspect.TypedDictType: _Walk.struct,
    inspect.DictType: _Walk.mapping,
    inspect.ListType: _Walk.array,
    inspect.SetType: _Walk.array,
    inspect.FrozenSetType: _Walk.array,
    inspect.VarTupleType: _Walk.array,
    inspect.TupleType: _Walk.tuple_,
    inspect.UnionType: _Walk.union,
}

# Names of types for people, without an article of the programming language.
_NAMES: Mapping[type[inspect.Type], str] = {
    inspect.NoneType: "null",
    inspect.BoolType: "true or false",
    inspect.IntType: "a whole number",
    inspect.FloatType: "a number",
    inspect.DecimalType: "a decimal number",
    inspect.StrType: "text",
    inspect.BytesType: "base64 text",
    inspect.UUIDType: "a UUID",
    inspect.DateTimeType: "a date and time such as 2026-01-31T12:00:00Z",
    inspect.DateType: "a date such as 2026-01-31",
    inspect.TimeType: "a time such as 12:00:00",
    inspect.TimeDeltaType: "a duration such as PT1H30M",
    inspect.EnumType: "one of the choices",
    inspect.LiteralType: "one of the choices",
    **dict.fromkeys(
        (inspect.StructType, inspect.DataclassType, inspect.TypedDictType, inspect.DictType),
        "an object",
    ),
    **dict.fromkeys(
        (
            inspect.ListType,
            inspect.SetType,
            inspect.FrozenSetType,
            inspect.TupleType,
            inspect.VarTupleType,
        ),
        "a list",
    ),
}
_FORMATTED = (
    inspect.UUIDType,
    inspect.DateTimeType,
    inspect.DateType,
    inspect.TimeType,
    inspect.TimeDeltaType,
    inspect.DecimalType,
    inspect.BytesType,
)
_OBJECTS = (
    inspect.StructType,
    inspect.DataclassType,
    inspect.TypedDictType,
    inspect.DictType,
)
_LISTS = (
    inspect.ListType,
    inspect.SetType,
    inspect.FrozenSetType,
    inspect.TupleType,
    inspect.VarTupleType,
)
_BASES: Mapping[type[inspect.Type], Any] = {
    inspect.NoneType: None,
    inspect.BoolType: bool,
    inspect.IntType: int,
    inspect.FloatType: float,
    inspect.StrType: str,
    inspect.BytesType: bytes,
}
_LIMITS = ("gt", "ge", "lt", "le", "multiple_of", "min_length", "max_length", "pattern", "tz")


def _bare(info: inspect.Type) -> inspect.Type:
    return info.type if isinstance(info, inspect.Metadata) else info


def _annotation_of(info: inspect.Type) -> Any:
    """Return the annotation that a description without parts was made from."""
    info = _bare(info)
    base = _base_of(info)
    limits = {
        name: getattr(info, name) for name in _LIMITS if getattr(info, name, None) is not None
    }
    return Annotated[base, msgspec.Meta(**limits)] if limits else base


def _base_of(info: Any) -> Any:
    if isinstance(info, inspect.LiteralType):
        return Literal[tuple(info.values)]
    if isinstance(info, (inspect.EnumType, inspect.CustomType)):
        return info.cls
    if isinstance(info, inspect.UnionType):
        kinds = tuple(_annotation_of(kind) for kind in info.types)
        return Union[kinds]  # noqa: UP007  as many as there are
    kind = type(info)
    if kind in _BASES:
        return _BASES[kind]
    return _STANDARD.get(kind, Any)


def _standard() -> Mapping[type[inspect.Type], Any]:
    from datetime import date, datetime, time, timedelta
    from uuid import UUID

    return {
        inspect.DateTimeType: datetime,
        inspect.DateType: date,
        inspect.TimeType: time,
        inspect.TimeDeltaType: timedelta,
        inspect.UUIDType: UUID,
        inspect.DecimalType: Decimal,
    }


_STANDARD = _standard()


def _suits(value: object, info: inspect.Type) -> bool:
    """Return True if a value is of the kind of JSON that a type is written as."""
    if value is None:
        return isinstance(info, inspect.NoneType)
    if isinstance(value, Mapping):
        return isinstance(info, _OBJECTS)
    if isinstance(value, (list, tuple)):
        return isinstance(info, _LISTS)
    return not isinstance(info, (*_OBJECTS, *_LISTS, inspect.NoneType))


def _named(info: inspect.Type) -> str:
    return _NAMES.get(type(info), "a valid value")


def _found(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    kinds: tuple[tuple[Any, str], ...] = (
        (str, "text"),
        ((int, float), "a number"),
        (Mapping, "an object"),
        ((list, tuple), "a list"),
    )
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)


def _wrong_type(value: object, expected: str, path: Path) -> WrongPlace:
    return WrongPlace(path, "type", message("type", expected=expected, found=_found(value)))


def _wrong_length(value: Any, info: Any, path: Path) -> Iterator[WrongPlace]:
    if info.min_length is not None and len(value) < info.min_length:
        yield WrongPlace(path, "min_length", message("min_length", limit=info.min_length))
    if info.max_length is not None and len(value) > info.max_length:
        yield WrongPlace(path, "max_length", message("max_length", limit=info.max_length))


_LIMIT = re.compile(
    r"Expected `\w+` (?P<sign>>=|>|<=|<|that's a multiple of|of length >=|of length <=) "
    r"(?P<limit>\S+)"
)
_SIGNS = {
    ">=": ("minimum", "ge"),
    ">": ("exclusive_minimum", "gt"),
    "<=": ("maximum", "le"),
    "<": ("exclusive_maximum", "lt"),
    "that's a multiple of": ("multiple_of", "multiple_of"),
    "of length >=": ("min_length", "min_length"),
    "of length <=": ("max_length", "max_length"),
}


def _place_of(text: str, value: object, info: inspect.Type, path: Path) -> WrongPlace:
    """Return the place of a value without parts, from the message of msgspec."""
    info = _bare(info)
    limit = _LIMIT.match(text)
    if limit is not None:
        code, name = _SIGNS[limit["sign"]]
        declared = getattr(info, name, None)
        shown = limit["limit"] if declared is None else declared
        return WrongPlace(path, code, message(code, limit=shown))
    if isinstance(info, (inspect.EnumType, inspect.LiteralType)):
        choices = [m.value for m in info.cls] if isinstance(info, inspect.EnumType) else info.values
        return WrongPlace(path, "choice", message("choice", choices=", ".join(map(str, choices))))
    if "matching regex" in text:
        return WrongPlace(path, "pattern", message("pattern", pattern=getattr(info, "pattern", "")))
    if "timezone component" in text:
        expected = "with a time zone" if getattr(info, "tz", None) else "without a time zone"
        return WrongPlace(path, "time_zone", message("time_zone", expected=expected))
    if "out of range" in text:
        return WrongPlace(path, "range", message("range"))
    if isinstance(value, str) and isinstance(info, _FORMATTED):
        return WrongPlace(path, "format", message("format", expected=_named(info)))
    if text.startswith("Expected `"):
        return _wrong_type(value, _named(info), path)
    return message_place(text)._replace(path=path)


_AT = re.compile(r" - at `(?:key in )?\$(?P<path>.*)`\Z", re.DOTALL)
_STEP = re.compile(r"\.(?P<name>[^.\[]+)|\[(?P<index>\d+)\]|\[\.\.\.\]")


def message_place(text: str) -> WrongPlace:
    """Return the place that a message of msgspec names: a rule of the project, usually.

    Args:
        text: Message of a `msgspec.ValidationError`.

    Example:
        >>> message_place("Ends before it begins - at `$.stays[0]`").path
        ('stays', 0)
    """
    at = _AT.search(text)
    path: list[str | int] = []
    if at is not None:
        text = text[: at.start()]
        path.extend(
            int(step["index"]) if step["index"] else step["name"] or "*"
            for step in _STEP.finditer(at["path"])
        )
    return WrongPlace(tuple(path), "invalid", text or message("invalid"))
