"""The project that a command works on: found from where the user stands, loaded as for a server."""

import logging
from typing import TYPE_CHECKING

import click

from lback.core import server
from lback.core.config import Config
from lback.core.config_manager import get_project_root

if TYPE_CHECKING:
    from lback.application import Application


class NoProject(click.ClickException):
    """There is no project here; says where it was looked for, and how to make one."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"there is no project here: {reason}; or make one: lback new project NAME")


def find_project() -> str:
    """Return the directory of the project, which the user may stand deep inside of.

    Raises:
        NoProject: There is none.
    """
    try:
        return get_project_root()
    except FileNotFoundError as error:
        raise NoProject(str(error)) from error


def open_project() -> "Application":
    """Build the application of the project and publish its parts in `lback.core.server`.

    It is quieter than a server: unless the settings decide, only warnings are logged. Connections
    to its database are closed when the command ends.

    Raises:
        NoProject: There is none.
        ConfigurationError: Settings, routes or middlewares that cannot work.
    """
    find_project()
    application = server.build_project_application()
    server.publish(application)
    hush(application.config)
    command = click.get_current_context(silent=True)
    if command is not None:
        command.call_on_close(application.db_manager.dispose)
    return application


def hush(config: Config) -> None:
    """Log warnings and worse only, unless the settings say what to log."""
    if not config.LOGGING and not config.LOGGING_LEVEL:
        logging.getLogger().setLevel(logging.WARNING)
