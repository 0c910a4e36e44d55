"""Who may use a route: marks of decorators and classes, for listings and API documents."""

from collections.abc import Iterable, Iterator

from lback.core.routing.views import View

SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 §9.2.1


def checks_csrf(middlewares: Iterable[object]) -> bool:
    """Return True if one of the middlewares is a `CSRFMiddleware` or derived from it."""
    classes = (kind for item in middlewares for kind in type(item).__mro__)
    return any(kind.__name__ == "CSRFMiddleware" for kind in classes)


def is_csrf_exempt(view: View) -> bool:
    """Return True if a view is decorated with `csrf_exempt`."""
    # Only a mark of its own: a subclass does not inherit the exemption.
    return getattr(view, "__dict__", {}).get("csrf_exempt") is True


def permission_marks(view: View) -> tuple[object, ...]:
    """Return what decorators and attributes of a view require: names, sequences, or functions.

    Args:
        view: A view function, a class, or a handler of one.
    """
    # Class views have attributes; decorators set marks on functions.
    marks = (getattr(view, "permission_required", ()), *getattr(view, "permissions_wanted", ()))
    return tuple(mark for mark in marks if mark)


def permission_names(*views: View) -> list[str]:
    """Return the names of the permissions that views require, each once.

    A function that decides is not listed, because its name says nothing to a client.

    Args:
        *views: A view and its handler, for example.

    Example:
        >>> from lback.auth import permission_required
        >>> @permission_required(["books.read", "books.change"])
        ... def change(request):
        ...     return "changed"
        >>> permission_names(change)
        ['books.read', 'books.change']
    """
    found = (name for view in views for mark in permission_marks(view) for name in _names(mark))
    return list(dict.fromkeys(found))


def _names(mark: object) -> Iterator[str]:
    if isinstance(mark, str):
        yield mark
    elif isinstance(mark, (list, tuple, set, frozenset)):
        yield from (item for item in mark if isinstance(item, str))
