"""Operations as objects of the OpenAPI document: parameters, bodies, answers and errors."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import msgspec

from lback.api.converted import converted_type
from lback.api.deprecation import MARK as DEPRECATED
from lback.api.operation_ids import OperationIds, operation_id, path_template
from lback.api.problem_schemas import problem_components
from lback.api.response_objects import FILE, ResponseBuilder
from lback.api.schema_components import JSONObject, SchemaCollector, without_null
from lback.api.signature import is_file_list
from lback.api.webhooks import webhook_objects
from lback.core.routing.converters import (
    IntegerConverter,
    PathConverter,
    StringConverter,
    TypeConverter,
    UUIDConverter,
)

if TYPE_CHECKING:
    from lback.api.descriptions import Operation, Parameter
    from lback.api.documented import Description
    from lback.api.security_schemes import SecuritySchemes
    from lback.api.webhooks import Webhook
    from lback.core.routing.route import Route

# Header fields that other parts of an operation describe (OpenAPI 3.1 section 4.8.12.1).
_DESCRIBED_ELSEWHERE = frozenset({"accept", "authorization", "content-type"})


_BUILT_IN = frozenset({StringConverter, PathConverter, IntegerConverter, UUIDConverter})
_VARIABLE = re.compile(r"\{([^}]*)\}")


class OperationBuilder:
    """Builds the objects of operations and the components that they refer to.

    Args:
        schemes: Security schemes of the application.
        version: Version of the specification, "3.1" or "3.2".
    """

    def __init__(self, schemes: "SecuritySchemes", version: str) -> None:
        self._schemes = schemes
        self._version = version
        self._schemas = SchemaCollector()
        self._parameters: list[JSONObject] = []
        self._path_schemas: list[tuple[JSONObject, JSONObject]] = []
        self._answers = ResponseBuilder(schemes, self._schemas, version)
        self._ids = OperationIds()

    def add(
        self,
        paths: dict[str, JSONObject],
        operation: "Operation",
        said: "Description",
        *,
        tag: str,
    ) -> tuple[str, JSONObject]:
        """Add an operation to the paths of the document.

        Args:
            paths: The path items so far.
            operation: The operation.
            said: What `describe` says about it.
            tag: Group of the operation, unless `describe` says another one.

        Returns:
            The path of the operation in the document, and its object.

        Raises:
            ConfigurationError: Another operation has the `operation_id` that `describe` says.
        """
        path, names = _place_in(paths, operation.route)
        method = operation.method.lower()
        built: JSONObject = {
            "operationId": self._ids.take(operation, said),
            "tags": list(said.tags or (tag,)),
            "summary": said.summary or operation.summary or _readable(operation),
        }
        description = said.description or operation.description
        if description:
            built["description"] = description
        if said.deprecated or getattr(operation.view, DEPRECATED, False):
            built["deprecated"] = True
        parameters = [self._parameter(operation, p, names) for p in _listed(operation)]
        if parameters:
            built["parameters"] = parameters
        body = self._body(operation, said)
        if body is not None:
            built["requestBody"] = body
        built["responses"] = self._answers.responses(operation, said)
        built["security"] = self._schemes.requirements(operation)
        paths.setdefault(path, {})[method] = built
        return path, built

    def webhooks(self, webhooks: "Mapping[str, Webhook]") -> dict[str, JSONObject]:
        """Return the `webhooks` of the document.

        Args:
            webhooks: The webhooks by name.
        """
        return webhook_objects(webhooks, self._schemas)

    def components(self) -> JSONObject:
        """Return the components of the document: schemas, responses and security schemes.

        Raises:
            TypeError: A type cannot be described.
        """
        schemas, responses = problem_components(sorted(self._answers.statuses))
        built = self._schemas.build()
        for parameter in self._parameters:
            parameter["schema"] = without_null(parameter["schema"])
        for schema, known in self._path_schemas:
            if schema.get("type") == known.get("type") and "enum" not in schema:
                schema.update({**known, **schema})
        found: JSONObject = {
            "schemas": dict(sorted({**built, **schemas}.items())),
            "responses": responses,
            "securitySchemes": self._schemes.components(),
        }
        return {name: value for name, value in found.items() if value}

    def _parameter(
        self, operation: "Operation", parameter: "Parameter", names: Mapping[str, str]
    ) -> JSONObject:
        is_path = parameter.location == "path"
        built: JSONObject = {
            "name": names.get(parameter.name, parameter.name) if is_path else parameter.name,
            "in": parameter.location,
        }
        if parameter.description:
            built["description"] = parameter.description
        if parameter.required or is_path:
            built["required"] = True
        if is_path:
            built["schema"] = self._path_schema(operation, parameter)
        else:
            built["schema"] = self._schemas.add(parameter.type, _default_of(parameter))
            self._parameters.append(built)
        return built

    def _path_schema(self, operation: "Operation", parameter: "Parameter") -> JSONObject:
        """Return the schema of a path variable, by its converter and its annotation.

        The form of text for a converter of the project is known to its `openapi_type` alone.
        """
        variables = operation.route.pattern.variables
        converter = next(v.converter for v in variables if v.name == parameter.name)
        known = _schema_of(converter)
        if type(converter) not in _BUILT_IN or parameter.type in (converted_type(converter), str):
            return known
        schema = self._schemas.add(parameter.type)
        self._path_schemas.append((schema, known))
        return schema

    def _body(self, operation: "Operation", said: "Description") -> JSONObject | None:
        body = operation.body
        if body is None:
            return None
        example = {} if said.request_example is None else {"example": said.request_example}
        fields = [p for p in operation.parameters if p.location in ("form", "file")]
        schema = self._form(fields) if fields else self._schemas.add(body.type)
        content = {name: {"schema": schema, **example} for name in body.media_types}
        return {"content": content, **_required(body.required)}

    def _form(self, fields: "list[Parameter]") -> JSONObject:
        schema = {"type": "object", "properties": {p.name: self._field(p) for p in fields}}
        required = [p.name for p in fields if p.required]
        if required:
            schema["required"] = required
        return schema

    def _field(self, parameter: "Parameter") -> JSONObject:
        more = {"description": parameter.description} if parameter.description else {}
        if parameter.location == "file":
            several = is_file_list(parameter.type)
            return {**({"type": "array", "items": FILE} if several else FILE), **more}
        return self._schemas.add(parameter.type, {**_default_of(parameter), **more})


def _place_in(paths: Mapping[str, JSONObject], route: "Route") -> tuple[str, dict[str, str]]:
    """Return the path of a route in the document, and new names of its variables.

    Paths that differ in the names of variables alone are one path to OpenAPI, whose variables
    have the names of the first route.
    """
    path = path_template(route)
    for earlier in paths:
        if earlier != path and _VARIABLE.sub("{}", earlier) == _VARIABLE.sub("{}", path):
            names = zip(_VARIABLE.findall(path), _VARIABLE.findall(earlier), strict=True)
            return earlier, dict(names)
    return path, {}


def _listed(operation: "Operation") -> "list[Parameter]":
    """Return the parameters that are neither in the body nor described elsewhere."""
    return [
        parameter
        for parameter in operation.parameters
        if parameter.location in ("path", "query", "cookie")
        or (parameter.location == "header" and parameter.name.lower() not in _DESCRIBED_ELSEWHERE)
    ]


def _schema_of(converter: TypeConverter) -> JSONObject:
    schema = dict(converter.openapi_type)
    if isinstance(converter, IntegerConverter):
        schema.setdefault("minimum", 0)
    elif isinstance(converter, StringConverter):
        schema.setdefault("minLength", 1)
    return schema


def _default_of(parameter: "Parameter") -> JSONObject:
    if parameter.required or parameter.default in (None, msgspec.UNSET):
        return {}
    return {"default": msgspec.to_builtins(parameter.default, str_keys=True)}


def _required(required: bool) -> JSONObject:
    return {"required": True} if required else {}


def _readable(operation: "Operation") -> str:
    """Return the name of an operation as words, for one without a docstring."""
    return operation_id(operation).replace("_", " ").capitalize()
