"""Operations: what each method of a route takes and answers, for schemas and lists."""

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING

from lback.api.answers import answers_of, outcomes_of
from lback.api.converted import converted_type
from lback.api.descriptions import Answer as Answer
from lback.api.descriptions import FromRequest as FromRequest
from lback.api.descriptions import HasResponseFields as HasResponseFields
from lback.api.descriptions import Operation as Operation
from lback.api.descriptions import Parameter as Parameter
from lback.api.descriptions import RequestBody as RequestBody
from lback.api.signature import Signature, read_signature
from lback.api.typed_views import answers_are_typed
from lback.core.routing.endpoint import declared_by
from lback.core.routing.views import handled_methods

if TYPE_CHECKING:
    from lback.core.routing.route import Route
    from lback.core.routing.views import View

_SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_SECTIONS = ("Args:", "Returns:", "Yields:", "Raises:", "Example:", "Examples:", "Note:")


def operations_of(
    route: "Route",
    dependencies: Mapping[str, object],
) -> list[Operation]:
    """Return one operation for each method of a route.

    A view without annotations for input has the variables of its path alone.

    Args:
        route: The route.
        dependencies: Services by name, which are not parameters of the operation.

    Raises:
        ConfigurationError: An annotation of the view is not valid.
    """
    return [_operation(route, method, view, dependencies) for method, view in _views(route)]


def _operation(
    route: "Route", method: str, view: "View", dependencies: Mapping[str, object]
) -> Operation:
    summary, description = documentation_of(view)
    signature, answers = _typed_parts(route, method, view, dependencies)
    parameters = (*_path_variables(route, signature), *signature.parameters)
    parameters = tuple(sorted(parameters, key=lambda p: p.location != "path"))
    return Operation(
        route,
        method,
        view,
        parameters,
        signature.body,
        answers,
        _errors(route, method, parameters, signature, answers),
        summary,
        description,
    )


def _typed_parts(
    route: "Route", method: str, view: "View", dependencies: Mapping[str, object]
) -> tuple[Signature, tuple[Answer, ...]]:
    methods = [method] if isinstance(route.view, type) else route.methods
    declared = declared_by(route, view, methods, dependencies)
    if declared is None:
        return Signature(()), ()
    answers = answers_of(outcomes_of(declared.returns, declared.what))
    return read_signature(declared), answers if answers_are_typed(declared) else ()


def _path_variables(route: "Route", signature: Signature) -> tuple[Parameter, ...]:
    described = {p.name for p in signature.parameters if p.location == "path"}
    return tuple(
        Parameter(variable.name, variable.name, "path", converted_type(variable.converter))
        for variable in route.pattern.variables
        if variable.name not in described
    )


def _errors(
    route: "Route",
    method: str,
    parameters: tuple[Parameter, ...],
    signature: Signature,
    answers: tuple[Answer, ...],
) -> tuple[int, ...]:
    has_input = any(p.location != "path" for p in parameters) or signature.body is not None
    found = [
        ((400, 422), has_input),
        ((401, 403), route.requires_auth),
        ((403,), method not in _SAFE),  # the CSRF check
        ((404,), any(p.location == "path" for p in parameters)),
        ((406,), any(answer.media_type for answer in answers)),
        ((413, 415), signature.body is not None),
    ]
    return tuple(sorted({status for statuses, applies in found if applies for status in statuses}))


def _views(route: "Route") -> list[tuple[str, "View"]]:
    """Return the methods of a route, each with the function that handles it."""
    view = route.view
    if isinstance(view, type) and not hasattr(view, "dispatch"):
        handled = handled_methods(view)
        methods = [m for m in handled if route.methods is None or m in route.methods]
        return [(method, getattr(view, method.lower())) for method in methods]
    function: View = getattr(view, "dispatch", view) if isinstance(view, type) else view
    methods = route.methods or ["GET"]
    return [(m, function) for m in methods if m not in ("HEAD", "OPTIONS") or methods == [m]]


def documentation_of(view: "View") -> tuple[str, str]:
    """Return the summary and the description from the docstring of a view.

    The description ends at the first section, such as "Args:".

    Example:
        >>> documentation_of(documentation_of)[0]
        'Return the summary and the description from the docstring of a view.'
    """
    lines = (inspect.getdoc(view) or "").splitlines() if hasattr(view, "__doc__") else []
    end = next((i for i, line in enumerate(lines) if line.strip() in _SECTIONS), len(lines))
    first, _, rest = "\n".join(lines[:end]).strip().partition("\n\n")
    return " ".join(first.split()), rest.strip()
