"""The OpenAPI document of an application, built from its routes when it is first asked for."""

import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from lback.api.documented import Description, description_of
from lback.api.operation_ids import OperationIds, path_template
from lback.api.operation_objects import OperationBuilder
from lback.api.operations import operations_of
from lback.api.schema_components import JSONObject
from lback.api.security_schemes import SecuritySchemes
from lback.api.tools import Tool, build_tool
from lback.api.webhooks import import_webhooks
from lback.core.exceptions import ConfigurationError
from lback.core.routing.websocket_route import WebSocketRoute

if TYPE_CHECKING:
    from lback.api.descriptions import Operation
    from lback.core.config import Config
    from lback.core.router import Route, Router
    from lback.core.routing.views import View

Version: TypeAlias = Literal["3.1", "3.2"]
VERSIONS: tuple[Version, ...] = get_args(Version)
_NUMBERS: Mapping[Version, str] = {"3.1": "3.1.1", "3.2": "3.2.0"}

# Packages whose pages are for people, not for clients of an API.
_PAGES = (
    "lback.accounts.",
    "lback.admin.",
    "lback.api.pages",
    "lback.monitoring.",
    "lback.static_files.",
)


class OpenAPI:
    """The OpenAPI document of an application.

    It lists the typed views and all views below `API_PREFIXES`, except those that `describe`
    hides and the pages of Lback itself. It is built once for each version of the specification.

    Args:
        config: Settings; `API_TITLE`, `API_VERSION`, `API_PREFIXES` and `API_WEBHOOKS` are read.
        router: The routes.
        middlewares: Returns the middlewares, which decide how clients authenticate. Called when the
            document is built, because views that take the document are registered before them.
        dependencies: Services by name, which are not parameters of operations.

    Raises:
        ConfigurationError: `API_WEBHOOKS` names something that is not a webhook.

    Example:
        >>> from lback import Application
        >>> app = Application(API_TITLE="Bookshop")
        >>> document = app.dependencies["openapi"].document()
        >>> document["openapi"], document["info"]["title"], document["paths"]
        ('3.1.1', 'Bookshop', {})
    """

    def __init__(
        self,
        config: "Config",
        router: "Router",
        middlewares: Callable[[], Iterable[object]],
        dependencies: Mapping[str, object],
    ) -> None:
        self._config = config
        self._router = router
        self._middlewares = middlewares
        self._dependencies = dependencies
        self._webhooks = import_webhooks(config.get("API_WEBHOOKS", ()) or ())
        self._lock = Lock()
        self._documents: dict[Version, JSONObject] = {}
        self._encoded: dict[tuple[Version, str], tuple[bytes, str]] = {}
        self._tools: dict[str, Tool] = {}

    def document(self, version: Version = "3.1") -> JSONObject:
        """Return the document. Callers must not change it.

        Args:
            version: Version of the specification: "3.1", or "3.2", which types event streams.

        Raises:
            ConfigurationError: The version is unknown, a type cannot be described, or two
                operations have the same `operation_id`.
        """
        if version not in VERSIONS:
            raise ConfigurationError(
                f"OpenAPI {version!r} is not supported; known: {', '.join(VERSIONS)}"
            )
        with self._lock:
            if version not in self._documents:
                self._documents[version] = self._build(version)
            return self._documents[version]

    def check_operation_ids(self) -> None:
        """Raise if `describe` gives an operation a name that another one has.

        Raises:
            ConfigurationError: As it says, with both places.
        """
        ids = OperationIds()
        for operation, said in self._operations():
            ids.take(operation, said)

    def tools(self) -> Mapping[str, Tool]:
        """Return the operations that `describe(mcp=True)` marks, by name.

        Raises:
            ConfigurationError: As `document`, or a marked operation cannot be a tool.
        """
        self.document()
        return self._tools

    def encoded(self, version: Version = "3.1", script: str = "") -> tuple[bytes, str]:
        """Return the document as JSON, and its entity tag (RFC 9110 section 8.8.3).

        Args:
            version: Version of the specification.
            script: Path below which the application is mounted (`SCRIPT_NAME`), which becomes the
                address of the server.

        Raises:
            ConfigurationError: As `document`.
        """
        key = (version, script)
        if key not in self._encoded:
            document = self.document(version)
            if script:
                document = {**document, "servers": [{"url": script}]}
            body = json.dumps(document, ensure_ascii=False).encode()
            self._encoded[key] = body, f'"{hashlib.sha256(body).hexdigest()[:32]}"'
        return self._encoded[key]

    def _build(self, version: Version) -> JSONObject:
        schemes = SecuritySchemes.of(self._config, self._middlewares(), self._dependencies)
        builder = OperationBuilder(schemes, version)
        paths: dict[str, JSONObject] = {}
        offered = []
        for operation, said in self._operations():
            place, built = builder.add(paths, operation, said, tag=self._tag(operation.route))
            if said.mcp:
                offered.append((operation, place, built))
        webhooks = builder.webhooks(self._webhooks)
        try:
            components = builder.components()
        except TypeError as error:
            raise ConfigurationError(f"the OpenAPI document cannot be built: {error}") from error
        self._tools = {
            built["operationId"]: build_tool(operation, place, built, components)
            for operation, place, built in offered
        }
        items = [*paths.values(), *webhooks.values()]
        names = [name for item in items for one in item.values() for name in one["tags"]]
        return {
            "openapi": _NUMBERS[version],
            "info": self._info(),
            "tags": [{"name": name} for name in dict.fromkeys(names)],
            "paths": paths,
            **({"webhooks": webhooks} if webhooks else {}),
            "components": components,
        }

    def _info(self) -> JSONObject:
        config = self._config
        title = config.API_TITLE or Path(config.PROJECT_ROOT).name or "API"
        return {"title": title, "version": config.API_VERSION}

    def _operations(self) -> "Iterator[tuple[Operation, Description]]":
        """Yield the documented operations; the first one of a path and method answers it."""
        seen: set[tuple[str, str]] = set()
        for route in self._router.routes:
            for operation in self._operations_of(route):
                key = (path_template(route), operation.method)
                said = description_of(operation.view, route.view)
                if said.hidden and said.mcp:
                    raise ConfigurationError(
                        f"{operation.method} {route.path} is hidden and marked with mcp=True; "
                        "a tool is a documented operation, so remove one of the two"
                    )
                if not said.hidden and key not in seen:
                    seen.add(key)
                    yield operation, said

    def _operations_of(self, route: "Route") -> "list[Operation]":
        if _is_page(route.view) or isinstance(route, WebSocketRoute):
            return []
        operations = operations_of(route, self._dependencies)
        if self._prefix_of(route.path) is not None:
            return operations
        return [
            operation
            for operation in operations
            if _is_typed(operation) or description_of(operation.view, route.view).mcp
        ]

    def _prefix_of(self, path: str) -> str | None:
        """Return the longest of `API_PREFIXES` that a path begins with."""
        prefixes = [str(p).rstrip("/") for p in self._config.get("API_PREFIXES", ()) or ()]
        found = [p for p in prefixes if path == p or path.startswith(f"{p}/")]
        return max(found, key=len, default=None)

    def _tag(self, route: "Route") -> str:
        """Return the first part of a path behind its prefix and version, such as "books"."""
        rest = route.path[len(self._prefix_of(route.path) or "") :]
        words = [part for part in rest.split("/") if part and "{" not in part]
        words = [word for word in words if word != "api" and not _is_version(word)] or words
        return words[0] if words else "default"


def _is_page(view: "View") -> bool:
    return f"{getattr(view, '__module__', '')}.".startswith(_PAGES)


def _is_typed(operation: "Operation") -> bool:
    """Return True if the annotations of a view say more than the variables of its path."""
    return bool(
        operation.body
        or operation.answers
        or any(parameter.location != "path" for parameter in operation.parameters)
    )


def _is_version(word: str) -> bool:
    return re.fullmatch(r"v\d+", word) is not None
