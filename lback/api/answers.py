"""Answers of typed views: statuses and types from the return annotation, encoded and checked."""

import dataclasses
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from types import CoroutineType, NoneType, UnionType
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeAlias, Union, get_args, get_origin

import msgspec

from lback.api.conversion import conformer
from lback.api.descriptions import JSON, Answer
from lback.api.json_types import problem_of_type
from lback.api.markers import Event
from lback.api.streams import EVENT_STREAM, JSON_LINES, event_stream, json_lines
from lback.api.wrong_places import json_pointer, message_place, wrong_places
from lback.core.exceptions import ConfigurationError, HTTPException
from lback.core.http.accept import weights
from lback.core.http.json_encoding import json_encode
from lback.core.response import JSON_TYPE, HTMLResponse, Response
from lback.core.routing.annotations import EMPTY, plain
from lback.core.routing.endpoint import CHECK_ANSWERS

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

Respond: TypeAlias = Callable[["Request", object], Response]

_UNIONS = (Union, UnionType)
_STREAMS = (Iterator, Iterable, Generator)
_ACCEPTED = frozenset({None, "", "*/*", "application/json", "application/json, */*"})


class AnswerError(TypeError):
    """A view returned a value that does not fit its annotation; raised in DEBUG and in tests."""


@dataclasses.dataclass(frozen=True, slots=True)
class Outcome:
    """One alternative of a return annotation.

    Args:
        type: Type of the value; None for an answer without a body.
        status: Its status.
        kind: "json", "none", "lines", "events", "page" or "response".
        is_tuple: Whether the view returns (value, status) or (value, status, headers).
        description: Text for people.
        fits: Returns True for a value of this alternative.
    """

    type: Any
    status: int
    kind: str
    is_tuple: bool
    description: str
    fits: Callable[[object], bool]


_MEDIA_TYPES: Mapping[str, str] = {
    "json": JSON,
    "none": "",
    "lines": JSON_LINES,
    "events": EVENT_STREAM,
    "page": "text/html",
}


def outcomes_of(returns: Any, what: str) -> list[Outcome]:
    """Return the alternatives of a return annotation.

    Args:
        returns: The resolved annotation.
        what: Description of the view for messages.

    Raises:
        ConfigurationError: The annotation contains a type that cannot be encoded.
    """
    if returns is EMPTY:
        return []
    return [_outcome(member, what) for member in _members(returns)]


def answers_of(outcomes: Iterable[Outcome]) -> tuple[Answer, ...]:
    """Return the descriptions of alternatives; a `Response` has none."""
    return tuple(
        Answer(o.status, o.type, _MEDIA_TYPES[o.kind], o.description)
        for o in outcomes
        if o.kind != "response"
    )


def _members(annotation: Any) -> list[Any]:
    if get_origin(annotation) is Annotated and get_origin(annotation.__origin__) in _UNIONS:
        rest = annotation.__metadata__
        return [
            Annotated[(member, *rest)]  # a status for all
            for member in _members(annotation.__origin__)
        ]
    annotation = annotation if get_origin(annotation) is Annotated else plain(annotation)
    if get_origin(annotation) in _UNIONS:
        return [part for member in get_args(annotation) for part in _members(member)]
    return [annotation]


def _outcome(annotation: Any, what: str) -> Outcome:
    status, description = 0, ""
    metadata = (
        getattr(annotation, "__metadata__", ()) if get_origin(annotation) is Annotated else ()
    )
    for item in metadata:
        if hasattr(item, "api_status"):
            status, description = item.api_status, item.description
    kind = plain(annotation)
    in_tuple = _status_in_tuple(kind)
    if in_tuple is not None:
        inner = _outcome(get_args(kind)[0], what)
        return dataclasses.replace(inner, status=status or in_tuple or inner.status, is_tuple=True)
    return _of_value(annotation, kind, status, description, what)


def _of_value(annotation: Any, kind: Any, status: int, description: str, what: str) -> Outcome:
    if kind is None or kind is NoneType:
        return Outcome(None, status or 204, "none", False, description, lambda v: v is None)
    if isinstance(kind, type) and issubclass(kind, Response):
        return Outcome(kind, 0, "response", False, "", lambda v: isinstance(v, Response))
    if kind is str:
        return Outcome(str, status or 200, "page", False, description, _is_text)
    origin = get_origin(kind)
    if origin in _STREAMS:
        item = get_args(kind)[0]
        is_events = get_origin(plain(item)) is Event or plain(item) is Event
        _check_type(item, what)
        sort = "events" if is_events else "lines"
        return Outcome(item, status or 200, sort, False, description, _is_stream)
    bare = _without_status(annotation)
    _check_type(bare, what)
    return Outcome(bare, status or 200, "json", False, description, _fits(kind))


def _without_status(annotation: Any) -> Any:
    if get_origin(annotation) is not Annotated:
        return annotation
    bare = annotation.__origin__
    for item in annotation.__metadata__:
        if not hasattr(item, "api_status"):
            bare = Annotated[bare, item]
    return bare


def _status_in_tuple(kind: Any) -> int | None:
    """Return the status in `tuple[T, Literal[201]]`, 0 for `tuple[T, int]`, None otherwise."""
    arguments = get_args(kind)
    if get_origin(kind) is not tuple or len(arguments) not in (2, 3) or Ellipsis in arguments:
        return None
    if arguments[1] is int:
        return 0
    if get_origin(arguments[1]) is Literal and isinstance(get_args(arguments[1])[0], int):
        return int(get_args(arguments[1])[0])
    return None


def _check_type(annotation: Any, what: str) -> None:
    problem = problem_of_type(annotation)
    if problem is not None:
        raise ConfigurationError(f"{what} has a return annotation that is not supported: {problem}")


def _is_text(value: object) -> bool:
    return isinstance(value, str)


def _is_stream(value: object) -> bool:
    return isinstance(value, Iterable) and not isinstance(value, (str, bytes, Mapping))


def _fits(kind: Any) -> Callable[[object], bool]:
    base = get_origin(kind) or kind
    if isinstance(base, type) and not hasattr(base, "__total__"):
        return lambda value: isinstance(value, base)
    return lambda value: isinstance(value, Mapping)


def responder(outcomes: list[Outcome], what: str, config: "Config") -> Respond:
    """Return a function that turns the result of a view into its response.

    Args:
        outcomes: The alternatives of its return annotation.
        what: Description of the view for messages.
        config: While DEBUG is on, values are checked against the annotation.
    """
    encoders = [_encoder(outcome, what, config) for outcome in outcomes]
    only = encoders[0] if len(encoders) == 1 and not outcomes[0].is_tuple else None

    def respond(request: "Request", result: object) -> Response:
        if isinstance(result, CoroutineType):
            from lback.core.routing.coroutines import run_coroutine

            result = run_coroutine(result)
        if isinstance(result, Response):
            return result
        if only is not None:
            return only(request, result, None, None)
        return _respond_to_one_of(request, result, outcomes, encoders, what)

    return respond


Encode: TypeAlias = Callable[["Request", Any, int | None, Any], Response]


def _respond_to_one_of(
    request: "Request",
    result: object,
    outcomes: list[Outcome],
    encoders: list[Encode],
    what: str,
) -> Response:
    value: object = result
    status: int | None = None
    headers = None
    if isinstance(result, tuple) and any(outcome.is_tuple for outcome in outcomes):
        value, status, *rest = result
        headers = rest[0] if rest else None
    indexes = list(range(len(outcomes)))
    if status is not None:
        indexes = [i for i in indexes if outcomes[i].status == status] or indexes
    for index in indexes:
        if outcomes[index].fits(value):
            return encoders[index](request, value, status, headers)
    # An instance of a model or another object, which the first alternative converts.
    others = [encoders[i] for i in indexes if outcomes[i].kind == "json"]
    if not others or value is None:
        raise AnswerError(f"{what} returned {type(value).__name__}, which its annotation lacks")
    return others[0](request, value, status, headers)


def _encoder(outcome: Outcome, what: str, config: "Config") -> Encode:
    if outcome.kind == "json":
        return _json_encoder(outcome, what, config)
    if outcome.kind in ("lines", "events"):
        return _stream_encoder(outcome, what, config)
    make = HTMLResponse if outcome.kind == "page" else Response
    default = outcome.status
    return lambda _, value, status, headers: make(value, status or default, headers)


def _stream_encoder(outcome: Outcome, what: str, config: "Config") -> Encode:
    stream = json_lines if outcome.kind == "lines" else event_stream
    inner = get_args(plain(outcome.type)) if outcome.kind == "events" else (outcome.type,)
    item_type = inner[0] if inner else Any
    conform, check = conformer(item_type), _checker(item_type, what)
    default = outcome.status

    def encode(request: "Request", value: Any, status: int | None, headers: Any) -> Response:
        is_checked = config.DEBUG is True or CHECK_ANSWERS in request.environ

        def encode_item(item: Any) -> bytes:
            body = json_encode(conform(item, None))
            if is_checked:
                check(body)
            return body

        return stream(value, status or default, headers, encode_item)

    return encode


def _json_encoder(outcome: Outcome, what: str, config: "Config") -> Encode:
    conform = conformer(outcome.type)
    default = outcome.status
    check = _checker(outcome.type, what)
    has_fields = hasattr(get_origin(plain(outcome.type)) or plain(outcome.type), "response_fields")

    def encode(request: "Request", value: Any, status: int | None, headers: Any) -> Response:
        try:
            fitting = conform(value, request.active_session)
        except (msgspec.ValidationError, ValueError, AttributeError) as error:
            raise _misfit(value, outcome.type, what, str(error)) from error
        if has_fields:
            holder = value if hasattr(value, "response_fields") else fitting
            headers = {**holder.response_fields(request), **(headers or {})}
        body = json_encode(fitting)
        if config.DEBUG is True or CHECK_ANSWERS in request.environ:
            check(body)
        return Response(body, status or default, headers, JSON_TYPE)

    return encode


def _checker(annotation: Any, what: str) -> Callable[[bytes], None]:
    decode = msgspec.json.Decoder(annotation).decode

    def check(body: bytes) -> None:
        try:
            decode(body)
        except msgspec.ValidationError as error:
            raise _misfit(msgspec.json.decode(body), annotation, what, str(error)) from None

    return check


def _misfit(value: object, annotation: Any, what: str, text: str) -> AnswerError:
    try:
        found = wrong_places(value, annotation)
    except TypeError:
        found = []
    places = [
        f"{json_pointer(place.path) or 'the value'}: {place.detail}"
        for place in found or [message_place(text)]
    ]
    return AnswerError(f"{what} returned what its annotation does not allow: {' '.join(places)}")


def require_acceptable(request: "Request", media_types: tuple[str, ...]) -> None:
    """Raise a 406 if the client accepts none of the media types of the answers.

    Args:
        request: The request.
        media_types: Media types of the answers.

    Raises:
        HTTPException: Status 406 (RFC 9110 section 15.5.7).
    """
    field = request.environ.get("HTTP_ACCEPT")
    if field in _ACCEPTED:
        return
    if not any(_is_accepted(weights(field), media_type) for media_type in media_types):
        sent = ", ".join(media_types)
        raise HTTPException(f"The answer is {sent}, which Accept does not allow.", 406)


def _is_accepted(found: Mapping[str, float], media_type: str) -> bool:
    """Return True if the most specific member of `Accept` allows a type (section 12.5.1)."""
    for name in (media_type, f"{media_type.partition('/')[0]}/*", "*/*", "*"):
        if name in found:
            return found[name] > 0
    return False
