"""Access to the admin: sign-in check, permissions, look-up of rows, and security headers."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import select

from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.core.exceptions import ConfigurationError, Forbidden, NotFound
from lback.core.response import RedirectResponse, Response
from lback.core.settings.defaults import TASKS_IN_DATABASE
from lback.database.column_values import compared
from lback.forms.identity import identity_of, mapper_of
from lback.forms.labels import in_sentence
from lback.forms.model_fields import any_of
from lback.tasks.permissions import TASK_VIEW
from lback.translation import gettext
from lback.translation import gettext_lazy as _

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.admin.registry import AdminRegistry
    from lback.core.request import Request
    from lback.core.router import Router
    from lback.users import AdminUser

View = Callable[..., Response]

PROTECTION = (
    "SessionMiddleware",
    "AuthenticationMiddleware",
    "BodyParsingMiddleware",
    "CSRFMiddleware",
)

# Only files of this site are loaded, so that a script injected into a page does not run.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "style-src 'self'",
        "script-src 'self'",
        "connect-src 'self'",
        "img-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
PAGE_FIELDS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "private, no-cache",
    "Vary": "Cookie",
}


def require_protection(middlewares: Sequence[object]) -> None:
    """Check at start-up that the middlewares that the admin needs are installed.

    Raises:
        ConfigurationError: Middlewares are missing; the message lists all of them.
    """
    there = {kind.__name__ for middleware in middlewares for kind in type(middleware).__mro__}
    missing = [name for name in PROTECTION if name not in there]
    if missing:
        names = ", ".join(f'"lback.middleware.{name}"' for name in missing)
        raise ConfigurationError(f"the admin needs further MIDDLEWARES: add {names}")


def user_of(request: "Request") -> Any:
    """Return the signed-in, active admin user, or None."""
    user: AdminUser | None = request.get_context("admin_user")
    return user if user is not None and user.is_active else None


def guarded(view: View) -> View:
    """Decorate a view: redirect visitors to the sign-in page, and add security headers."""

    @wraps(view)
    def enter(request: "Request", *args: object, **kwargs: object) -> Response:
        if user_of(request) is None:
            return protected(_to_sign_in(request))
        return protected(view(request, *args, **kwargs))

    # Shown by the command that lists routes; the routes themselves have requires_auth=False.
    enter.lets_in = "admin"  # type: ignore[attr-defined]  # read by the command
    enter.permissions_wanted = ("a user of the admin",)  # type: ignore[attr-defined]  # read by the command
    return enter


def open_to_all(view: View) -> View:
    """Decorate a view that needs no sign-in: add security headers."""

    @wraps(view)
    def enter(request: "Request", *args: object, **kwargs: object) -> Response:
        return protected(view(request, *args, **kwargs))

    return enter


def protected(response: Response) -> Response:
    """Add the security headers of admin pages to a response, unless it sets them."""
    for name, value in PAGE_FIELDS.items():
        response.headers.setdefault(name, value)
    return response


def _to_sign_in(request: "Request") -> Response:
    url = address(request, "admin-sign-in")
    if request.method not in ("GET", "HEAD"):
        return RedirectResponse(url, 303)  # the body is lost, so there is no `next`
    query = request.environ.get("QUERY_STRING") or ""
    # With what it is mounted below, which may be the prefix of a language.
    path = f"{request.environ.get('SCRIPT_NAME') or ''}{request.path}"
    back = f"{path}?{query}" if query else path
    return RedirectResponse(f"{url}?next={quote(back, safe='')}", 302)


def address(request: "Request", name: str, /, **params: object) -> str:
    """Return the path of an admin page.

    Args:
        request: The request; its application has the routes.
        name: Name of the route, such as "admin-list".
        **params: Values of the path variables.

    Raises:
        ConfigurationError: The request belongs to no application.
    """
    router: Router = request.get_service("router")
    return str(request.environ.get("SCRIPT_NAME", "")) + router.reverse(name, **params)


def registry_of(request: "Request") -> "AdminRegistry":
    """Return the admin registry of the application."""
    registry: AdminRegistry = request.get_service("admin_registry")
    return registry


def get_registered_model(request: "Request", slug: str, action: str = "view") -> RegisteredModel:
    """Return the registered model of a slug if the user has a permission for it.

    Args:
        request: The request; its admin user is checked.
        slug: Slug of the registered model, from the path.
        action: Required permission: "view", "add", "change" or "delete".

    Raises:
        NotFound: No model has this slug, or the user has no permission for it at all.
        Forbidden: The user may view or add rows, but lacks this permission.
    """
    registered = registry_of(request).registered_models.get(slug)
    user = user_of(request)
    if registered is None or not any(
        registered.has_permission(user, name) for name in ("view", "add", action)
    ):
        raise NotFound(
            gettext("This page does not exist, or you do not have permission to view it.")
        )
    check_permission(registered, user, action)
    return registered


def check_permission(
    registered: RegisteredModel, user: "AdminUser", action: str, row: object = None
) -> None:
    """Raise Forbidden unless a user has a permission.

    Args:
        registered: The registered model.
        user: The admin user.
        action: "view", "add", "change" or "delete".
        row: Row to check. None checks the model as a whole.

    Raises:
        Forbidden: The user does not have the permission.
    """
    if not registered.has_permission(user, action, row):
        raise Forbidden(_refusal(action, in_sentence(registered.label_plural)))


def _refusal(action: str, names: str) -> str:
    messages = {
        "view": _("You do not have permission to view %(names)s."),
        "add": _("You do not have permission to add %(names)s."),
        "change": _("You do not have permission to change %(names)s."),
        "delete": _("You do not have permission to delete %(names)s."),
    }
    return messages[action] % {"names": names}


def visible_models(request: "Request") -> list[RegisteredModel]:
    """Return the registered models of which the user may view or add rows."""
    user = user_of(request)
    every = registry_of(request).registered_models.values()
    return [
        registered
        for registered in every
        if registered.has_permission(user, "view") or registered.has_permission(user, "add")
    ]


def get_object_or_404(
    request: "Request", registered: RegisteredModel, key: str, session: "Session"
) -> object:
    """Return the row of a primary key in a path.

    Args:
        request: The request; row policies are checked for its admin user.
        registered: Registered model of the row.
        key: Primary key as text, as `identity_text` writes it.
        session: Database session.

    Raises:
        NotFound: The row does not exist, or the user may not read it; both look the same.
    """
    identity = identity_of(registered.model, key)
    row = None if identity is None else _found(registered, identity, session)
    if row is None or not policies.readable(session, user_of(request), [row]):
        name = in_sentence(registered.label)
        raise NotFound(
            gettext("This %(name)s does not exist. It may have been deleted.", name=name)
        )
    return row


def _found(registered: RegisteredModel, identity: tuple[object, ...], session: "Session") -> object:
    columns = mapper_of(registered.model).primary_key
    pairs = zip(columns, identity, strict=True)
    if all(compared(column, value) is value for column, value in pairs):
        return session.get(registered.model, identity)
    # The value is out of range for the column, and `get` would pass it to PostgreSQL unchanged.
    return session.scalars(select(registered.model).where(any_of(columns, [identity]))).first()


def has_task_pages(request: "Request") -> bool:
    """Return True if the application has tasks in its database and the user may view them.

    Args:
        request: The request; its admin user is checked.
    """
    user = user_of(request)
    if user is None or request.config.TASKS not in TASKS_IN_DATABASE:
        return False
    return bool(user.has_permission(TASK_VIEW))
