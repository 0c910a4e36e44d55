"""Who may read the documentation of the API, as the setting `API_DOCS_ACCESS` says."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, TypeVar

from lback.auth.guards import LETS_IN
from lback.core.exceptions import Forbidden, Unauthorized

if TYPE_CHECKING:
    from lback.core.request import Request

V = TypeVar("V", bound=Callable[..., object])


def check_access(request: "Request") -> None:
    """Raise unless the sender of a request may read the documentation.

    Everybody may while `DEBUG` is on, or if `API_DOCS_ACCESS` is "public". Users of the admin and
    superusers of the site always may; other signed-in users if the setting is "users".

    Args:
        request: The current request.

    Raises:
        Unauthorized: No user is signed in.
        Forbidden: The user may not.
    """
    access = request.config.API_DOCS_ACCESS
    if request.config.DEBUG is True or access == "public":
        return
    user = _active(request.get_context("user"))
    staff = _active(request.get_context("admin_user"))
    if staff is not None or getattr(user, "is_superuser", False):
        return
    if user is None:
        raise Unauthorized("Sign in to read the documentation of this API.")
    if access != "users":
        raise Forbidden("The documentation of this API is for its developers.")


def _active(account: object) -> object:
    return account if getattr(account, "is_active", False) else None


def readers_only(view: V) -> V:
    """Decorate a view of the documentation: check who reads it, and keep it out of shared caches.

    Args:
        view: The view.
    """

    @wraps(view)
    def enter(request: "Request", *args: object, **kwargs: object) -> object:
        check_access(request)
        return view(request, *args, **kwargs)

    # Shown by the command that lists routes.
    setattr(enter, LETS_IN, "API_DOCS_ACCESS")
    return enter  # type: ignore[return-value]  # it has the signature of the view
