"""Imports the modules of one name of a project and its apps, such as `tasks.py`."""

from collections.abc import Iterable
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from lback.core.exceptions import ConfigurationError

if TYPE_CHECKING:
    from lback.core.config import Config


def import_app_modules(config: "Config", name: str, further: Iterable[str] = ()) -> list[str]:
    """Import a module of the project and of each installed app, where there is one.

    Args:
        config: The settings; `INSTALLED_APPS` and `PROJECT_ROOT` are read.
        name: Name of the module, such as "tasks" for `tasks.py`.
        further: Dotted names of further modules, imported first.

    Returns:
        The dotted names of the imported modules.

    Raises:
        ConfigurationError: A module cannot be imported.
    """
    names = [*further]
    names += [found for app in config.INSTALLED_APPS if (found := _module_of(app, name))]
    if config.PROJECT_ROOT and (Path(config.PROJECT_ROOT) / f"{name}.py").is_file():
        names.append(name)
    for found in names:
        try:
            import_module(found)
        except Exception as error:  # whatever the module of a project raises
            raise ConfigurationError(
                f"the {name} in {found!r} cannot be imported: {type(error).__name__}: {error}"
            ) from error
    return names


def _module_of(app: str, name: str) -> str:
    # An app that is a single file has no submodules.
    has_modules = hasattr(import_module(app), "__path__")
    return f"{app}.{name}" if has_modules and find_spec(f"{app}.{name}") is not None else ""
