"""Routes of a resource: one view for each action, its checks, and its description."""

from collections.abc import Callable, Collection, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer
from sqlalchemy.types import Uuid

from lback.api.answers import require_acceptable
from lback.api.deprecation import MARK, deprecation_fields, with_fields
from lback.api.descriptions import JSON, Answer, Operation, Parameter, RequestBody
from lback.api.documented import describe
from lback.api.filters import Filter
from lback.api.list_pages import NumberedPage, Page
from lback.api.preconditions import IF_MATCH
from lback.api.references import References, names_in_body
from lback.api.resource import ACTIONS, PUBLIC, SIGNED_IN, Kind, Resource
from lback.api.resource_bodies import ACCEPT_PATCH, PATCH_TYPES, patch_struct
from lback.core.exceptions import ConfigurationError, HTTPException, did_you_mean
from lback.core.http.methods import supported_methods
from lback.core.response import Response
from lback.core.routing.endpoint import OPERATION, response_of
from lback.core.urls_utils import path
from lback.forms.identity import mapper_of, model_name, plural_of

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.core.routing.route import Route
    from lback.core.urls_utils import PathTuple

_METHODS: Mapping[str, str] = {
    "list": "GET", "read": "GET", "create": "POST", "replace": "PUT", "patch": "PATCH",
    "delete": "DELETE",
}  # fmt: skip
_OF_LIST = ("list", "create")
_WRITES_ROW = ("replace", "patch", "delete")


def routes_of(resource: type[Resource], prefix: str) -> "list[PathTuple]":
    """Return the routes of a resource; see `Resource.routes`.

    Args:
        resource: The class.
        prefix: Path of the list.

    Raises:
        ConfigurationError: An attribute of the class is missing or not valid.
    """
    prepared = _prepared(resource)
    base = f"/{prefix.strip('/')}"
    item = f"{base}/{{{_variable(prepared)}}}"
    found = [
        path(
            base if action in _OF_LIST else item,
            _view(prepared, action),
            [_METHODS[action]],
            f"{prepared.name}-{action}",
            _requires_auth(prepared, ACTIONS[action]),
        )
        for action in prepared.actions
    ]
    if "patch" in prepared.actions:
        found.append(path(item, _options_view(), ["OPTIONS"], None, False))
    return found


def _requires_auth(resource: type[Resource], kind: Kind) -> bool:
    # An overridden `user` need not be the one of the request that the route would look at.
    return resource.access.get(kind) != PUBLIC and resource.user is Resource.user


def _prepared(resource: type[Resource]) -> type[Resource]:
    """Return a subclass with every attribute filled in, so that routes of a class stay apart."""
    where = f"{resource.__module__}.{resource.__qualname__}"
    for name in ("model", "read"):
        if getattr(resource, name, None) is None:
            raise ConfigurationError(f"{where} has no {name}: write {name} = … in the class")
    replace = resource.replace or resource.create
    patch = resource.patch or (None if replace is None else patch_struct(replace))
    bodies = {"create": resource.create, "replace": replace, "patch": patch}
    actions = _actions(resource, bodies, where)
    _check_access(resource, where)
    shown = resource.filter or _plain_filter(resource)
    if shown.model is not resource.model:
        raise ConfigurationError(
            f"{where}.filter is for {shown.model.__name__}, not for {resource.model.__name__}"
        )
    attributes = {
        "replace": replace,
        "patch": patch,
        "filter": shown,
        "actions": actions,
        "name": resource.name or model_name(resource.model).replace(" ", "-"),
        "references": References(
            resource.model,
            names_in_body(*(bodies[name] for name in bodies if name in actions)),
            where,
        ),
        "__module__": resource.__module__,
        "__qualname__": resource.__qualname__,
        "__doc__": resource.__doc__,
    }
    return type(resource.__name__, (resource,), attributes)


def _actions(resource: type[Resource], bodies: Mapping[str, object], where: str) -> list[str]:
    if isinstance(resource.actions, str):
        raise ConfigurationError(f"{where}.actions is text; write ({resource.actions!r},)")
    for action in resource.actions:
        if action not in ACTIONS:
            raise ConfigurationError(
                f"{where}.actions names {action!r}; use {', '.join(ACTIONS)}"
                f"{did_you_mean(action, ACTIONS)}"
            )
    given = resource.actions is not Resource.actions
    found = [action for action in ACTIONS if action in resource.actions]
    missing = [action for action in found if bodies.get(action, 1) is None]
    if missing and given:
        raise ConfigurationError(
            f"{where}.actions names {missing[0]!r}, and the class has no struct for its body: "
            f"write {'create' if missing[0] == 'create' else 'replace'} = BookIn"
        )
    return [action for action in found if action not in missing]


def _check_access(resource: type[Resource], where: str) -> None:
    for kind, access in resource.access.items():
        if kind not in ACTIONS.values():
            raise ConfigurationError(
                f"{where}.access names {kind!r}; use view, add, change or delete"
            )
        if not callable(access) and (not isinstance(access, str) or not access):
            raise ConfigurationError(
                f"{where}.access[{kind!r}] is {access!r}; use PUBLIC, SIGNED_IN, the name of a "
                "permission, or a function of the request"
            )
    if isinstance(resource.mcp, str) or not set(resource.mcp) <= set(ACTIONS):
        raise ConfigurationError(
            f"{where}.mcp is {resource.mcp!r}; name some of {', '.join(ACTIONS)} in a tuple"
        )
    if resource.if_match not in ("optional", "required"):
        raise ConfigurationError(f"{where}.if_match is {resource.if_match!r}; use 'required'")
    if resource.idempotency not in ("", "optional", "required"):
        raise ConfigurationError(
            f"{where}.idempotency is {resource.idempotency!r}; use '', 'optional' or 'required'"
        )
    if resource.lookup and resource.lookup not in mapper_of(resource.model).column_attrs:
        raise ConfigurationError(
            f"{where}.lookup names {resource.lookup!r}, which is not a column of "
            f"{resource.model.__name__}"
        )


def _plain_filter(resource: type[Resource]) -> type[Filter]:
    class KeyFilter(Filter, model=resource.model):
        """Pages in the order of the primary key."""

    return KeyFilter


def _variable(resource: type[Resource]) -> str:
    mapper = mapper_of(resource.model)
    columns = mapper.primary_key
    if resource.lookup:
        column: Any = mapper.column_attrs[resource.lookup].columns[0]
        name = resource.lookup
    elif len(columns) > 1:
        return "key"
    else:
        column, name = columns[0], mapper.get_property_by_column(columns[0]).key
    if isinstance(column.type, Integer):
        return f"{name}:int"
    return f"{name}:uuid" if isinstance(column.type, Uuid) else name


# Views.


def _view(resource: type[Resource], action: str) -> Callable[..., Response]:
    kind = ACTIONS[action]
    handler = f"{action}_rows" if action == "list" else f"{action}_row"
    fields = {}
    if resource.deprecated is not None:
        fields = deprecation_fields(
            resource.deprecated, sunset=resource.sunset, successor=resource.successor
        )

    def view(request: "Request", **variables: object) -> Response:
        try:
            made = resource(request)
            made.check_access(kind)
            if action != "delete":
                require_acceptable(request, (JSON,))
            result = getattr(made, handler)(**variables)
        except HTTPException as error:
            error.headers = {**fields, **error.headers}
            raise
        response = result if isinstance(result, Response) else response_of(result, view)
        return with_fields(response, fields) if fields else response

    marked: Any = view
    marked.__name__ = handler
    marked.__qualname__ = f"{resource.__qualname__}.{handler}"
    marked.__module__ = resource.__module__
    marked.__doc__ = _summary(resource, action)
    setattr(marked, OPERATION, partial(_operation, resource=resource, action=action))
    if fields:
        setattr(marked, MARK, True)
    _mark_access(marked, resource, kind)
    if action in resource.mcp:
        describe(mcp=True)(marked)
    return view


def _mark_access(view: Any, resource: type[Resource], kind: Kind) -> None:
    """Mark a view for the command that lists routes and for the lock of routes."""
    access = resource.access.get(kind)
    if access == PUBLIC:
        return
    view.lets_in = SIGNED_IN
    if access != SIGNED_IN:
        view.permissions_wanted = (access or f"{resource.name}.{kind}",)


def _options_view() -> Callable[..., Response]:
    def options(request: "Request", **variables: object) -> Response:  # noqa: ARG001  the key
        allowed = request.router.allowed_methods(request.path) or []
        fields = {"Allow": ", ".join(supported_methods(allowed)), **ACCEPT_PATCH}
        return Response(None, 204, fields)

    setattr(options, OPERATION, None)
    return options


# Descriptions.


def _summary(resource: type[Resource], action: str) -> str:
    name = resource.name.replace("-", " ")
    words = {"list": f"List {plural_of(name)}.", "patch": f"Change parts of a {name}."}
    return words.get(action, f"{action.capitalize()} a {name}.")


def _operation(
    route: "Route", method: str, view: Any, *, resource: type[Resource], action: str
) -> Operation:
    parameters = [
        Parameter(variable.name, variable.name, "path", _key_type(resource))
        for variable in route.pattern.variables
    ]
    parameters += _query_and_fields(resource, action)
    body = _request_body(resource, action)
    summary = _summary(resource, action)
    description = (resource.__doc__ or "").strip() if action == "list" else ""
    return Operation(
        route,
        method,
        view,
        tuple(parameters),
        body,
        tuple(_answers(resource, action)),
        tuple(sorted(_errors(resource, action, body))),
        summary,
        description,
    )


def _key_type(resource: type[Resource]) -> Any:
    converter = _variable(resource).partition(":")[2]
    from uuid import UUID

    return {"int": int, "uuid": UUID}.get(converter, str)


def _query_and_fields(resource: type[Resource], action: str) -> list[Parameter]:
    found: list[Parameter] = []
    if action == "list" and resource.filter is not None:
        found += resource.filter.api_parameters()
    if action == "create" and resource.idempotency:
        text = "A value that is new for each request; a repetition with it is done once."
        required = resource.idempotency == "required"
        found.append(_field("Idempotency-Key", text, required=required))
    if action in _WRITES_ROW:
        text = "ETag of the state that was read; the change is refused if there is a newer one."
        found.append(_field(IF_MATCH, text, required=resource.if_match == "required"))
    if action in ("create", "replace", "patch"):
        text = "return=minimal leaves the row out of the response."
        found.append(_field("Prefer", text))
    return found


def _field(name: str, description: str, *, required: bool = False) -> Parameter:
    argument = name.lower().replace("-", "_")
    return Parameter(name, argument, "header", str, required, None, description)


def _request_body(resource: type[Resource], action: str) -> RequestBody | None:
    structs = {"create": resource.create, "replace": resource.replace, "patch": resource.patch}
    struct = structs.get(action)
    if struct is None:
        return None
    return RequestBody(struct, PATCH_TYPES if action == "patch" else (JSON,))


def _answers(resource: type[Resource], action: str) -> list[Answer]:
    read: Any = resource.read
    if action == "list":
        numbered = resource.filter is not None and resource.filter.numbered
        page: Any = NumberedPage[read] if numbered else Page[read]
        return [Answer(200, page), _not_modified()]
    if action == "delete":
        return [Answer(204, None, "", "The row was deleted.")]
    minimal = Answer(204, None, "", "As Prefer: return=minimal wants it.")
    return {
        "read": [Answer(200, read), _not_modified()],
        "create": [Answer(201, read, JSON, "The row was created; Location is its URL.")],
    }.get(action, [Answer(200, read), minimal])


def _not_modified() -> Answer:
    return Answer(304, None, "", "It has the state that If-None-Match names.")


def _errors(resource: type[Resource], action: str, body: RequestBody | None) -> Collection[int]:
    found = {403} if action == "delete" else {403, 406}
    if resource.access.get(ACTIONS[action]) != PUBLIC:
        found.add(401)
    if action not in _OF_LIST:
        found |= {404, 412}
    if action == "list":
        found |= {412, 422}
    if body is not None:
        found |= {400, 409, 413, 415, 422}
    if action in _WRITES_ROW:
        found.add(409)
        if resource.if_match == "required":
            found.add(428)
    return found
