"""Permissions: checks by role, by object and by policy, for views and inside them."""

import warnings
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from lback.auth.guards import guarded, guarded_by_method
from lback.core.app_controller import is_authenticated
from lback.core.exceptions import Forbidden, Unauthorized

if TYPE_CHECKING:
    from lback.core.request import Request

V = TypeVar("V", bound=Callable[..., object])

Wanted: TypeAlias = "str | Iterable[str] | Callable[[Request], bool]"


def has_permission(user: Any, permission: str, obj: object = None) -> bool:
    """Return True if a user has a permission, perhaps on one object.

    A superuser has every permission; a user who is not signed in or not active has none. An object
    with a method `allows(user, permission)` decides itself: authors may edit their own text
    without a role, and editors may not edit one that is closed. Otherwise the roles of the user
    decide. In addition, the policy of a row must allow the last word of the permission, such as
    `edit`; see `lback.auth.policies`.

    Args:
        user: An account, or `None` for a visitor who is not signed in.
        permission: Name of the permission, such as `"blog.edit"`.
        obj: The object to be worked on, such as a row; `None` means no particular one.

    Returns:
        True if the user has the permission.

    Example:
        >>> has_permission(None, "blog.edit")
        False
    """
    if not is_authenticated(user) or not getattr(user, "is_active", True):
        return False
    if getattr(user, "is_superuser", False):
        return True
    allows = getattr(obj, "allows", None)
    granted = user.has_permission(permission) if allows is None else allows(user, permission)
    return bool(granted) and _policy_allows(user, permission, obj)


def _policy_allows(user: object, permission: str, obj: object) -> bool:
    if not hasattr(type(obj), "__mapper__"):
        return True
    # Imported here because it loads SQLAlchemy, which is loaded anyway where there is a row.
    from lback.auth import policies

    return policies.allows(user, permission.rpartition(".")[2], obj)


def require_user(request: "Request") -> Any:
    """Return the user of a request, or raise if there is none.

    Args:
        request: The current request.

    Returns:
        The account that is signed in.

    Raises:
        Unauthorized: The user is not signed in.
    """
    if not is_authenticated(request.user):
        raise Unauthorized
    return request.user


def check_permission(request: "Request", permission: Wanted, obj: object = None) -> None:
    """Raise unless the user of a request has a permission.

    Args:
        request: The current request.
        permission: Name of a permission; several names, all of which are needed; or a function of
            the request that returns True for those who may continue.
        obj: The object to be worked on; see `has_permission`.

    Raises:
        Unauthorized: The user is not signed in; browsers are redirected to the sign-in page.
        Forbidden: The user lacks the permission, or `permission` is an empty list.
    """
    user = require_user(request)
    if callable(permission):
        granted = bool(permission(request))
    else:
        names = [permission] if isinstance(permission, str) else list(permission)
        granted = bool(names) and all(has_permission(user, name, obj) for name in names)
    if not granted:
        raise Forbidden


def login_required(view: V) -> V:
    """Require a signed-in user for a view; a decorator for functions and classes.

    Routes require one by default, unless they are registered with `requires_auth=False`.

    Args:
        view: A view function, or a class with handlers such as `get`.

    Returns:
        The guarded function, or the same class with guarded handlers.

    Raises:
        TypeError: A class has no handler that can be guarded.

    Example:
        >>> @login_required
        ... def members(request):
        ...     return "members only"
        >>> app.add_route("/members", members, requires_auth=False)
        >>> Client(app).get("/members").status_code
        401
    """
    return guarded(view, require_user)


class PermissionRequired:
    """Require a permission for a view; a decorator for functions and classes.

    Args:
        wanted: Name of a permission; several names, all of which are needed; or a function of the
            request that returns True for those who may continue.
        obj: A function of the request that returns the object to be worked on; see
            `has_permission`.
        thing: Deprecated name of `obj`.

    Raises:
        TypeError: `wanted` is none of these, or contains no name.

    Example:
        >>> @PermissionRequired("blog.publish")
        ... def publish(request):
        ...     return "published"
        >>> app.add_route("/publish", publish, ["POST"], requires_auth=False)
        >>> Client(app).post("/publish").status_code
        401
    """

    def __init__(
        self,
        wanted: Wanted,
        *,
        obj: "Callable[[Request], object] | None" = None,
        thing: "Callable[[Request], object] | None" = None,
    ) -> None:
        if thing is not None:
            text = "PermissionRequired(thing=…) is deprecated and goes in 0.3: write obj=…"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
        self.wanted = _checked(wanted)
        self._get_object = obj or thing

    def __call__(self, view: V) -> V:
        """Return the view with the check before it, marked with the permission it requires."""
        entered = guarded(view, self.check)
        if not isinstance(view, type):  # a subclass would inherit the mark, and not the check
            # For listings of routes; added to the marks of other such decorators.
            wanted = (*getattr(view, "permissions_wanted", ()), self.wanted)
            entered.permissions_wanted = wanted  # type: ignore[attr-defined]  # a mark
        return entered

    def check(self, request: "Request") -> None:
        """Raise unless the user of a request has the permission.

        Args:
            request: The current request.

        Raises:
            Unauthorized: The user is not signed in.
            Forbidden: The user lacks the permission.
        """
        require_user(request)
        obj = None if self._get_object is None else self._get_object(request)
        check_permission(request, self.wanted, obj)


permission_required = PermissionRequired


class LoginRequiredMixin:
    """Require a signed-in user for all handlers of a class view; list it before other bases."""

    def __init_subclass__(cls, **options: object) -> None:
        super().__init_subclass__(**options)
        guarded_by_method(cls, "check_access")

    def check_access(self, request: "Request") -> None:
        """Raise unless the user may enter; called before every handler.

        Args:
            request: The current request.

        Raises:
            Unauthorized: The user is not signed in.
        """
        require_user(request)


class PermissionRequiredMixin(LoginRequiredMixin):
    """Require a permission for all handlers of a class view; list it before other bases.

    Attributes:
        permission_required: Name of a permission, or several that are all needed.
    """

    permission_required: "str | Iterable[str]" = ()

    def check_access(self, request: "Request") -> None:
        """Raise unless the user may enter; called before every handler.

        Args:
            request: The current request.

        Raises:
            Unauthorized: The user is not signed in.
            Forbidden: The user lacks a permission.
        """
        require_user(request)
        wanted = _checked(self.permission_required)
        check_permission(request, wanted, self.get_permission_object(request))

    def get_permission_object(self, request: "Request") -> Any:  # noqa: ARG002  for subclasses
        """Return the object to be worked on, for subclasses to override; see `has_permission`.

        Args:
            request: The current request.
        """
        return None


def _checked(wanted: Any) -> Any:
    if callable(wanted):
        return wanted
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    if not names or not all(isinstance(name, str) and name for name in names):
        raise TypeError(
            f"{wanted!r} names no permission; write PermissionRequired('blog.edit'), "
            "a list of such names, or a function of the request"
        )
    return wanted if isinstance(wanted, str) else tuple(names)


def _may(user: object, permission: str, thing: object = None) -> bool:
    """Return what `has_permission` does, with the parameter names of version 0.1."""
    return has_permission(user, permission, thing)


def _require(request: "Request", wanted: Wanted, thing: object = None) -> None:
    """Do what `check_permission` does, with the parameter names of version 0.1."""
    check_permission(request, wanted, thing)


_DEPRECATED: dict[str, tuple[str, Callable[..., object]]] = {
    "may": ("has_permission", _may),
    "require": ("check_permission", _require),
}


def deprecated_name(module: str, name: str) -> Any:
    """Return what a name of version 0.1 refers to, with a warning for the code that uses it.

    Args:
        module: Dotted name of the module that has the attribute, for the warning.
        name: Name of the attribute.

    Returns:
        A function with the parameters of version 0.1.

    Raises:
        AttributeError: The name is not one of the deprecated ones.
    """
    if name not in _DEPRECATED:
        raise AttributeError(f"module {module!r} has no attribute {name!r}")
    new_name, function = _DEPRECATED[name]
    text = f"{module}.{name} is deprecated and goes in 0.3: use {module}.{new_name}"
    warnings.warn(text, DeprecationWarning, stacklevel=3)
    return function


def __getattr__(name: str) -> Any:
    return deprecated_name(__name__, name)
