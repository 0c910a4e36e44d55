"""Guards: checks that run before a view, without changing its signature."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from lback.core.routing.views import handled_methods, view_name
from lback.core.routing.websocket_route import ENTRY_CHECKS, WITHIN, is_websocket_class

if TYPE_CHECKING:
    from lback.core.request import Request

V = TypeVar("V", bound=Callable[..., object])

_GUARDED = "_lback_guarded"
# The attribute in which a decorator records who may use a view, for listings of routes.
LETS_IN = "lets_in"
SIGNED_IN = "signed in"


def guarded(view: V, check: Callable[["Request"], object]) -> V:
    """Return a view that calls `check(request)` first.

    Args:
        view: A view function, or a class with handlers. A class is changed in place.
        check: Raises for requests that may not enter; it must refuse users who are not signed in.

    Returns:
        A wrapper of the function, or the class itself.

    Raises:
        TypeError: A class has no handlers, or handlers that are not instance methods.
    """
    if not isinstance(view, type):

        @wraps(view)
        def guarded_view(request: "Request", *args: object, **kwargs: object) -> object:
            check(request)
            return view(request, *args, **kwargs)

        setattr(guarded_view, LETS_IN, SIGNED_IN)
        # The handler of a WebSocket is not called with a request: its route runs the check.
        setattr(guarded_view, ENTRY_CHECKS, (check, *getattr(view, ENTRY_CHECKS, ())))
        setattr(guarded_view, WITHIN, (guarded_view, view))
        return guarded_view  # type: ignore[return-value]  # it has the signature of the view
    names = _handlers(view)
    if not names and is_websocket_class(view):
        setattr(view, ENTRY_CHECKS, (check, *getattr(view, ENTRY_CHECKS, ())))
        return view
    if not names:
        raise TypeError(f"the class {view_name(view)} has no handler to guard; define get, post, …")
    for name in names:
        handler = _guarded_handler(getattr(view, name), lambda _, request: check(request))
        setattr(handler, LETS_IN, SIGNED_IN)
        setattr(view, name, handler)
    return view


def who_is_let_in(view: Callable[..., object]) -> str:
    """Return who may use a view by its own guards, such as `"signed in"`; empty without guards."""
    if not isinstance(view, type):
        return str(getattr(view, LETS_IN, ""))
    if is_websocket_class(view) and not handled_methods(view):
        has_checks = hasattr(view, ENTRY_CHECKS) or hasattr(view, "check_access")
        return SIGNED_IN if has_checks else ""
    handlers = (
        ["dispatch"] if hasattr(view, "dispatch") else [m.lower() for m in handled_methods(view)]
    )
    marks = [_mark_of(view, getattr(view, name)) for name in handlers]
    return ", ".join(dict.fromkeys(marks)) if all(marks) else ""


def _mark_of(view: type, handler: Callable[..., object]) -> str:
    method = getattr(handler, _GUARDED, "")
    if not method:
        return str(getattr(handler, LETS_IN, ""))
    # A method that a project overrides may let in others than signed-in users.
    own = not getattr(view, method).__module__.startswith(f"{__package__}.")
    return f"{method}()" if own else SIGNED_IN


def guarded_by_method(view: type, name: str) -> None:
    """Make all handlers of a class call one of its methods with the request first.

    Args:
        view: A class view; changed in place.
        name: Name of the method, such as `"check_access"`; subclasses may override it.

    Raises:
        TypeError: A handler is a static method or a class method.
    """
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
                f"{view_name(view)}.{name} is not an instance method and cannot be guarded; "
                f"write def {name}(self, request)"
            )
    return names


def _guarded_handler(
    handler: Callable[..., object], check: Callable[[object, "Request"], object]
) -> Callable[..., object]:
    @wraps(handler)
    def guarded_handler(
        self: object, request: "Request", *args: object, **kwargs: object
    ) -> object:
        check(self, request)
        return handler(self, request, *args, **kwargs)

    return guarded_handler
