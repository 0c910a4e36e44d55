"""Exceptions of typed views: problem details (RFC 9457) and invalid input."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, TypedDict

from lback.core.exceptions import HTTPException
from lback.core.response import STATUS_LINES, Response

if TYPE_CHECKING:
    from lback.core.request import Request

# "in" is a keyword, so the class syntax cannot declare it.
InputError = TypedDict(
    "InputError",
    {"pointer": str, "parameter": str, "in": str, "detail": str, "code": str},
    total=False,
)


def _problem_response(
    error: Exception, status: int, message: str, request: "Request"
) -> Response | None:
    # Imported here, because the two modules need each other.
    from lback.api.problem_details import problem_response

    return problem_response(error, status, message, request)


class Problem(HTTPException):
    """An error that is answered as `application/problem+json` (RFC 9457).

    Args:
        status: Status of the response, from 400 to 599.
        type: URI that identifies the kind of problem; None means "about:blank", which says no
            more than the status.
        title: Short text that is the same for all problems of this type; None uses the phrase of
            the status.
        detail: What went wrong this time, for the client. Not sent for a status of 500 or above.
        headers: Header fields of the response.
        **extensions: Further members of the object (RFC 9457 section 3.2).

    Raises:
        ValueError: The status is not an error, or `instance` is given.

    Example:
        >>> from lback.api import Problem
        >>> problem = Problem(409, title="Sold out", detail="Emma is sold out.", book_id=7)
        >>> problem.status_code, problem.extensions
        (409, {'book_id': 7})
    """

    problem_details = staticmethod(_problem_response)

    def __init__(
        self,
        status: int,
        *,
        type: str | None = None,  # noqa: A002  the name of the member in RFC 9457
        title: str | None = None,
        detail: str | None = None,
        headers: Mapping[str, str] | None = None,
        **extensions: object,
    ) -> None:
        if status not in range(400, 600):
            raise ValueError(f"a problem has a status from 400 to 599, not {status!r}")
        if "instance" in extensions:
            raise ValueError("'instance' of a problem cannot be set: it is the id of the request")
        self.type = type
        self.title = title
        self.detail = detail
        self.extensions = extensions
        text = detail or title or STATUS_LINES[status][4:]
        super().__init__(text, status, headers=headers)


class InvalidInput(HTTPException):
    """Input of a request is invalid (status 422, RFC 9110 section 15.5.21).

    Args:
        errors: One entry for each invalid place: `pointer` (JSON Pointer, RFC 6901) for the body,
            or `parameter` and `in` ("query", "header", …), with `detail`, the message for the
            client, and `code` for programs.
        status: Status of the response.

    Example:
        >>> from lback.api import InvalidInput
        >>> error = {"parameter": "page", "in": "query", "detail": "Too large.", "code": "range"}
        >>> InvalidInput([error]).status_code
        422
    """

    status_code = 422
    message = "The input is invalid."
    problem_details = staticmethod(_problem_response)

    def __init__(self, errors: Sequence[InputError], status: int = 422) -> None:
        self.errors = list(errors)
        places = "; ".join(map(_shown, self.errors[:5]))
        super().__init__(f"{self.message} {places}".rstrip(), status)


def _shown(error: InputError) -> str:
    # Names come from the client: no line break of theirs gets into a log.
    place = (error.get("parameter") or error.get("pointer", ""))[:100]
    place = place if place.isprintable() else ascii(place)
    detail = error.get("detail", "")
    return f"{place}: {detail}" if place else detail
