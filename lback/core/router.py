"""Routes, which map a path pattern to a view, and the router that finds them."""

import logging
from collections.abc import Collection
from difflib import get_close_matches
from threading import Lock
from typing import Any
from urllib.parse import urlencode

from lback.core.exceptions import MethodNotAllowed, RouteNotFound
from lback.core.http.methods import METHODS, supported_methods
from lback.core.routing.route import Route, method_names
from lback.core.routing.route_tree import Found, RouteTree
from lback.core.routing.secret_paths import SecretPaths
from lback.core.routing.views import View, methods_of
from lback.core.routing.websocket_route import WEBSOCKET, WebSocketRoute

__all__ = ["Route", "Router"]

logger = logging.getLogger(__name__)


class Router:
    """A list of routes; the first one that matches path and method is used.

    Attributes:
        find: `find(path, method)` returns the first matching route with its variables, or
            `None`. The method is in upper case.
        secret_paths: Masks the credentials in paths, for logs and pages.

    Example:
        >>> router = Router()
        >>> router.add_route("/books/{book_id:int}", print, name="book")
        >>> router.url_for("book", book_id=7)
        '/books/7'
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._sockets: RouteTree | None = None
        self._replace([])

    @property
    def routes(self) -> list[Route]:
        """The routes in the order in which they were added; a copy."""
        return list(self._routes)

    def add_route(
        self,
        path: str,
        view: View,
        methods: Collection[str] | None = None,
        name: str | None = None,
        requires_auth: bool = True,
    ) -> None:
        """Add a route at the end; see `Route`.

        Args:
            path: Pattern, such as `"/users/{user_id:int}"`.
            view: Function or class.
            methods: Names of the allowed methods. `None` means those that the view declares: its
                attribute `methods` (list, tuple or set), or the handlers of a class without
                `dispatch`; a view that declares none handles every method.
            name: Name for `url_for`. If another route has it, that one keeps it, with a warning.
            requires_auth: Whether only signed-in users may access the route.

        Raises:
            TypeError, ValueError: As `Route`.
        """
        if methods is None:
            methods = methods_of(view)
        self.add(Route(path, view, methods, name, requires_auth))

    def add(self, route: Route) -> None:
        """Add a route that was already built, at the end."""
        with self._lock:
            self._routes.append(route)
            self._tree.add(route)
            self._sockets = None
            self.secret_paths.add(route.pattern)
            if route.name is not None and self._names.setdefault(route.name, route) is not route:
                logger.warning(
                    "the route name %r is taken by %s; url_for uses that one, not %s",
                    route.name, self._names[route.name].path, route.path,
                )  # fmt: skip

    def add_first(self, route: Route) -> None:
        """Add a route before all others, so that no pattern of them hides it.

        Args:
            route: The route.
        """
        with self._lock:
            self._replace([route, *self._routes])

    def remove_route(self, path: str, methods: list[str] | None = None) -> None:
        """Remove the routes of a pattern, or some of their methods. Does nothing without a match.

        Args:
            path: The pattern, as it was written when the route was added.
            methods: Names of the methods to remove; `None` removes the routes. A route for every
                method keeps the other standard ones.
        """
        wanted = None if methods is None else set(method_names(methods, path))
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
        self._sockets = None
        self.secret_paths = secret_paths
        # Bound here, so that each request calls the tree without a call in between.
        self.find = tree.find

    def find_websocket(self, path: str) -> "Found | None":
        """Return the first route of a WebSocket that matches a path, with its variables, or None.

        Args:
            path: Decoded path of a handshake.
        """
        sockets = self._sockets
        if sockets is None:
            sockets = RouteTree()
            for route in self.routes:
                if isinstance(route, WebSocketRoute):
                    sockets.add(route)
            self._sockets = sockets
        return sockets.find(path, WEBSOCKET)

    def get_route_by_name(self, name: str) -> Route | None:
        """Return the first route of that name, or `None`."""
        return self._names.get(name)

    def allowed_methods(self, path: str) -> list[str] | None:
        """Return the names of the methods allowed for a path, or `None` if no route matches it."""
        return self._tree.allowed_methods(path)

    def resolve(self, path: str, method: str) -> tuple[View, dict[str, Any], bool]:
        """Return view, path variables and `requires_auth` of the first matching route.

        Args:
            path: Decoded path of a request.
            method: Name of its method, in any case.

        Raises:
            RouteNotFound: No route matches the path.
            MethodNotAllowed: Routes match the path, but none the method.
        """
        found = self.find(path, str(method).upper())
        if found is None:
            allowed = self.allowed_methods(path)
            if allowed is None:
                raise RouteNotFound(path, str(method))
            raise MethodNotAllowed(path, str(method), supported_methods(allowed))
        route, params = found
        return route.view, params, route.requires_auth

    def url_for(self, name: str, **params: object) -> str:
        """Return the percent-encoded path of a named route.

        Use `reverse` for a route with a variable called `name`.

        Args:
            name: Name of the route.
            **params: Values of its variables; others become the query string, except `None`.

        Raises:
            ValueError: No route has the name, or a value is missing or refused by its converter.
        """
        return self.reverse(name, **params)

    def reverse(self, name: str, /, **params: object) -> str:
        """Return the percent-encoded path of a named route.

        Args:
            name: Name of the route.
            **params: Values of its variables; others become the query string, except `None`.

        Raises:
            ValueError: No route has the name, or a value is missing or refused by its converter.

        Example:
            >>> router = Router()
            >>> router.add_route("/books/{book_id:int}", print, name="book")
            >>> router.reverse("book", book_id=7, page=2)
            '/books/7?page=2'
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


def _without(route: Route, path: str, methods: set[str] | None) -> Route | None:
    """Return a route without some methods of a path, or `None` if no method is left."""
    if route.path != path:
        return route
    if methods is None:
        return None
    left = [method for method in route.methods or METHODS if method not in methods]
    if left == route.methods:
        return route
    return Route(path, route.view, left, route.name, route.requires_auth) if left else None
