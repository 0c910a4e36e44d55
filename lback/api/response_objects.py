"""Responses of operations in the OpenAPI document: answers, streams and errors."""

from collections import abc
from typing import TYPE_CHECKING, Any, get_args, get_origin

from lback.api.descriptions import JSON
from lback.api.markers import Event
from lback.api.problem_schemas import phrase_of, reference
from lback.api.schema_components import JSONObject, SchemaCollector
from lback.api.security_schemes import CSRF, needs_user
from lback.api.streams import EVENT_STREAM, JSON_LINES

if TYPE_CHECKING:
    from lback.api.descriptions import Answer, Operation
    from lback.api.documented import Description
    from lback.api.security_schemes import SecuritySchemes

STREAMED = (JSON_LINES, EVENT_STREAM)
FILE = {"type": "string", "format": "binary", "contentMediaType": "application/octet-stream"}
_ITERATORS = (abc.Iterator, abc.Iterable, abc.Generator)


class ResponseBuilder:
    """Builds the responses of operations.

    Args:
        schemes: Security schemes of the application, which decide who is refused.
        schemas: Collects the types of answers.
        version: Version of the specification, "3.1" or "3.2".

    Attributes:
        statuses: Statuses of the errors of all operations so far.
    """

    def __init__(self, schemes: "SecuritySchemes", schemas: SchemaCollector, version: str) -> None:
        self.statuses: set[int] = set()
        self._schemes = schemes
        self._schemas = schemas
        self._version = version

    def responses(self, operation: "Operation", said: "Description") -> JSONObject:
        """Return the responses of an operation by status.

        Args:
            operation: The operation.
            said: What `describe` says about it.
        """
        responses: JSONObject = {}
        for answer in sorted(operation.answers, key=lambda answer: answer.status):
            self._add(responses, answer)
        if not responses:
            responses["default"] = {"description": "The answer is not described."}
        if said.answer_example is not None:
            first = next(iter(responses.values()))
            for content in first.get("content", {}).values():
                content["example"] = said.answer_example
        for status in sorted({*self._errors(operation), *(said.errors or ())}):
            self.statuses.add(status)
            responses.setdefault(str(status), reference(status))
        return responses

    def _errors(self, operation: "Operation") -> set[int]:
        found = set(operation.errors)
        requirements = self._schemes.requirements(operation)
        if any(CSRF in schemes or any(schemes.values()) for schemes in requirements):
            found.add(403)
        if requirements and needs_user(operation):
            found.add(401)
        if any(answer.media_type for answer in operation.answers):
            found.add(406)
        if getattr(operation.route.view, "rate_limits", ()):
            found.add(429)
        return found

    def _add(self, responses: JSONObject, answer: "Answer") -> None:
        text = answer.description or phrase_of(answer.status)
        response = responses.setdefault(str(answer.status), {"description": text})
        if answer.type in (None, type(None)) or not answer.media_type:
            return
        content = response.setdefault("content", {})
        media = self._media(answer)
        earlier = content.setdefault(answer.media_type, media)
        if earlier is not media and "schema" in earlier and "schema" in media:
            content[answer.media_type] = {"schema": {"anyOf": [earlier["schema"], media["schema"]]}}

    def _media(self, answer: "Answer") -> JSONObject:
        kind = answer.media_type.partition(";")[0]
        if kind in STREAMED:
            return self._stream(kind, _item_type(answer.type))
        if kind == JSON or kind.endswith("+json"):
            return {"schema": self._schemas.add(answer.type, is_answer=True)}
        return {"schema": {"type": "string"} if kind.startswith("text/") else FILE}

    def _stream(self, media_type: str, item: Any) -> JSONObject:
        schema = self._schemas.add(item, is_answer=True)
        if media_type == EVENT_STREAM:
            schema = _event(schema)
        # Version 3.1 cannot type the items of a stream; the extension is for people.
        return {"x-item-schema" if self._version == "3.1" else "itemSchema": schema}


def _item_type(kind: Any) -> Any:
    """Return the type of the items of a stream; that of their data if they are events."""
    if get_origin(kind) in _ITERATORS:
        kind = get_args(kind)[0]
    if get_origin(kind) is Event:
        return get_args(kind)[0]
    return Any if kind is Event else kind


def _event(data: JSONObject) -> JSONObject:
    """Return the schema of a server-sent event with JSON as its data."""
    return {
        "type": "object",
        "properties": {
            "event": {"type": "string"},
            "data": {
                "type": "string",
                "contentMediaType": JSON,
                "contentSchema": data,
            },
            "id": {"type": "string"},
            "retry": {"type": "integer", "minimum": 0},
        },
        "required": ["data"],
    }
