"""A prefix tree of routes: the time of a lookup does not grow with the number of routes.

The result is always that of trying every route in the order of registration; the tree only
skips those that cannot match.
"""

from typing import TYPE_CHECKING, TypeAlias

from lback.core.http.methods import METHODS
from lback.core.routing.converters import MAX_DIGITS

if TYPE_CHECKING:
    from lback.core.routing.route import Route

Found: TypeAlias = "tuple[Route, dict[str, object]]"
_Entry: TypeAlias = "tuple[int, Route]"


class _Node:
    """A path segment: the segments that may follow, and the routes that end here."""

    __slots__ = ("literals", "routes", "tails", "variable")

    def __init__(self) -> None:
        self.literals: dict[str, _Node] = {}
        self.variable: _Node | None = None
        self.routes: list[_Entry] = []
        # Routes whose next segment is neither plain text nor a plain variable: matched one by one.
        self.tails: list[_Entry] = []


class RouteTree:
    """An index of routes. To remove a route, build another tree."""

    def __init__(self) -> None:
        self._root = _Node()
        self._count = 0
        # Route by path and method, for paths that no other route can match.
        self._exact: dict[str, dict[str, Route]] = {}
        self._literal_paths: dict[str, list[_Entry]] = {}
        self._allowed: dict[str, list[str]] = {}

    def add(self, route: "Route") -> None:
        """Add a route at the end."""
        entry = (self._count, route)
        self._count += 1
        self._allowed = {}
        if route.pattern.variables:
            self._add_to_tree(entry)
            return
        self._literal_paths.setdefault(route.path, []).append(entry)
        # A pattern that was added earlier may match this path.
        if self._candidates(route.path.split("/")):
            self._exact.pop(route.path, None)
        else:
            by_method = self._exact.setdefault(route.path, {})
            # Standard methods only: a route for every method matches any other one as well.
            for name, method in METHODS.items():
                if route.methods is None or name in route.methods:
                    by_method.setdefault(method, route)

    def _add_to_tree(self, entry: _Entry) -> None:
        node = self._root
        for segment in entry[1].pattern.segments:
            if isinstance(segment, str):
                node = node.literals.setdefault(segment, _Node())
            elif segment is None:
                node.tails.append(entry)
                return
            else:
                if node.variable is None:
                    node.variable = _Node()
                node = node.variable
        node.routes.append(entry)

    def find(self, path: str, method: str) -> "Found | None":
        """Return the first route that matches path and method, with its variables, or `None`.

        Args:
            path: Decoded path of a request.
            method: Name of its method, in upper case.
        """
        by_method = self._exact.get(path)
        if by_method is not None:
            route = by_method.get(method)
            if route is not None:
                return route, {}
        segments = path.split("/")
        for _, route in self._candidates(segments, path):
            if route.accepts is None or method in route.accepts:
                params = _params(route, segments, path)
                if params is not None:
                    return route, params
        return None

    def allowed_methods(self, path: str) -> list[str] | None:
        """Return the sorted names of the methods allowed for a path, or `None` without a route.

        A route for every method adds none.
        """
        known = self._allowed.get(path)
        if known is None:
            known = self._methods_of(path)
            # Only for paths without variables, so that clients cannot make the cache grow.
            if known is not None and path in self._literal_paths:
                self._allowed[path] = known
        return None if known is None else list(known)

    def _methods_of(self, path: str) -> list[str] | None:
        segments = path.split("/")
        fitting = [
            route
            for _, route in self._candidates(segments, path)
            if _params(route, segments, path) is not None
        ]
        if not fitting:
            return None
        return sorted({method for route in fitting for method in route.methods or ()})

    def _candidates(self, segments: list[str], path: str | None = None) -> list[_Entry]:
        """Return the routes whose plain segments match, in order of registration.

        Without a path, only routes with variables.
        """
        literal = self._literal_paths.get(path) if path is not None else None
        node = self._root
        if literal is None and not segments[0]:
            # The usual case: at each segment there is one candidate.
            for segment in segments[1:]:
                if node.tails:
                    break
                child = node.literals.get(segment)
                variable = node.variable
                if variable is None or not segment:
                    if child is None:
                        return []
                    node = child
                elif child is None:
                    node = variable
                else:
                    break
            else:
                return node.routes
        return sorted([*(literal or ()), *self._all_candidates(segments)], key=_order)

    def _all_candidates(self, segments: list[str]) -> list[_Entry]:
        if segments[0]:
            return []
        found = []
        places = [self._root]
        for segment in segments[1:]:
            further = []
            for node in places:
                found += node.tails
                child = node.literals.get(segment)
                if child is not None:
                    further.append(child)
                if node.variable is not None and segment:
                    further.append(node.variable)
            places = further
        for node in places:
            found += node.routes
        return found


def _params(route: "Route", segments: list[str], path: str) -> dict[str, object] | None:
    pattern = route.pattern
    if not pattern.is_plain:
        return pattern.match(path)
    params: dict[str, object] = {}
    for name, index, to_python in pattern.places:
        text = segments[index]
        if to_python is None:
            params[name] = text
        elif to_python is int:  # as `IntegerConverter`, without its call
            if not (text.isascii() and text.isdigit()) or len(text) > MAX_DIGITS:
                return None
            params[name] = int(text)
        else:
            try:
                params[name] = to_python(text)
            except ValueError:
                return None
    return params


def _order(entry: _Entry) -> int:
    return entry[0]
