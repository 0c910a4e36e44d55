"""Signatures of typed views: reads annotations into the places that arguments come from."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from inspect import Parameter as Declaration
from typing import Annotated, Any, get_args, get_origin

import msgspec

from lback.api.descriptions import JSON, Location, Parameter, RequestBody
from lback.api.json_types import problem_of_type
from lback.api.text_values import TextValue, is_text_type
from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.core.http.uploaded_file import UploadedFile
from lback.core.routing.annotations import (
    EMPTY,
    Declared,
    is_output,
    is_struct,
    plain,
    reads_request,
)

_TEXT_PLACES = ("query", "header", "cookie", "form", "path")
_WITHOUT_BODY = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data")


@dataclass(frozen=True, slots=True)
class Input:
    """One argument of a view.

    Args:
        argument: Name of the parameter of the view.
        place: A location, "body", or "request" for a class that reads the request itself.
        type: Annotation without the marker of the place.
        default: Default; `EMPTY` if it has none.
        parameters: Its description: one for each name that the client writes.
        is_group: Whether a Struct takes all fields of the place.
        marker: The marker, if it has one.
    """

    argument: str
    place: str
    type: Any
    default: Any
    parameters: tuple[Parameter, ...] = ()
    is_group: bool = False
    marker: Any = None


@dataclass(frozen=True, slots=True)
class Signature:
    """The input of a typed view.

    Args:
        inputs: Its arguments.
        body: Description of its body, or None.
    """

    inputs: tuple[Input, ...]
    body: RequestBody | None = None
    parameters: tuple[Parameter, ...] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(
            self, "parameters", tuple(p for item in self.inputs for p in item.parameters)
        )


def read_signature(declared: Declared) -> Signature:
    """Read the input of a view from its annotations.

    Args:
        declared: Its annotations and the facts of its route.

    Raises:
        ConfigurationError: Annotations are contradictory or not supported; the message names all
            of them.
    """
    mistakes: list[str] = []
    inputs = [_input(declaration, declared, mistakes) for declaration in declared.inputs]
    _check_together(inputs, declared, mistakes)
    if mistakes:
        raise ConfigurationError(f"{declared.what}: {'; '.join(mistakes)}")
    return Signature(tuple(inputs), _body_of(inputs))


def _input(declaration: Declaration, declared: Declared, mistakes: list[str]) -> Input:
    name, annotation = declaration.name, declaration.annotation
    markers = _markers_of(annotation)
    if len(markers) > 1:
        shown = " and ".join(type(marker).__name__ for marker in markers)
        mistakes.append(f"{name!r} is marked with {shown}; keep one of them")
    marker = markers[0] if markers else None
    bare = _without_markers(annotation)
    place = marker.api_location if marker is not None else _place_of(name, bare, declared)
    found = Input(name, place, bare, declaration.default, marker=marker)
    check = _CHECKS.get(place)
    if check is None:
        mistakes.append(
            f"{name!r} is a list of values, which a query or a body can have; "
            "mark it with Annotated[…, Query()] or Body()"
        )
        return found
    problem = _problem_of_path(found, declared) or check(found, declared)
    if problem:
        mistakes.append(problem)
        return found
    if found.default is not EMPTY and place not in ("request", "file"):
        _check_default(found, mistakes)
    return _described(found)


def _markers_of(annotation: Any) -> list[Any]:
    if get_origin(annotation) is not Annotated:
        return []
    found = [item for item in annotation.__metadata__ if hasattr(item, "api_location")]
    return [item() if isinstance(item, type) else item for item in found]


def _without_markers(annotation: Any) -> Any:
    if get_origin(annotation) is not Annotated:
        return annotation
    kept = [item for item in annotation.__metadata__ if not hasattr(item, "api_location")]
    bare = annotation.__origin__
    for item in kept:
        bare = Annotated[bare, item]
    return bare


def _place_of(name: str, annotation: Any, declared: Declared) -> str:
    """Return the place of a parameter without a marker."""
    if name in declared.variables:
        return "path"
    if reads_request(annotation):
        return "request"
    if is_file(annotation):
        return "file"
    if is_output(annotation) or get_origin(plain(annotation)) in (dict, Mapping):
        return "body"
    if is_text_type(annotation) and not _is_list(annotation):
        return "query"
    return "" if is_text_type(annotation) else "body"


def _is_list(annotation: Any) -> bool:
    return TextValue(annotation).is_list


def is_file(annotation: Any) -> bool:
    """Return True for `UploadedFile`, a list of them, or one of these or None."""
    kind = plain(annotation)
    arguments = [a for a in get_args(kind) if a is not type(None)]
    if arguments:
        return all(is_file(argument) for argument in arguments)
    return isinstance(kind, type) and issubclass(kind, UploadedFile)


def is_file_list(annotation: Any) -> bool:
    """Return True for a list of `UploadedFile`, also with None."""
    kind = plain(annotation)
    members = [a for a in get_args(kind) if a is not type(None)]
    return get_origin(kind) is list or any(get_origin(plain(a)) is list for a in members)


def _problem_of_path(item: Input, declared: Declared) -> str | None:
    wire = (item.marker.alias or item.argument) if item.place == "path" and item.marker else None
    if item.argument in declared.variables and item.place != "path":
        return (
            f"{item.argument!r} is a variable of the path and is marked with "
            f"{type(item.marker).__name__}; remove the marker or rename the parameter"
        )
    if wire is not None and wire not in declared.variables:
        return (
            f"{item.argument!r} is marked with Path, and the path has no variable {wire!r}"
            f"{did_you_mean(wire, declared.variables)}"
        )
    return None


def _check_text(item: Input, declared: Declared) -> str | None:
    untaken = set(declared.variables) - {p.name for p in declared.inputs} - declared.others.keys()
    near = did_you_mean(item.argument, untaken, 0.7)
    if near and item.marker is None and item.default is EMPTY:
        return f"{item.argument!r} is not a variable of the path{near} Mark it with Query() if not"
    if is_struct(item.type) and item.place in ("query", "form"):
        wrong = [
            f.name for f in msgspec.structs.fields(plain(item.type)) if not is_text_type(f.type)
        ]
        if not wrong:
            return None
        return (
            f"the fields {', '.join(wrong)} of {item.argument!r} cannot be read from text; "
            f"a {item.place} has text, numbers, dates, enumerations and lists of these"
        )
    if is_text_type(item.type):
        return _problem_of_type(item)
    return (
        f"{item.argument!r} is {shown_type(item.type)}, which cannot be read from "
        f"a {item.place} parameter; use text, a number, a date, an enumeration or a list of these"
    )


def _check_body(item: Input, declared: Declared) -> str | None:
    methods = declared.methods or ()
    without = [method for method in methods if method in _WITHOUT_BODY]
    if without and item.default is EMPTY and len(without) < len(methods):
        return (
            f"{item.argument!r} is the body, and a request with {' or '.join(without)} has none; "
            "give it a default, or these methods a route of their own"
        )
    if without and item.default is EMPTY:
        return (
            f"{item.argument!r} is the body, and a request with {' or '.join(without)} has none; "
            "add methods=['POST'] to the route, or mark it with Query()"
        )
    return _problem_of_type(item)


def _problem_of_type(item: Input) -> str | None:
    problem = problem_of_type(item.type)
    return problem and f"{item.argument!r} has an annotation that is not supported: {problem}"


def _check_file(item: Input, _: Declared) -> str | None:
    if is_file(item.type):
        return None
    return (
        f"{item.argument!r} is marked with File and is {shown_type(item.type)}; "
        "write UploadedFile or list[UploadedFile]"
    )


def _check_request(_: Input, __: Declared) -> str | None:
    return None


_CHECKS = {
    **dict.fromkeys(_TEXT_PLACES, _check_text),
    "body": _check_body,
    "file": _check_file,
    "request": _check_request,
}


def _check_default(item: Input, mistakes: list[str]) -> None:
    if item.default is None or item.default is msgspec.UNSET:
        return  # as in `page: int = None`, which the type checker reports
    try:
        msgspec.convert(msgspec.to_builtins(item.default), item.type, strict=False)
    except (msgspec.ValidationError, TypeError, ValueError) as error:
        mistakes.append(
            f"the default {item.default!r} of {item.argument!r} "
            f"does not fit its annotation: {error}"
        )


def shown_type(annotation: Any) -> str:
    """Return an annotation as it is written, for messages."""
    return getattr(annotation, "__qualname__", None) or str(annotation).replace("typing.", "")


def _described(item: Input) -> Input:
    if item.place == "request":
        return replace(item, parameters=tuple(plain(item.type).api_parameters()))
    if item.place == "body":
        return item
    if is_struct(item.type):
        return replace(item, parameters=_fields_of(item), is_group=True)
    location: Location = item.place  # type: ignore[assignment]  # checked
    required = item.default is EMPTY
    described = Parameter(
        wire_name(item),
        item.argument,
        location,
        item.type,
        required,
        None if required else item.default,
        item.marker.description if item.marker is not None else "",
    )
    return replace(item, parameters=(described,))


def wire_name(item: Input) -> str:
    """Return the name of a parameter as the client writes it."""
    if item.marker is not None and item.marker.alias:
        return str(item.marker.alias)
    return item.argument.replace("_", "-") if item.place == "header" else item.argument


def _fields_of(item: Input) -> tuple[Parameter, ...]:
    location: Location = item.place  # type: ignore[assignment]  # checked
    found = []
    for struct_field in msgspec.structs.fields(plain(item.type)):
        default = struct_field.default
        if default is msgspec.NODEFAULT and struct_field.default_factory is not msgspec.NODEFAULT:
            default = struct_field.default_factory()
        found.append(
            Parameter(
                struct_field.encode_name,
                item.argument,
                location,
                struct_field.type,
                struct_field.required and item.default is EMPTY,
                None if default is msgspec.NODEFAULT else default,
            )
        )
    return tuple(found)


def _check_together(inputs: Iterable[Input], declared: Declared, mistakes: list[str]) -> None:
    inputs = list(inputs)
    bodies = [item.argument for item in inputs if item.place == "body"]
    forms = [item.argument for item in inputs if item.place in ("form", "file")]
    if len(bodies) > 1:
        mistakes.append(
            f"{' and '.join(map(repr, bodies))} are both the body; "
            "put them into one Struct, or mark one of them with Query()"
        )
    if bodies and forms:
        mistakes.append(
            f"{bodies[0]!r} is the JSON body and {forms[0]!r} a field of a form; "
            "a request has one body: mark both with Form(), or neither"
        )
    if forms and declared.methods and _WITHOUT_BODY.issuperset(declared.methods):
        mistakes.append(
            f"{forms[0]!r} is a field of a form, and a request with "
            f"{' or '.join(declared.methods)} has no body; add methods=['POST'] to the route"
        )
    taken: dict[tuple[str, str], str] = {}
    for parameter in (p for item in inputs for p in item.parameters):
        key = (parameter.location, parameter.name)
        if key in taken:
            mistakes.append(
                f"{taken[key]!r} and {parameter.argument!r} are both read from the "
                f"{parameter.location} parameter {parameter.name!r}"
            )
        taken[key] = parameter.argument


def _body_of(inputs: Iterable[Input]) -> RequestBody | None:
    for item in inputs:
        if item.place == "body":
            media_types = getattr(item.marker, "media_types", ()) or (JSON,)
            return RequestBody(item.type, tuple(media_types), item.default is EMPTY)
    form = [item for item in inputs if item.place in ("form", "file")]
    if not form:
        return None
    has_file = any(item.place == "file" for item in form)
    required = any(p.required for item in form for p in item.parameters)
    group = next((item.type for item in form if item.is_group), None)
    return RequestBody(group, FORM_TYPES[1:] if has_file else FORM_TYPES, required)
