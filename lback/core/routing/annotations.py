"""Annotations of views: which parameters and results need the typed views of `lback.api`."""

import dataclasses
import enum
import inspect
import types
from collections.abc import (
    Callable,
    Collection,
    Generator,
    Iterable,
    Iterator,
    Mapping,
    Sequence,
)
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Annotated, Any, Literal, NewType, TypeVar, Union, get_args, get_origin
from typing import get_type_hints as hints_of
from uuid import UUID

import msgspec

from lback.core.exceptions import ConfigurationError
from lback.core.http.uploaded_file import UploadedFile
from lback.core.response import Response

EMPTY = inspect.Parameter.empty
SCALARS = frozenset(
    {str, int, float, bool, Decimal, UUID, date, datetime, time, timedelta}
)  # fmt: skip
_UNIONS = (Union, types.UnionType)
_COLLECTIONS = frozenset({list, set, frozenset, tuple, Sequence, Collection, Iterable})
_MAPPINGS = frozenset({dict, Mapping})
_STREAMS = frozenset({Iterator, Iterable, Generator})


@dataclasses.dataclass(frozen=True, slots=True)
class Declared:
    """The annotations of a view that `lback.api` reads.

    Args:
        what: Description of the view for messages.
        view: The function.
        methods: Names of the methods that it handles; None if it handles every one.
        inputs: Its parameters that the request fills, with resolved annotations.
        returns: Its resolved return annotation; `EMPTY` if it has none.
        others: Its other parameters, such as path variables, with annotations where they resolve.
        variables: Names of the path variables.
        fillable: Names that services and values of the request fill.
    """

    what: str
    view: Callable[..., object]
    methods: tuple[str, ...] | None
    inputs: tuple[inspect.Parameter, ...]
    returns: Any
    variables: tuple[str, ...]
    fillable: frozenset[str]
    others: tuple[inspect.Parameter, ...] = ()


def resolved(annotation: Any, view: Callable[..., object], name: str = "value") -> Any:
    """Return an annotation as an object, also under `from __future__ import annotations`.

    Args:
        annotation: The annotation as the signature has it.
        view: The function; text is evaluated in its module.
        name: Name of the parameter.

    Raises:
        NameError: A name of the text is not known in the module.
        TypeError, SyntaxError, AttributeError: The text is not a type.
    """
    if annotation is None or annotation is EMPTY:
        return annotation
    function: Any = inspect.unwrap(view)
    while isinstance(function, partial):
        function = inspect.unwrap(function.func)
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    cells = getattr(function, "__closure__", None) or ()
    names = getattr(getattr(function, "__code__", None), "co_freevars", ())
    local = {n: c.cell_contents for n, c in zip(names, cells, strict=False) if _is_filled(c)}
    found = hints_of(
        holder,
        globalns=getattr(function, "__globals__", None) or {},
        localns=local,
        include_extras=True,
    )
    return found[name]


def _is_filled(cell: types.CellType) -> bool:
    try:
        return cell.cell_contents is not None
    except ValueError:
        return False


def resolved_or_empty(annotation: Any, view: Callable[..., object], name: str = "value") -> Any:
    """Return an annotation as an object, or `EMPTY` if it cannot be resolved.

    Args:
        annotation: The annotation as the signature has it.
        view: The function; text is evaluated in its module.
        name: Name of the parameter.
    """
    try:
        return resolved(annotation, view, name)
    except (NameError, TypeError, SyntaxError, AttributeError):
        return EMPTY


def declared_of(
    view: Callable[..., object],
    parameters: Sequence[inspect.Parameter],
    declared: Declared,
) -> Declared | None:
    """Return what the annotations of a view declare, or None if `lback.api` has no part in it.

    Args:
        view: The function or method.
        parameters: Its parameters.
        declared: Facts of the route, without inputs and return annotation.
    """
    bound = _bound_names(view)
    inputs: list[inspect.Parameter] = []
    others: list[inspect.Parameter] = []
    for parameter in parameters:
        annotation = resolved_or_empty(parameter.annotation, view)
        found = parameter.replace(annotation=annotation)
        is_free = parameter.name not in bound and not parameter.name.startswith("_")
        is_input = is_free and _is_filled_by_request(annotation, parameter, declared)
        (inputs if is_input else others).append(found)
    returns = inspect.signature(view).return_annotation
    resolved_returns = resolved_or_empty(returns, view)
    if not inputs and not is_output(resolved_returns):
        return None
    if returns is not EMPTY and resolved_returns is EMPTY:
        raise ConfigurationError(
            f"the return annotation {returns!r} of {declared.what} is not known in the module "
            "at run time: import it outside of TYPE_CHECKING"
        )
    return dataclasses.replace(
        declared, inputs=tuple(inputs), returns=resolved_returns, others=tuple(others)
    )


def _is_filled_by_request(
    annotation: Any, parameter: inspect.Parameter, declared: Declared
) -> bool:
    if annotation is EMPTY or parameter.kind not in (
        parameter.POSITIONAL_OR_KEYWORD,
        parameter.KEYWORD_ONLY,
    ):
        return False
    if parameter.name in declared.variables:
        return is_marked(annotation) or is_constrained(annotation)
    if parameter.name in declared.fillable:
        return is_marked(annotation)
    return is_input(annotation, parameter.default)


def _bound_names(view: Callable[..., object]) -> frozenset[str]:
    """Return the parameters that `functools.partial` has filled; no request may set them."""
    names: set[str] = set()
    layer: Any = view
    while layer is not None:
        if isinstance(layer, partial):
            names.update(layer.keywords)
            layer = layer.func
        else:
            layer = getattr(layer, "__wrapped__", None)
    return frozenset(names)


def is_marked(annotation: Any) -> bool:
    """Return True for `Annotated` with a marker of `lback.api`, such as `Query()`."""
    return get_origin(annotation) is Annotated and any(
        hasattr(item, "api_location") for item in annotation.__metadata__
    )


def is_constrained(annotation: Any) -> bool:
    """Return True for `Annotated` with `msgspec.Meta`."""
    return get_origin(annotation) is Annotated and any(
        isinstance(item, msgspec.Meta) for item in annotation.__metadata__
    )


def is_input(annotation: Any, default: object = EMPTY) -> bool:
    """Return True if the request can fill a parameter with this annotation.

    A dataclass, a TypedDict or a dict with a default is left to the view unless a marker says
    that it is the body, because views take options in this form.

    Args:
        annotation: The resolved annotation.
        default: Default of the parameter.
    """
    if is_marked(annotation):
        return True
    if default is not EMPTY and _holds_options(annotation):
        return False
    if _is_schema_class(annotation) or get_origin(annotation) in _MAPPINGS:
        return True
    return _is_value(annotation)


def _holds_options(annotation: Any) -> bool:
    """Return True for a dataclass, a TypedDict or a dict, and for a union or list with one."""
    kind = plain(annotation)
    if get_origin(kind) in _MAPPINGS:
        return True
    if _is_schema_class(kind):
        return not is_struct(kind)
    return any(_holds_options(argument) for argument in get_args(kind))


def _is_value(annotation: Any) -> bool:
    annotation = plain(annotation)
    if isinstance(annotation, type) and get_origin(annotation) is None:
        return (
            annotation in SCALARS
            or issubclass(annotation, (enum.Enum, UploadedFile))
            or is_struct(annotation)
            or reads_request(annotation)
        )
    origin = get_origin(annotation)
    if origin is Literal:
        return True
    arguments = [a for a in get_args(annotation) if a not in (type(None), Ellipsis)]
    if origin in _UNIONS or origin in _COLLECTIONS:
        return all(_is_value(a) or _is_schema_class(a) for a in arguments)
    return is_struct(origin) or reads_request(origin)


def is_output(annotation: Any) -> bool:
    """Return True if a return annotation contains a schema, so that `lback.api` encodes it.

    Args:
        annotation: The resolved annotation.
    """
    if get_origin(annotation) is Annotated:
        if any(hasattr(item, "api_status") for item in annotation.__metadata__):
            return True
        return is_output(annotation.__origin__)
    annotation = plain(annotation)
    origin = get_origin(annotation)
    if origin is None:
        return _is_schema_class(annotation)
    if isinstance(origin, type) and issubclass(origin, Response):
        return False
    if _is_schema_class(origin) or origin in _STREAMS:
        return True
    return any(is_output(argument) for argument in get_args(annotation))


def plain(annotation: Any) -> Any:
    """Return an annotation without `Annotated`, `NewType` and the names of `type` statements."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = annotation.__origin__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif isinstance(annotation, TypeVar):
            return annotation.__bound__ or object
        else:
            return annotation


def is_struct(annotation: Any) -> bool:
    """Return True for a subclass of `msgspec.Struct`, also with type arguments."""
    kind = get_origin(annotation) or annotation
    return isinstance(kind, type) and issubclass(kind, msgspec.Struct)


def reads_request(annotation: Any) -> bool:
    """Return True for a class that builds itself from a request; see `FromRequest`."""
    kind = get_origin(annotation) or annotation
    return hasattr(kind, "from_request") and hasattr(kind, "api_parameters")


def _is_schema_class(annotation: Any) -> bool:
    annotation = plain(annotation)
    kind = get_origin(annotation) or annotation
    if hasattr(kind, "__mapper__"):
        return False  # a model that is a dataclass too: all of its columns would be sent
    return isinstance(kind, type) and (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or hasattr(kind, "__total__")
    )
