"""Error responses as problem details: `application/problem+json` (RFC 9457)."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING, Any
from uuid import UUID

from lback.api.problems import InputError, InvalidInput, Problem
from lback.api.wrong_places import json_pointer
from lback.core.exceptions import HTTPException, MethodNotAllowed, ValidationError
from lback.core.http.accept import page_weight, weights
from lback.core.http.json_encoding import json_encode
from lback.core.response import STATUS_LINES, Response
from lback.core.routing.endpoint import OPERATION

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request
    from lback.core.routing.route import Route

PROBLEM_JSON = "application/problem+json"


def problem_where_due(
    error: Exception,
    status: int,
    message: str,
    request: "Request",
    config: "Config",
    typed: "Collection[Route]",
) -> Response | None:
    """Return an error as problem details, or None if the request is answered in another form.

    Problem details are due to typed views, below `API_PREFIXES` and where `PROBLEM_DETAILS` is on.

    Args:
        error: The exception.
        status: Status of the response.
        message: Text for the client; the phrase of the status says no more and is left out.
        request: The request that failed.
        config: Settings; `API_PREFIXES` and `PROBLEM_DETAILS` are used.
        typed: The routes of typed views.
    """
    if not _applies(request, config, typed):
        return None
    if status == 500 and type(error).__module__ == "sqlalchemy.exc":
        # Imported here, because an application without a database does not import SQLAlchemy.
        from lback.api.constraint_problems import conflict_of

        conflict = conflict_of(error)
        if conflict is not None:
            error, status, message = conflict, conflict.status_code, conflict.message
    return problem_response(error, status, message, request)


def problem_response(
    error: Exception, status: int, message: str, request: "Request"
) -> Response | None:
    """Return an error as problem details, or None for a client that prefers a page.

    Args:
        error: The exception.
        status: Status of the response.
        message: Text for the client; the phrase of the status says no more and is left out.
        request: The request that failed.
    """
    if prefers_page(request):
        return None
    if isinstance(error, ValidationError) and status == ValidationError.status_code:
        status = InvalidInput.status_code  # as for what annotations find invalid
    members = members_of(error, status, message, request)
    response = Response(json_encode(members), status, {"Vary": "Accept"}, PROBLEM_JSON)
    if isinstance(error, MethodNotAllowed):
        response.headers["Allow"] = ", ".join(error.allowed_methods)
    return response


def members_of(error: Exception, status: int, message: str, request: "Request") -> dict[str, Any]:
    """Return the members of the problem details object (RFC 9457 section 3.1).

    Args:
        error: The exception.
        status: Status of the response.
        message: Text for the client.
        request: The request that failed.
    """
    phrase = STATUS_LINES[status][4:]
    is_problem = isinstance(error, Problem) and error.status_code == status
    members: dict[str, Any] = {
        "type": (error.type if is_problem else None) or "about:blank",  # type: ignore[attr-defined]  # checked
        "title": (error.title if is_problem else None) or phrase,  # type: ignore[attr-defined]  # checked
        "status": status,
    }
    if isinstance(error, InvalidInput):
        message = InvalidInput.message  # the places are in `errors`
    detail = error.detail if isinstance(error, Problem) else message
    if detail and detail != phrase and status < 500:
        members["detail"] = detail
    instance = instance_of(request)
    if instance is not None:
        members["instance"] = instance
    if status < 500 or is_problem:
        members.update(_extensions(error))
    return members


def _extensions(error: Exception) -> Mapping[str, object]:
    if isinstance(error, Problem):
        return error.extensions
    if isinstance(error, InvalidInput):
        return {"errors": error.errors}
    if isinstance(error, ValidationError):
        return {"errors": _errors_by_field(error)}
    data = error.data if isinstance(error, HTTPException) else None
    return {} if data is None else {"details": data}


def _errors_by_field(error: ValidationError) -> list[InputError]:
    return [
        {"pointer": json_pointer((name,)), "detail": text, "code": "invalid"}
        for name, texts in error.errors.items()
        for text in texts
    ]


def instance_of(request: "Request") -> str | None:
    """Return the URN of the request id, which the log has as well; None without an id."""
    found = request.get_context("request_id")
    if not found:
        return None
    text = str(found)
    try:
        return UUID(text).urn
    except ValueError:
        return f"urn:request:{text}"


def prefers_page(request: "Request") -> bool:
    """Return True if the client prefers HTML to JSON; `*/*` alone does not."""
    field = request.environ.get("HTTP_ACCEPT") or ""
    if "html" not in field:
        return False
    found = weights(field)
    named = [weight for name, weight in found.items() if name.endswith(("/json", "+json"))]
    others = [found[name] for name in ("application/*", "*/*", "*") if name in found]
    return page_weight(field) > max(named or others, default=0.0)


def _applies(request: "Request", config: "Config", typed: "Collection[Route]") -> bool:
    if config.PROBLEM_DETAILS:
        return True
    if request.path.startswith(tuple(config.API_PREFIXES)) and config.API_PREFIXES:
        return True
    return _is_typed(request, typed)


def _is_typed(request: "Request", typed: "Collection[Route]") -> bool:
    """Return True if a typed view answers the path, with this method or another one."""
    router = request.router
    if router is None:
        return False
    found = router.find(request.path, request.method)
    if found is not None:
        return _is_of_api(found[0], typed)
    others = router.allowed_methods(request.path) or ()
    matches = (router.find(request.path, method) for method in others)
    return any(match is not None and _is_of_api(match[0], typed) for match in matches)


def _is_of_api(route: "Route", typed: "Collection[Route]") -> bool:
    # Views of resources describe themselves, in place of annotations.
    return route in typed or hasattr(route.view, OPERATION)
