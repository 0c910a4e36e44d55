"""Endpoints: call a view with its arguments, determined from its signature at registration."""

import inspect
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from difflib import get_close_matches
from functools import cache, cached_property, partial
from types import CoroutineType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias, TypeVar

from lback.core.dependencies import missing_setting
from lback.core.exceptions import ConfigurationError, MethodNotAllowed
from lback.core.http.headers import HeaderValue
from lback.core.http.methods import METHODS, HTTPMethod, supported_methods
from lback.core.request import Request
from lback.core.response import JSON_TYPE, HTMLResponse, Response, json_encode, status_line
from lback.core.routing.annotations import Declared, declared_of, resolved_or_empty
from lback.core.routing.views import handled_methods, view_name

if TYPE_CHECKING:
    from lback.core.routing.route import Route
    from lback.core.routing.views import View

V = TypeVar("V", bound=Callable[..., object])

Endpoint: TypeAlias = Callable[[Request, dict[str, object]], object]
Source: TypeAlias = Callable[[Request], object]
Arguments: TypeAlias = Callable[[Request, dict[str, object]], dict[str, object]]


class TypedView(NamedTuple):
    """How `lback.api` fills the parameters of a view and encodes what it returns.

    Args:
        read: Returns the arguments for a request by name; None if the view takes none.
        respond: Returns the response for a result; None if `response_of` does.
    """

    read: Arguments | None
    respond: Callable[[Request, object], Response] | None


# Set in the environ by the test client: results are checked against the annotations of views.
CHECK_ANSWERS = "lback.check_answers"

# Builds the typed part of a view; the composition root gives it, since the core does not know it.
TypedViewBuilder: TypeAlias = Callable[["Route", Declared], TypedView]


class _Call(NamedTuple):
    """How a view is called: whether with the request, with which arguments, and what follows."""

    takes_request: bool
    arguments: Arguments | None
    respond: Callable[[Request, object], object] | None


_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
REQUEST = "request"
# The attribute of a view with the functions that surround its endpoint.
SURROUND = "surround_endpoint"
# The attribute of a view that describes itself to `lback.api`, in place of annotations: a function
# (route, method, view) that returns its `Operation`, or None to hide it.
OPERATION = "api_operation"
_STRUCT = "__struct_fields__"
# Names that other frameworks use for an attribute of the request.
_ALIASES = {"current_user": "user", "app_session": "session"}


def build_endpoint(
    route: "Route",
    dependencies: Mapping[str, object],
    typed: TypedViewBuilder | None = None,
) -> Endpoint:
    """Return a callable `(request, path variables) -> result` that calls the view of a route.

    The view is passed the request first, then by name each path variable that it takes. Any other
    required parameter is filled with the service of that name, or with the attribute of the
    request (`db_session`, `user`, `session`, …). A view whose first parameter has the name of one
    of these, and is not annotated as a `Request`, is passed everything by name and no request. A
    class is instantiated for each request; its `dispatch` is called, or its method named after
    the HTTP method.

    Args:
        route: The route.
        dependencies: Services by name.
        typed: Builds the part of a view whose annotations describe its input or its answer; None
            leaves these annotations out of account.

    Raises:
        ConfigurationError: Nothing provides a required parameter (the message has suggestions);
            the view takes no request below a decorator that needs it; its parameters cannot be
            read; or a class has no handlers or a constructor with required arguments.
    """
    own: Callable[[Mapping[str, object]], Endpoint] | None = getattr(route, "build_endpoint", None)
    if own is not None:  # a WebSocket, whose handler is not called by a request
        return own(dependencies)
    view = route.view
    if not isinstance(view, type):
        return _function_endpoint(route, dependencies, typed)
    _check_constructor(route, view)
    if hasattr(view, "dispatch"):
        return _handler_endpoint(route, view, "dispatch", dependencies, typed)
    handlers = {
        METHODS[method]: _handler_endpoint(route, view, method.lower(), dependencies, typed)
        for method in handled_methods(view)
    }
    if not handlers:
        raise ConfigurationError(
            f"the class {view_name(view)} of {route.path!r} has no dispatch and no handler: "
            "give it a method get, post, …"
        )
    if "GET" in handlers:
        handlers.setdefault(METHODS["HEAD"], handlers[METHODS["GET"]])
    return partial(_by_method, handlers)


def _check_constructor(route: "Route", view: type) -> None:
    try:
        inspect.signature(view).bind()
    except ValueError:
        return  # a class written in C, or derived from one, without a signature
    except TypeError as error:
        raise ConfigurationError(
            f"the class {view_name(view)} of {route.path!r} is built without arguments "
            f"for each request: {error}; take it as a parameter of the handler"
        ) from None


def _by_method(
    handlers: Mapping[HTTPMethod, Endpoint], request: Request, params: dict[str, object]
) -> object:
    handler = handlers.get(request.method)  # type: ignore[call-overload]  # text finds its member
    if handler is None:
        raise MethodNotAllowed(request.path, str(request.method), supported_methods(handlers))
    return handler(request, params)


def _function_endpoint(
    route: "Route", dependencies: Mapping[str, object], typed: TypedViewBuilder | None
) -> Endpoint:
    view = route.view
    takes_request, arguments, respond = _call_of(route, view, route.methods, dependencies, typed)
    endpoint: Endpoint
    if not takes_request:
        endpoint = lambda request, params: view(  # noqa: E731
            **arguments(request, params) if arguments else params
        )
    elif arguments is not None:
        endpoint = lambda request, params: view(request, **arguments(request, params))  # noqa: E731
    elif route.pattern.variables:
        endpoint = lambda request, params: view(request, **params)  # noqa: E731
    else:
        endpoint = lambda request, _: view(request)  # noqa: E731
    return _surrounded(_responding(endpoint, respond), view)


def _handler_endpoint(
    route: "Route",
    view: type,
    name: str,
    dependencies: Mapping[str, object],
    typed: TypedViewBuilder | None,
) -> Endpoint:
    """Call a method of a new instance for each request, so that requests share no state."""
    found = inspect.getattr_static(view, name)
    takes_self = hasattr(found, "__get__") and not isinstance(found, (staticmethod, classmethod))
    methods = route.methods if name == "dispatch" else [name.upper()]
    takes_request, arguments, respond = _call_of(
        route, getattr(view, name), methods, dependencies, typed, takes_self=takes_self
    )
    endpoint: Endpoint
    if not takes_request:
        endpoint = lambda request, params: getattr(view(), name)(  # noqa: E731
            **arguments(request, params) if arguments else params
        )
    elif arguments is None:
        endpoint = lambda request, params: getattr(view(), name)(request, **params)  # noqa: E731
    else:
        endpoint = lambda request, params: getattr(view(), name)(  # noqa: E731
            request, **arguments(request, params)
        )
    return _surrounded(_responding(endpoint, respond), getattr(view, name))


def _responding(
    endpoint: Endpoint, respond: Callable[[Request, object], object] | None
) -> Endpoint:
    if respond is None:
        return endpoint
    return lambda request, params: respond(request, endpoint(request, params))


def _surrounded(endpoint: Endpoint, view: "View") -> Endpoint:
    """Return an endpoint within what decorators of its view want to do around all of it."""
    for surround in getattr(view, SURROUND, ()):
        endpoint = surround(endpoint, view)
    return endpoint


def add_surround(view: V, surround: "Callable[[Endpoint, View], Endpoint]") -> V:
    """Mark a view, so that its endpoint is replaced when it is built.

    The function sees the request before the body is read and the result after all of it.

    Args:
        view: A view function, a handler of a class, or a class, whose handlers are marked.
        surround: Takes an endpoint and the view, and returns the endpoint to use in its place. It
            turns results into responses by `response_of`.

    Returns:
        The view itself.

    Raises:
        TypeError: The view cannot be marked, such as a bound method.
    """
    if isinstance(view, type):
        names = ["dispatch"] if hasattr(view, "dispatch") else handled_methods(view)
        for name in names:
            add_surround(getattr(view, name.lower()), surround)
        return view
    try:
        setattr(view, SURROUND, (*getattr(view, SURROUND, ()), surround))
    except AttributeError:
        raise TypeError(f"{view!r} cannot be marked; decorate the function itself") from None
    return view


def declared_by(
    route: "Route",
    view: "View",
    methods: Collection[str] | None,
    dependencies: Mapping[str, object],
) -> Declared | None:
    """Return what the annotations of a view declare, or None if it is a plain view.

    Args:
        route: The route.
        view: Its function, or a method of its class.
        methods: Names of the methods that the function handles; None means every one.
        dependencies: Services by name.

    Raises:
        ConfigurationError: The view has no readable signature.
    """
    what = f"the view {view_name(route.view)} of {route.path!r}"
    signature = read_signature(view, what)
    fillable = frozenset(fillable_names(dependencies))
    declared = _declared(route, view, methods, what, signature, fillable)
    return declared if declared.is_typed else None


def _declared(
    route: "Route",
    view: "View",
    methods: Collection[str] | None,
    what: str,
    signature: inspect.Signature,
    fillable: frozenset[str],
) -> Declared:
    variables = tuple(variable.name for variable in route.pattern.variables)
    handled = None if methods is None else tuple(methods)
    facts = Declared(what, view, handled, (), signature.empty, variables, fillable)
    return declared_of(view, signature, facts)


def _call_of(
    route: "Route",
    view: "View",
    methods: Collection[str] | None,
    dependencies: Mapping[str, object],
    typed: TypedViewBuilder | None,
    *,
    takes_self: bool = False,
) -> _Call:
    """Return how a view is called; its arguments are `None` if they are the path variables."""
    what = f"the view {view_name(route.view)} of {route.path!r}"
    signature = read_signature(view, what)
    fillable = frozenset(fillable_names(dependencies))
    declared = _declared(route, view, methods, what, signature, fillable)
    is_typed = typed is not None and declared.is_typed
    inputs = frozenset(p.name for p in declared.inputs) if is_typed else frozenset()
    names = _Names(what, dependencies, fillable, inputs)
    takes_request, given = _arguments(route, view, signature, names, takes_self=takes_self)
    if typed is None or not declared.is_typed:
        return _Call(takes_request, given, _without_content if declared.returns is None else None)
    part = typed(route, declared)
    read = part.read
    if read is None:
        return _Call(takes_request, given, part.respond)
    if given is None:
        if not route.pattern.variables:
            return _Call(takes_request, read, part.respond)
        given = _path_variables
    return _Call(takes_request, _both(given, read), part.respond)


def _without_content(_: Request, result: object) -> object:
    """Return a 204 for None, which the view is annotated to return."""
    if isinstance(result, CoroutineType):
        from lback.core.routing.coroutines import run_coroutine

        result = run_coroutine(result)
    return Response(None, 204) if result is None else result


def _path_variables(_: Request, params: dict[str, object]) -> dict[str, object]:
    return params


def _both(first: Arguments, second: Arguments) -> Arguments:
    """Return a function for the arguments of two functions."""
    return lambda request, params: {**first(request, params), **second(request, params)}


class _Names(NamedTuple):
    """Names that parameters of a view may have.

    Args:
        what: Description of the view for messages.
        dependencies: Services by name.
        fillable: Names that are filled for every view.
        inputs: Parameters that `lback.api` fills.
    """

    what: str
    dependencies: Mapping[str, object]
    fillable: frozenset[str]
    inputs: frozenset[str]


def _arguments(
    route: "Route",
    view: "View",
    signature: inspect.Signature,
    known: _Names,
    *,
    takes_self: bool = False,
) -> tuple[bool, Arguments | None]:
    """Return whether a view takes the request by position, and a function for its other arguments.

    The function is `None` if the other arguments are the path variables.
    """
    what, dependencies, _, inputs = known
    variables = [variable.name for variable in route.pattern.variables]
    fillable = known.fillable.union(variables, inputs)
    parameters = list(signature.parameters.values())
    if takes_self and not _positional(parameters):
        raise ConfigurationError(f"{what} is a method without self: write def get(self)")
    takes_request = _takes_request(parameters, fillable, takes_self=takes_self)
    if not takes_request:
        _check_decorators(view, what, fillable, takes_self=takes_self)
    filled = [p for p in parameters if p.kind in _BY_POSITION][: takes_self + takes_request]
    rest = parameters[len(filled) :]
    refuse_positional_only(rest, what)
    by_name = [p for p in rest if p.kind in _BY_NAME]
    names = {p.name for p in by_name}
    if any(p.kind is p.VAR_KEYWORD for p in rest):
        names.update(variables)
        names -= {p.name for p in filled if p.kind is p.POSITIONAL_OR_KEYWORD}
    taken = [name for name in variables if name in names and name not in inputs]
    sources = {
        p.name: source_of(p.name, what, dependencies, variables, _unresolved(p, view))
        for p in by_name
        if p.name not in taken and p.name not in inputs and p.default is p.empty
    }
    if taken == variables and not sources:
        return takes_request, None

    def arguments(request: Request, params: dict[str, object]) -> dict[str, object]:
        given = {name: params[name] for name in taken}
        for name, source in sources.items():
            given[name] = source(request)
        return given

    return takes_request, arguments


def _positional(parameters: Iterable[inspect.Parameter]) -> list[inspect.Parameter]:
    """Return the parameters that can be passed by position, including `*args`."""
    return [p for p in parameters if p.kind in (*_BY_POSITION, p.VAR_POSITIONAL)]


def _takes_request(
    parameters: Iterable[inspect.Parameter], fillable: Collection[str], *, takes_self: bool = False
) -> bool:
    """Return True if the first parameter is the request and not a value that is filled by name."""
    places = _positional(parameters)
    if takes_self and places and places[0].kind is not inspect.Parameter.VAR_POSITIONAL:
        del places[0]
    if not places:
        return False
    first = places[0]
    return (
        first.kind is first.VAR_POSITIONAL
        or first.name not in fillable
        or first.name == REQUEST
        or _is_request(first.annotation)
    )


def _is_request(annotation: object) -> bool:
    if isinstance(annotation, str):  # as `from __future__ import annotations` leaves it
        return annotation.strip("'\"").rpartition(".")[2] == Request.__name__
    return isinstance(annotation, type) and issubclass(annotation, Request)


def _check_decorators(
    view: "View", what: str, fillable: Collection[str], *, takes_self: bool
) -> None:
    """Raise if a view takes no request below a decorator that is called with the request."""
    layer, wants = view, getattr(view, "needs_request", False)
    while hasattr(layer, "__wrapped__") and not wants:
        places = [p for p in _own_parameters(layer) if p.kind in _BY_POSITION][takes_self:]
        wants = bool(places) and _takes_request(places, fillable)
        takes_self = takes_self or inspect.ismethod(layer)
        layer = layer.__wrapped__
    if wants:
        raise ConfigurationError(
            f"{what} takes no request, and its decorator needs it: "
            "give it a first parameter request, as in def view(request)"
        )


def _own_parameters(layer: Callable[..., object]) -> list[inspect.Parameter]:
    """Return the parameters of a decorated function itself, not of what it decorates."""
    try:
        return list(inspect.signature(layer, follow_wrapped=False).parameters.values())
    except (TypeError, ValueError):
        return []  # one written in C, such as lru_cache, passes all arguments on


def read_parameters(function: Callable[..., object], what: str) -> list[inspect.Parameter]:
    """Return the parameters of a function.

    Args:
        function: A view or an exception handler.
        what: Description of the function for the message.

    Raises:
        ConfigurationError: The function has no readable signature.
    """
    return list(read_signature(function, what).parameters.values())


def read_signature(function: Callable[..., object], what: str) -> inspect.Signature:
    """Return the signature of a function.

    Args:
        function: A view or an exception handler.
        what: Description of the function for the message.

    Raises:
        ConfigurationError: The function has no readable signature.
    """
    try:
        return inspect.signature(function)
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the parameters of {what} cannot be read: {error}; "
            "wrap it in a function, def view(request)"
        ) from error


def refuse_positional_only(parameters: Iterable[inspect.Parameter], what: str) -> None:
    """Raise if a parameter that has to be filled by name is positional-only.

    Args:
        parameters: The parameters after those that are passed by position.
        what: Description of the function for the message.

    Raises:
        ConfigurationError: A required parameter is positional-only.
    """
    for parameter in parameters:
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            raise ConfigurationError(
                f"{what} takes {parameter.name!r} by position only; "
                "everything after the request is passed by name"
            )


def fillable_names(dependencies: Mapping[str, object]) -> list[str]:
    """Return the names of the parameters that can be filled for every view, without duplicates."""
    return list(dict.fromkeys([REQUEST, *dependencies, *_values_of_request(), *_ALIASES]))


@cache
def _values_of_request() -> tuple[str, ...]:
    return tuple(filter(_is_readable, dir(Request)))


def _unresolved(parameter: inspect.Parameter, view: "View") -> str:
    """Return a remark on an annotation that is text and cannot be evaluated, or ""."""
    annotation = parameter.annotation
    if not isinstance(annotation, str):
        return ""
    if resolved_or_empty(annotation, view) is not parameter.empty:
        return ""
    return (
        f"; its annotation {annotation!r} is not known in the module at run time: "
        "import it outside of TYPE_CHECKING"
    )


def source_of(
    name: str,
    what: str,
    dependencies: Mapping[str, object],
    variables: Sequence[str] = (),
    remark: str = "",
) -> Source:
    """Return a function of the request that provides a parameter other than a path variable.

    Args:
        name: Name of the parameter.
        what: Description of the view for the message.
        dependencies: Services by name.
        variables: Names of the path variables, for suggestions.
        remark: Added to the message.

    Raises:
        ConfigurationError: Nothing provides the parameter; the message names the missing setting
            or similar names.
    """
    if name == REQUEST:
        return lambda request: request
    if name in dependencies:
        value = dependencies[name]
        return lambda _: value
    attribute = _ALIASES.get(name, name)
    if _is_readable(attribute):
        return lambda request: getattr(request, attribute)
    raise ConfigurationError(
        f"nothing fills the parameter {name!r} of {what}; "
        f"{_hint(name, dependencies, variables)}{remark}"
    )


def _hint(name: str, dependencies: Mapping[str, object], variables: Sequence[str]) -> str:
    setting = missing_setting(dependencies, name)
    if setting is not None:
        return f"{name!r} needs the setting {setting}"
    known = dict.fromkeys([*variables, *fillable_names(dependencies)])
    near = get_close_matches(name, known, n=3)
    if near:
        return f"did you mean {' or '.join(map(repr, near))}?"
    return (
        f"path variables: {', '.join(variables) or 'none'}; "
        f"dependencies: {', '.join(sorted(dependencies)) or 'none'}"
    )


def _is_readable(name: str) -> bool:
    """Return True if the request has a property of that name."""
    attribute = None if name.startswith("_") else getattr(Request, name, None)
    return isinstance(attribute, (property, cached_property))


def response_of(result: object, view: "View", status: int = 200) -> Response:
    """Convert the return value of a view to a response.

    Text becomes an HTML page, a dict or list JSON without an envelope. `(value, status)`,
    `(value, headers)` and `(value, status, headers)` set status and header fields; for a Response
    in a tuple they replace its own. The coroutine of an `async def` view runs to its end first.

    Args:
        result: The return value.
        view: The view, for the message.
        status: Status of a value without one, unless it is a Response.

    Raises:
        TypeError: The value has another type; the message names the view and the type.
        ValueError: The status is outside 100..599.
        Exception: Any exception of the coroutine.

    Example:
        >>> response = response_of(({"id": 1}, 201), print)
        >>> response.status_code, response.body
        (201, b'{"id":1}')
    """
    if isinstance(result, CoroutineType):
        # Imported here, because asyncio takes longer to import than the rest of the core.
        from lback.core.routing.coroutines import run_coroutine

        result = run_coroutine(result)
    if not isinstance(result, tuple):
        return _plain_response(result, view, status, None)
    if len(result) not in (2, 3):
        raise TypeError(
            f"the view {view_name(view)} returned a tuple of {len(result)}; "
            "return (value, status), (value, headers) or (value, status, headers)"
        )
    value, *further = result
    headers = None
    if len(further) == 2 or isinstance(further[0], (Mapping, list)):
        headers = _header_fields(further.pop(), view)
    if isinstance(value, Response):
        return _changed(value, further[0] if further else value.status_code, headers)
    return _plain_response(value, view, further[0] if further else status, headers)


def _header_fields(headers: Any, view: "View") -> Mapping[str, HeaderValue]:
    if headers is None or isinstance(headers, Mapping):
        return headers or {}
    fields: dict[str, list[str]] = {}
    try:
        for name, value in headers:
            fields.setdefault(name, []).append(value)
    except (TypeError, ValueError):
        raise TypeError(
            f"the view {view_name(view)} returned headers of type {type(headers).__name__}; "
            "headers are a dict, or a list of pairs (name, value)"
        ) from None
    return {name: held[0] if len(held) == 1 else held for name, held in fields.items()}


def _changed(
    response: Response, status: Any, headers: Mapping[str, HeaderValue] | None
) -> Response:
    status_line(status)  # refuses what is not a status
    response.status_code = int(status)
    for name, value in (headers or {}).items():
        if name.lower() == "set-cookie":  # a further cookie does not replace those that are there
            for cookie in [value] if isinstance(value, str) else value:
                response.headers.append(name, cookie)
        else:
            response.headers[name] = value
    return response


def _plain_response(value: object, view: "View", status: Any, headers: Any) -> Response:
    if isinstance(value, Response):
        return value
    if isinstance(value, (dict, list)):
        return Response(json_encode(value), status, headers, JSON_TYPE)
    if isinstance(value, str):
        return HTMLResponse(value, status, headers)
    hint = f"; annotate it with -> {type(value).__name__}" if hasattr(value, _STRUCT) else ""
    raise TypeError(
        f"the view {view_name(view)} returned {type(value).__name__}; "
        f"a view returns a Response, text, a dict, a list, or one of these in (value, status){hint}"
    )


def get_request(args: tuple[object, ...], view: Callable[..., object]) -> Request:
    """Return the request from the arguments of a view; for a method it is the second one.

    Args:
        args: Positional arguments of the call.
        view: The view, for the message.

    Raises:
        TypeError: Neither of the first two arguments is a request.
    """
    for argument in args[:2]:
        if isinstance(argument, Request):
            return argument
    name = getattr(view, "__qualname__", repr(view))
    raise TypeError(f"{name} was called without a request; decorate a view, or a handler of one")
