"""URL configuration: the entries of `urlpatterns` lists, and the routes that they become."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeAlias

from lback.core.errors.import_errors import import_failure
from lback.core.exceptions import ConfigurationError
from lback.core.router import Route
from lback.core.routing.views import methods_of

PathTuple: TypeAlias = tuple[str, Callable[..., Any], Sequence[str] | None, str | None, bool]

# methods, name, requires_auth: closed unless an entry says otherwise.
_REST = (None, None, True)


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


def load_routes(
    module_path: str,
    prefix: str = "",
    *,
    requires_auth: bool | None = None,
    is_root: bool = False,
) -> list[Route]:
    """Build the routes of a urls module and of those that it includes, in order.

    Args:
        module_path: Dotted name of the module.
        prefix: Put in front of its patterns.
        requires_auth: See `lback.core.urls_utils.Include`.
        is_root: Whether it is that of `ROOT_URLCONF`, which alone may have `exception_handlers`.

    An entry of `urlpatterns` is what `path` or `include` built, a tuple `(pattern, view[,
    methods[, name[, requires_auth]]])`, or a `Route`.

    Raises:
        ConfigurationError: A module that cannot be imported or has no `urlpatterns`, an entry
            that is no route, modules that include each other, or `exception_handlers` where they
            would not count; names module and entry.
    """
    root = Include(module_path, prefix, requires_auth=requires_auth)
    if not is_root:
        _refuse_exception_handlers(module_path)
    return list(_routes_of(root, root.prefix, (module_path,)))


def _routes_of(included: Include, prefix: str, trail: tuple[str, ...]) -> Iterator[Route]:
    module_path = included.module_path
    for index, entry in enumerate(_urlpatterns(module_path)):
        place = f"{module_path}.urlpatterns[{index}]"
        if isinstance(entry, Include):
            if entry.module_path in trail:
                raise ConfigurationError(
                    f"{place} closes a circle: {' includes '.join([*trail, entry.module_path])}"
                )
            further = join_paths(prefix, entry.prefix) if entry.prefix else prefix
            inner = _inheriting(entry, included)
            _refuse_exception_handlers(inner.module_path)
            yield from _routes_of(inner, further, (*trail, inner.module_path))
        else:
            yield _route_of(entry, prefix, included.requires_auth, place)


def _inheriting(entry: Include, outer: Include) -> Include:
    """Return the entry with the outer module's word on `requires_auth` where it has none."""
    word = outer.requires_auth if entry.requires_auth is None else entry.requires_auth
    return Include(entry.module_path, entry.prefix, requires_auth=word)


def load_exception_handlers(module_path: str) -> Mapping[Any, Any]:
    """Return the `exception_handlers` of the module of `ROOT_URLCONF`; empty where it has none.

    Raises:
        ConfigurationError: The module cannot be imported, or they are not a dict.
    """
    handlers = getattr(_module(module_path), "exception_handlers", {})
    if not isinstance(handlers, Mapping):
        raise ConfigurationError(
            f"{module_path}.exception_handlers is a {type(handlers).__name__}, not a dict; "
            "write exception_handlers = {404: not_found, OutOfStock: sold_out}"
        )
    return handlers


def _refuse_exception_handlers(module_path: str) -> None:
    if isinstance(getattr(_module(module_path), "exception_handlers", None), Mapping):
        raise ConfigurationError(
            f"{module_path}.exception_handlers would not count: they belong into the module of "
            "ROOT_URLCONF, or to app.exception_handler"
        )


def _module(module_path: str) -> ModuleType:
    try:
        return import_module(module_path)
    except Exception as error:
        raise ConfigurationError(
            f"the urls module {module_path!r} cannot be imported: {import_failure(error)}"
        ) from error


def _urlpatterns(module_path: str) -> list[Any]:
    module = _module(module_path)
    patterns = getattr(module, "urlpatterns", None)
    if not isinstance(patterns, (list, tuple)):
        raise ConfigurationError(
            f"the module {module_path!r} has no list urlpatterns; "
            'write urlpatterns = [path("/", home, requires_auth=False)]'
        )
    return list(patterns)


def _route_of(entry: Any, prefix: str, requires_auth: bool | None, place: str) -> Route:
    parts = _parts_of(entry, place)
    if requires_auth is not None:
        parts[4] = requires_auth
    try:
        return Route(join_paths(prefix, parts[0]), *parts[1:])
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{place}: {error}") from error


def _parts_of(entry: Any, place: str) -> list[Any]:
    if isinstance(entry, Route):
        return [entry.path, entry.view, entry.methods, entry.name, entry.requires_auth]
    if not isinstance(entry, (tuple, list)) or not 2 <= len(entry) <= 5:
        raise ConfigurationError(
            f"{place} is {entry!r}, not a route; write "
            'path("/books/{book_id:int}", show_book) or include("shop.urls", "/shop/")'
        )
    parts = [*list(entry), *_REST[len(entry) - 2 :]]
    pattern, view, methods, name, requires_auth = parts
    if not isinstance(pattern, str):
        raise ConfigurationError(f"{place} begins with {pattern!r}; a pattern is text")
    if methods is None:
        methods = methods_of(view)
    return [pattern, view, methods, name, requires_auth]


def import_admin_modules(apps: list[str]) -> list[str]:
    """Import `<app>.admin` of each installed app that has one; see `import_app_modules`."""
    return import_app_modules(apps, "admin")


def import_app_modules(apps: list[str], module: str) -> list[str]:
    """Import a module of each installed app that has it, for what it registers.

    Returns:
        The modules imported.

    Raises:
        ConfigurationError: An app that does not exist, or a module that fails.
    """
    imported = []
    for app in apps:
        name = f"{app}.{module}"
        try:
            # An app that is one file has no modules of its own.
            if not hasattr(import_module(app), "__path__") or find_spec(name) is None:
                continue
            import_module(name)
        except Exception as error:
            raise ConfigurationError(
                f"INSTALLED_APPS names {app!r}: {import_failure(error)}"
            ) from error
        imported.append(name)
    return imported
