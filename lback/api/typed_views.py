"""Typed views: builds what fills the parameters of a view and encodes its result."""

from typing import TYPE_CHECKING

from lback.api.answers import answers_of, outcomes_of, require_acceptable, responder
from lback.api.request_values import argument_reader
from lback.api.signature import read_signature
from lback.core.routing.annotations import Declared, is_output
from lback.core.routing.endpoint import TypedView

if TYPE_CHECKING:
    from collections.abc import Callable

    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.routing.endpoint import Arguments


def build_typed_view(declared: Declared, config: "Config") -> TypedView:
    """Return what fills the parameters of a view and encodes its result.

    Args:
        declared: The annotations of the view.
        config: Settings; `MAX_JSON_DEPTH` and `DEBUG` are used.

    Raises:
        ConfigurationError: Annotations are contradictory or not supported.
    """
    signature = read_signature(declared)
    read = argument_reader(signature, config.MAX_JSON_DEPTH)
    if not answers_are_typed(declared):
        return TypedView(read, None)
    outcomes = outcomes_of(declared.returns, declared.what)
    media_types = tuple(
        dict.fromkeys(answer.media_type for answer in answers_of(outcomes) if answer.media_type)
    )
    if media_types:
        read = _checking_accept(read, media_types)
    return TypedView(read, responder(outcomes, declared.what, config))


def answers_are_typed(declared: Declared) -> bool:
    """Return True if the return annotation says how the result is encoded.

    That is so for an annotation with a schema; `None`, dicts and lists count in a view whose
    input is typed.
    """
    if is_output(declared.returns):
        return True
    plain_result = declared.returns in (str, object) or _is_any(declared.returns)
    return bool(declared.inputs) and not plain_result and not _is_response(declared.returns)


def _is_any(annotation: object) -> bool:
    from inspect import Parameter
    from typing import Any

    return annotation is Parameter.empty or annotation is Any


def _is_response(annotation: object) -> bool:
    from lback.core.response import Response

    return isinstance(annotation, type) and issubclass(annotation, Response)


def _checking_accept(read: "Arguments | None", media_types: tuple[str, ...]) -> "Arguments":
    if read is None:

        def check(request: "Request", _: dict[str, object]) -> dict[str, object]:
            require_acceptable(request, media_types)
            return {}

        return check
    inner: Callable[[Request, dict[str, object]], dict[str, object]] = read

    def check_and_read(request: "Request", params: dict[str, object]) -> dict[str, object]:
        require_acceptable(request, media_types)
        return inner(request, params)

    return check_and_read
