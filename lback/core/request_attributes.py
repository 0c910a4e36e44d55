"""Attributes of a request: computed once when first read, or kept in its context."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    from lback.core.request import Request

T = TypeVar("T")


class once(cached_property[T]):  # noqa: N801  read as a decorator, like property
    """A `cached_property` without its lock, which costs more than most of what is computed here.

    Two threads that share a request may both compute a value; one of the two is kept.
    """

    def __get__(self, instance: object | None, owner: type[Any] | None = None) -> Any:
        if instance is None:
            return self
        value = self.func(instance)
        instance.__dict__[self.attrname or self.func.__name__] = value
        return value


def context_value(name: str, doc: str) -> Any:
    """Build a property that reads and writes one key of the request context."""

    def read(request: "Request") -> Any:
        context = request._context
        return context[name] if name in context else request._shared.get(name)

    def write(request: "Request", value: Any) -> None:
        request._context[name] = value

    return property(read, write, doc=doc)


def lazy_context_value(name: str, doc: str) -> Any:
    """Build a property like `context_value`, which asks the loader of that name on first read."""

    def read(request: "Request") -> Any:
        context = request._context
        if name in context:
            return context[name]
        return load(request, name) if name in request._loaders else request._shared.get(name)

    def write(request: "Request", value: Any) -> None:
        request._context[name] = value

    return property(read, write, doc=doc)


def load_later(request: "Request", **loaders: "Callable[[Request], Any]") -> None:
    """Have `loader(request)` called when the value of that name is first asked for.

    For middlewares: the names are `user`, `session`, and any that `get_context` is asked for.
    """
    request._loaders = {**request._loaders, **loaders}


def load(request: "Request", name: str) -> Any:
    """Call the loader of a name and keep what it returns."""
    value = request._context[name] = request._loaders[name](request)
    return value


def loaded(request: "Request", name: str) -> Any:
    """Return the value of a name if it was asked for or set already, and load nothing."""
    return request._context.get(name)
