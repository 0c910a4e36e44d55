"""The Model Context Protocol, revision 2026-07-28: programs call marked operations as tools.

Each POST is one JSON-RPC 2.0 request and is complete in itself; nothing is kept between two. A
call of a tool runs the route of its operation as a request of its own with the credentials of the
caller, through all middlewares, so that the same checks apply as to any other client.
"""

import base64
import binascii
import copy
import json
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

from lback.api.openapi import OpenAPI
from lback.api.security_schemes import needs_user, permissions_of
from lback.auth.permissions import has_permission
from lback.core.app_controller import is_authenticated
from lback.core.exceptions import BadRequest, Forbidden
from lback.core.http.accept import weights
from lback.core.http.json_decoding import parse_json
from lback.core.http.origins import Origins, origin_of, own_origin
from lback.core.http.response_body import close
from lback.core.request import Request
from lback.core.response import JSON_TYPE, Response, json_encode
from lback.core.server import serve

if TYPE_CHECKING:
    from lback.api.tools import Tool, ToolCall
    from lback.application import Application
    from lback.core.router import Route, Router
    from lback.core.routing.route_tree import Found

VERSIONS = ("2026-07-28",)
MAX_ANSWER = 1024 * 1024  # bytes of an answer that a tool passes on

# Codes of JSON-RPC 2.0 section 5.1, and of the protocol.
PARSE_ERROR = -32700
INVALID_REQUEST = -32600
METHOD_NOT_FOUND = -32601
INVALID_PARAMS = -32602
HEADER_MISMATCH = -32020
UNSUPPORTED_VERSION = -32022

_META = "io.modelcontextprotocol/"
_ENVELOPE = (f"{_META}protocolVersion", f"{_META}clientCapabilities")
_STATUS = {METHOD_NOT_FOUND: 404}
_ACCEPT = "application/json, application/problem+json, text/*;q=0.5"
# What the request of a tool takes from that of the caller: who it is and where it comes from.
_PASSED_ON = (
    "HTTP_ACCEPT_LANGUAGE", "HTTP_AUTHORIZATION", "HTTP_COOKIE", "HTTP_FORWARDED", "HTTP_HOST",
    "HTTP_ORIGIN", "HTTP_REFERER", "HTTP_SEC_FETCH_SITE", "HTTP_USER_AGENT", "HTTP_X_CSRF_TOKEN",
    "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO", "HTTP_X_REAL_IP", "REMOTE_ADDR", "REMOTE_PORT", "SCRIPT_NAME",
    "SERVER_NAME", "SERVER_PORT", "SERVER_PROTOCOL", "wsgi.errors", "wsgi.multiprocess",
    "wsgi.multithread", "wsgi.run_once", "wsgi.url_scheme", "wsgi.version",
)  # fmt: skip


class McpError(Exception):
    """An error of the protocol, as opposed to an error of a tool.

    Args:
        code: Code of the error.
        message: What is wrong.
        data: Further details.
    """

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


def mcp_endpoint(request: Request, app: "Application", openapi: OpenAPI) -> Response:
    """Offer the operations that are marked with `describe(mcp=True)` as tools.

    A view for a route of your choice, such as `path("/mcp", mcp_endpoint, ["POST"])`, which only
    signed-in users may call unless the route says `requires_auth=False`.

    Args:
        request: The request.
        app: The application, which handles the calls of tools.
        openapi: The document, which describes the tools.

    Raises:
        Forbidden: The request comes from a page of another origin, which is not listed in
            `CSRF_TRUSTED_ORIGINS`.
    """
    _check_origin(request)
    found: object = None
    try:
        message = _message(request)
        found = message.get("id")
        if "id" not in message:
            return Response(None, 202)
        params = _checked_params(request, message)
        result = _METHODS[message["method"]](request, app, openapi, params)
    except McpError as error:
        return _error(found, error)
    said = {"resultType": "complete", **result, "_meta": {f"{_META}serverInfo": _server(openapi)}}
    body = json_encode({"jsonrpc": "2.0", "id": found, "result": said})
    return Response(body, 200, {"Cache-Control": "no-store"}, JSON_TYPE)


def _error(found: object, error: McpError) -> Response:
    details = {"code": error.code, "message": error.message}
    if error.data is not None:
        details["data"] = error.data
    known = found if isinstance(found, str) or type(found) is int else None
    body = json_encode({"jsonrpc": "2.0", "id": known, "error": details})
    return Response(body, _STATUS.get(error.code, 400), None, JSON_TYPE)


def _check_origin(request: Request) -> None:
    """Raise if a page of another origin sends the request, whatever its credentials are."""
    sent = request.environ.get("HTTP_ORIGIN")
    if sent is None:
        return
    origin = origin_of(sent)
    trusted = Origins(request.config.CSRF_TRUSTED_ORIGINS)
    if origin is None or (origin != own_origin(request) and origin not in trusted):
        raise Forbidden(f"The origin {sent[:200]!r} is not in CSRF_TRUSTED_ORIGINS.")


def _message(request: Request) -> dict[str, Any]:
    """Return the message of the body: a request, or a notification, which has no id."""
    accepted = weights(request.environ.get("HTTP_ACCEPT") or "*/*")
    if not any(accepted.get(kind) for kind in ("application/json", "application/*", "*/*")):
        raise McpError(INVALID_REQUEST, "Accept must list application/json")
    try:
        message = parse_json(request.body_bytes, request.config.MAX_JSON_DEPTH)
    except BadRequest as error:
        raise McpError(PARSE_ERROR, error.message) from error
    if not isinstance(message, dict) or message.get("jsonrpc") != "2.0":
        raise McpError(INVALID_REQUEST, "the body is not one JSON-RPC 2.0 request")
    found = message.get("id", "")
    if not isinstance(message.get("method"), str) or type(found) not in (str, int):
        raise McpError(INVALID_REQUEST, "the body is not one JSON-RPC 2.0 request")
    if "id" not in message:
        _check_version(request.environ.get("HTTP_MCP_PROTOCOL_VERSION"))
    return message


def _checked_params(request: Request, message: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters, if envelope, header fields and version agree."""
    method, params = message["method"], message.get("params")
    meta = params.get("_meta") if isinstance(params, dict) else None
    if not isinstance(params, dict) or not isinstance(meta, dict):
        raise McpError(INVALID_PARAMS, "params._meta must be an object")
    missing = [name for name in _ENVELOPE if name not in meta]
    if missing:
        raise McpError(INVALID_PARAMS, f"params._meta has no {', '.join(missing)}")
    fields = {"MCP-Protocol-Version": meta[_ENVELOPE[0]], "Mcp-Method": method}
    if method == "tools/call" and params.get("name") is not None:
        fields["Mcp-Name"] = params["name"]
    for name, expected in fields.items():
        sent = request.environ.get(f"HTTP_{name.upper().replace('-', '_')}")
        if expected != (_decoded(sent) if name == "Mcp-Name" else sent):
            raise McpError(HEADER_MISMATCH, f"the header field {name} does not match the body")
    _check_version(meta[_ENVELOPE[0]])
    if method not in _METHODS:
        raise McpError(METHOD_NOT_FOUND, f"the method {method[:200]!r} is not supported")
    return params


def _check_version(version: object) -> None:
    if version not in VERSIONS:
        data = {"supported": list(VERSIONS), "requested": version if version else ""}
        raise McpError(UNSUPPORTED_VERSION, "Unsupported protocol version", data)


def _decoded(field: str | None) -> str | None:
    """Return a header field, which is in base64 between marks if it is not plain ASCII."""
    if field is None or not (field.startswith("=?base64?") and field.endswith("?=")):
        return field
    try:
        return base64.b64decode(field[9:-2], validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return None


def _server(openapi: OpenAPI) -> dict[str, str]:
    info = openapi.document()["info"]
    return {"name": info["title"], "version": info["version"]}


def _discover(
    request: Request,  # noqa: ARG001  each method has these parameters
    app: "Application",  # noqa: ARG001
    openapi: OpenAPI,  # noqa: ARG001
    params: Mapping[str, Any],  # noqa: ARG001
) -> dict[str, Any]:
    return {
        "supportedVersions": list(VERSIONS),
        "capabilities": {"tools": {}},
        "ttlMs": 0,
        "cacheScope": "public",
    }


def _list_tools(
    request: Request,
    app: "Application",  # noqa: ARG001
    openapi: OpenAPI,
    params: Mapping[str, Any],
) -> dict[str, Any]:
    if params.get("cursor") is not None:
        raise McpError(INVALID_PARAMS, "the list of tools has one page and no cursor")
    tools = [described(tool) for tool in openapi.tools().values() if may_call(request, tool)]
    return {"tools": tools, "ttlMs": 0, "cacheScope": "private"}


def described(tool: "Tool") -> dict[str, Any]:
    """Return a tool as the protocol lists it."""
    method = tool.operation.method
    found = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description or tool.title,
        "inputSchema": tool.input_schema,
        "annotations": {
            "readOnlyHint": method in ("GET", "HEAD"),
            "destructiveHint": method in ("PUT", "PATCH", "DELETE"),
            "idempotentHint": method in ("GET", "HEAD", "PUT", "DELETE"),
            "openWorldHint": False,
        },
    }
    if tool.output_schema is not None:
        found["outputSchema"] = tool.output_schema
    return found


def may_call(request: Request, tool: "Tool") -> bool:
    """Return True if the caller has what the route of a tool asks for, as far as it names it.

    Args:
        request: The request of the caller.
        tool: The tool.
    """
    operation = tool.operation
    user = request.user
    if needs_user(operation) and not is_authenticated(user):
        return request.get_context("admin_user") is not None
    return all(has_permission(user, name) for name in permissions_of(operation))


def _call_tool(
    request: Request, app: "Application", openapi: OpenAPI, params: Mapping[str, Any]
) -> dict[str, Any]:
    name, arguments = params.get("name"), params.get("arguments")
    tool = openapi.tools().get(name) if isinstance(name, str) else None
    if tool is None:
        raise McpError(INVALID_PARAMS, f"unknown tool {str(name)[:200]!r}; see tools/list")
    if arguments is not None and not isinstance(arguments, dict):
        raise McpError(INVALID_PARAMS, "arguments must be an object")
    try:
        call = tool.call(arguments or {})
    except ValueError as error:
        return _failed(str(error))
    if request.active_session is not None:
        request.active_session.commit()  # gives its connection back before another one is needed
    environ = _environ(request, tool.operation.method, call)
    # A copy that shares everything with the controller of requests, except how routes are found.
    controller = copy.copy(app.app_controller)
    router: Any = _OneRoute(app.router, tool.operation.route)
    controller.router, controller.early_answers = router, {}
    run = partial(serve, controller, app.dispatcher)
    return copy_context().run(_answer_of, run, environ, has_schema=tool.output_schema is not None)


class _OneRoute:
    """The router as the request of a tool sees it: other routes do not exist.

    An argument, or a middleware that changes the path, could lead to them otherwise.
    """

    def __init__(self, router: "Router", route: "Route") -> None:
        self._router = router
        self._route = route
        self.routes = router.routes
        self.secret_paths = router.secret_paths

    def find(self, path: str, method: str) -> "Found | None":
        """Return the route of the tool and its variables if the path is one of it."""
        found = self._router.find(path, method)
        return found if found is not None and found[0] is self._route else None

    def allowed_methods(self, _: str) -> None:
        """Return None: there is no route."""


def _environ(request: Request, method: str, call: "ToolCall") -> dict[str, Any]:
    outer = request.environ
    environ = {name: outer[name] for name in _PASSED_ON if name in outer}
    for name, value in call.headers.items():
        key = f"HTTP_{name.upper().replace('-', '_')}"
        if key not in _PASSED_ON:  # a view may read them; a tool does not write them
            environ[key] = value
    environ |= {
        "REQUEST_METHOD": method,
        # PEP 3333: decoded, each byte as one character
        "PATH_INFO": unquote_to_bytes(call.path).decode("latin-1"),
        "QUERY_STRING": call.query,
        "HTTP_ACCEPT": _ACCEPT,
        "CONTENT_LENGTH": str(len(call.body)),
        "wsgi.input": BytesIO(call.body),
    }
    if call.body:
        environ["CONTENT_TYPE"] = call.media_type
    return environ


def _answer_of(
    app: Callable[..., Iterable[bytes]], environ: dict[str, Any], *, has_schema: bool
) -> dict[str, Any]:
    """Run a request through the application and return its answer as the result of a tool."""
    started: list[Any] = []

    def start_response(status: str, headers: list[tuple[str, str]], *_: Any) -> None:
        started[:] = status, headers

    body = app(environ, start_response)
    try:
        pieces, size = [], 0
        for piece in body:
            pieces.append(piece)
            size += len(piece)
            if size > MAX_ANSWER:
                return _failed(f"the answer is larger than {MAX_ANSWER} bytes; ask for less")
    finally:
        close(body)
    status, headers = started
    fields = {name.lower(): value for name, value in headers}
    return _result(status, fields, b"".join(pieces), has_schema=has_schema)


def _result(
    status: str, fields: Mapping[str, str], body: bytes, *, has_schema: bool
) -> dict[str, Any]:
    media_type = fields.get("content-type", "").partition(";")[0].strip().lower()
    is_json = media_type == JSON_TYPE.partition(";")[0] or media_type.endswith("+json")
    if not is_json and body and not media_type.startswith(("text/", "application/x-ndjson")):
        return _failed(f"{status}: the answer is {media_type or 'of unknown type'}, not text")
    text = body.decode(errors="replace")
    if int(status[:3]) >= 400:
        return _failed(f"{status}: {text}" if text else status)
    lines = [text] if text else [status]
    if "location" in fields:
        lines.append(f"Location: {fields['location']}")
    result: dict[str, Any] = {"content": [_content(line) for line in lines], "isError": False}
    if is_json and text and has_schema:
        result["structuredContent"] = json.loads(text)
    return result


def _failed(text: str) -> dict[str, Any]:
    """Return the result of a call that failed, which the model reads and may correct."""
    return {"content": [_content(text)], "isError": True}


def _content(text: str) -> dict[str, str]:
    return {"type": "text", "text": text}


_Method = Callable[[Request, "Application", OpenAPI, Mapping[str, Any]], dict[str, Any]]
_METHODS: Mapping[str, _Method] = {
    "server/discover": _discover,
    "tools/list": _list_tools,
    "tools/call": _call_tool,
}
