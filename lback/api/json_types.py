"""Facts about types: whether msgspec can read and write them, and whether they hold decimals."""

from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import inspect


def problem_of_type(annotation: Any) -> str | None:
    """Return why a type has no JSON form, or None if it has one.

    Args:
        annotation: The type.

    Example:
        >>> problem_of_type(list[int]) is None, problem_of_type(complex)
        (True, 'complex has no JSON form')
    """
    try:
        msgspec.json.Decoder(annotation)
        parts = list(parts_of_type(annotation))
    except (TypeError, ValueError, NameError) as error:
        return str(error)
    classes = [kind for kind in map(_class_of, parts) if hasattr(kind, "__mapper__")]
    if classes:
        return f"{classes[0].__qualname__} is a model; write a ModelStruct with the columns to use"
    custom = [part.cls for part in parts if isinstance(part, inspect.CustomType)]
    strange = [kind for kind in custom if kind is not object]  # object is as Any
    names = ", ".join(dict.fromkeys(kind.__qualname__ for kind in strange))
    return f"{names} has no JSON form" if strange else None


def _class_of(info: inspect.Type) -> Any:
    return getattr(info, "cls", None)


def has_decimals(annotation: Any) -> bool:
    """Return True if a type contains decimals, which msgspec reads from text such as "NaN"."""
    return any(isinstance(part, inspect.DecimalType) for part in parts_of_type(annotation))


def parts_of_type(annotation: Any) -> Iterator[inspect.Type]:
    """Yield the descriptions of a type and of all types in it, each once.

    Args:
        annotation: The type; it may refer to itself.

    Raises:
        TypeError, NameError: The type is not supported.
    """
    seen: set[int] = set()
    waiting: list[Any] = [inspect.type_info(annotation)]
    while waiting:
        info = waiting.pop()
        if id(info) in seen:
            continue
        seen.add(id(info))
        if isinstance(info, inspect.Type):
            yield info
        for name in getattr(info, "__struct_fields__", ()):
            part = getattr(info, name)
            items = part if isinstance(part, tuple) else (part,)
            waiting += [item for item in items if isinstance(item, (inspect.Type, inspect.Field))]
