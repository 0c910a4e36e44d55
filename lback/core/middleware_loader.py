"""Builds the middlewares named in the settings and checks their order."""

import inspect
from collections.abc import Iterable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lback.core.dependencies import missing_setting
from lback.core.errors.import_errors import import_failure
from lback.core.exceptions import ConfigurationError
from lback.core.middleware_manager import Middleware, MiddlewareManager

if TYPE_CHECKING:
    from lback.core.config import Config

_BY_NAME = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)


def import_class(class_path: str) -> type:
    """Import a class by its dotted path, such as `"shop.middleware.Basket"`.

    Raises:
        ImportError: The text is not a dotted path, or the module or class does not exist; the
            message suggests similar names. Other exceptions of the module are raised unchanged.
        TypeError: The object is not a class.

    Example:
        >>> import_class("collections.Counter")
        <class 'collections.Counter'>
    """
    found = import_object(class_path)
    if not isinstance(found, type):
        raise TypeError(f"{class_path!r} is a {type(found).__name__}, not a class")
    return found


def import_object(class_path: str) -> Any:
    """Import an object, such as a function, by its dotted path.

    Raises:
        ImportError: As `import_class`.
    """
    module_path, _, name = class_path.rpartition(".")
    if not module_path or not name or module_path.startswith("."):
        raise ImportError(f"{class_path!r} is not a dotted path; write 'package.module.ClassName'")
    try:
        module = import_module(module_path)
    except ImportError as error:
        raise ImportError(f"{class_path!r} cannot be imported: {import_failure(error)}") from error
    try:
        return getattr(module, name)
    except AttributeError as error:
        near = get_close_matches(name, vars(module), n=3)
        hint = f"; did you mean {' or '.join(near)}?" if near else ""
        raise ImportError(f"the module {module_path!r} has no {name!r}{hint}") from error


def create_middleware(
    middleware_class: type,
    available_dependencies_instances: Mapping[str, object],
    params: Mapping[str, object] | None = None,
) -> Any:
    """Build a middleware, filling the parameters of its constructor with services by name.

    Args:
        middleware_class: The class.
        available_dependencies_instances: Services by name; `None` counts as not available.
        params: Arguments from the settings, which take precedence over services.

    Raises:
        TypeError: The first argument is not a class, nothing provides a required parameter, or
            the constructor does not take a name in `params`. Exceptions of the constructor are
            raised unchanged.
    """
    if not isinstance(middleware_class, type):
        raise TypeError(f"a middleware is built from its class, not from {middleware_class!r}")
    params = params or {}
    name = middleware_class.__name__
    accepted = _parameters(middleware_class)
    _check_params(name, accepted, params)
    arguments = dict(params)
    for parameter in accepted.values():
        if parameter.name in params or parameter.kind not in _BY_NAME:
            continue
        dependency = available_dependencies_instances.get(parameter.name)
        if dependency is not None:
            arguments[parameter.name] = dependency
        elif parameter.default is parameter.empty:
            raise TypeError(_nothing_fills(name, parameter.name, available_dependencies_instances))
    return middleware_class(**arguments)


def _parameters(middleware_class: type) -> Mapping[str, inspect.Parameter]:
    parameters = inspect.signature(middleware_class).parameters
    for parameter in parameters.values():
        if parameter.kind is parameter.POSITIONAL_ONLY:
            raise TypeError(
                f"{middleware_class.__name__}() takes {parameter.name!r} by position only; "
                "middlewares are built by name"
            )
    return parameters


def _check_params(
    name: str, accepted: Mapping[str, inspect.Parameter], params: Mapping[str, object]
) -> None:
    if any(parameter.kind is parameter.VAR_KEYWORD for parameter in accepted.values()):
        return
    names = [parameter.name for parameter in accepted.values() if parameter.kind in _BY_NAME]
    for given in params:
        if given not in names:
            near = get_close_matches(str(given), names, n=1)
            known = ", ".join(names) or "none"
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {known}"
            raise TypeError(f"{name}() takes no parameter {given!r}; {hint}")


def _nothing_fills(name: str, parameter: str, dependencies: Mapping[str, object]) -> str:
    setting = missing_setting(dependencies, parameter)
    if setting is not None:
        return f"{name}() requires {parameter!r}, which needs the setting {setting}"
    known = [key for key, value in dependencies.items() if value is not None]
    near = get_close_matches(parameter, known, n=1)
    hint = f"did you mean {near[0]!r}?" if near else f"dependencies: {', '.join(sorted(known))}"
    return (
        f"{name}() requires {parameter!r}, which is neither a dependency nor in its params; {hint}"
    )


def load_middlewares_from_config(
    middleware_manager: MiddlewareManager,
    config: "Config",
    available_dependencies_instances: Mapping[str, object],
) -> None:
    """Build the middlewares of `config.MIDDLEWARES` and add them in that order, all or none.

    An entry is a dotted path, a dict `{"class": path, "params": {…}}`, or a class.

    Args:
        middleware_manager: The chain that they are added to.
        config: Settings; `MIDDLEWARES` is read.
        available_dependencies_instances: Services by name, for their constructors.

    Raises:
        ConfigurationError: An entry cannot be imported, built or added; the message names its
            index.
    """
    built: list[Middleware] = []
    entries = list(getattr(config, "MIDDLEWARES", None) or [])
    for index, entry in enumerate(entries):
        try:
            middleware_class, params = _read(entry)
            built.append(
                create_middleware(middleware_class, available_dependencies_instances, params)
            )
        except Exception as error:
            raise ConfigurationError(
                f"MIDDLEWARES[{index}] ({_shown(entry)}): {type(error).__name__}: {error}"
            ) from error
    for index, middleware in enumerate(built):
        try:
            middleware_manager.add_middleware(middleware)
        except TypeError as error:
            for added in built[:index]:
                middleware_manager.remove_middleware(added)
            raise ConfigurationError(
                f"MIDDLEWARES[{index}] ({_shown(entries[index])}): {error}"
            ) from error


def _read(entry: Any) -> tuple[type, dict[str, object]]:
    params: Any = {}
    if isinstance(entry, Mapping):
        if "class" not in entry or set(entry) - {"class", "params"}:
            raise TypeError('an entry as dict is {"class": "dotted.path", "params": {…}}')
        entry, params = entry["class"], entry.get("params") or {}
        if not isinstance(params, Mapping):
            # Only the type is shown: the value may contain a secret.
            raise TypeError(
                f'"params" is a dict of constructor arguments, not a {type(params).__name__}'
            )
    if isinstance(entry, str):
        entry = import_class(entry)
    if not isinstance(entry, type):
        raise TypeError("an entry is a dotted path, a dict with it, or a class")
    return entry, dict(params)


def _shown(entry: object) -> str:
    # The params are not shown: they may contain a secret.
    named = entry.get("class") if isinstance(entry, Mapping) else entry
    return named if isinstance(named, str) else getattr(named, "__name__", type(named).__name__)


# Class attributes of a middleware that state its position, each a tuple of class names, dotted or
# not. A subclass, and a class that names another in `stands_for`, counts as that other one.
NEEDS = "needs"  # must be in the chain, and earlier
RUNS_AFTER = "runs_after"  # must be earlier, if it is in the chain
RUNS_BEFORE = "runs_before"  # must be later, if it is in the chain
STANDS_FOR = "stands_for"


def check_order(middlewares: Sequence[Middleware]) -> None:
    """Check that the middlewares are in an order in which they work.

    Args:
        middlewares: The chain, first to last. The class attributes `needs`, `runs_after`,
            `runs_before` and `stands_for` state the rules.

    Raises:
        ConfigurationError: A middleware is missing or in the wrong place; the message names all
            problems and an order that works.
    """
    missing, misplaced = list(_missing(middlewares)), list(_misplaced(middlewares))
    if missing or misplaced:
        hint = [_hint(middlewares)] if misplaced else []
        lines = ["the middlewares cannot work as they are:", *missing, *misplaced, *hint]
        raise ConfigurationError("\n- ".join(lines))


def _missing(middlewares: Sequence[Middleware]) -> Iterator[str]:
    for middleware in middlewares:
        for wanted in _rule(middleware, NEEDS):
            if not any(_is(other, wanted) for other in middlewares):
                yield (
                    f"{_name(middleware)} needs {_bare(wanted)}, which is not there: "
                    f"add {wanted!r} before it"
                )


def _misplaced(middlewares: Sequence[Middleware]) -> Iterator[str]:
    for place, middleware in enumerate(middlewares):
        for other in middlewares[place + 1 :]:
            if _must_precede(other, middleware):
                yield (f"{_name(middleware)} comes before {_name(other)}, and must come after it")


def _must_precede(first: object, second: object) -> bool:
    """Return True if the rules of one of the two require the first to be earlier."""
    before = _rule(first, RUNS_BEFORE)
    after = (*_rule(second, NEEDS), *_rule(second, RUNS_AFTER))
    return any(_is(second, name) for name in before) or any(_is(first, name) for name in after)


def _hint(middlewares: Sequence[Middleware]) -> str:
    ordered: list[Middleware] = []
    waiting = list(middlewares)
    while waiting:
        free = next((m for m in waiting if not _is_preceded(m, waiting)), None)
        if free is None:
            names = ", ".join(map(_name, waiting))
            return f"no order can work: the rules of {names} contradict each other"
        waiting = [middleware for middleware in waiting if middleware is not free]
        ordered.append(free)
    return f"an order that works: {', '.join(map(_name, ordered))}"


def _is_preceded(middleware: object, waiting: Iterable[Middleware]) -> bool:
    return any(other is not middleware and _must_precede(other, middleware) for other in waiting)


def _rule(middleware: object, name: str) -> tuple[str, ...]:
    names = getattr(type(middleware), name, ())
    return (names,) if isinstance(names, str) else tuple(names)


def _is(middleware: object, name: str) -> bool:
    wanted = _bare(name)
    stands_for = (_bare(other) for other in _rule(middleware, STANDS_FOR))
    return wanted in stands_for or any(k.__name__ == wanted for k in type(middleware).__mro__)


def _bare(name: str) -> str:
    return name.rpartition(".")[2]


def _name(middleware: object) -> str:
    return type(middleware).__name__
