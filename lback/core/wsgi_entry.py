"""Entry point for WSGI servers: builds the application of the project once."""

import logging
from collections.abc import Callable, Iterable

from lback.core import logging_setup, server
from lback.core.config import Config
from lback.core.http.access_log import AccessLog


def create_wsgi_app() -> Callable[..., Iterable[bytes]]:
    """Build the application of the project and return its WSGI callable.

    Further calls return the same callable.

    Raises:
        FileNotFoundError: There is no `settings.py` in the current directory or above it.
        ConfigurationError: Settings, routes or middlewares are invalid.
    """
    server.initialize_core_components()
    return server.wsgi_application


def create_served_app() -> Callable[..., Iterable[bytes]]:
    """Build the application of the project for `lback serve`, with its access log.

    Raises:
        FileNotFoundError, ConfigurationError: As `create_wsgi_app`.
    """
    application = create_wsgi_app()
    config, router = server.config, server.router
    if config is None or router is None or not config.ACCESS_LOG:
        return application
    return AccessLog(application, lambda: router.secret_paths, config.TRUSTED_PROXIES)


def setup_logging(config: Config | None = None) -> None:
    """Configure logging for a WSGI process. Further calls add no second handler.

    Args:
        config: Settings; `None` uses those of the application built in this process. If there is
            none, warnings are written to the standard error stream.
    """
    settings = config or server.config
    if settings is not None:
        logging_setup.setup_logging(settings)
        if server.router is not None:
            logging_setup.mask_paths(settings, server.router)
    elif not logging.getLogger().handlers:
        logging.basicConfig(level=logging.WARNING)
