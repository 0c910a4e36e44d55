"""Reads the arguments of a typed view from a request, and collects what is invalid in them."""

from collections.abc import Callable, Mapping
from copy import copy
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from lback.api.bodies import body_reader, unsupported
from lback.api.messages import message
from lback.api.problems import InputError, InvalidInput
from lback.api.signature import FORM_TYPES, Input, Signature, is_file_list, wire_name
from lback.api.text_values import InvalidText, TextValue, is_text_type, repeated
from lback.core.exceptions import ConfigurationError
from lback.core.http.uploaded_file import UploadedFile
from lback.core.routing.annotations import EMPTY, plain

if TYPE_CHECKING:
    from lback.core.request import Request

PathValues: TypeAlias = dict[str, object]
Errors: TypeAlias = list[InputError]
Read: TypeAlias = Callable[["Request", PathValues, Errors], object]
# All texts of a name, or None if it was not sent.
Texts: TypeAlias = Callable[["Request", str], list[str] | None]
Arguments: TypeAlias = Callable[["Request", PathValues], PathValues]

# Stands for the default of a field; a copy of it is the same object, as of every function.
_MISSING = copy
# The hidden field of forms, which belongs to the check and not to the view.
_CSRF_FIELD = "csrf_token"


def argument_reader(signature: Signature, max_depth: int) -> Arguments | None:
    """Return a function that reads all arguments of a view from a request.

    Args:
        signature: The input of the view.
        max_depth: Maximum nesting of a JSON body.

    Returns:
        A function that raises `InvalidInput` with every invalid place; None without input.
    """
    inputs = signature.inputs
    if not inputs:
        return None
    if len(inputs) == 1 and inputs[0].place == "body":
        name, read_body = inputs[0].argument, _body(inputs[0], max_depth)
        return lambda request, _: {name: read_body(request)}
    readers = [(item.argument, _reader(item, max_depth)) for item in inputs]
    has_form = any(item.place in ("form", "file") for item in inputs)
    accepted = signature.body.media_types if signature.body is not None else FORM_TYPES

    def read(request: "Request", params: PathValues) -> PathValues:
        if has_form:
            _check_form(request, accepted)
        errors: Errors = []
        values = {name: reader(request, params, errors) for name, reader in readers}
        if errors:
            raise InvalidInput(errors, _status_of(errors))
        return values

    return read


def _status_of(errors: Errors) -> int:
    """Return 404 if a variable of the path is invalid, because then the URL identifies nothing."""
    return 404 if any(error.get("in") == "path" for error in errors) else 422


def _body(item: Input, max_depth: int) -> "Callable[[Request], object]":
    media_types = getattr(item.marker, "media_types", ())
    return body_reader(item.type, item.default, media_types, max_depth)


def _reader(item: Input, max_depth: int) -> Read:
    if item.place == "body":
        return _collecting(_body(item, max_depth))
    if item.place == "request":
        return _collecting(plain(item.type).from_request)
    if item.place == "file":
        return _file_reader(item)
    if item.place == "path":
        return _path_reader(item)
    if item.is_group:
        return _group_reader(item)
    return _text_reader(
        item.parameters[0].name, item.place, item.type, item.default, _TEXTS[item.place]
    )


def _collecting(read: "Callable[[Request], object]") -> Read:
    """Add the invalid places of a reader to those of the others, so that all are answered."""

    def collect(request: "Request", _: PathValues, errors: Errors) -> object:
        try:
            return read(request)
        except InvalidInput as error:
            errors += error.errors
            return None

    return collect


def _text_reader(name: str, place: str, annotation: Any, default: object, texts: Texts) -> Read:
    value = TextValue(annotation)
    if place == "header" and value.is_list:
        texts = _header_members

    def read(request: "Request", _: PathValues, errors: Errors) -> object:
        found = texts(request, name)
        if found is None:
            if default is EMPTY:
                errors.append(_error(name, place, "missing", message("missing")))
                return None
            return copy(default)
        try:
            if value.is_list:
                return value.convert_all(found)
            if len(found) > 1:
                raise repeated()
            return value.convert(found[0])
        except InvalidText as error:
            errors += _errors_of(error, name, place)
            return None

    return read


def _errors_of(error: InvalidText, name: str, place: str) -> Errors:
    return [
        _error(
            name,
            place,
            wrong.code,
            f"Value {int(wrong.path[0]) + 1}: {wrong.detail}" if wrong.path else wrong.detail,
        )
        for wrong in error.places
    ]


def _error(name: str, place: str, code: str, detail: str) -> InputError:
    return {"parameter": name, "in": place, "detail": detail, "code": code}


def _query_texts(request: "Request", name: str) -> list[str] | None:
    return _listed(request.query_params.get(name))


def _form_texts(request: "Request", name: str) -> list[str] | None:
    return _listed((request.parsed_body or {}).get(name))


def _listed(value: Any) -> list[str] | None:
    return value if value is None or isinstance(value, list) else [value]


def _header_texts(request: "Request", name: str) -> list[str] | None:
    value = request.get_header(name)
    return None if value is None else [value]


def _header_members(request: "Request", name: str) -> list[str] | None:
    value = request.get_header(name)
    return None if value is None else [m.strip() for m in value.split(",") if m.strip()]


def _cookie_texts(request: "Request", name: str) -> list[str] | None:
    value = request.cookies.get(name)
    return None if value is None else [value]


_TEXTS: Mapping[str, Texts] = {
    "query": _query_texts,
    "form": _form_texts,
    "header": _header_texts,
    "cookie": _cookie_texts,
}


def _group_reader(item: Input) -> Read:
    """Return a reader that fills a Struct from all fields of the query or of the form."""
    kind = plain(item.type)
    texts = _TEXTS[item.place]
    readers = [
        (f.name, _text_reader(f.encode_name, item.place, f.type, _field_default(f), texts))
        for f in msgspec.structs.fields(kind)
    ]
    known = {f.encode_name for f in msgspec.structs.fields(kind)} | {_CSRF_FIELD}
    forbids = kind.__struct_config__.forbid_unknown_fields

    def read(request: "Request", params: PathValues, errors: Errors) -> object:
        mine: Errors = []
        values = {name: reader(request, params, mine) for name, reader in readers}
        if forbids:
            sent = request.query_params if item.place == "query" else request.parsed_body or {}
            mine += [
                _error(name, item.place, "unknown", message("unknown"))
                for name in sent
                if name not in known
            ]
        if mine:
            errors += mine
            return None
        try:
            given = {name: value for name, value in values.items() if value is not _MISSING}
            return kind(**given)
        except (ValueError, TypeError) as error:  # a rule in __post_init__
            errors.append(_error("", item.place, "invalid", str(error)))
            return None

    return read


def _field_default(field: Any) -> object:
    return EMPTY if field.required else _MISSING


def _path_reader(item: Input) -> Read:
    name = wire_name(item)
    value = TextValue(item.type) if is_text_type(item.type) else None

    def read(_: "Request", params: PathValues, errors: Errors) -> object:
        found = params[name]
        try:
            if value is not None and isinstance(found, str):
                return value.convert(found)
            return msgspec.convert(found, item.type)
        except InvalidText as error:
            errors += _errors_of(error, name, "path")
        except msgspec.ValidationError as error:
            errors.append(_error(name, "path", "invalid", str(error)))
        return None

    return read


def _file_reader(item: Input) -> Read:
    name = item.parameters[0].name
    takes_list = is_file_list(item.type)

    def read(request: "Request", _: PathValues, errors: Errors) -> object:
        found = _listed(request.files.get(name))
        if found is None:
            if item.default is EMPTY:
                errors.append(_error(name, "file", "missing", message("missing")))
            return None if item.default is EMPTY else copy(item.default)
        if not all(isinstance(file, UploadedFile) for file in found):
            errors.append(_error(name, "file", "file", message("file")))
            return None
        if takes_list:
            return found
        if len(found) > 1:
            errors += _errors_of(repeated(), name, "file")
            return None
        return found[0]

    return read


def _check_form(request: "Request", accepted: tuple[str, ...]) -> None:
    field = request.get_header("Content-Type") or ""
    kind = field.partition(";")[0].strip().lower()
    if kind in accepted:
        if request.parsed_body is None and request.get_header("Content-Length") not in (None, "0"):
            raise ConfigurationError(
                "a typed view reads a form, and nothing parses it: add "
                "lback.middleware.BodyParsingMiddleware to MIDDLEWARES"
            )
        return
    if field or request.get_header("Content-Length") not in (None, "", "0"):
        sent = ", ".join(accepted)
        raise unsupported(f"The body is {kind or 'of no type'}; send {sent}.", sent)
