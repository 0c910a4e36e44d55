"""The parts of a `urlpatterns` list: a path to a view, and the inclusion of another list."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

PathTuple: TypeAlias = tuple[str, Callable[..., Any], Sequence[str] | None, str | None, bool]


class Include:
    """Stands in `urlpatterns` for the patterns of another module, below a prefix.

    Args:
        module_path: Dotted name of a module with a `urlpatterns` list, such as `"shop.urls"`.
        prefix: Put in front of each included pattern; kept with a leading slash and, unless it
            ends in a variable, a trailing one. Empty means no prefix.
        requires_auth: `False` opens every route of the module, `True` guards every one;
            `None` leaves each as it says itself.

    Raises:
        ValueError: The module path is not a non-empty text.
    """

    def __init__(
        self, module_path: str, prefix: str = "", *, requires_auth: bool | None = None
    ) -> None:
        if not isinstance(module_path, str) or not module_path:
            raise ValueError(
                f"include() takes the dotted name of a urls module, not {module_path!r}; "
                'write include("shop.urls", "/shop/")'
            )
        self.module_path = module_path
        self.prefix = _with_slashes(prefix)
        self.requires_auth = requires_auth

    def __repr__(self) -> str:
        return f"include({self.module_path!r}, {self.prefix!r})"


def include(module_path: str, prefix: str = "", *, requires_auth: bool | None = None) -> Include:
    """Include the patterns of another module in `urlpatterns`; see `Include`."""
    return Include(module_path, prefix, requires_auth=requires_auth)


def path(
    pattern: str,
    view: Callable[..., Any],
    methods: Sequence[str] | None = None,
    name: str | None = None,
    requires_auth: bool = True,
) -> PathTuple:
    """Build one entry of `urlpatterns`.

    Args:
        pattern: Such as `"/books/{book_id:int}"`.
        view: A function, or a class with `get`, `post` and so on.
        methods: Methods it answers; `None` means those of the view, else all.
        name: For `url_for` and the template function `url`.
        requires_auth: `False` lets visitors in who are not signed in.
    """
    return pattern, view, methods, name, requires_auth


def join_paths(prefix: str, pattern: str) -> str:
    """Join the two with exactly one slash; the result begins with one."""
    return f"{prefix.rstrip('/')}/{pattern.lstrip('/')}"


def is_local_url(url: str) -> bool:
    """Tell whether a URL from a client is a path on this very host, safe to redirect to.

    Browsers take a backslash for a slash and drop control characters, so none of them passes,
    nor does `//host/path`.
    """
    return (
        url.startswith("/")
        and not url.startswith(("//", "/\\"))
        and "\\" not in url
        and url.isprintable()
    )


def _with_slashes(prefix: str) -> str:
    if not prefix:
        return ""
    return f"/{prefix.strip('/')}{'' if prefix.endswith('}') else '/'}".replace("//", "/")
