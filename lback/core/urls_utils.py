"""URL configuration: `urlpatterns` lists with `path` and `include`, and loading them as routes."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType
from typing import Any, TypeAlias

from lback.core.errors.import_errors import import_failure
from lback.core.exceptions import ConfigurationError
from lback.core.router import Route
from lback.core.routing.views import methods_of
from lback.core.routing.websocket_route import WebSocketRoute

PathTuple: TypeAlias = tuple[str, Callable[..., object], Sequence[str] | None, str | None, bool]

# Defaults of methods, name and requires_auth.
_REST = (None, None, True)


class Include:
    """An entry of `urlpatterns` that includes the patterns of another module below a prefix.

    Args:
        module_path: Dotted name of a module with a `urlpatterns` list, such as `"shop.urls"`.
        prefix: Prepended to each included pattern. It gets a leading slash and, unless it ends
            with a variable, a trailing one. Empty means no prefix.
        requires_auth: Overrides `requires_auth` of every included route; `None` keeps it.

    Raises:
        ValueError: The module path is not a non-empty text.
    """

    def __init__(
        self, module_path: str, prefix: str = "", *, requires_auth: bool | None = None
    ) -> None:
        if not isinstance(module_path, str) or not module_path:
            raise ValueError(
                f"include() expects the dotted name of a urls module, not {module_path!r}; "
                'write include("shop.urls", "/shop/")'
            )
        self.module_path = module_path
        self.prefix = _with_slashes(prefix)
        self.requires_auth = requires_auth

    def __repr__(self) -> str:
        return f"include({self.module_path!r}, {self.prefix!r})"


def include(module_path: str, prefix: str = "", *, requires_auth: bool | None = None) -> Include:
    """Include the patterns of another module in `urlpatterns`.

    Args:
        module_path: Dotted name of a module with a `urlpatterns` list, such as `"shop.urls"`.
        prefix: Prepended to each included pattern. Empty means no prefix.
        requires_auth: Overrides `requires_auth` of every included route; `None` keeps it.

    Raises:
        ValueError: The module path is not a non-empty text.

    Example:
        >>> urlpatterns = [include("shop.urls", "/shop/")]
    """
    return Include(module_path, prefix, requires_auth=requires_auth)


def path(
    pattern: str,
    view: Callable[..., object],
    methods: Sequence[str] | None = None,
    name: str | None = None,
    requires_auth: bool = True,
) -> PathTuple:
    """Build one entry of `urlpatterns`.

    Args:
        pattern: Path pattern, such as `"/books/{book_id:int}"`.
        view: A function, or a class with `get`, `post` and so on.
        methods: Names of the allowed methods; `None` means those that the view declares, else
            every one.
        name: Name for `url_for` and the template function `url`.
        requires_auth: Whether only signed-in users may access the route.

    Example:
        >>> def show_book(request, book_id):
        ...     return f"book {book_id}"
        >>> urlpatterns = [path("/books/{book_id:int}", show_book, name="book")]
    """
    return pattern, view, methods, name, requires_auth


def websocket(
    pattern: str,
    handler: Callable[..., object],
    name: str | None = None,
    requires_auth: bool = True,
) -> WebSocketRoute:
    """Build an entry of `urlpatterns` for WebSockets.

    Args:
        pattern: Path pattern, such as `"/tickets/{ticket_id:int}"`.
        handler: An `async def`, or a class with `connect`, `receive` or `disconnect`.
        name: Name for `url_for` and the template function `url`.
        requires_auth: Whether only signed-in users may connect.

    Example:
        >>> async def echo(connection):
        ...     async for message in connection:
        ...         await connection.send(message)
        >>> urlpatterns = [websocket("/echo", echo, name="echo")]
    """
    return WebSocketRoute(pattern, handler, name, requires_auth)


def join_paths(prefix: str, pattern: str) -> str:
    """Join a prefix and a pattern with exactly one slash; the result begins with a slash.

    Args:
        prefix: Prefix, with or without slashes at its end.
        pattern: Path pattern, with or without a leading slash.

    Example:
        >>> join_paths("/shop/", "/books")
        '/shop/books'
    """
    return f"{prefix.rstrip('/')}/{pattern.lstrip('/')}"


def is_local_url(url: str) -> bool:
    """Return True if a URL from a client is a path on this host, which is safe to redirect to.

    False for `//host/path`, and for backslashes and control characters, because browsers treat
    the former as slashes and drop the latter.

    Example:
        >>> is_local_url("/cart?step=2"), is_local_url("//evil.example/")
        (True, False)
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
    """Build the routes of a urls module and of the modules that it includes, in order.

    An entry of `urlpatterns` is the result of `path` or `include`, a tuple `(pattern, view[,
    methods[, name[, requires_auth]]])`, or a `Route`.

    Args:
        module_path: Dotted name of the module.
        prefix: Prepended to its patterns.
        requires_auth: Overrides `requires_auth` of every route; `None` keeps it.
        is_root: Whether it is the module of `ROOT_URLCONF`, the only one that may have
            `exception_handlers`.

    Raises:
        ConfigurationError: A module cannot be imported or has no `urlpatterns`, an entry is not
            valid, modules include each other, or a module other than the root one has
            `exception_handlers`. The message names module and entry.
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
                    f"{place} closes a cycle: {' includes '.join([*trail, entry.module_path])}"
                )
            further = join_paths(prefix, entry.prefix) if entry.prefix else prefix
            inner = _inheriting(entry, included)
            _refuse_exception_handlers(inner.module_path)
            yield from _routes_of(inner, further, (*trail, inner.module_path))
        else:
            yield _route_of(entry, prefix, included.requires_auth, place)


def _inheriting(entry: Include, outer: Include) -> Include:
    """Return the entry, with `requires_auth` of the outer module if it has none of its own."""
    inherited = outer.requires_auth if entry.requires_auth is None else entry.requires_auth
    return Include(entry.module_path, entry.prefix, requires_auth=inherited)


def load_exception_handlers(module_path: str) -> Mapping[Any, Any]:
    """Return the `exception_handlers` of the module of `ROOT_URLCONF`; empty if it has none.

    Raises:
        ConfigurationError: The module cannot be imported, or `exception_handlers` is not a dict.
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
            f"{module_path}.exception_handlers has no effect: move it to the module of "
            "ROOT_URLCONF, or use app.exception_handler"
        )


def _module(module_path: str) -> ModuleType:
    try:
        return import_module(module_path)
    except Exception as error:
        raise ConfigurationError(
            f"the urls module {module_path!r} cannot be imported: {import_failure(error)}"
        ) from error


def _urlpatterns(module_path: str) -> list[object]:
    module = _module(module_path)
    patterns = getattr(module, "urlpatterns", None)
    if not isinstance(patterns, (list, tuple)):
        raise ConfigurationError(
            f"the module {module_path!r} has no list urlpatterns; "
            'write urlpatterns = [path("/", home, requires_auth=False)]'
        )
    return list(patterns)


def _route_of(entry: object, prefix: str, requires_auth: bool | None, place: str) -> Route:
    parts = _parts_of(entry, place)
    if requires_auth is not None:
        parts[4] = requires_auth
    try:
        if isinstance(entry, WebSocketRoute):
            return WebSocketRoute(join_paths(prefix, parts[0]), parts[1], *parts[3:])
        return Route(join_paths(prefix, parts[0]), *parts[1:])
    except (TypeError, ValueError) as error:
        raise ConfigurationError(f"{place}: {error}") from error


def _parts_of(entry: object, place: str) -> list[Any]:
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
    """Import `<app>.admin` of each installed app that has one.

    Args:
        apps: Dotted names of packages, as in `INSTALLED_APPS`.

    Returns:
        The names of the imported modules.

    Raises:
        ConfigurationError: An app does not exist, or a module raises while it is imported.
    """
    return import_app_modules(apps, "admin")


def import_app_modules(apps: list[str], module: str) -> list[str]:
    """Import a module, such as `models`, of each installed app that has it.

    Args:
        apps: Dotted names of packages, as in `INSTALLED_APPS`.
        module: Name of the module in each package.

    Returns:
        The names of the imported modules.

    Raises:
        ConfigurationError: An app does not exist, or a module raises while it is imported.
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
