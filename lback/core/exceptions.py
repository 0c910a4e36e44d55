"""Exceptions of the framework: HTTP errors become responses, configuration errors stop a start."""

from collections.abc import Collection, Iterable, Mapping
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any

from lback.translation import gettext_noop as _


class FrameworkException(Exception):
    """Base class of the exceptions that Lback raises."""


class ConfigurationError(FrameworkException):
    """A setting, route, middleware or template source is invalid; raised at start-up."""


class HTTPException(FrameworkException):
    """An HTTP error, raised from a view or a middleware (RFC 9110 section 15).

    Args:
        message: Text for the client; `None` uses the message of the class. It is never shown for
            a status of 500 or above.
        status_code: Status of the response; `None` uses the status of the class. A value outside
            400..599 is answered as 500.
        data: Details for API clients; the response is then always JSON.
        headers: Header fields of the response, such as `Retry-After` or `WWW-Authenticate`.

    Example:
        >>> from lback import HTTPException
        >>> error = HTTPException("Come back later", 503, headers={"Retry-After": "60"})
        >>> error.status_code, error.message
        (503, 'Come back later')
    """

    status_code: int = 500
    message: str = _("An unexpected error occurred.")
    data: Any | None = None
    headers: Mapping[str, str] = MappingProxyType({})
    # Returns the response of an exception that is always sent as problem details (RFC 9457).
    problem_details: Any = None

    def __init__(
        self,
        message: str | None = None,
        status_code: int | None = None,
        data: object | None = None,
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

    def __reduce__(self) -> tuple[object, ...]:
        # The default would call the constructor with the text alone, which fails for classes
        # with required arguments: copy the state instead of repeating the call.
        return _restore, (type(self), self.args, self.__dict__.copy())


def _restore(
    kind: type[HTTPException], args: tuple[object, ...], state: dict[str, object]
) -> object:
    error = kind.__new__(kind)
    error.args = args
    error.__dict__.update(state)
    return error


class _Fixed(HTTPException):
    """An HTTP error with the fixed status of its class."""

    def __init__(
        self,
        message: str | None = None,
        data: object | None = None,
        *,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message, data=data, headers=headers)


class BadRequest(_Fixed):
    """The request is malformed (status 400, RFC 9110 section 15.5.1)."""

    status_code = 400
    message = _("Bad Request")


class UnstorableValue(BadRequest):
    """A value of an SQL statement is too large, too long or malformed for its column.

    It is answered with 404 if a path variable is among the values of the statement, because then
    the URL identifies nothing, and with 400 otherwise.

    Attributes:
        values: The values of the statement as text.
    """

    message = _("A value is too large, too long or of a form that cannot be stored.")
    values: Collection[str] = frozenset()


class Unauthorized(_Fixed):
    """Credentials are missing or invalid (status 401, RFC 9110 section 15.5.2)."""

    status_code = 401
    message = _("Unauthorized")


class Forbidden(_Fixed):
    """The user lacks permission (status 403, RFC 9110 section 15.5.4)."""

    status_code = 403
    message = _("Forbidden")


class NotFound(_Fixed):
    """The resource does not exist (status 404, RFC 9110 section 15.5.5)."""

    status_code = 404
    message = _("Not Found")


class ServerError(_Fixed):
    """The server failed; no details are shown (status 500, RFC 9110 section 15.6.1)."""

    status_code = 500
    message = _("Internal Server Error")


class ServiceUnavailable(_Fixed):
    """Something that the request needs does not answer for a while (RFC 9110 section 15.6.4).

    What raises it logs the outage once; the requests that meet it are logged at level DEBUG.
    """

    status_code = 503
    message = _("Service Unavailable")
    headers: Mapping[str, str] = MappingProxyType({"Retry-After": "5"})


class RouteNotFound(NotFound):
    """No route matches the path (status 404).

    `str()` includes method and path and is meant for logs; `message` is for the client.

    Args:
        path: Decoded path of the request.
        method: Name of its method.
        message: Text for the client; `None` uses the message of the class.
    """

    message = _("Route Not Found")

    def __init__(self, path: str, method: str, message: str | None = None) -> None:
        super().__init__(message)
        self.path = path
        self.method = method

    def __str__(self) -> str:
        return f"{self.message} ({self.method} {self.path!r})"


class MethodNotAllowed(HTTPException):
    """A route matches the path, but not the method (status 405, RFC 9110 section 15.5.6).

    `str()` includes method and path and is meant for logs; `message` is for the client.

    Args:
        path: Decoded path of the request.
        method: Name of its method.
        allowed_methods: Names of the allowed methods, for the `Allow` field.
        message: Text for the client; `None` uses the message of the class.
    """

    status_code = 405
    message = _("Method Not Allowed")

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
    """Submitted values are invalid (status 400).

    Args:
        errors: All messages by field name; also available as `data`.
        message: Text for the client; `None` uses the message of the class.

    Example:
        >>> from lback import ValidationError
        >>> ValidationError({"title": ["is required"]}).data
        {'title': ['is required']}
    """

    status_code = 400
    message = _("Validation Error")

    def __init__(self, errors: dict[str, list[str]], message: str | None = None) -> None:
        super().__init__(message, data=errors)
        self.errors = errors


def did_you_mean(name: str, known: Iterable[str], cutoff: float = 0.6) -> str:
    """Return "; did you mean …?" with the known name most similar to a name, or "".

    Args:
        name: The unknown name.
        known: The known names.
        cutoff: Least similarity of a suggestion, from 0 to 1.

    Example:
        >>> did_you_mean("SECRET_KEI", ["DEBUG", "SECRET_KEY"])
        '; did you mean SECRET_KEY?'
    """
    near = get_close_matches(name, list(known), 1, cutoff)
    return f"; did you mean {near[0]}?" if near else ""


def known_names(name: str, known: Iterable[str], also: str = "") -> str:
    """Return the message "must be one of …", with a suggestion for a misspelt name.

    Args:
        name: The name that is not allowed.
        known: The allowed names.
        also: What else is allowed, such as `"the dotted name of a class"`.

    Example:
        >>> known_names("postgre", ["sqlite", "postgresql"])
        'must be one of sqlite, postgresql; did you mean postgresql?'
    """
    names = [item for item in known if item]
    listed = ", ".join([*names, also] if also else names)
    return f"must be one of {listed}{did_you_mean(name, names)}"
