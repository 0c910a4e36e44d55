"""Imports the modules with the tasks of a project, so that a worker knows them."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from lback.core.settings.app_modules import import_app_modules

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
    return import_app_modules(config, "tasks", modules)
