"""JSON schemas of types: inline ones for plain types, named components for structs and enums."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from typing import Any, TypeAlias

import msgspec

# A part of the document: whatever JSON can express, as `json` and `msgspec` type it.
JSONObject: TypeAlias = dict[str, Any]

REF = "#/components/schemas/{name}"
_NULL = {"type": "null"}


@dataclass(slots=True)
class SchemaCollector:
    """Collects types, whose schemas are built together so that each gets one name.

    Example:
        >>> import msgspec
        >>> class Book(msgspec.Struct):
        ...     title: str
        >>> schemas = SchemaCollector()
        >>> schema = schemas.add(list[Book])
        >>> list(schemas.build())
        ['Book']
        >>> schema
        {'type': 'array', 'items': {'$ref': '#/components/schemas/Book'}}
    """

    _types: list[Any] = field(default_factory=list)
    _schemas: list[JSONObject] = field(default_factory=list)
    _additions: list[JSONObject] = field(default_factory=list)
    _answers: list[Any] = field(default_factory=list)

    def add(
        self, kind: Any, additions: JSONObject | None = None, *, is_answer: bool = False
    ) -> JSONObject:
        """Return the schema of a type, which is empty until `build` fills it.

        Args:
            kind: An annotation.
            additions: Further keywords of the schema, such as `default`.
            is_answer: Whether the application sends the value, with the fields that have defaults.
        """
        schema: JSONObject = {}
        self._types.append(kind)
        self._schemas.append(schema)
        self._additions.append(additions or {})
        if is_answer:
            self._answers.append(kind)
        return schema

    def build(self) -> dict[str, JSONObject]:
        """Fill the schemas of all types and return the components by name.

        Raises:
            TypeError: A type cannot be described, such as a dict whose keys are not text.
        """
        inputs = [kind for kind in self._types if not any(kind is a for a in self._answers)]
        sent = [kind for kind in _structs(self._answers) if kind not in set(_structs(inputs))]
        found, components = msgspec.json.schema_components(
            [*self._types, *sent], schema_hook=_unknown, ref_template=REF
        )
        for schema, built, more in zip(self._schemas, found, self._additions, strict=False):
            schema.update({**built, **more})
        for schema in (*self._schemas, *components.values()):
            _complete(schema)
        for kind, reference in zip(sent, found[len(self._types) :], strict=True):
            name = reference["$ref"].rpartition("/")[2]
            components[name]["required"] = _always_sent(kind, components[name])
        return components


def _complete(schema: Any) -> None:
    """Add the type to enumerations of text, and drop defaults that JSON cannot express.

    Generators of code look at the type. An infinite default would be written as null.
    """
    if isinstance(schema, list):
        for item in schema:
            _complete(item)
    elif isinstance(schema, dict):
        default = schema.get("default")
        if isinstance(default, float) and not isfinite(default):
            del schema["default"]
        values = schema.get("enum")
        if isinstance(values, list) and all(isinstance(value, str) for value in values):
            schema.setdefault("type", "string")
        for name, inner in schema.items():
            if name not in ("default", "example", "examples", "enum"):
                _complete(inner)


def _unknown(_: type) -> JSONObject:
    """Return the schema of a class that only the project can encode: any value."""
    return {}


def _structs(kinds: list[Any]) -> Iterator[Any]:
    """Yield the structs in types, also those within others, unless they omit defaults."""
    seen: set[int] = set()
    waiting: list[Any] = list(msgspec.inspect.multi_type_info(kinds))
    while waiting:
        info = waiting.pop()
        if id(info) in seen:
            continue
        seen.add(id(info))
        if isinstance(info, msgspec.inspect.StructType):
            if not _arguments_of(info) and not info.cls.__struct_config__.omit_defaults:
                yield info.cls
            waiting.extend(item.type for item in info.fields)
        else:
            waiting.extend(_parts_of(info))


def _arguments_of(info: msgspec.inspect.StructType) -> bool:
    """Return True if a struct is generic, with arguments or without."""
    return any(getattr(info.cls, name, ()) for name in ("__parameters__", "__args__"))


def _parts_of(info: Any) -> Iterator[Any]:
    for name in ("item_type", "value_type", "key_type", "type"):
        part = getattr(info, name, None)
        if isinstance(part, msgspec.inspect.Type):
            yield part
    yield from getattr(info, "types", ())
    yield from getattr(info, "item_types", ())
    yield from (item.type for item in getattr(info, "fields", ()))


def _always_sent(kind: type, schema: JSONObject) -> list[str]:
    """Return the names of the fields that an encoded struct always has."""
    fields = msgspec.structs.fields(kind)
    unset = {item.encode_name for item in fields if item.default is msgspec.UNSET}
    return [name for name in schema.get("properties", {}) if name not in unset]


def without_null(schema: JSONObject) -> JSONObject:
    """Return a schema without the alternative null, which text cannot express.

    Example:
        >>> without_null({"anyOf": [{"type": "integer"}, {"type": "null"}], "title": "Page"})
        {'type': 'integer', 'title': 'Page'}
    """
    alternatives = schema.get("anyOf")
    if not isinstance(alternatives, list) or _NULL not in alternatives:
        return schema
    rest = {name: value for name, value in schema.items() if name != "anyOf"}
    left = [alternative for alternative in alternatives if alternative != _NULL]
    return {**left[0], **rest} if len(left) == 1 else {"anyOf": left, **rest}
