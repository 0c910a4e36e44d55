"""Changes between two JSON schemas that break clients, in requests and in answers."""

from collections.abc import Iterator
from typing import Any

from lback.api.schema_components import JSONObject

# A larger value of the first ones, and a smaller value of the second ones, accepts less.
_LOWER = ("minimum", "exclusiveMinimum", "minLength", "minItems", "minProperties")
_UPPER = ("maximum", "exclusiveMaximum", "maxLength", "maxItems", "maxProperties")
_EQUAL = ("pattern", "format", "multipleOf", "const", "contentEncoding")
_KEYWORDS = ("anyOf", "oneOf")
_MISSING = object()
_TYPES = {str: "string", int: "integer", bool: "boolean", type(None): "null"}


class SchemaComparison:
    """Compares schemas of two documents, whose components they refer to.

    Args:
        before: The document that clients were written for.
        now: The document of today.
    """

    def __init__(self, before: JSONObject, now: JSONObject) -> None:
        self._before = before
        self._now = now
        # Pairs of schemas that are being compared, by identity: schemas may contain themselves.
        self._open: set[tuple[int, int, bool]] = set()
        # What references point to, so that each is one object.
        self._known: dict[tuple[int, str | int], JSONObject] = {}

    def of_request(self, before: JSONObject, now: JSONObject, what: str) -> list[str]:
        """Return a line for each value that clients may send and that is no longer accepted.

        Args:
            before: Schema that clients were written for.
            now: Schema of today.
            what: What the schema describes, for the lines.
        """
        return list(self._changes(before, now, what, is_request=True))

    def of_answer(self, before: JSONObject, now: JSONObject, what: str) -> list[str]:
        """Return a line for each value that clients do not expect or miss.

        Args:
            before: Schema that clients were written for.
            now: Schema of today.
            what: What the schema describes, for the lines.
        """
        return list(self._changes(before, now, what, is_request=False))

    def _changes(
        self, before: JSONObject, now: JSONObject, what: str, *, is_request: bool
    ) -> Iterator[str]:
        before, now = self._resolve(before, self._before), self._resolve(now, self._now)
        pair = (id(before), id(now), is_request)
        if pair in self._open:
            return
        self._open.add(pair)
        try:
            yield from self._resolved_changes(before, now, what, is_request)
        finally:
            self._open.discard(pair)

    def _resolve(self, schema: JSONObject, document: JSONObject) -> JSONObject:
        if "$ref" not in schema:
            return schema
        # Beside a reference, other keywords apply at this place only.
        key = (id(document), schema["$ref"] if len(schema) == 1 else id(schema))
        if key not in self._known:
            self._known[key] = _resolved(schema, document)
        return self._known[key]

    def _resolved_changes(
        self, before: JSONObject, now: JSONObject, what: str, is_request: bool
    ) -> Iterator[str]:
        earlier, later = _alternatives(before), _alternatives(now)
        if len(earlier) > 1 or len(later) > 1:
            yield from self._alternative_changes(earlier, later, what, is_request)
            return
        yield from _type_changes(before, now, what, is_request)
        yield from _enum_changes(before, now, what, is_request)
        yield from _constraint_changes(before, now, what, is_request)
        if "properties" in before or "properties" in now:
            yield from self._field_changes(before, now, what, is_request)
        for keyword, words in (("items", "items of"), ("additionalProperties", "values of")):
            inner, found = before.get(keyword), now.get(keyword)
            if isinstance(inner, dict) and isinstance(found, dict):
                yield from self._changes(inner, found, f"{words} {what}", is_request=is_request)

    def _alternative_changes(
        self, before: list[JSONObject], now: list[JSONObject], what: str, is_request: bool
    ) -> Iterator[str]:
        # Every alternative that one side may send must be one that the other side understands.
        sent, understood = (before, now) if is_request else (now, before)
        for one in sent:
            fits = [
                self.of_request(one, other, what)
                if is_request
                else self.of_answer(other, one, what)
                for other in understood
            ]
            if all(fits):
                name = _name_of(one)
                if is_request:
                    yield f"no longer accepts {name} for {what}"
                else:
                    yield f"may have {name} in {what}"

    def _field_changes(
        self, before: JSONObject, now: JSONObject, what: str, is_request: bool
    ) -> Iterator[str]:
        earlier, later = before.get("properties", {}), now.get("properties", {})
        was, is_now = set(before.get("required", ())), set(now.get("required", ()))
        for name, schema in earlier.items():
            field = f"the field {name!r} of {what}"
            if name not in later:
                yield f"no longer has {field}"
                continue
            if is_request and name in is_now - was:
                yield f"requires {field}"
            if not is_request and name in was - is_now:
                yield f"may leave out {field}"
            yield from self._changes(schema, later[name], field, is_request=is_request)
        for name in later:
            if is_request and name in is_now and name not in earlier:
                yield f"requires the new field {name!r} of {what}"


def _resolved(schema: JSONObject, document: JSONObject) -> JSONObject:
    """Return a schema with what its reference points to."""
    while "$ref" in schema:
        found: Any = document
        for part in schema["$ref"].removeprefix("#/").split("/"):
            found = found.get(part, {})
        schema = {**found, **{name: value for name, value in schema.items() if name != "$ref"}}
        if found.get("$ref") is None:
            break
    return schema


def _alternatives(schema: JSONObject) -> list[JSONObject]:
    for keyword in _KEYWORDS:
        if keyword in schema:
            return list(schema[keyword])
    return [schema]


def _types(schema: JSONObject) -> set[str]:
    found = schema.get("type", ())
    if not found:
        return {_TYPES.get(type(value), "number") for value in schema.get("enum", ())}
    return {found} if isinstance(found, str) else set(found)


def _type_changes(
    before: JSONObject, now: JSONObject, what: str, is_request: bool
) -> Iterator[str]:
    earlier, later = _types(before), _types(now)
    sent, understood = (earlier, later) if is_request else (later, earlier)
    if "number" in understood:
        understood = {*understood, "integer"}
    if understood and not (sent and sent <= understood):
        yield f"has {_name_of(now)} for {what}, before {_name_of(before)}"


def _enum_changes(
    before: JSONObject, now: JSONObject, what: str, is_request: bool
) -> Iterator[str]:
    # A new value of an answer is an addition.
    if is_request and "enum" in now:
        if "enum" not in before:
            yield f"accepts only {', '.join(map(repr, now['enum']))} for {what}"
        for value in before.get("enum", ()):
            if value not in now["enum"]:
                yield f"no longer accepts {value!r} for {what}"


def _constraint_changes(
    before: JSONObject, now: JSONObject, what: str, is_request: bool
) -> Iterator[str]:
    if not is_request:
        if "format" in before and before["format"] != now.get("format"):
            yield f"has the format {now.get('format')!r} for {what}, before {before['format']!r}"
        return
    for names, is_tighter in ((_LOWER, float.__gt__), (_UPPER, float.__lt__)):
        for name in names:
            limit, earlier = now.get(name), before.get(name)
            if limit is not None and (earlier is None or is_tighter(float(limit), float(earlier))):
                yield f"has {name} {limit!r} for {what}, before {_shown(earlier)}"
    for name in _EQUAL:
        if name in now and now[name] != before.get(name, _MISSING):
            yield f"has {name} {now[name]!r} for {what}, before {_shown(before.get(name))}"


def _shown(value: object) -> str:
    return "none" if value is None else repr(value)


def _name_of(schema: JSONObject) -> str:
    """Return the name of a schema for people, such as "null" or "Book"."""
    if "$ref" in schema:
        return str(schema["$ref"].rpartition("/")[2])
    return " or ".join(sorted(_types(schema))) or str(schema.get("title", "any value"))
