"""What a decorator of views needs to know of their arguments."""

from collections.abc import Callable
from typing import Any

from lback.core.request import Request


def request_of(args: tuple[Any, ...], view: Callable[..., Any]) -> Request:
    """Return the request among the arguments of a view, which for a method is the second.

    Raises:
        TypeError: There is none.
    """
    for argument in args[:2]:
        if isinstance(argument, Request):
            return argument
    name = getattr(view, "__qualname__", repr(view))
    raise TypeError(f"{name} was called without a request; decorate a view, or a handler of one")
