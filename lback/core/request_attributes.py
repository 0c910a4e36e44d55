"""Attributes of a request: computed once when first read, or kept in its context."""

from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
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
