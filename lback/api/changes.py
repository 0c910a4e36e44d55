"""Changes between two OpenAPI documents of Lback that break clients."""

from collections.abc import Iterator, Mapping
from typing import Any

from lback.api.schema_changes import SchemaComparison
from lback.api.schema_components import JSONObject

_METHODS = ("get", "put", "post", "delete", "options", "head", "patch", "trace", "query")


def breaking_changes(before: JSONObject, now: JSONObject) -> list[str]:
    """Return a line for each change of a document that breaks clients.

    Additions break none: new paths, operations, optional parameters and fields, fields and
    values of answers, statuses of errors.

    Args:
        before: The document that clients were written for.
        now: The document of today.

    Example:
        >>> before = {"paths": {"/books": {"get": {"operationId": "books"}}}}
        >>> breaking_changes(before, {"paths": {}})
        ['GET /books was removed']
    """
    return list(dict.fromkeys(_Comparison(before, now).changes()))


class _Comparison:
    """Compares the operations of two documents."""

    def __init__(self, before: JSONObject, now: JSONObject) -> None:
        self._before = before
        self._now = now
        self._schemas = SchemaComparison(before, now)

    def changes(self) -> Iterator[str]:
        """Yield a line for each breaking change."""
        paths = self._now.get("paths", {})
        for path, item in self._before.get("paths", {}).items():
            for method, operation in item.items():
                if method in _METHODS:
                    yield from self._path_changes(path, method, operation, paths)
        webhooks = self._now.get("webhooks", {})
        for name, item in self._before.get("webhooks", {}).items():
            yield from self._webhook_changes(name, item["post"], webhooks.get(name))

    def _webhook_changes(
        self, name: str, before: JSONObject, now: JSONObject | None
    ) -> Iterator[str]:
        if now is None:
            yield f"webhook {name} was removed"
            return
        # What is sent to clients may change as an answer may.
        earlier, later = (
            operation["requestBody"]["content"]["application/json"]["schema"]
            for operation in (before, now["post"])
        )
        for change in self._schemas.of_answer(earlier, later, "the body"):
            yield f"webhook {name} {change}"

    def _path_changes(
        self, path: str, method: str, operation: JSONObject, paths: JSONObject
    ) -> Iterator[str]:
        where = f"{method.upper()} {path}"
        now = paths.get(path, {}).get(method)
        if now is None:
            yield f"{where} was removed"
            return
        if operation.get("operationId") != now.get("operationId"):
            yield (
                f"{where} has the operationId {now.get('operationId')!r}, "
                f"before {operation.get('operationId')!r}"
            )
        for change in (
            *self._security(operation, now),
            *self._parameters(operation, now),
            *self._body(operation, now),
            *self._responses(operation, now),
        ):
            yield f"{where} {change}"

    def _security(self, before: JSONObject, now: JSONObject) -> Iterator[str]:
        # An empty list means that no credentials are needed, as an empty alternative does.
        alternatives = now.get("security") or [{}]
        for earlier in before.get("security") or [{}]:
            if not any(_is_met(one, earlier) for one in alternatives):
                yield f"no longer admits {_credentials(earlier)}"

    def _parameters(self, before: JSONObject, now: JSONObject) -> Iterator[str]:
        earlier, later = _by_name(before), _by_name(now)
        for (place, name), parameter in earlier.items():
            what = f"{place} parameter {name!r}"
            found = later.get((place, name))
            if found is None:
                yield f"no longer takes the {what}"
                continue
            if found.get("required") and not parameter.get("required"):
                yield f"requires the {what}"
            yield from self._schemas.of_request(
                parameter.get("schema", {}), found.get("schema", {}), f"the {what}"
            )
        for (place, name), parameter in later.items():
            if parameter.get("required") and (place, name) not in earlier:
                yield f"requires the new {place} parameter {name!r}"

    def _body(self, before: JSONObject, now: JSONObject) -> Iterator[str]:
        earlier, later = before.get("requestBody"), now.get("requestBody")
        if earlier is None:
            if later is not None and later.get("required"):
                yield "requires a body"
            return
        if later is None:
            yield "no longer takes a body"
            return
        if later.get("required") and not earlier.get("required"):
            yield "requires a body"
        for media_type, content in earlier["content"].items():
            found = later["content"].get(media_type)
            if found is None:
                yield f"no longer takes {media_type}"
            else:
                yield from self._schemas.of_request(
                    content.get("schema", {}), found.get("schema", {}), "the body"
                )

    def _responses(self, before: JSONObject, now: JSONObject) -> Iterator[str]:
        later = now.get("responses", {})
        for status, response in before.get("responses", {}).items():
            if not status.startswith("2"):
                continue  # clients must expect any error
            found = later.get(status)
            if found is None:
                yield f"no longer answers {status}"
                continue
            for media_type, content in response.get("content", {}).items():
                yield from self._content(status, media_type, content, found)

    def _content(
        self, status: str, media_type: str, content: JSONObject, found: JSONObject
    ) -> Iterator[str]:
        later = found.get("content", {}).get(media_type)
        if later is None:
            yield f"no longer answers {status} as {media_type}"
            return
        for name in ("schema", "itemSchema", "x-item-schema"):
            if name in content:
                yield from self._schemas.of_answer(
                    content[name], later.get(name, {}), f"the answer {status}"
                )


def _by_name(operation: JSONObject) -> dict[tuple[str, str], JSONObject]:
    return {(p["in"], p["name"]): p for p in operation.get("parameters", ())}


def _is_met(requirement: Mapping[str, Any], given: Mapping[str, Any]) -> bool:
    """Return True if credentials that were enough before meet a requirement."""
    return all(
        name in given and set(permissions) <= set(given[name])
        for name, permissions in requirement.items()
    )


def _credentials(requirement: Mapping[str, Any]) -> str:
    parts = [
        f"{name} with {', '.join(permissions)}" if permissions else name
        for name, permissions in requirement.items()
    ]
    return " and ".join(parts) or "clients without credentials"
