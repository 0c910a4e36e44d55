"""Tools: operations that programs call by name, each with a schema of its arguments."""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from lback.api.schema_components import JSONObject
from lback.api.streams import EVENT_STREAM
from lback.core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from lback.api.descriptions import Operation

_FORM = "application/x-www-form-urlencoded"
_BODIES = ("application/json", "application/merge-patch+json", _FORM)
_COMPONENT = "#/components/schemas/"
_DEFINITION = "#/$defs/"
_COMBINED = ("allOf", "anyOf", "oneOf", "not", "if")
_VARIABLE = re.compile(r"\{([^}]*)\}")
# The argument of a body that is not an object, or one of whose fields is a parameter as well.
BODY = "body"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A request that a tool sends.

    Attributes:
        path: Path with the values of its variables, encoded.
        query: Query string without the question mark.
        headers: Header fields.
        media_type: Type of the body.
        body: The body; empty without one.
    """

    path: str
    query: str
    headers: Mapping[str, str]
    media_type: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Tool:
    """An operation that is called by name with arguments.

    Attributes:
        name: Name of the operation in the OpenAPI document.
        title: Its summary.
        description: Its description.
        operation: The operation.
        input_schema: JSON schema of the arguments, an object.
        output_schema: JSON schema of the answer; None if it is not JSON.
        places: Where each argument goes: "path", "query", "header" or "body".
        path: Path of the operation in the document, such as `"/books/{id}"`.
        media_type: Type of the body; empty if there is none.
    """

    name: str
    title: str
    description: str
    operation: "Operation"
    input_schema: JSONObject
    output_schema: JSONObject | None
    places: Mapping[str, str]
    path: str
    media_type: str

    def call(self, arguments: Mapping[str, Any]) -> ToolCall:
        """Return the request for a call.

        Args:
            arguments: The arguments by name, of types that JSON can express.

        Raises:
            ValueError: An argument is unknown, or one that the path needs is missing.
        """
        unknown = [name for name in arguments if name not in self.places]
        if unknown:
            known = ", ".join(self.places) or "none"
            raise ValueError(f"{self.name} has no argument {unknown[0]!r}; it has: {known}")
        given = {place: self._given(arguments, place) for place in ("query", "header", BODY)}
        headers = {name: _text(value) for name, value in given["header"].items()}
        for name, value in headers.items():
            if not value.isprintable():
                raise ValueError(f"{name} is a header field and takes no control characters")
        query = {name: _texts(value) for name, value in given["query"].items()}
        path = _VARIABLE.sub(lambda found: self._variable(found[1], arguments), self.path)
        body = self._body(given[BODY])
        return ToolCall(path, urlencode(query, doseq=True), headers, self.media_type, body)

    def _given(self, arguments: Mapping[str, Any], place: str) -> dict[str, Any]:
        return {
            name: value
            for name, value in arguments.items()
            if self.places[name] == place and (value is not None or place == BODY)
        }

    def _variable(self, name: str, arguments: Mapping[str, Any]) -> str:
        value = arguments.get(name)
        if value is None or _text(value) == "":
            raise ValueError(f"{self.name} needs the argument {name!r}")
        return quote(_text(value), safe="")

    def _body(self, given: dict[str, Any]) -> bytes:
        value = given[BODY] if self._has_whole_body and BODY in given else given
        if not given:
            return b"{}" if self.media_type.endswith("json") and not self._has_whole_body else b""
        if self.media_type == _FORM:
            fields = {name: _texts(item) for name, item in value.items() if item is not None}
            return urlencode(fields, doseq=True).encode()
        return json.dumps(value, ensure_ascii=False).encode()

    @property
    def _has_whole_body(self) -> bool:
        return [name for name, place in self.places.items() if place == BODY] == [BODY]


def build_tool(
    operation: "Operation", path: str, described: JSONObject, components: JSONObject
) -> Tool:
    """Return an operation of an OpenAPI document as a tool.

    The fields of a body that is an object are arguments beside the parameters.

    Args:
        operation: The operation.
        path: Its path in the document.
        described: Its object in the document.
        components: The components that the object refers to.

    Raises:
        ConfigurationError: The operation takes files or other bytes, needs a cookie, or answers
            with an event stream, which does not end.
    """
    where = f"{operation.method} {operation.route.path}"
    schemas: JSONObject = components.get("schemas", {})
    properties, places, required = _parameters(described, where)
    media_type, body = _body_of(described, where)
    if body is not None:
        fields = _fields(body, schemas)
        if fields is None or set(fields.get("properties", {})) & set(places):
            properties[BODY], places[BODY] = body, BODY
            required += [BODY] * bool(described["requestBody"].get("required"))
        else:
            properties.update(fields["properties"])
            places.update(dict.fromkeys(fields["properties"], BODY))
            if described["requestBody"].get("required"):
                required += fields.get("required", [])
    arguments: JSONObject = {"type": "object", "properties": properties}
    if required:
        arguments["required"] = required
    arguments["additionalProperties"] = False
    return Tool(
        described["operationId"],
        described["summary"],
        described.get("description", ""),
        operation,
        _whole(arguments, schemas),
        _output(described, schemas, where),
        places,
        path,
        media_type,
    )


def _parameters(
    described: JSONObject, where: str
) -> tuple[dict[str, JSONObject], dict[str, str], list[str]]:
    properties: dict[str, JSONObject] = {}
    places: dict[str, str] = {}
    required: list[str] = []
    for parameter in described.get("parameters", ()):
        name, place = parameter["name"], parameter["in"]
        if place == "cookie":
            if parameter.get("required"):
                raise ConfigurationError(
                    f"{where} needs the cookie {name!r}, so it cannot be a tool; "
                    "remove mcp=True, or give the parameter a default"
                )
            continue
        more = {"description": parameter["description"]} if "description" in parameter else {}
        properties[name] = {**parameter["schema"], **more}
        places[name] = place
        required += [name] * bool(parameter.get("required"))
    return properties, places, required


def _body_of(described: JSONObject, where: str) -> tuple[str, JSONObject | None]:
    """Return the type and the schema of the body."""
    if "requestBody" not in described:
        return "", None
    content = described["requestBody"]["content"]
    for media_type in _BODIES:
        if media_type in content:
            schema: JSONObject = content[media_type]["schema"]
            return media_type, schema
    raise ConfigurationError(
        f"{where} takes {', '.join(content)}, so it cannot be a tool; remove mcp=True, or take JSON"
    )


def _fields(schema: JSONObject, schemas: JSONObject) -> JSONObject | None:
    """Return the schema of an object with known fields, or None for another body."""
    reference = schema.get("$ref", "")
    found: JSONObject = schemas[reference.removeprefix(_COMPONENT)] if reference else schema
    if found.get("type") != "object" or any(word in found for word in _COMBINED):
        return None
    is_open = found.get("additionalProperties") not in (None, False)
    return None if is_open or "properties" not in found else found


def _output(described: JSONObject, schemas: JSONObject, where: str) -> JSONObject | None:
    for status, answer in described["responses"].items():
        content = answer.get("content", {})
        if EVENT_STREAM in content and status.startswith("2"):
            raise ConfigurationError(
                f"{where} answers with an event stream, so it cannot be a tool; remove mcp=True"
            )
    answers = [answer for status, answer in described["responses"].items() if status[0] == "2"]
    if len(answers) != 1:  # the client could not tell which one it got
        return None
    media = answers[0].get("content", {}).get("application/json")
    return None if media is None else _whole(media["schema"], schemas)


def _whole(schema: JSONObject, schemas: JSONObject) -> JSONObject:
    """Return a schema together with all components that it refers to."""
    found: dict[str, JSONObject] = {}
    waiting = list(_references(schema))
    while waiting:
        name = waiting.pop()
        if name not in found:
            found[name] = schemas[name]
            waiting += _references(schemas[name])
    definitions = {name: _moved(found[name]) for name in sorted(found)}
    whole: JSONObject = _moved(schema)
    return {**whole, "$defs": definitions} if definitions else whole


def _references(schema: Any) -> Iterator[str]:
    for name, value in _items(schema):
        if name == "$ref" and isinstance(value, str):
            yield value.removeprefix(_COMPONENT)
        else:
            yield from _references(value)


def _items(schema: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(schema, dict):
        yield from schema.items()
    elif isinstance(schema, list):
        yield from (("", item) for item in schema)


def _moved(schema: Any) -> Any:
    """Return a schema whose references point to its own definitions."""
    if isinstance(schema, list):
        return [_moved(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: value.replace(_COMPONENT, _DEFINITION)
        if isinstance(value, str) and (name == "$ref" or value.startswith(_COMPONENT))
        else _moved(value)
        for name, value in schema.items()
    }


def _texts(value: Any) -> Any:
    return [_text(item) for item in value] if isinstance(value, list) else _text(value)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
