"""What is known of a route: where it is, where it leads, and who is let in."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lback.auth.guards import SIGNED_IN, who_is_let_in
from lback.core.router import Route
from lback.core.routing.views import view_name

if TYPE_CHECKING:
    from lback.application import Application

PUBLIC = "public"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})  # RFC 9110 §9.2.1


@dataclass(frozen=True, slots=True)
class RouteInfo:
    """One route.

    Attributes:
        methods: In order; `*` for every one.
        auth: `"public"`, `"signed in"`, or `"admin"` for users of the admin.
        permission: What a user needs besides; empty for nothing.
        csrf: `"checked"`, `"exempt"`, `"none"` where no middleware checks, and empty where no
            method changes anything.
        limits: Rates at which one client may come.
    """

    methods: tuple[str, ...]
    path: str
    name: str
    view: str
    auth: str
    permission: str
    csrf: str
    limits: str


def route_info(app: "Application") -> list[RouteInfo]:
    """Return what is known of the routes of an application, in the order they are tried."""
    classes = (kind for item in app.middleware_manager.middlewares for kind in type(item).__mro__)
    checked = any(kind.__name__ == "CSRFMiddleware" for kind in classes)
    return [_facts(route, checked=checked) for route in app.router.routes]


def _facts(route: Route, *, checked: bool) -> RouteInfo:
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
    )


def _csrf(route: Route, methods: Iterable[str], *, checked: bool) -> str:
    if SAFE.issuperset(methods):
        return ""
    if not checked:
        return "none"
    return "exempt" if getattr(route.view, "csrf_exempt", False) else "checked"


def _permission(view: Any) -> str:
    # What class views say, and what decorators left.
    marks = (getattr(view, "permission_required", ()), *getattr(view, "permissions_wanted", ()))
    return ", ".join(filter(None, map(_listed, marks)))


def _listed(mark: Any) -> str:
    """Return what a decorator left on a view, for people."""
    if isinstance(mark, str):
        return mark
    if isinstance(mark, (list, tuple, set, frozenset)):
        return ", ".join(str(item) for item in mark)
    return getattr(mark, "__qualname__", None) or str(mark)
