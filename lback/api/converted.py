"""The types of the values that path converters return."""

from collections.abc import Mapping
from typing import Any, get_type_hints
from uuid import UUID

from lback.core.routing.converters import (
    IntegerConverter,
    StringConverter,
    TypeConverter,
    UUIDConverter,
)

_TYPES: Mapping[type[TypeConverter], Any] = {
    StringConverter: str,
    IntegerConverter: int,
    UUIDConverter: UUID,
}


def converted_type(converter: TypeConverter) -> Any:
    """Return the type of the values of a path converter.

    Args:
        converter: One of Lback's, or one of the project, whose `to_python` is annotated.

    Example:
        >>> from lback.core.routing.converters import CONVERTERS
        >>> converted_type(CONVERTERS["int"])
        <class 'int'>
    """
    for kind, found in _TYPES.items():
        if isinstance(converter, kind):
            return found
    try:
        found = get_type_hints(converter.to_python).get("return", str)
    except (NameError, TypeError):
        return str
    return str if found is Any else found
