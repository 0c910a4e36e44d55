"""A route: a pattern, the view that it leads to, and who is admitted."""

from collections.abc import Callable, Collection
from typing import Any

from lback.core.http.methods import METHODS, is_token
from lback.core.routing.patterns import PathPattern
from lback.core.routing.views import View, check_view, view_name


class Route:
    """A path pattern, its view, and the methods and users that are allowed.

    Args:
        path: Pattern, such as `"/users/{user_id:int}"`. Converters are `str`, `int`, `uuid`,
            `path` and those added with `register_converter`.
        view: Function, or class with `dispatch` or with `get`, `post` and so on.
        methods: Names of the allowed methods; `None` allows every one.
        name: Name for `Router.url_for`.
        requires_auth: Whether only signed-in users may access the route.

    Raises:
        TypeError: The view is not callable or is a coroutine function, `methods` is text, or
            `requires_auth` is neither `True` nor `False`.
        ValueError: The pattern is malformed, or `methods` is empty or contains a name that is not
            a token.

    Example:
        >>> route = Route("/books/{book_id:int}", print, ["GET"], "book")
        >>> route.match("/books/7", "GET")
        {'book_id': 7}
    """

    # Calls the view; see `lback.core.routing.endpoint`.
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
        self.methods = None if methods is None else method_names(methods, path)
        # The same again as members of HTTPMethod, so that the usual lookup compares by identity.
        self.accepts = self.methods and frozenset(METHODS.get(m, m) for m in self.methods)
        self.name = name
        if not isinstance(requires_auth, bool):
            # None or "" would open the route to everybody.
            raise TypeError(f"requires_auth of {path!r} is True or False, not {requires_auth!r}")
        self.requires_auth = requires_auth

    def match(self, path: str, method: str) -> dict[str, Any] | None:
        """Return the converted variables of a path that matches, or `None`.

        If the path matches and the method does not, the result is
        `{"_method_mismatch": True, "_allowed_methods": […]}`.

        Args:
            path: Decoded path of a request.
            method: Name of its method, in any case.
        """
        params = self.pattern.match(path)
        if params is None or self.methods is None or str(method).upper() in self.methods:
            return params
        return {"_method_mismatch": True, "_allowed_methods": list(self.methods)}

    def __repr__(self) -> str:
        methods = ",".join(self.methods) if self.methods else "*"
        return f"<{type(self).__name__} {methods} {self.path!r} {view_name(self.view)}>"


def method_names(methods: Collection[str], path: str) -> list[str]:
    """Return method names in upper case, each once.

    Args:
        methods: Names in any case.
        path: Pattern of the route, for the message.

    Raises:
        TypeError: `methods` is a single text.
        ValueError: It is empty, or has a name that is not a token (RFC 9110 section 9.1).
    """
    if isinstance(methods, str):
        raise TypeError(f"methods of {path!r} must be a list of names: write [{methods!r}]")
    names = list(dict.fromkeys(str(method).upper() for method in methods))
    if not names:
        raise ValueError(f"methods of {path!r} is empty: nothing could reach the view")
    for name in names:
        if not is_token(name):
            raise ValueError(f"{name!r} in methods of {path!r} is not a method name")
    return names
