"""Attributes of a request: computed once when first read, or kept in its context."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lback.core.limits import Limits
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
        # Not through `__dict__`: to ask for it makes the interpreter build that dict.
        setattr(instance, self.attrname or self.func.__name__, value)
        return value


def sent_field(request: "Request", variable: str, name: str) -> str | None:
    """Return one header field without collecting them all.

    Args:
        request: Whose field.
        variable: Its name in the environ, as in "HTTP_ACCEPT".
        name: Its name among the headers of a request that was built by hand, as in "ACCEPT".
    """
    given = request._given_headers
    return request._environ.get(variable) if given is None else given.get(name)


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


def failing(error: Exception) -> "Callable[[Request], Any]":
    """Return a loader that raises this, each time it is asked."""

    def loader(_: "Request") -> Any:
        raise error

    return loader


def loaded(request: "Request", name: str) -> Any:
    """Return the value of a name if it was asked for or set already, and load nothing."""
    return request._context.get(name)


def class_of_application(
    request_class: "type[Request]",
    dependencies: "Mapping[str, Any]",
    limits: "Limits",
    open_session: "Callable[[], Any] | None",
    loaders: "Mapping[str, Callable[[Request], Any]]",
) -> "type[Request]":
    """Return a class of requests that are adopted when they are built; see `Request.adopt`.

    What an application shares with all its requests stands on the class, and costs none of them.
    """
    shared = {
        "__module__": request_class.__module__,
        "__qualname__": request_class.__qualname__,
        "_shared": dependencies,
        "_limits": limits,
        "_loaders": loaders,
        "_open_session": None if open_session is None else staticmethod(open_session),
    }
    return type(request_class.__name__, (request_class,), shared)
