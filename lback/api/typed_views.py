"""Typed views: builds what fills the parameters of a view and encodes its result."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Never, NoReturn
from uuid import UUID

from lback.api.answers import answers_of, outcomes_of, require_acceptable, responder
from lback.api.converted import converted_type
from lback.api.request_values import argument_reader
from lback.api.signature import read_signature, shown_type
from lback.core.exceptions import ConfigurationError
from lback.core.response import Response
from lback.core.routing.annotations import EMPTY, Declared, is_output
from lback.core.routing.endpoint import TypedView

if TYPE_CHECKING:
    from collections.abc import Callable

    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.routing.endpoint import Arguments
    from lback.core.routing.route import Route

# Results that are handled as those of other views.
_PLAIN = (str, object, Any, EMPTY, NoReturn, Never)
_WITH_CONVERTER: Mapping[Any, str] = {
    str: "{{{name}}}",
    int: "{{{name}:int}}",
    UUID: "{{{name}:uuid}}",
}
_CONVERTED = tuple(_WITH_CONVERTER)


def build_typed_view(route: "Route", declared: Declared, config: "Config") -> TypedView:
    """Return what fills the parameters of a view and encodes its result.

    Args:
        route: The route of the view.
        declared: The annotations of the view.
        config: Settings; `MAX_JSON_DEPTH` and `DEBUG` are used.

    Raises:
        ConfigurationError: Annotations are contradictory or not supported.
    """
    signature = read_signature(declared)
    _check_path_variables(route, declared)
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
    returns = declared.returns
    is_response = isinstance(returns, type) and issubclass(returns, Response)
    return bool(declared.inputs) and returns not in _PLAIN and not is_response


def _check_path_variables(route: "Route", declared: Declared) -> None:
    """Raise if a path variable has an annotation that its converter does not give."""
    types = {v.name: converted_type(v.converter) for v in route.pattern.variables}
    for name, wanted in declared.others.items():
        given = types.get(name)
        if given in _CONVERTED and wanted in _CONVERTED and given is not wanted:
            raise ConfigurationError(
                f"{declared.what}: {name!r} is annotated with {shown_type(wanted)}, and the path "
                f"gives {shown_type(given)}; write {_WITH_CONVERTER[wanted].format(name=name)!r} "
                "in the path"
            )


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
