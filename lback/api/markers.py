"""Markers in `Annotated`: where a parameter comes from, and which status an answer has."""

from dataclasses import dataclass
from typing import ClassVar, Generic, TypeVar

import msgspec

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """A place that a parameter comes from.

    Args:
        alias: Name as the client writes it; None uses the name of the parameter.
        description: Text for the documentation.
    """

    api_location: ClassVar[str]

    alias: str | None = None
    description: str = ""


class Query(_Place):
    """The parameter comes from the query string; with a Struct, one field for each parameter.

    Args:
        alias: Name as the client writes it; None uses the name of the parameter.
        description: Text for the documentation.

    Example:
        >>> from typing import Annotated
        >>> from lback.api import Query
        >>> def search(request, words: Annotated[list[str], Query(alias="q")]) -> dict[str, int]:
        ...     return {"words": len(words)}
    """

    __slots__ = ()
    api_location = "query"


class Header(_Place):
    """The parameter comes from a header field; `x_token` is read from `X-Token`.

    A list takes the members of a field, separated by commas.

    Args:
        alias: Name of the field; None uses the name of the parameter with hyphens.
        description: Text for the documentation.
    """

    __slots__ = ()
    api_location = "header"


class Cookie(_Place):
    """The parameter comes from a cookie.

    Args:
        alias: Name of the cookie; None uses the name of the parameter.
        description: Text for the documentation.
    """

    __slots__ = ()
    api_location = "cookie"


class Form(_Place):
    """The parameter is a field of a form; with a Struct, one field for each of its fields.

    Args:
        alias: Name of the field; None uses the name of the parameter.
        description: Text for the documentation.
    """

    __slots__ = ()
    api_location = "form"


class File(_Place):
    """The parameter is an `UploadedFile` of a multipart form, or a list of them.

    Args:
        alias: Name of the field; None uses the name of the parameter.
        description: Text for the documentation.
    """

    __slots__ = ()
    api_location = "file"


class Path(_Place):
    """The parameter is a variable of the path, with a type that its converter does not give.

    Text that is not of this type is answered with 404, because the URL identifies nothing.

    Args:
        alias: Name of the variable in the path; None uses the name of the parameter.
        description: Text for the documentation.
    """

    __slots__ = ()
    api_location = "path"


@dataclass(frozen=True, slots=True, kw_only=True)
class Body:
    """The parameter is the whole JSON body, whatever its type.

    Args:
        media_types: Media types that are accepted; every JSON type is accepted by default.
        description: Text for the documentation.

    Example:
        >>> from typing import Annotated
        >>> from lback.api import Body
        >>> def count(request, words: Annotated[dict[str, int], Body()]) -> dict[str, int]:
        ...     return words
    """

    api_location: ClassVar[str] = "body"

    media_types: tuple[str, ...] = ()
    description: str = ""


class Status:
    """The status of an answer: `Annotated[BookOut, Status(201)]`.

    In a union each type has its own status: the class of the returned value decides.

    Args:
        status: From 200 to 599.
        description: Text for the documentation.

    Raises:
        ValueError: The status is out of range.

    Example:
        >>> from typing import Annotated
        >>> import msgspec
        >>> from lback.api import Status
        >>> class Created(msgspec.Struct):
        ...     id: int
        >>> def create(request) -> Annotated[Created, Status(201)]:
        ...     return Created(7)
    """

    __slots__ = ("api_status", "description")

    def __init__(self, status: int, description: str = "") -> None:
        if status not in range(200, 600):
            raise ValueError(f"the status of an answer is from 200 to 599, not {status!r}")
        self.api_status = status
        self.description = description


class Event(msgspec.Struct, Generic[T], frozen=True):
    """A server-sent event: a view that is annotated with `Iterator[Event[T]]` yields these.

    Attributes:
        data: Its content, which is sent as JSON.
        event: Its name; None means "message".
        id: Sent back by the browser as `Last-Event-ID` when it connects again.
        retry: Milliseconds after which the browser connects again.

    Example:
        >>> from lback.api import Event
        >>> Event({"price": 7}, event="sold", id="41").event
        'sold'
    """

    data: T
    event: str | None = None
    id: str | None = None
    retry: int | None = None
