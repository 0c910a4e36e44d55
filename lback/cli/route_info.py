"""Facts about routes: path, view, and the guards that decide who has access."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lback.api.documented import description_of
from lback.auth.guards import SIGNED_IN, who_is_let_in
from lback.auth.route_access import SAFE, checks_csrf, is_csrf_exempt, permission_marks
from lback.core.router import Route
from lback.core.routing.views import View, view_name
from lback.core.routing.websocket_route import WEBSOCKET

if TYPE_CHECKING:
    from lback.application import Application

PUBLIC = "public"


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """A route as `lback routes` shows it.

    Attributes:
        methods: HTTP methods in order; `*` for all.
        path: Path pattern, such as `"/notes/{id:int}"`.
        name: Name of the route; empty without one.
        view: Dotted name of the view.
        auth: `"public"`, `"signed in"`, or `"admin"` for users of the admin.
        permission: Permissions that the view requires; empty for none.
        csrf: `"checked"`, `"exempt"`, `"none"` if no middleware checks, empty if all methods are
            safe (RFC 9110 section 9.2.1).
        limits: Rate limits of the view.
        tool: `"mcp"` if programs may call it as a tool, see `lback.api.mcp_endpoint`; else empty.
    """

    methods: tuple[str, ...]
    path: str
    name: str
    view: str
    auth: str
    permission: str
    csrf: str
    limits: str
    tool: str


def route_info(app: "Application") -> list[RouteInfo]:
    """Return the routes of an application in the order in which they are matched."""
    checked = checks_csrf(app.middleware_manager.middlewares)
    return [_info_of(route, checked=checked) for route in app.router.routes]


def _info_of(route: Route, *, checked: bool) -> RouteInfo:
    methods = tuple(route.methods or "*")
    return RouteInfo(
        methods,
        route.path,
        route.name or "",
        view_name(route.view),
        SIGNED_IN if route.requires_auth else who_is_let_in(route.view) or PUBLIC,
        _permission(route.view),
        _csrf(route, methods, checked=checked),
        _listed(getattr(route.view, "rate_limits", ())),
        "mcp" if _is_tool(route.view) else "",
    )


def _csrf(route: Route, methods: Iterable[str], *, checked: bool) -> str:
    if SAFE.issuperset(methods) or methods == (WEBSOCKET,):
        return ""
    if not checked:
        return "none"
    return "exempt" if is_csrf_exempt(route.view) else "checked"


def _is_tool(view: View) -> bool:
    handlers = vars(view).values() if isinstance(view, type) else ()
    return any(description_of(one).mcp for one in (view, *handlers))


def _permission(view: View) -> str:
    return ", ".join(map(_listed, permission_marks(view)))


def _listed(mark: object) -> str:
    """Return the mark of a decorator on a view as text."""
    if isinstance(mark, str):
        return mark
    if isinstance(mark, (list, tuple, set, frozenset)):
        return ", ".join(str(item) for item in mark)
    return getattr(mark, "__qualname__", None) or str(mark)
