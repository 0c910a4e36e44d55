"""Guards: a check put before a view, whose signature and marks stay as they were."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

from lback.core.routing.views import handled_methods, view_name

V = TypeVar("V", bound=Callable[..., Any])

_GUARDED = "_lback_guarded"
# What a decorator leaves on a view to say who is let in, for those who list routes.
LETS_IN = "lets_in"
SIGNED_IN = "signed in"


def guarded(view: V, check: Callable[[Any], Any]) -> V:
    """Return a view that calls `check(request)` first; a class is changed and returned.

    The check is one that lets only signed-in users pass.

    Raises:
        TypeError: A class with handlers that are no methods, or without any.
    """
    if not isinstance(view, type):

        @wraps(view)
        def entered(request: Any, *args: Any, **kwargs: Any) -> Any:
            check(request)
            return view(request, *args, **kwargs)

        setattr(entered, LETS_IN, SIGNED_IN)
        return entered  # type: ignore[return-value]  # it is called as the view is
    names = _handlers(view)
    if not names:
        raise TypeError(
            f"the class {view_name(view)} has no handler to guard: give it get, post, …"
        )
    for name in names:
        handler = _guarded_handler(getattr(view, name), lambda _, request: check(request))
        setattr(handler, LETS_IN, SIGNED_IN)
        setattr(view, name, handler)
    return view


def who_is_let_in(view: Any) -> str:
    """Return who a view itself lets in, such as `"signed in"`; empty where it asks nothing."""
    if not isinstance(view, type):
        return str(getattr(view, LETS_IN, ""))
    handlers = (
        ["dispatch"] if hasattr(view, "dispatch") else [m.lower() for m in handled_methods(view)]
    )
    marks = [_mark_of(view, getattr(view, name)) for name in handlers]
    return ", ".join(dict.fromkeys(marks)) if all(marks) else ""


def _mark_of(view: type, handler: Callable[..., Any]) -> str:
    method = getattr(handler, _GUARDED, "")
    if not method:
        return str(getattr(handler, LETS_IN, ""))
    # A project's own rule may let in others than signed-in users.
    own = not getattr(view, method).__module__.startswith(f"{__package__}.")
    return f"{method}()" if own else SIGNED_IN


def guarded_by_method(view: type, name: str) -> None:
    """Have all handlers of a class call its method of that name with the request first."""
    for handler in _handlers(view):
        function = getattr(view, handler)
        if not getattr(function, _GUARDED, ""):
            wrapped = _guarded_handler(function, lambda self, request: getattr(self, name)(request))
            setattr(wrapped, _GUARDED, name)
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
