"""Conversion of rows, dicts and other objects to the type of an answer."""

from typing import TYPE_CHECKING, Any, TypeAlias, get_args, get_origin

import msgspec

from lback.core.routing.annotations import is_struct, plain

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy.orm import Session

Conform: TypeAlias = "Callable[[Any, Session | None], Any]"


def conformer(annotation: Any) -> Conform:
    """Return a function that makes a value fit a type, so that nothing else of it is encoded.

    An instance of a Struct is used as it is. Other objects, such as rows and dicts, are read
    attribute by attribute or key by key; what the type does not name is left out. The function
    takes the value and the database session, whose changes are flushed before rows are read.

    Args:
        annotation: The type.
    """
    kind = plain(annotation)
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        return lambda value, session: (
            value if value.__class__ is kind else converted(value, kind, session)
        )
    if is_struct(kind):
        return _generic_conformer(kind)
    arguments = get_args(kind)
    item = plain(arguments[0]) if get_origin(kind) is list and arguments else None
    if isinstance(item, type) and issubclass(item, msgspec.Struct):
        only = {item}
        return lambda value, session: (
            value
            if value.__class__ is list and set(map(type, value)) <= only
            else converted(value, annotation, session)
        )
    return lambda value, session: converted(value, annotation, session)


def _generic_conformer(annotation: Any) -> Conform:
    """Return a conformer for a Struct with type arguments, such as `Page[BookOut]`.

    msgspec takes an instance of the Struct as it is, whatever it holds: the fields are converted
    one by one instead.
    """
    kind = get_origin(annotation)
    fields = [(field.name, field.encode_name) for field in msgspec.structs.fields(kind)]

    def conform(value: Any, session: "Session | None") -> Any:
        if isinstance(value, kind):
            held = {encoded: getattr(value, name) for name, encoded in fields}
            value = {n: item for n, item in held.items() if item is not msgspec.UNSET}
        return converted(value, annotation, session)

    return conform


def converted(value: Any, annotation: Any, session: "Session | None" = None) -> Any:
    """Return a value as a type, read from attributes or keys.

    Args:
        value: A row, a dict, or a list of these.
        annotation: The type.
        session: Its changes are flushed first, so that a new row has its key.

    Raises:
        msgspec.ValidationError: The value does not fit.
    """
    if session is not None:
        session.flush()
    return msgspec.convert(value, annotation, from_attributes=True)
