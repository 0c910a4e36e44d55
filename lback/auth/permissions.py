"""What somebody may do: asked of their roles, of the thing itself, and at the door of a view."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from lback.auth.guards import guarded, guarded_by_method
from lback.core.app_controller import is_authenticated
from lback.core.exceptions import Forbidden, Unauthorized

if TYPE_CHECKING:
    from lback.core.request import Request

V = TypeVar("V", bound=Callable[..., Any])

Wanted: TypeAlias = "str | Iterable[str] | Callable[[Request], bool]"


def may(user: Any, permission: str, thing: Any = None) -> bool:
    """Tell whether somebody may do something, perhaps to one thing.

    A thing with a method `allows(user, permission)` answers itself: an author may edit their own
    text without a role, and an editor may not edit one that is closed. Else the roles of the user
    count. Beside that, the policy of the thing must allow the last word of the permission, such as
    `edit`; see `lback.auth.policies`. Who is not signed in, or not active, may do nothing; a
    superuser may do everything.

    Args:
        user: An account, or `None`.
        permission: Such as `"blog.edit"`.
        thing: What it is to be done to.
    """
    if not is_authenticated(user) or not getattr(user, "is_active", True):
        return False
    if getattr(user, "is_superuser", False):
        return True
    allows = getattr(thing, "allows", None)
    granted = user.has_permission(permission) if allows is None else allows(user, permission)
    return bool(granted) and _policy_allows(user, permission, thing)


def _policy_allows(user: Any, permission: str, thing: Any) -> bool:
    if not hasattr(type(thing), "__mapper__"):
        return True
    # An import here, because it brings the library of the database: with a row, that is there.
    from lback.auth import policies

    return policies.allows(user, permission.rpartition(".")[2], thing)


def require_user(request: "Request") -> Any:
    """Return the user of a request.

    Raises:
        Unauthorized: Nobody is signed in.
    """
    if not is_authenticated(request.user):
        raise Unauthorized
    return request.user


def require(request: "Request", wanted: Wanted, thing: Any = None) -> None:
    """Refuse a request whose user may not do something.

    Args:
        request: Who asks.
        wanted: The name of a permission, several that are all needed, or a function of the
            request that decides.
        thing: What it is to be done to; see `may`.

    Raises:
        Unauthorized: Nobody is signed in: a browser is sent to sign in.
        Forbidden: The user may not.
    """
    user = require_user(request)
    if callable(wanted):
        granted = bool(wanted(request))
    else:
        names = [wanted] if isinstance(wanted, str) else list(wanted)
        granted = bool(names) and all(may(user, name, thing) for name in names)
    if not granted:
        raise Forbidden


def login_required(view: V) -> V:
    """Let only those enter a view who are signed in; a decorator for functions and classes.

    Routes want that by themselves, unless they say `requires_auth=False`.
    """
    return guarded(view, require_user)


class PermissionRequired:
    """Lets only those enter a view who may; a decorator for functions and classes.

    Args:
        wanted: As for `require`.
        thing: A function of the request that finds what it is to be done to.

    Raises:
        TypeError: It is none of these, or names no permission.
    """

    def __init__(self, wanted: Wanted, *, thing: "Callable[[Request], Any] | None" = None) -> None:
        self.wanted = _checked(wanted)
        self._thing = thing

    def __call__(self, view: V) -> V:
        """Return the view with the check before it, marked with what it wants."""
        entered = guarded(view, self.check)
        if not isinstance(view, type):  # a subclass would inherit the mark, and not the check
            # For who lists routes; on top of what another such decorator left.
            wanted = (*getattr(view, "permissions_wanted", ()), self.wanted)
            entered.permissions_wanted = wanted  # type: ignore[attr-defined]  # a mark
        return entered

    def check(self, request: "Request") -> None:
        """Refuse a request whose user may not enter.

        Raises:
            Unauthorized, Forbidden: As `require`.
        """
        require_user(request)
        require(request, self.wanted, None if self._thing is None else self._thing(request))


permission_required = PermissionRequired


class LoginRequiredMixin:
    """For class views: only those enter who are signed in. It stands before other bases."""

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        guarded_by_method(cls, "check_access")

    def check_access(self, request: "Request") -> None:
        """Refuse a request; called before every handler.

        Raises:
            Unauthorized: Nobody is signed in.
        """
        require_user(request)


class PermissionRequiredMixin(LoginRequiredMixin):
    """For class views: only those enter who may. It stands before other bases.

    Attributes:
        permission_required: The name of a permission, or several that are all needed.
    """

    permission_required: "str | Iterable[str]" = ()

    def check_access(self, request: "Request") -> None:
        """Refuse a request; called before every handler.

        Raises:
            Unauthorized, Forbidden: As `require`.
        """
        require_user(request)
        require(request, _checked(self.permission_required), self.get_permission_object(request))

    def get_permission_object(self, request: "Request") -> Any:  # noqa: ARG002  for subclasses
        """Return what it is to be done to; see `may`."""
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
