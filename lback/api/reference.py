"""The reference of an API, prepared from its OpenAPI document for a page without scripts."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from lback.api.schema_components import JSONObject

_METHODS = ("get", "post", "put", "patch", "delete", "query", "head", "options", "trace")
_LIMITS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters",
    "maxLength": "at most {} characters",
    "minItems": "at least {} items",
    "maxItems": "at most {} items",
    "pattern": "matches {}",
}
_NAMES = {"session": "session", "csrfToken": "CSRF token", "apiKey": "API key",
          "accessToken": "access token"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class TypeText:
    """A part of the name of a type, with the component that it refers to or an empty text."""

    text: str
    component: str = ""


@dataclass(frozen=True, slots=True)
class Field:
    """A parameter, or a field of a component.

    Attributes:
        name: Its name.
        kind: Parts of the name of its type.
        where: Where it is sent; empty for the field of a component.
        required: Whether it has to be there.
        limits: Rules for its value.
        text: Description.
    """

    name: str
    kind: tuple[TypeText, ...]
    where: str = ""
    required: bool = False
    limits: tuple[str, ...] = ()
    text: str = ""


@dataclass(frozen=True, slots=True)
class Content:
    """A body: its media type, the parts of the name of its type, its fields and an example."""

    media_type: str
    kind: tuple[TypeText, ...]
    fields: tuple[Field, ...] = ()
    example: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """A response with its status, description and contents."""

    status: str
    text: str
    contents: tuple[Content, ...] = ()


@dataclass(frozen=True, slots=True)
class Entry:
    """An operation on the page, or a webhook, whose path is its name."""

    name: str
    method: str
    path: str
    summary: str
    paragraphs: tuple[str, ...]
    deprecated: bool
    access: tuple[str, ...]
    parameters: tuple[Field, ...]
    body: tuple[Content, ...]
    answers: tuple[Answer, ...]
    is_webhook: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """A schema with a name on the page."""

    name: str
    paragraphs: tuple[str, ...]
    fields: tuple[Field, ...]
    kind: tuple[TypeText, ...]


@dataclass(frozen=True, slots=True)
class Reference:
    """All that the page shows.

    Attributes:
        title: Title of the API.
        version: Version of the API.
        sections: Operations by tag.
        components: Schemas that operations refer to.
    """

    title: str
    version: str
    sections: tuple[tuple[str, tuple[Entry, ...]], ...]
    components: tuple[Component, ...]


def reference_of(document: JSONObject, script: str = "") -> Reference:
    """Return the reference of an OpenAPI document.

    Args:
        document: The document.
        script: Prepended to all paths, for an application below a path of its host.
    """
    by_tag: dict[str, list[Entry]] = {tag["name"]: [] for tag in document.get("tags", ())}
    for path, item in document["paths"].items():
        for method in _METHODS:
            if method in item:
                entry = _entry(document, method, script + path, item[method])
                for tag in item[method]["tags"]:
                    by_tag.setdefault(tag, []).append(entry)
    for name, item in document.get("webhooks", {}).items():
        entry = _entry(document, "post", name, item["post"], is_webhook=True)
        for tag in item["post"]["tags"]:
            by_tag[tag].append(entry)
    schemas = document.get("components", {}).get("schemas", {})
    return Reference(
        document["info"]["title"],
        document["info"]["version"],
        tuple((tag, tuple(entries)) for tag, entries in by_tag.items()),
        tuple(_component(name, schema) for name, schema in schemas.items()),
    )


def _entry(
    document: JSONObject,
    method: str,
    path: str,
    operation: JSONObject,
    *,
    is_webhook: bool = False,
) -> Entry:
    body = operation.get("requestBody", {}).get("content", {})
    return Entry(
        f"webhook-{path}" if is_webhook else operation["operationId"],
        method.upper(),
        path,
        operation["summary"],
        _paragraphs(operation.get("description", "")),
        operation.get("deprecated", False),
        tuple(_access(operation["security"])),
        tuple(_parameter(parameter) for parameter in operation.get("parameters", ())),
        _contents(body),
        tuple(
            _answer(document, status, response)
            for status, response in sorted(operation["responses"].items())
        ),
        is_webhook,
    )


def _access(security: Iterable[Mapping[str, list[str]]]) -> Iterator[str]:
    for requirement in security:
        names = " and ".join(_NAMES.get(name, name) for name in requirement) or "no credentials"
        wanted = dict.fromkeys(p for permissions in requirement.values() for p in permissions)
        yield f"{names}, with the permission {' and '.join(wanted)}" if wanted else names


def _parameter(parameter: JSONObject) -> Field:
    schema = parameter["schema"]
    return Field(
        parameter["name"],
        tuple(type_texts(schema)),
        parameter["in"],
        parameter.get("required", False),
        tuple(_limits(schema)),
        parameter.get("description", "") or schema.get("description", ""),
    )


def _answer(document: JSONObject, status: str, response: JSONObject) -> Answer:
    if "$ref" in response:
        name = response["$ref"].rpartition("/")[2]
        response = document["components"]["responses"][name]
    return Answer(status, response["description"], _contents(response.get("content", {})))


def _contents(contents: Mapping[str, JSONObject]) -> tuple[Content, ...]:
    return tuple(_content(media_type, content) for media_type, content in contents.items())


def _content(media_type: str, content: JSONObject) -> Content:
    item = content.get("itemSchema") or content.get("x-item-schema")
    schema = content.get("schema", {}) if item is None else item
    kind = list(type_texts(schema))
    if item is not None:
        kind.insert(0, TypeText("stream of "))
    example = json.dumps(content["example"], indent=2) if "example" in content else ""
    fields = () if "$ref" in schema else _fields(schema)
    return Content(media_type, tuple(kind), fields, example)


def _component(name: str, schema: JSONObject) -> Component:
    fields = _fields(schema)
    for parent in schema.get("allOf", ()):
        if "$ref" in parent:
            fields = (Field("…", tuple(type_texts(parent)), text="All fields of this."), *fields)
    kind = () if fields else tuple(type_texts(schema))
    return Component(name, _paragraphs(schema.get("description", "")), fields, kind)


def _fields(schema: JSONObject) -> tuple[Field, ...]:
    required = schema.get("required", ())
    return tuple(
        Field(
            name,
            tuple(type_texts(inner)),
            required=name in required,
            limits=tuple(_limits(inner)),
            text=inner.get("description", ""),
        )
        for name, inner in schema.get("properties", {}).items()
    )


def type_texts(schema: JSONObject) -> Iterator[TypeText]:
    """Yield the parts of the name of a type.

    Args:
        schema: Its schema.

    Example:
        >>> [part.text for part in type_texts({"type": "array", "items": {"type": "string"}})]
        ['list of ', 'string']
    """
    alternatives = schema.get("anyOf") or schema.get("oneOf")
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        yield TypeText(name, name)
    elif alternatives:
        for index, alternative in enumerate(alternatives):
            if index:
                yield TypeText(" or ")
            yield from type_texts(alternative)
    elif "enum" in schema:
        yield TypeText("one of " + ", ".join(json.dumps(v) for v in schema["enum"]))
    elif "items" in schema:
        yield TypeText("list of ")
        yield from type_texts(schema["items"])
    elif isinstance(schema.get("additionalProperties"), dict):
        yield TypeText("object of ")
        yield from type_texts(schema["additionalProperties"])
    else:
        yield TypeText(_plain(schema))


def _plain(schema: JSONObject) -> str:
    kind = schema.get("type", "any value")
    name = kind if isinstance(kind, str) else " or ".join(kind)
    return f"{name} ({schema['format']})" if "format" in schema else name


def _limits(schema: JSONObject) -> Iterator[str]:
    for part in (schema, schema.get("items", {}), *schema.get("anyOf", ())):
        for name, text in _LIMITS.items():
            if name in part:
                yield text.format(part[name])
    if "default" in schema:
        yield f"default {json.dumps(schema['default'], ensure_ascii=False)}"


def _paragraphs(text: str) -> tuple[str, ...]:
    """Return the paragraphs of a docstring, each on one line."""
    return tuple(" ".join(part.split()) for part in re.split(r"\n\s*\n", text) if part.strip())
