"""JSON bodies of typed views: decoded straight into their type, and explained if that fails."""

import re
from collections.abc import Callable
from copy import copy
from typing import TYPE_CHECKING, Any, TypeAlias

import msgspec

from lback.api.descriptions import JSON
from lback.api.json_types import has_decimals
from lback.api.problems import InputError, InvalidInput
from lback.api.wrong_places import json_pointer, message_place, non_finite, wrong_places
from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.json_decoding import is_shallow, parse_json
from lback.core.http.json_encoding import json_encode
from lback.core.routing.annotations import EMPTY

if TYPE_CHECKING:
    from lback.core.request import Request

Reader: TypeAlias = Callable[["Request"], Any]

_JSON = re.compile(r"application/(?:json|[^/]*\+json)")
_CHARSET = re.compile(r";\s*charset\s*=\s*\"?([^\s\";]+)", re.IGNORECASE)
_SPACED = b'": '
_BOM = b"\xef\xbb\xbf"
# What text of a decimal that is not finite holds, however it is written; an escape may hide it.
_NOT_FINITE = re.compile(rb"n_*a_*n|i_*n_*f|\d_*e[+_]*[0-9_]{3}|\\", re.IGNORECASE)


def body_reader(
    annotation: Any, default: object, media_types: tuple[str, ...], max_depth: int
) -> Reader:
    """Return a function that reads the JSON body of a request as a type.

    Args:
        annotation: The type.
        default: Value without a body; `EMPTY` if the body is required.
        media_types: Accepted media types; empty means every JSON type.
        max_depth: Maximum nesting of arrays and objects.
    """
    decode = msgspec.json.Decoder(annotation).decode
    may_be_infinite = has_decimals(annotation)

    def read(request: "Request") -> object:
        body = request.body_bytes
        environ = request.environ
        if not body:
            return _default_of(default)
        if environ.get("CONTENT_TYPE") != JSON or "HTTP_CONTENT_ENCODING" in environ or media_types:
            _check_type(request, media_types)
        try:
            value = decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError):
            return _read_carefully(body, annotation, decode, max_depth)
        # Compact JSON that is written again in the same way has no name twice.
        if _SPACED in body or not is_shallow(body, max_depth) or json_encode(value) != body:
            parse_json(body, max_depth)
        if may_be_infinite and _NOT_FINITE.search(body):
            _refuse_non_finite(value)
        return value

    return read


def _default_of(default: object) -> object:
    if default is EMPTY:
        raise BadRequest("The body is missing; send JSON.")
    return copy(default)


def _read_carefully(
    body: bytes, annotation: Any, decode: Callable[[bytes], object], max_depth: int
) -> object:
    """Return the value of a body, or raise with every invalid place of it."""
    plain = parse_json(body, max_depth)
    try:
        value = decode(body.removeprefix(_BOM))
    except (msgspec.ValidationError, UnicodeDecodeError) as error:
        try:
            if "got `float`" not in str(error):
                raise
            value = decode(json_encode(_with_whole_numbers(plain)))
        except (msgspec.DecodeError, UnicodeDecodeError, OverflowError):
            places = wrong_places(plain, annotation) or [message_place(str(error))]
            raise InvalidInput([_entry(place) for place in places]) from None
    _refuse_non_finite(value)  # behind a byte order mark
    return value


def _with_whole_numbers(value: Any) -> Any:
    """Return a value with 1.0 as 1, which is an integer to JSON Schema (2020-12, section 6.1.1)."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 2**53:
        return int(value)
    if isinstance(value, list):
        return [_with_whole_numbers(item) for item in value]
    if isinstance(value, dict):
        return {name: _with_whole_numbers(item) for name, item in value.items()}
    return value


def _refuse_non_finite(value: object) -> None:
    places = list(non_finite(value, ()))
    if places:
        raise InvalidInput([_entry(place) for place in places])


def _entry(place: Any) -> InputError:
    return {"pointer": json_pointer(place.path), "detail": place.detail, "code": place.code}


def _check_type(request: "Request", media_types: tuple[str, ...]) -> None:
    """Raise a 415 unless the body is JSON of an accepted type, in UTF-8 and not compressed."""
    field = request.get_header("Content-Type") or ""
    kind = field.partition(";")[0].strip().lower()
    accepted = ", ".join(media_types) or JSON
    fits = kind in media_types if media_types else _JSON.fullmatch(kind)
    if not fits:
        raise unsupported(f"The body is {kind or 'of no type'}; send {accepted}.", accepted)
    charset = _CHARSET.search(field)
    if charset is not None and charset[1].lower() not in ("utf-8", "utf8", "us-ascii"):
        raise unsupported(f"The body is in {charset[1][:40]}; send UTF-8.", accepted)
    encoding = request.get_header("Content-Encoding")
    if encoding and encoding.strip().lower() != "identity":
        # RFC 9110 section 12.5.3: the field says which codings are supported.
        raise HTTPException(
            "The body is compressed; send it uncompressed.",
            415,
            headers={"Accept-Encoding": "identity"},
        )


def unsupported(text: str, accepted: str) -> HTTPException:
    """Return the error for a body of another media type (415, RFC 9110 section 15.5.16).

    Args:
        text: Text for the client.
        accepted: Media types for the `Accept` field of the response.
    """
    return HTTPException(text, 415, headers={"Accept": accepted})


def check_media_type(request: "Request", media_types: tuple[str, ...]) -> None:
    """Raise a 415 unless the body of a request is of one of some media types, in UTF-8.

    Args:
        request: The request.
        media_types: Accepted media types.

    Raises:
        HTTPException: 415 with the accepted types in `Accept`.
    """
    _check_type(request, media_types)


def read_json(body: bytes, annotation: Any, max_depth: int) -> Any:
    """Return the value of a JSON text as a type.

    Args:
        body: JSON text in UTF-8.
        annotation: The type.
        max_depth: Maximum nesting of arrays and objects.

    Raises:
        BadRequest: It is not JSON.
        InvalidInput: It does not fit; every invalid place is named.
    """
    return _read_carefully(body, annotation, msgspec.json.Decoder(annotation).decode, max_depth)
