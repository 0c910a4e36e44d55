"""URL configuration: from the `urlpatterns` of modules to routes, all of them or none."""

from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from lback.core.exceptions import ConfigurationError
from lback.core.router import Route, methods_of
from lback.core.urls_utils import Include, join_paths

# methods, name, requires_auth: closed unless an entry says otherwise.
_REST = (None, None, True)


def load_routes(
    module_path: str, prefix: str = "", *, requires_auth: bool | None = None
) -> list[Route]:
    """Build the routes of a urls module and of those that it includes, in order.

    Args:
        module_path: Dotted name of the module.
        prefix: Put in front of its patterns.
        requires_auth: See `lback.core.urls_utils.Include`.

    An entry of `urlpatterns` is what `path` or `include` built, a tuple `(pattern, view[,
    methods[, name[, requires_auth]]])`, or a `Route`.

    Raises:
        ConfigurationError: A module that cannot be imported or has no `urlpatterns`, an entry
            that is no route, or modules that include each other; names module and entry.
    """
    root = Include(module_path, prefix, requires_auth=requires_auth)
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
            yield from _routes_of(inner, further, (*trail, inner.module_path))
        else:
            yield _route_of(entry, prefix, included.requires_auth, place)


def _inheriting(entry: Include, outer: Include) -> Include:
    """Return the entry with the outer module's word on `requires_auth` where it has none."""
    word = outer.requires_auth if entry.requires_auth is None else entry.requires_auth
    return Include(entry.module_path, entry.prefix, requires_auth=word)


def _urlpatterns(module_path: str) -> list[Any]:
    try:
        module = import_module(module_path)
    except Exception as error:
        raise ConfigurationError(
            f"the urls module {module_path!r} cannot be imported: {type(error).__name__}: {error}"
        ) from error
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
                f"INSTALLED_APPS names {app!r}: {type(error).__name__}: {error}"
            ) from error
        imported.append(name)
    return imported
