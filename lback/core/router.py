"""Routes: a path pattern on one side, a view on the other."""

import logging
from collections.abc import Callable, Collection
from difflib import get_close_matches
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from lback.core.exceptions import MethodNotAllowed, RouteNotFound
from lback.core.http.methods import METHODS, is_token, supported_methods
from lback.core.routing.patterns import PathPattern
from lback.core.routing.route_tree import RouteTree
from lback.core.routing.secret_paths import SecretPaths
from lback.core.routing.views import View, check_view, methods_of, view_name

logger = logging.getLogger(__name__)


class Route:
    """One pattern, the view it leads to, and who may pass.

    Args:
        path: Pattern, such as `"/users/{user_id:int}"`; converters are `str`, `int`, `uuid`,
            `path` and what `register_converter` added.
        view: Function, or class with `dispatch` or with `get`, `post` and so on.
        methods: Methods it answers; `None` means every one.
        name: For `Router.url_for`.
        requires_auth: Whether only a signed-in user passes.

    Raises:
        TypeError: The view cannot be called, or is or has a coroutine function to be called;
            `methods` is a text; `requires_auth` is neither `True` nor `False`.
        ValueError: The pattern is malformed; `methods` is empty or holds no method name.
    """

    # How the controller calls the view; see `lback.core.routing.endpoint`.
    endpoint: Callable[..., Any] | None = None

    def __init__(
        self,
        path: str,
        view: View,
        methods: Collection[str] | None = None,
        name: str | None = None,
        requires_auth: bool = True,
    ) -> None:
        check_view(view, path)
        self.pattern = PathPattern(path)
        self.path = path
        self.view = view
        self.methods = None if methods is None else _method_names(methods, path)
        # The same once more, so that the usual look-up compares by identity.
        self.accepts = self.methods and frozenset(METHODS.get(m, m) for m in self.methods)
        self.name = name
        if not isinstance(requires_auth, bool):
            # None or "" would open the route to everybody.
            raise TypeError(f"requires_auth of {path!r} is True or False, not {requires_auth!r}")
        self.requires_auth = requires_auth

    def match(self, path: str, method: str) -> dict[str, Any] | None:
        """Return the variables of a path that fits, or `None`.

        Where the path fits and the method does not, the answer is
        `{"_method_mismatch": True, "_allowed_methods": […]}`.
        """
        params = self.pattern.match(path)
        if params is None or self.methods is None or str(method).upper() in self.methods:
            return params
        return {"_method_mismatch": True, "_allowed_methods": list(self.methods)}

    def __repr__(self) -> str:
        methods = ",".join(self.methods) if self.methods else "*"
        return f"<Route {methods} {self.path!r} {view_name(self.view)}>"


class Router:
    """Routes in the order they were added; the first that fits path and method answers.

    Attributes:
        find: `find(path, method)` gives the first route that fits, with its variables, or
            `None`; the method in upper case.
        secret_paths: Masks the credentials in paths, for logs and pages.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._replace([])

    @property
    def routes(self) -> list[Route]:
        """The routes, in order; a copy."""
        return list(self._routes)

    def add_route(
        self,
        path: str,
        view: View,
        methods: Collection[str] | None = None,
        name: str | None = None,
        requires_auth: bool = True,
    ) -> None:
        """Add a route behind those that are there; see `Route`.

        Without `methods`, those of the view count: its attribute `methods` (list, tuple or
        set), or the handlers of a class without `dispatch`; else it answers every method.
        """
        if methods is None:
            methods = methods_of(view)
        self.add(Route(path, view, methods, name, requires_auth))

    def add(self, route: Route) -> None:
        """Add a route that is built already."""
        with self._lock:
            self._routes.append(route)
            self._tree.add(route)
            self.secret_paths.add(route.pattern)
            if route.name is not None and self._names.setdefault(route.name, route) is not route:
                logger.warning(
                    "the route name %r is taken by %s; url_for keeps to that one, not to %s",
                    route.name, self._names[route.name].path, route.path,
                )  # fmt: skip

    def remove_route(self, path: str, methods: list[str] | None = None) -> None:
        """Remove the routes of a pattern, or only some of their methods.

        A route for every method then keeps the other standard ones. Nothing to remove is no
        error.
        """
        wanted = None if methods is None else set(_method_names(methods, path))
        with self._lock:
            kept = [left for route in self._routes if (left := _without(route, path, wanted))]
            if kept == self._routes:
                logger.debug("remove_route: no route %r", path)
            self._replace(kept)

    def _replace(self, routes: list[Route]) -> None:
        tree = RouteTree()
        names: dict[str, Route] = {}
        secret_paths = SecretPaths()
        for route in routes:
            tree.add(route)
            secret_paths.add(route.pattern)
            if route.name is not None:
                names.setdefault(route.name, route)
        self._routes, self._tree, self._names = routes, tree, names
        self.secret_paths = secret_paths
        # Bound here, so that the walk of a request goes straight to the tree.
        self.find = tree.find

    def get_route_by_name(self, name: str) -> Route | None:
        """Return the first route of that name, or `None`."""
        return self._names.get(name)

    def allowed_methods(self, path: str) -> list[str] | None:
        """Return the methods that the routes of a path name, or `None` where none fits."""
        return self._tree.allowed_methods(path)

    def resolve(self, path: str, method: str) -> tuple[View, dict[str, Any], bool]:
        """Return view, path variables and `requires_auth` of the first route that fits.

        Raises:
            RouteNotFound: No route fits the path.
            MethodNotAllowed: Routes fit the path, none the method; names those they allow.
        """
        found = self.find(path, str(method).upper())
        if found is None:
            allowed = self.allowed_methods(path)
            if allowed is None:
                raise RouteNotFound(path, str(method))
            raise MethodNotAllowed(path, str(method), supported_methods(allowed))
        route, params = found
        return route.view, params, route.requires_auth

    def url_for(self, name: str, **params: Any) -> str:
        """Return the percent-encoded path of a named route; see `reverse`.

        A variable that is itself called `name` needs `reverse`.

        Raises:
            ValueError: No route has the name, or a value is missing or does not fit.
        """
        return self.reverse(name, **params)

    def reverse(self, name: str, /, **params: Any) -> str:
        """Return the percent-encoded path of a named route.

        Args:
            name: Name of the route.
            **params: Values of its variables; further ones become the query string, but for
                those that are `None`.

        Raises:
            ValueError: No route has the name, or a value is missing or does not fit.
        """
        route = self._names.get(name)
        if route is None:
            near = get_close_matches(str(name), self._names, n=3)
            hint = f"did you mean {', '.join(map(repr, near))}?" if near else self._known_names()
            raise ValueError(f"no route is named {name!r}; {hint}")
        path = route.pattern.fill(params)
        names = {variable.name for variable in route.pattern.variables}
        further = {k: v for k, v in params.items() if k not in names and v is not None}
        query = urlencode(further, doseq=True)
        return f"{path}?{query}" if query else path

    def _known_names(self) -> str:
        return f"known: {', '.join(sorted(self._names)) or 'none'}"


def _method_names(methods: Collection[str], path: str) -> list[str]:
    if isinstance(methods, str):
        raise TypeError(f"methods of {path!r} is a list of names: write [{methods!r}]")
    names = list(dict.fromkeys(str(method).upper() for method in methods))
    if not names:
        raise ValueError(f"methods of {path!r} is empty: nothing could reach the view")
    for name in names:
        if not is_token(name):
            raise ValueError(f"{name!r} in methods of {path!r} is no method name")
    return names


def _without(route: Route, path: str, methods: set[str] | None) -> Route | None:
    """Return what is left of a route without these methods of that path."""
    if route.path != path:
        return route
    if methods is None:
        return None
    left = [method for method in route.methods or METHODS if method not in methods]
    if left == route.methods:
        return route
    return Route(path, route.view, left, route.name, route.requires_auth) if left else None
