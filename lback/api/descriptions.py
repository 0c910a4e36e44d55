"""Descriptions of typed views: parameters, bodies, answers and operations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, Self, TypeAlias

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.routing.route import Route
    from lback.core.routing.views import View

Location: TypeAlias = Literal["path", "query", "header", "cookie", "form", "file"]

JSON = "application/json"


@dataclass(frozen=True, slots=True)
class Parameter:
    """A value that a view takes from the path, the query, a header field, a cookie or a form.

    Args:
        name: Name as the client writes it.
        argument: Name of the parameter of the view.
        location: Where the client writes it.
        type: Its annotation, `Annotated[…, msgspec.Meta(…)]` included.
        required: Whether the client has to send it.
        default: Value if it is not sent; None for a required parameter.
        description: Text for people; empty if there is none.
    """

    name: str
    argument: str
    location: Location
    type: Any
    required: bool = True
    default: object = None
    description: str = ""


@dataclass(frozen=True, slots=True)
class RequestBody:
    """The body that a view takes.

    Args:
        type: Its annotation.
        media_types: Media types that are accepted, in lower case.
        required: Whether the client has to send one.
    """

    type: Any
    media_types: tuple[str, ...] = (JSON,)
    required: bool = True


@dataclass(frozen=True, slots=True)
class Answer:
    """A response of a view other than an error.

    Args:
        status: Its status.
        type: Annotation of its content; None means that it has no body.
        media_type: Media type of the body; empty without a body.
        description: Text for people.
    """

    status: int
    type: Any
    media_type: str = JSON
    description: str = ""


@dataclass(frozen=True, slots=True)
class Operation:
    """One method of a route, as its view declares it.

    Args:
        route: The route.
        method: Name of the method in upper case.
        view: The function or the method of the class that handles it.
        parameters: Path variables first, then in the order of the view.
        body: The body that it takes, or None.
        answers: What it answers; empty if its return annotation does not say.
        errors: Statuses of the errors that can occur.
        summary: First sentence of the docstring.
        description: Rest of the docstring before its sections.
    """

    route: "Route"
    method: str
    view: "View"
    parameters: tuple[Parameter, ...] = ()
    body: RequestBody | None = None
    answers: tuple[Answer, ...] = ()
    errors: tuple[int, ...] = ()
    summary: str = ""
    description: str = ""


class FromRequest(Protocol):
    """A class of a view parameter that reads itself from the request, such as a page."""

    @classmethod
    def from_request(cls, request: "Request") -> Self:
        """Return the value for a request.

        Raises:
            InvalidInput: The client sent something invalid.
        """
        ...

    @classmethod
    def api_parameters(cls) -> Sequence[Parameter]:
        """Return the parameters that it reads, for the description of the view."""
        ...


class HasResponseFields(Protocol):
    """A value that a view returns and that adds header fields to the response."""

    def response_fields(self, request: "Request") -> Mapping[str, str]:
        """Return header fields by name, such as `Link`."""
        ...
