"""Names of operations: unique in an application, described or made of route, method and path."""

import re
from inspect import unwrap
from typing import TYPE_CHECKING

from lback.core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from lback.api.descriptions import Operation
    from lback.api.documented import Description
    from lback.core.routing.route import Route


def path_template(route: "Route") -> str:
    """Return the path of a route without converters, as OpenAPI writes it.

    Example:
        >>> from lback.core.router import Route
        >>> path_template(Route("/books/{book_id:int}", print))
        '/books/{book_id}'
    """
    parts = route.pattern.parts
    return "".join(part if isinstance(part, str) else f"{{{part.name}}}" for part in parts)


def operation_id(operation: "Operation") -> str:
    """Return the name of an operation: that of its route, or one made of method and path.

    Example:
        >>> from lback.api import Operation
        >>> from lback.core.router import Route
        >>> operation_id(Operation(Route("/books/{book_id:int}", print, ["GET"]), "GET", print))
        'get_books_book_id'
    """
    route, method = operation.route, operation.method.lower()
    if route.name is None:
        return _identifier(f"{method}_{path_template(route)}")
    one = not isinstance(route.view, type) and len(set(route.methods or "*") - {"HEAD"}) == 1
    return _identifier(route.name if one else f"{route.name}_{method}")


class OperationIds:
    """The names that operations have taken.

    A name that `describe` gives must be free. A derived one gets another form if it is taken.

    Example:
        >>> from lback.api import Operation
        >>> from lback.api.documented import Description
        >>> from lback.core.router import Route
        >>> ids, route = OperationIds(), Route("/books", print, ["GET"], name="books")
        >>> ids.take(Operation(route, "GET", print), Description())
        'books'
    """

    def __init__(self) -> None:
        self._taken: dict[str, Operation] = {}

    def take(self, operation: "Operation", said: "Description") -> str:
        """Return the name of an operation, which no other one gets.

        Args:
            operation: The operation.
            said: What `describe` says about it.

        Raises:
            ConfigurationError: Another operation has the name that `describe` gives.
        """
        name = said.operation_id or operation_id(operation)
        if name in self._taken and said.operation_id:
            raise ConfigurationError(
                f"the operation_id {name!r} of {_place(operation)} is taken by "
                f"{_place(self._taken[name])}; choose another one in describe(operation_id=…)"
            )
        if name in self._taken:
            name = _identifier(f"{operation.method.lower()}_{path_template(operation.route)}")
        unique, number = name, 2
        while unique in self._taken:
            unique, number = f"{name}_{number}", number + 1
        self._taken[unique] = operation
        return unique


def _identifier(text: str) -> str:
    return re.sub(r"[\W_]+", "_", text, flags=re.ASCII).strip("_")


def _place(operation: "Operation") -> str:
    """Return the method and path of an operation, and where its view is written."""
    view = unwrap(operation.view)
    code = getattr(view, "__code__", None)
    line = f", line {code.co_firstlineno}" if code else ""
    name = getattr(view, "__qualname__", type(view).__qualname__)
    module = getattr(view, "__module__", "")
    return f"{operation.method} {operation.route.path} ({module}.{name}{line})"
