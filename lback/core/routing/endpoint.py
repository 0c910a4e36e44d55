"""Endpoints: how a view is called, read from its signature once, when its route is registered."""

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias

from lback.core.exceptions import ConfigurationError, MethodNotAllowed
from lback.core.http.methods import METHODS, HTTPMethod
from lback.core.request import Request
from lback.core.response import JSON_TYPE, HTMLResponse, Response, json_encode
from lback.core.routing.views import handled_methods, view_name

if TYPE_CHECKING:
    from lback.core.router import Route
    from lback.core.routing.views import View

Endpoint: TypeAlias = Callable[[Request, dict[str, Any]], Any]
Source: TypeAlias = Callable[[Request], Any]
Arguments: TypeAlias = Callable[[Request, dict[str, Any]], dict[str, Any]]

_BY_POSITION = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
# Names under which views of other frameworks know an attribute of the request.
_ALIASES = {"current_user": "user", "app_session": "session"}


def build_endpoint(route: "Route", dependencies: Mapping[str, Any]) -> Endpoint:
    """Return the callable `(request, path variables) -> result` of a route.

    The view gets the request first, then by name each path variable that it takes. A required
    parameter beyond these is filled with the dependency of that name, or with the attribute of
    the request (`db_session`, `user`, `session`, …). A class is instantiated for each request;
    its `dispatch` is called, or its method of the name of the HTTP method.

    Raises:
        ConfigurationError: A required parameter that nothing can fill, with near misses; a view
            without a parameter for the request, or whose parameters cannot be read; a class
            without handlers, or that cannot be built without arguments.
    """
    view = route.view
    if not isinstance(view, type):
        return _function_endpoint(route, dependencies)
    _check_constructor(route, view)
    if hasattr(view, "dispatch"):
        return _handler_endpoint(route, view, "dispatch", dependencies)
    handlers = {
        METHODS[method]: _handler_endpoint(route, view, method.lower(), dependencies)
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
        return  # a class written in C, or built upon one, that does not tell
    except TypeError as error:
        raise ConfigurationError(
            f"the class {view_name(view)} of {route.path!r} is built without arguments "
            f"for each request: {error}; take it as a parameter of the handler"
        ) from None


def _by_method(
    handlers: Mapping[HTTPMethod, Endpoint], request: Request, params: dict[str, Any]
) -> Any:
    handler = handlers.get(request.method)  # type: ignore[call-overload]  # text finds its member
    if handler is None:
        raise MethodNotAllowed(request.path, str(request.method), sorted(map(str, handlers)))
    return handler(request, params)


def _function_endpoint(route: "Route", dependencies: Mapping[str, Any]) -> Endpoint:
    view = route.view
    arguments = _arguments(route, view, dependencies)
    if arguments is not None:
        return lambda request, params: view(request, **arguments(request, params))
    if route.pattern.variables:
        return lambda request, params: view(request, **params)
    return lambda request, _: view(request)


def _handler_endpoint(
    route: "Route", view: type, name: str, dependencies: Mapping[str, Any]
) -> Endpoint:
    """Call a method of a new instance: what a request leaves on it ends with the request."""
    found = inspect.getattr_static(view, name)
    takes_self = hasattr(found, "__get__") and not isinstance(found, (staticmethod, classmethod))
    arguments = _arguments(route, getattr(view, name), dependencies, takes_self=takes_self)
    if arguments is None:
        return lambda request, params: getattr(view(), name)(request, **params)
    return lambda request, params: getattr(view(), name)(request, **arguments(request, params))


def _arguments(
    route: "Route", view: "View", dependencies: Mapping[str, Any], *, takes_self: bool = False
) -> Arguments | None:
    """Return what builds the arguments behind the request; `None` if they are the variables."""
    parameters = _parameters(route, view)
    filled = [p for p in parameters if p.kind in _BY_POSITION][: 1 + takes_self]
    rest = parameters[len(filled) :]
    _check_positions(route, rest, takes_request=len(filled) > takes_self)
    variables = [variable.name for variable in route.pattern.variables]
    by_name = [p for p in rest if p.kind in _BY_NAME]
    names = {p.name for p in by_name}
    if any(p.kind is p.VAR_KEYWORD for p in rest):
        names.update(variables)
        names -= {p.name for p in filled if p.kind is p.POSITIONAL_OR_KEYWORD}
    taken = [name for name in variables if name in names]
    sources = {
        p.name: _source(route, p.name, dependencies)
        for p in by_name
        if p.name not in taken and p.default is p.empty
    }
    if taken == variables and not sources:
        return None

    def arguments(request: Request, params: dict[str, Any]) -> dict[str, Any]:
        given = {name: params[name] for name in taken}
        for name, source in sources.items():
            given[name] = source(request)
        return given

    return arguments


def _parameters(route: "Route", view: "View") -> list[inspect.Parameter]:
    try:
        return list(inspect.signature(view).parameters.values())
    except (TypeError, ValueError) as error:
        raise ConfigurationError(
            f"the parameters of the view {view_name(route.view)} of {route.path!r} "
            f"cannot be read: {error}; wrap it in a function, def view(request)"
        ) from error


def _check_positions(route: "Route", rest: list[inspect.Parameter], *, takes_request: bool) -> None:
    if not takes_request and not any(p.kind is p.VAR_POSITIONAL for p in rest):
        raise ConfigurationError(
            f"the view {view_name(route.view)} of {route.path!r} takes no request: "
            "give it a first parameter, as in def view(request)"
        )
    for parameter in rest:
        if parameter.kind is parameter.POSITIONAL_ONLY and parameter.default is parameter.empty:
            raise ConfigurationError(
                f"the view {view_name(route.view)} of {route.path!r} takes {parameter.name!r} by "
                "position only; behind the request everything is given by name"
            )


def _source(route: "Route", name: str, dependencies: Mapping[str, Any]) -> Source:
    """Return what fills a parameter that is no path variable."""
    if name in dependencies:
        value = dependencies[name]
        return lambda _: value
    attribute = _ALIASES.get(name, name)
    if _is_readable(attribute):
        return lambda request: getattr(request, attribute)
    variables = [variable.name for variable in route.pattern.variables]
    known = [*variables, *dependencies, *filter(_is_readable, dir(Request)), *_ALIASES]
    near = get_close_matches(name, known, n=3)
    hint = (
        f"did you mean {' or '.join(map(repr, near))}?"
        if near
        else f"path variables: {', '.join(variables) or 'none'}; "
        f"dependencies: {', '.join(sorted(dependencies)) or 'none'}"
    )
    raise ConfigurationError(
        f"nothing fills the parameter {name!r} of the view {view_name(route.view)} "
        f"of {route.path!r}; {hint}"
    )


def _is_readable(name: str) -> bool:
    """Tell whether the request has such an attribute that is a value and not a method."""
    attribute = None if name.startswith("_") else getattr(Request, name, None)
    return isinstance(attribute, (property, cached_property))


def response_of(result: Any, view: "View") -> Response:
    """Turn what a view returned into a response.

    Text becomes a page, a dict or list JSON of exactly that value; `(value, status)` and
    `(value, status, headers)` say the rest.

    Raises:
        TypeError: It is none of these; names the view and the type.
    """
    if not isinstance(result, tuple):
        return _plain_response(result, view, 200, None)
    if len(result) not in (2, 3):
        raise TypeError(
            f"the view {view_name(view)} returned a tuple of {len(result)}; "
            "return (value, status) or (value, status, headers)"
        )
    value, status, headers = (*result, None)[:3]
    if isinstance(value, Response):
        raise TypeError(
            f"the view {view_name(view)} returned a Response inside a tuple; "
            "give the status and headers to the Response"
        )
    return _plain_response(value, view, status, headers)


def _plain_response(value: Any, view: "View", status: Any, headers: Any) -> Response:
    if isinstance(value, Response):
        return value
    if isinstance(value, (dict, list)):
        return Response(json_encode(value), status, headers, JSON_TYPE)
    if isinstance(value, str):
        return HTMLResponse(value, status, headers)
    raise TypeError(
        f"the view {view_name(view)} returned {type(value).__name__}; "
        "a view returns a Response, text, a dict, a list, or one of these in (value, status)"
    )


def get_request(args: tuple[Any, ...], view: Callable[..., Any]) -> Request:
    """Return the request among the arguments of a view, which for a method is the second.

    Raises:
        TypeError: There is none.
    """
    for argument in args[:2]:
        if isinstance(argument, Request):
            return argument
    name = getattr(view, "__qualname__", repr(view))
    raise TypeError(f"{name} was called without a request; decorate a view, or a handler of one")
