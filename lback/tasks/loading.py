"""Imports the modules with the tasks of a project, so that a worker knows them."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lback.core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from lback.core.config import Config


def import_tasks(config: "Config", modules: Iterable[str] = ()) -> list[str]:
    """Import `tasks.py` of the project and of each installed app.

    Args:
        config: The settings.
        modules: Names of further modules.

    Returns:
        The names of the imported modules.

    Raises:
        ConfigurationError: A module cannot be imported.
    """
    names = [*modules]
    names += [name for app in config.INSTALLED_APPS if (name := _tasks_of(app))]
    if (Path(config.PROJECT_ROOT or ".") / "tasks.py").is_file() and config.PROJECT_ROOT:
        names.append("tasks")
    for name in names:
        try:
            import_module(name)
        except Exception as error:
            raise ConfigurationError(
                f"the tasks in {name!r} cannot be imported: {type(error).__name__}: {error}"
            ) from error
    return names


def _tasks_of(app: str) -> str:
    # An app that is a single file has no submodules.
    has_modules = hasattr(import_module(app), "__path__")
    return f"{app}.tasks" if has_modules and find_spec(f"{app}.tasks") is not None else ""
