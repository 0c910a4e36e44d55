"""The format of error responses: JSON or a page, as the client prefers."""

import warnings
from typing import TYPE_CHECKING, Any

from lback.core.http.accept import prefers_json

if TYPE_CHECKING:
    from lback.core.request import Request

_METHODS = ("error_response", "failure_response", "handled_response")


def wants_json(request: "Request") -> bool:
    """Return True if the client prefers JSON to a page, by its `Accept` header field.

    Example:
        >>> wants_json(request)
        False
        >>> wants_json(Request("/", "GET", None, None, {"HTTP_ACCEPT": "application/json"}))
        True
    """
    return prefers_json(request.environ.get("HTTP_ACCEPT") or "")


def __getattr__(name: str) -> Any:
    if name not in _METHODS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    warnings.warn(
        f"{__name__}.{name} is deprecated and goes with 0.3: call the method of ErrorHandler",
        DeprecationWarning,
        stacklevel=2,
    )
    return lambda handler, *args: getattr(handler, name)(*args)
