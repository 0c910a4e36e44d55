"""What the WebSockets of an application send and receive, as their handlers declare it."""

import inspect
from typing import Any, NamedTuple

from lback.core.routing.annotations import resolved_or_empty
from lback.core.routing.websocket_route import WebSocketRoute, unguarded
from lback.realtime.handlers import MESSAGE

_EMPTY = inspect.Parameter.empty


class Described(NamedTuple):
    """What a handler says about its messages.

    Attributes:
        receives: Type of the messages that it takes; `inspect.Parameter.empty` if it does not say.
        sends: Type of what it returns for a message; empty likewise.
        summary: First line of its docstring.
    """

    receives: Any
    sends: Any
    summary: str


def described_handler(route: WebSocketRoute) -> Described:
    """Return what the handler of a route says about its messages.

    Args:
        route: The route.
    """
    handler: Any = unguarded(route.view)
    function = getattr(handler, "receive", None) if isinstance(handler, type) else handler
    receives = sends = _EMPTY
    if function is not None:
        signature = inspect.signature(function)
        parameter = signature.parameters.get(MESSAGE)
        if parameter is not None:
            receives = resolved_or_empty(parameter.annotation, function, MESSAGE)
            sends = resolved_or_empty(signature.return_annotation, function, "return")
    return Described(receives, sends, summary_of(handler))


def summary_of(documented: object) -> str:
    """Return the first line of a docstring; empty without one."""
    text = inspect.getdoc(documented) or ""
    return text.partition("\n")[0]
