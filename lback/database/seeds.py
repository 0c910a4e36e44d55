"""Seeds: initial rows of a database, from the module `seeds` of apps and project."""

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.database.engine import DatabaseManager
from lback.database.missing_schema import HINT, is_missing_schema

PROJECT = "project"


@dataclass(frozen=True, slots=True)
class Seed:
    """A function that adds initial rows.

    Attributes:
        name: Name of its app, or `"project"`.
        function: The function; its parameters are injected by name, `db_session` is the session.
    """

    name: str
    function: Callable[..., object]


def load_seeds(apps: list[str]) -> list[Seed]:
    """Load the function `seed` from `<app>.seeds` of each app, then from `seeds` of the project.

    Args:
        apps: Names of the installed apps. Apps without a module `seeds` are skipped.

    Raises:
        ConfigurationError: A module fails to import or has no function `seed`.
    """
    modules = [(app, f"{app}.seeds") for app in apps] + [(PROJECT, "seeds")]
    return [Seed(name, _function(module)) for name, module in modules if _exists(module)]


def _exists(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # an app in a single file has no submodules
        return False


def _function(module: str) -> Callable[..., object]:
    try:
        function: Callable[..., object] | None = getattr(import_module(module), "seed", None)
    except Exception as error:
        raise ConfigurationError(f"{module}: {type(error).__name__}: {error}") from error
    if function is None or not callable(function):
        raise ConfigurationError(f"{module} has no function seed; define seed(db_session)")
    return function


def choose(seeds: list[Seed], names: list[str]) -> list[Seed]:
    """Return the seeds with some names.

    Args:
        seeds: All seeds.
        names: Names of apps, or `"project"`; all seeds if empty.

    Raises:
        ConfigurationError: No seed has a name; the message suggests a similar one.
    """
    known = [seed.name for seed in seeds]
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; known: {', '.join(known) or 'none'}"
            raise ConfigurationError(f"unknown seeds {name!r}{hint}")
    return [seed for seed in seeds if seed.name in names or not names]


def sow(seeds: list[Seed], db_manager: DatabaseManager, dependencies: Mapping[str, object]) -> None:
    """Run seeds in one transaction.

    Args:
        seeds: Seeds in the order in which they run.
        db_manager: Database manager of the application.
        dependencies: Values by name that are injected beside `db_session`.

    Raises:
        ConfigurationError: A parameter cannot be injected, or the database rejects a row.
        Exception: A seed raised it; all changes are rolled back.
    """
    with db_manager.session() as session:
        for seed in seeds:
            arguments = _arguments(seed, session, dependencies)
            try:
                seed.function(**arguments)
                session.flush()
            except DBAPIError as error:
                hint = f". {HINT}" if is_missing_schema(error.orig) else ""
                raise ConfigurationError(
                    f"the database rejects the seeds of {seed.name}: {error.orig}{hint}"
                ) from error


def _arguments(
    seed: Seed, session: Session, dependencies: Mapping[str, object]
) -> dict[str, object]:
    known = {**dependencies, "db_session": session}
    parameters = inspect.signature(seed.function).parameters.values()
    wanted = [p for p in parameters if p.default is p.empty or p.name in known]
    for parameter in wanted:
        if parameter.name not in known:
            raise ConfigurationError(
                f"the seed of {seed.name} has an unknown parameter {parameter.name!r}"
                f"{did_you_mean(parameter.name, known) or '; db_session is the session'}"
            )
    return {parameter.name: known[parameter.name] for parameter in wanted}
