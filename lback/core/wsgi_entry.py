"""What a WSGI server imports: the application of the project, built once."""

import logging
from collections.abc import Callable, Iterable

from lback.core import logging_setup, server
from lback.core.config import Config
from lback.core.http.access_log import AccessLog


def create_wsgi_app() -> Callable[..., Iterable[bytes]]:
    """Build the application of the project and return its WSGI callable.

    Calling it again returns the same callable.

    Raises:
        FileNotFoundError: There is no `settings.py` here or above.
        ConfigurationError: Settings, routes or middlewares that cannot work.
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
    """Configure logging for a WSGI process; calling it again adds nothing.

    Args:
        config: Settings; `None` takes those of the application built in this process, and
            where there is none, warnings go to the standard error stream.
    """
    settings = config or server.config
    if settings is not None:
        logging_setup.setup_logging(settings)
        if server.router is not None:
            logging_setup.mask_paths(settings, server.router)
    elif not logging.getLogger().handlers:
        logging.basicConfig(level=logging.WARNING)
