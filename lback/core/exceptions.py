"""The errors of the framework: those with a status end as a response, the others stop a start."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any


class FrameworkException(Exception):
    """Root of every error that Lback itself raises."""


class ConfigurationError(FrameworkException):
    """A setting, a route, a middleware or a template source that cannot work as it is written."""


class HTTPException(FrameworkException):
    """An answer other than success, raised from a view or a middleware (RFC 9110 §15).

    Args:
        message: Text for the client; `None` keeps the message of the class. It is never shown
            for a status of 500 and above.
        status_code: Status to answer with; `None` keeps the status of the class. A value
            outside 400..599 is answered as 500.
        data: Details for clients that read JSON; makes the answer JSON.
        headers: Header fields for the answer, such as `Retry-After` or `WWW-Authenticate`.
    """

    status_code: int = 500
    message: str = "An unexpected error occurred."
    data: Any | None = None
    headers: Mapping[str, str] = MappingProxyType({})

    def __init__(
        self,
        message: str | None = None,
        status_code: int | None = None,
        data: Any | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        if message is not None:
            self.message = message
        if status_code is not None:
            self.status_code = status_code
        if data is not None:
            self.data = data
        if headers is not None:
            self.headers = dict(headers)
        super().__init__(self.message)

    def __reduce__(self) -> tuple[Any, ...]:
        # The default would call the constructor with the text alone, which the classes
        # with required arguments cannot take: copy the state instead of replaying the call.
        return _restore, (type(self), self.args, self.__dict__.copy())


def _restore(kind: type[HTTPException], args: tuple[Any, ...], state: dict[str, Any]) -> Any:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class _Fixed(HTTPException):
    """An HTTP error whose status is its class: the constructor takes message and data only."""

    def __init__(
        self,
        message: str | None = None,
        data: Any | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, data=data, headers=headers)


class BadRequest(_Fixed):
    """The request cannot be understood (RFC 9110 §15.5.1)."""

    status_code = 400
    message = "Bad Request"


class UnstorableValue(BadRequest):
    """A statement met a value that no column can hold: too large, too long, or malformed.

    It is answered with 404 where a variable of the path is among the values of the statement, for
    then the address names nothing, and with 400 otherwise.

    Attributes:
        values: The values of the statement as text.
    """

    message = "A value is too large, too long or of a form that cannot be stored."
    values: Collection[str] = frozenset()


class Unauthorized(_Fixed):
    """Credentials are missing or were refused (RFC 9110 §15.5.2)."""

    status_code = 401
    message = "Unauthorized"


class Forbidden(_Fixed):
    """The user is known and may not do this (RFC 9110 §15.5.4)."""

    status_code = 403
    message = "Forbidden"


class NotFound(_Fixed):
    """There is no such resource (RFC 9110 §15.5.5)."""

    status_code = 404
    message = "Not Found"


class ServerError(_Fixed):
    """The server failed and says no more (RFC 9110 §15.6.1)."""

    status_code = 500
    message = "Internal Server Error"


class ServiceUnavailable(_Fixed):
    """Something that the request needs does not answer for a while (RFC 9110 section 15.6.4).

    What raises it logs the outage once; the requests that meet it are logged at level DEBUG.
    """

    status_code = 503
    message = "Service Unavailable"
    headers: Mapping[str, str] = MappingProxyType({"Retry-After": "5"})


class RouteNotFound(NotFound):
    """No route matches the path.

    `str()` of it names method and path and is meant for logs; `message` is for the client.
    """

    message = "Route Not Found"

    def __init__(self, path: str, method: str, message: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.method = method

    def __str__(self) -> str:
        return f"{self.message} ({self.method} {self.path!r})"


class MethodNotAllowed(HTTPException):
    """A route matches the path, but not with this method (RFC 9110 §15.5.6).

    `str()` of it names method and path and is meant for logs; `message` is for the client.
    """

    status_code = 405
    message = "Method Not Allowed"

    def __init__(
        self, path: str, method: str, allowed_methods: list[str], message: str | None = None
    ) -> None:
        super().__init__(message)
        self.path = path
        self.method = method
        self.allowed_methods = allowed_methods

    def __str__(self) -> str:
        return f"{self.message} ({self.method} {self.path!r})"


class ValidationError(BadRequest):
    """Values were understood and break a rule.

    Args:
        errors: Field name to its messages, all of them; also available as `data`.
        message: Text for the client; `None` keeps the message of the class.
    """

    status_code = 400
    message = "Validation Error"

    def __init__(self, errors: dict[str, list[str]], message: str | None = None) -> None:
        super().__init__(message, data=errors)
        self.errors = errors


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return "; did you mean …?" with the known name nearest to one, or nothing."""
    near = get_close_matches(name, list(known), 1, cutoff)
    return f"; did you mean {near[0]}?" if near else ""


def known_names(name: str, known: Iterable[str], also: str = "") -> str:
    """Return the rule of a closed set of names: all of them, and the one nearest to a name.

    Args:
        name: The name that is not among them.
        known: The names that are allowed.
        also: What is allowed besides, such as `"the dotted name of a class"`.
    """
    names = [item for item in known if item]
    listed = ", ".join([*names, also] if also else names)
    return f"must be one of {listed}{did_you_mean(name, names)}"
