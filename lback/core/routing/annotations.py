"""Annotations of views: which parameters and results need the typed views of `lback.api`."""

import builtins
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
from functools import lru_cache, partial
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NewType,
    TypeVar,
    Union,
    get_args,
    get_origin,
)
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
        others: Annotations of its other parameters, such as path variables, by name.
        is_typed: Whether `lback.api` has a part in the view.
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
    others: Mapping[str, Any] = dataclasses.field(default_factory=dict)
    is_typed: bool = False


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
    if annotation is None or annotation is EMPTY or not _holds_text(annotation):
        return annotation
    function = _function_of(view)
    names = getattr(function, "__globals__", None) or {}
    cells = getattr(function, "__closure__", None) or ()
    free = getattr(getattr(function, "__code__", None), "co_freevars", ())
    local = {n: c.cell_contents for n, c in zip(free, cells, strict=False) if _is_filled(c)}
    if isinstance(annotation, str) and annotation.isidentifier():  # most are, and need no eval
        found = local.get(annotation, names.get(annotation, vars(builtins).get(annotation, EMPTY)))
        if not _holds_text(found):
            return found
    holder = types.SimpleNamespace(__annotations__={name: annotation})
    return hints_of(holder, globalns=names, localns=local, include_extras=True)[name]


def _holds_text(annotation: Any) -> bool:
    """Return True for text, and for a type with text as an argument, such as `list["Book"]`."""
    if annotation is EMPTY or isinstance(annotation, (str, ForwardRef)):
        return True
    if annotation.__class__ is type:
        return False
    if get_origin(annotation) is Literal:
        return False
    return any(_holds_text(argument) for argument in get_args(annotation))


def _function_of(view: Callable[..., object]) -> Any:
    """Return the function whose module has the names of the annotations of a view."""
    function: Any = inspect.unwrap(view)
    while isinstance(function, partial):
        function = inspect.unwrap(function.func)
    if not hasattr(function, "__globals__"):
        function = inspect.unwrap(type(function).__call__)
    return function


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
    view: Callable[..., object], signature: inspect.Signature, declared: Declared
) -> Declared:
    """Return what the annotations of a view declare.

    Args:
        view: The function or method.
        signature: Its signature.
        declared: Facts of the route, without inputs and return annotation.

    Raises:
        ConfigurationError: The view is typed, and its return annotation cannot be resolved.
    """
    annotations = {
        parameter.name: resolved_or_empty(parameter.annotation, view)
        for parameter in signature.parameters.values()
        if parameter.annotation is not EMPTY
    }
    bound = _bound_names(view) if annotations else frozenset()
    inputs = [
        signature.parameters[name].replace(annotation=annotation)
        for name, annotation in annotations.items()
        if _is_filled_by_request(annotation, signature.parameters[name], declared)
        and name not in bound
        and not name.startswith("_")
    ]
    returns = resolved_or_empty(signature.return_annotation, view)
    if not inputs and not is_output(returns):
        return declared if returns is EMPTY else dataclasses.replace(declared, returns=returns)
    if signature.return_annotation is not EMPTY and returns is EMPTY:
        raise ConfigurationError(
            f"the return annotation {signature.return_annotation!r} of {declared.what} is not "
            "known in the module at run time: import it outside of TYPE_CHECKING"
        )
    others = {n: a for n, a in annotations.items() if n not in {p.name for p in inputs}}
    return dataclasses.replace(
        declared, inputs=tuple(inputs), returns=returns, others=others, is_typed=True
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
    try:
        return _is_output(annotation)
    except TypeError:  # not hashable, such as a Literal of a list
        return _is_output.__wrapped__(annotation)


@lru_cache(512)  # many views return the same types
def _is_output(annotation: Any) -> bool:
    if get_origin(annotation) is Annotated:
        if any(hasattr(item, "api_status") for item in annotation.__metadata__):
            return True
        return is_output(annotation.__origin__)
    if annotation is EMPTY or annotation is None:
        return False
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
    while annotation.__class__ is not type:
        if get_origin(annotation) is Annotated:
            annotation = annotation.__origin__
        elif isinstance(annotation, NewType):
            annotation = annotation.__supertype__
        elif type(annotation).__name__ == "TypeAliasType":
            annotation = annotation.__value__
        elif isinstance(annotation, TypeVar):
            return annotation.__bound__ or object
        else:
            break
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
    if not isinstance(kind, type) or kind in SCALARS or hasattr(kind, "__mapper__"):
        return False  # a model that is a dataclass too would be sent with all of its columns
    return (
        issubclass(kind, msgspec.Struct)
        or dataclasses.is_dataclass(kind)
        or hasattr(kind, "__total__")
    )
