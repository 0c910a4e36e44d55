"""Preconditions of requests that change a resource (RFC 9110 section 13, RFC 6585 section 3)."""

from typing import TYPE_CHECKING

from lback.api.problems import Problem
from lback.core.http.conditional import precondition_status

if TYPE_CHECKING:
    from lback.core.request import Request

IF_MATCH = "If-Match"

_CHANGED = (
    "The resource is not in the state that If-Match or If-None-Match names. Read it again, and "
    "repeat the change with its new ETag."
)
_REQUIRED = (
    "Send If-Match with the ETag of the state that you have read, so that no change is lost."
)


def check_preconditions(request: "Request", etag: str | None, *, required: bool = False) -> None:
    """Raise unless a request may change a resource in its current state.

    Call it while the row is locked, after which nothing but this request changes the state.

    Args:
        request: A request with an unsafe method, such as PUT.
        etag: Current `ETag` of the resource; None if it does not exist.
        required: True if the client must send `If-Match`.

    Raises:
        Problem: 412 if a precondition is false (RFC 9110 section 15.5.13); 428 if `If-Match` is
            required and missing (RFC 6585 section 3).
    """
    if required and "HTTP_IF_MATCH" not in request.environ:
        raise Problem(428, detail=_REQUIRED)
    # For methods other than GET and HEAD, a false If-None-Match is a 412 as well.
    if precondition_status(request.environ, etag, None) is not None:
        raise Problem(412, detail=_CHANGED, headers={} if etag is None else {"ETag": etag})


def is_not_modified(request: "Request", etag: str) -> bool:
    """Return True if a GET request is to be answered with 304 (RFC 9110 section 15.4.5).

    Args:
        request: A GET or HEAD request.
        etag: `ETag` of the response.

    Raises:
        Problem: 412, `If-Match` names another state.
    """
    status = precondition_status(request.environ, etag, None)
    if status == 412:
        raise Problem(412, detail=_CHANGED, headers={"ETag": etag})
    return status == 304
