"""Guards: a check put before a view, whose signature and marks stay as they were."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from lback.core.routing.views import handled_methods, view_name

V = TypeVar("V", bound=Callable[..., Any])

_GUARDED = "_lback_guarded"


def guarded(view: V, check: Callable[[Any], Any]) -> V:
    """Return a view that calls `check(request)` first; a class is changed and returned.

    Raises:
        TypeError: A class with handlers that are no methods, or without any.
    """
    if not isinstance(view, type):

        @wraps(view)
        def entered(request: Any, *args: Any, **kwargs: Any) -> Any:
            check(request)
            return view(request, *args, **kwargs)

        return entered  # type: ignore[return-value]  # it is called as the view is
    names = _handlers(view)
    if not names:
        raise TypeError(
            f"the class {view_name(view)} has no handler to guard: give it get, post, …"
        )
    for name in names:
        setattr(
            view, name, _guarded_handler(getattr(view, name), lambda _, request: check(request))
        )
    return view


def guarded_by_method(view: type, name: str) -> None:
    """Have all handlers of a class call its method of that name with the request first."""
    for handler in _handlers(view):
        function = getattr(view, handler)
        if not getattr(function, _GUARDED, False):
            wrapped = _guarded_handler(function, lambda self, request: getattr(self, name)(request))
            setattr(wrapped, _GUARDED, True)
            setattr(view, handler, wrapped)


def _handlers(view: type) -> list[str]:
    names = (
        ["dispatch"]
        if hasattr(view, "dispatch")
        else [method.lower() for method in handled_methods(view)]
    )
    for name in names:
        if isinstance(inspect.getattr_static(view, name), (staticmethod, classmethod)):
            raise TypeError(
                f"{view_name(view)}.{name} is no method of an instance; write def {name}(self, "
                "request) to have it guarded"
            )
    return names


def _guarded_handler(
    handler: Callable[..., Any], check: Callable[[Any, Any], Any]
) -> Callable[..., Any]:
    @wraps(handler)
    def entered(self: Any, request: Any, *args: Any, **kwargs: Any) -> Any:
        check(self, request)
        return handler(self, request, *args, **kwargs)

    return entered
