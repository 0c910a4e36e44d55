"""Entry point for WSGI servers: builds the application of the project once."""

import logging
from collections.abc import Callable, Iterable

from lback.core import logging_setup, server
from lback.core.config import Config


def create_wsgi_app() -> Callable[..., Iterable[bytes]]:
    """Build the application of the project and return its WSGI callable.

    Further calls return the same callable.

    Raises:
        FileNotFoundError: There is no `settings.py` in the current directory or above it.
        ConfigurationError: Settings, routes or middlewares are invalid.
    """
    server.initialize_core_components()
    return server.wsgi_application


def setup_logging(config: Config | None = None) -> None:
    """Configure logging for a WSGI process. Further calls add no second handler.

    Args:
        config: Settings; `None` uses those of the application built in this process. If there is
            none, warnings are written to the standard error stream.
    """
    settings = config or server.config
    if settings is not None:
        logging_setup.setup_logging(settings)
    elif not logging.getLogger().handlers:
        logging.basicConfig(level=logging.WARNING)
