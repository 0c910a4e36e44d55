"""Who may enter the admin, and what every page of it is sent with."""

from collections.abc import Callable, Sequence
from functools import wraps
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sqlalchemy import select

from lback.admin.registered_model import RegisteredModel
from lback.auth import policies
from lback.core.exceptions import ConfigurationError, Forbidden, NotFound
from lback.core.response import RedirectResponse, Response
from lback.forms.identity import compared, identity_of, mapper_of
from lback.forms.model_fields import any_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.admin.registry import AdminRegistry
    from lback.core.request import Request
    from lback.core.router import Router

View = Callable[..., Response]

PROTECTION = (
    "SessionMiddleware",
    "AuthenticationMiddleware",
    "BodyParsingMiddleware",
    "CSRFMiddleware",
)

# Everything comes from this site and from files: a script that got into a page does not run.
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


def require_protection(middlewares: Sequence[Any]) -> None:
    """Refuse to start an admin that nobody can sign in to, or that takes forged forms.

    Raises:
        ConfigurationError: A middleware is missing; names all that are.
    """
    there = {kind.__name__ for one in middlewares for kind in type(one).__mro__}
    missing = [name for name in PROTECTION if name not in there]
    if missing:
        names = ", ".join(f'"lback.middleware.{name}"' for name in missing)
        raise ConfigurationError(f"the admin needs further MIDDLEWARES: add {names}")


def user_of(request: "Request") -> Any:
    """Return the user of the admin who is signed in, or `None`."""
    user = request.get_context("admin_user")
    return user if user is not None and user.is_active else None


def guarded(view: View) -> View:
    """Let only those enter a view who are signed in to the admin, and send its page safely."""

    @wraps(view)
    def enter(request: "Request", *args: Any, **kwargs: Any) -> Response:
        if user_of(request) is None:
            return protected(_to_sign_in(request))
        return protected(view(request, *args, **kwargs))

    # For who lists routes, where the router knows of nobody who is kept out.
    enter.lets_in = "admin"  # type: ignore[attr-defined]  # a mark
    enter.permissions_wanted = ("a user of the admin",)  # type: ignore[attr-defined]  # a mark
    return enter


def open_to_all(view: View) -> View:
    """Let everybody enter a view, and send its page safely."""

    @wraps(view)
    def enter(request: "Request", *args: Any, **kwargs: Any) -> Response:
        return protected(view(request, *args, **kwargs))

    return enter


def protected(response: Response) -> Response:
    """Return a response with the header fields of a page of the admin."""
    for name, value in PAGE_FIELDS.items():
        response.headers.setdefault(name, value)
    return response


def _to_sign_in(request: "Request") -> Response:
    url = address(request, "admin-sign-in")
    if request.method not in ("GET", "HEAD"):
        return RedirectResponse(url, 303)  # what was sent is lost; nobody is sent back to it
    query = request.environ.get("QUERY_STRING") or ""
    back = f"{request.path}?{query}" if query else request.path
    return RedirectResponse(f"{url}?next={quote(back, safe='')}", 302)


def address(request: "Request", name: str, /, **params: Any) -> str:
    """Return the path of a page of the admin."""
    router: Router = request.get_service("router")
    return str(request.environ.get("SCRIPT_NAME", "")) + router.reverse(name, **params)


def registry_of(request: "Request") -> "AdminRegistry":
    """Return the registry of the application."""
    registry: AdminRegistry = request.get_service("admin_registry")
    return registry


def get_registered_model(request: "Request", slug: str, action: str = "view") -> RegisteredModel:
    """Return a section in which the user may do something.

    Raises:
        NotFound: There is none of that slug, or the user may see nothing of it.
        Forbidden: The user may see it, and not do this.
    """
    section = registry_of(request).sections.get(slug)
    user = user_of(request)
    if section is None or not any(
        section.has_permission(user, name) for name in ("view", "add", action)
    ):
        raise NotFound("There is no such section, or you may not see it.")
    check_permission(section, user, action)
    return section


def check_permission(section: RegisteredModel, user: Any, action: str, row: Any = None) -> None:
    """Refuse what a user may not do.

    Raises:
        Forbidden: They may not.
    """
    if not section.has_permission(user, action, row):
        raise Forbidden(f"You may not {action} {section.label_plural.lower()}.")


def visible_models(request: "Request") -> list[RegisteredModel]:
    """Return the sections of which the user may see something."""
    user = user_of(request)
    every = registry_of(request).sections.values()
    return [
        one for one in every if one.has_permission(user, "view") or one.has_permission(user, "add")
    ]


def get_object_or_404(
    request: "Request", section: RegisteredModel, key: str, session: "Session"
) -> Any:
    """Return the row of a key in a path.

    Raises:
        NotFound: There is none that the user may see: the two are not told apart.
    """
    identity = identity_of(section.model, key)
    row = None if identity is None else _found(section, identity, session)
    if row is None or not policies.readable(session, user_of(request), [row]):
        raise NotFound(f"There is no such {section.label.lower()}; it may have been deleted.")
    return row


def _found(section: RegisteredModel, identity: tuple[Any, ...], session: "Session") -> Any:
    columns = mapper_of(section.model).primary_key
    pairs = zip(columns, identity, strict=True)
    if all(compared(column, value) is value for column, value in pairs):
        return session.get(section.model, identity)
    # Too large for a column of PostgreSQL, which `get` would hand it to as it is.
    return session.scalars(select(section.model).where(any_of(columns, [identity]))).first()
