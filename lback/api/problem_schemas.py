"""Problem details (RFC 9457) as components of the OpenAPI document."""

from collections.abc import Iterable, Mapping

from lback.api.schema_components import JSONObject
from lback.core.response import STATUS_LINES

PROBLEM_TYPE = "application/problem+json"
_PROBLEM = "ProblemDetails"
_INVALID = "InvalidInputDetails"
_WITH_ERRORS = (400, 422)

# Fields of the response that tell a client what to do next, by status.
_FIELDS: Mapping[int, tuple[str, str]] = {
    401: ("WWW-Authenticate", "How to authenticate (RFC 9110 section 11.6.1)."),
    405: ("Allow", "Methods that the path supports (RFC 9110 section 10.2.1)."),
    429: ("Retry-After", "Seconds to wait (RFC 9110 section 10.2.3)."),
    503: ("Retry-After", "Seconds to wait (RFC 9110 section 10.2.3)."),
}

_SCHEMAS: Mapping[str, JSONObject] = {
    _PROBLEM: {
        "title": "Problem details",
        "description": "An error as problem details (RFC 9457).",
        "type": "object",
        "properties": {
            "type": {
                "type": "string",
                "format": "uri-reference",
                "description": "What kind of problem this is.",
                "default": "about:blank",
            },
            "title": {"type": "string", "description": "The kind of problem as text."},
            "status": {"type": "integer", "description": "Status of the response."},
            "detail": {"type": "string", "description": "What went wrong this time."},
            "instance": {
                "type": "string",
                "format": "uri-reference",
                "description": "Identifier of this error.",
            },
        },
        "required": ["type", "title", "status"],
    },
    "InvalidPlace": {
        "title": "Invalid place",
        "description": "An invalid place of the input.",
        "type": "object",
        "properties": {
            "pointer": {
                "type": "string",
                "description": "The place in the body as JSON Pointer (RFC 6901).",
            },
            "parameter": {"type": "string", "description": "Name of the parameter."},
            "in": {"type": "string", "description": "Where the parameter was sent."},
            "detail": {"type": "string", "description": "What is wrong."},
            "code": {"type": "string", "description": "The rule, for programs."},
        },
        "required": ["detail"],
    },
    _INVALID: {
        "title": "Invalid input",
        "description": "A problem with every invalid place of the input.",
        "allOf": [{"$ref": "#/components/schemas/ProblemDetails"}],
        "type": "object",
        "properties": {
            "errors": {"type": "array", "items": {"$ref": "#/components/schemas/InvalidPlace"}}
        },
    },
}


def phrase_of(status: int) -> str:
    """Return the phrase of a status, the same with every version of Python."""
    return STATUS_LINES[status].partition(" ")[2]


def name_of(status: int) -> str:
    """Return the name of the component of an error, such as "NotFound"."""
    words = "".join(c if c.isalnum() else " " for c in phrase_of(status))
    return "".join(word.capitalize() for word in words.split())


def reference(status: int) -> JSONObject:
    """Return a reference to the response component of an error."""
    return {"$ref": f"#/components/responses/{name_of(status)}"}


def problem_components(statuses: Iterable[int]) -> tuple[dict[str, JSONObject], JSONObject]:
    """Return the schemas of problems, and the responses with them by name.

    Args:
        statuses: Statuses of the errors; the components of others are left out.
    """
    responses = {name_of(status): _response(status) for status in statuses}
    if not responses:
        return {}, {}
    with_errors = any(status in _WITH_ERRORS for status in statuses)
    schemas = dict(_SCHEMAS) if with_errors else {_PROBLEM: _SCHEMAS[_PROBLEM]}
    return schemas, responses


def _response(status: int) -> JSONObject:
    name = _INVALID if status in _WITH_ERRORS else _PROBLEM
    schema = {"$ref": f"#/components/schemas/{name}"}
    response: JSONObject = {
        "description": phrase_of(status),
        "content": {PROBLEM_TYPE: {"schema": schema}},
    }
    if status in _FIELDS:
        field, text = _FIELDS[status]
        response["headers"] = {field: {"description": text, "schema": {"type": "string"}}}
    return response
