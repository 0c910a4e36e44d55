"""Finds the project of the current directory and builds its application for a command."""

import logging
from typing import TYPE_CHECKING

import click

from lback.core import server
from lback.core.config import Config
from lback.core.config_manager import get_project_root

if TYPE_CHECKING:
    from lback.application import Application


class NoProject(click.ClickException):
    """No project was found; the message says where it was searched and how to create one."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"no project found: {reason}; or create one: lback new project NAME")


def find_project() -> str:
    """Return the directory of the project that contains the current directory.

    Raises:
        NoProject: Neither this directory nor one above it is a project.
    """
    try:
        return get_project_root()
    except FileNotFoundError as error:
        raise NoProject(str(error)) from error


def open_project() -> "Application":
    """Build the application of the project and publish its services in `lback.core.server`.

    Unlike a server it logs warnings and errors only, unless the settings configure logging. Its
    database connections are closed when the command ends.

    Raises:
        NoProject: Neither this directory nor one above it is a project.
        ConfigurationError: Settings, routes or middlewares are invalid.
    """
    find_project()
    application = server.build_project_application()
    server.publish(application)
    limit_logging(application.config)
    command = click.get_current_context(silent=True)
    if command is not None:
        command.call_on_close(application.db_manager.dispose)
    return application


def limit_logging(config: Config) -> None:
    """Set the log level to WARNING, unless `LOGGING` or `LOGGING_LEVEL` is set."""
    if not config.LOGGING and not config.LOGGING_LEVEL:
        logging.getLogger().setLevel(logging.WARNING)
