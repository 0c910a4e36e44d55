"""Views: their names, their methods, and the check that an object can be a view."""

import inspect
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from lback.core.http.methods import METHODS

View: TypeAlias = Callable[..., Any]


def view_name(view: View) -> str:
    """Return the dotted name of a view, for messages."""
    named = view if hasattr(view, "__qualname__") else type(view)
    # Methods of types written in C have no module.
    return f"{getattr(named, '__module__', None) or 'builtins'}.{named.__qualname__}"


def check_view(view: View, path: str) -> None:
    """Check that the application can call a view.

    Args:
        view: Function or class.
        path: Pattern of its route, for the message.

    Raises:
        TypeError: The view is not callable, or it or one of its handlers is an asynchronous
            generator.
    """
    if not callable(view):
        raise TypeError(f"the view of {path!r} cannot be called: {view!r}")
    for call in _calls_of(view):
        if inspect.isasyncgenfunction(call):
            raise TypeError(
                f"the view {view_name(call)} of {path!r} is an asynchronous generator; "
                "return a Response, or a StreamingResponse of a generator made with def"
            )


def _calls_of(view: View) -> list[object]:
    """Return the functions of a view that a request may call."""
    if not isinstance(view, type):
        return [view, type(view).__call__]
    if hasattr(view, "dispatch"):
        return [view.dispatch]
    return [getattr(view, method.lower()) for method in handled_methods(view)]


def methods_of(view: View) -> Collection[str] | None:
    """Return the names of the methods that a view declares, or `None` if it declares none."""
    declared = getattr(view, "methods", None)
    if isinstance(declared, (list, tuple, set, frozenset)):
        return declared
    if isinstance(view, type) and not hasattr(view, "dispatch"):
        return handled_methods(view) or None
    return None


def handled_methods(view: type) -> list[str]:
    """Return the names of the methods for which a class has a handler: `get`, `post` and so on."""
    return [method for method in METHODS if callable(getattr(view, method.lower(), None))]
