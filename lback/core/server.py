"""The WSGI entry points: every request enters here, and every exception ends here."""

import logging
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from threading import Lock
from time import perf_counter
from typing import TYPE_CHECKING, Any

from lback.core.config import Config
from lback.core.config_manager import (
    get_project_root,
    load_settings_module,
    start_settings_watcher,
)
from lback.core.dispatcher_instance import dispatcher
from lback.core.errors.redaction import redacted_target
from lback.core.exceptions import ConfigurationError
from lback.core.http import development_server
from lback.core.http.after_answer import AFTER_ANSWER, FollowedBody
from lback.core.http.response_body import ClosedTogether
from lback.core.logging_setup import mask_paths, setup_logging
from lback.core.middleware_loader import import_class
from lback.core.request import Request
from lback.core.response import Environ, StartResponse, WsgiResponse
from lback.core.routing.views import View
from lback.core.settings.env_file import load_env_file
from lback.core.templates import set_default_router
from lback.time_zones import set_process_zone
from lback.translation import Translations, set_process_language

if TYPE_CHECKING:
    from lback.application import Application
    from lback.core.app_controller import AppController
    from lback.core.error_handler import ErrorHandler
    from lback.core.middleware_manager import MiddlewareManager
    from lback.core.router import Router
    from lback.core.signals import SignalDispatcher
    from lback.core.templates import TemplateRenderer
    from lback.database import DatabaseManager
    from lback.sessions import SessionManager
    from lback.users import AdminUserManager, UserManager

logger = logging.getLogger(__name__)

EDGE_SIGNALS = frozenset({"server_request_received", "server_request_finished"})

# The services of a deployed process: set together by `publish`, never one by one.
config: Config | None = None
router: "Router | None" = None
middleware_manager: "MiddlewareManager | None" = None
template_renderer: "TemplateRenderer | None" = None
session_manager: "SessionManager | None" = None
admin_user_manager: "AdminUserManager | None" = None
user_manager: "UserManager | None" = None
app_controller: "AppController | None" = None
db_manager: "DatabaseManager | None" = None
error_handler: "ErrorHandler | None" = None
project_root: str | None = None

_initialising = Lock()


def serve(
    controller: "AppController",
    signals: "SignalDispatcher",
    environ: Environ,
    start_response: StartResponse,
) -> Iterable[bytes]:
    """Handle one request (PEP 3333). An exception becomes a plain 500 response.

    Signals: `server_request_received` before the request is built, `server_request_finished`
    before the response is passed to the WSGI server.

    Args:
        controller: Handles the request.
        signals: The dispatcher that the two signals are sent on.
        environ: The WSGI environ.
        start_response: The callable of the WSGI server.

    Returns:
        The body. The WSGI server closes it, which runs the jobs of `after_answer`.
    """
    # Health checks: before the middlewares, the check of the host and the signals.
    early = controller.early_answers.get(environ.get("PATH_INFO", ""))
    if early is not None:
        status, headers, body = early(environ)
        start_response(status, headers)
        return body
    observed = signals.has_receivers(EDGE_SIGNALS) if signals.receivers else False
    if observed:
        started = perf_counter()
        signals.send("server_request_received", controller, **_facts_of(environ))
    request = response = None
    try:
        request = Request.from_environ(environ)
        controller.request_validator.validate(request, environ)
        response = controller.handle_request(request)
        status, headers, body = response.answer(environ)
    except Exception:
        logger.exception(
            "no response to %s %r",
            environ.get("REQUEST_METHOD"),
            controller.router.secret_paths.in_path(environ.get("PATH_INFO") or "/"),
            extra={"request": request},
        )
        status, headers, body = _last_resort()
    if observed:
        facts = _facts_of(environ)
        del facts["headers"], facts["environ"]
        signals.send(
            "server_request_finished",
            controller,
            duration=perf_counter() - started,
            status_code=int(status[:3]),
            response=response,
            request=request,
            **facts,
        )
    start_response(status, headers)
    if AFTER_ANSWER in environ and status < "4":
        body = FollowedBody(body, environ[AFTER_ANSWER])
    if request is not None and request.uploads:
        # A stream and the jobs may still read them: they stay open until both have ended.
        body = ClosedTogether(body, request.close)
    return body


def _facts_of(environ: Environ) -> dict[str, object]:
    path, query = environ.get("PATH_INFO") or "/", environ.get("QUERY_STRING")
    return {
        "method": environ["REQUEST_METHOD"],
        "path": path,
        "full_path": f"{path}?{query}" if query else path,
        "headers": {k[5:].replace("_", "-"): v for k, v in environ.items() if k[:5] == "HTTP_"},
        "environ": environ,
    }


def _last_resort() -> WsgiResponse:
    body = b"Internal Server Error"
    headers = [("Content-Type", "text/plain; charset=utf-8"), ("Content-Length", str(len(body)))]
    return "500 Internal Server Error", headers, [body]


def load_project_config() -> Config:
    """Read the settings of the project in the current directory.

    The environment, including `.env` beside `settings.py`, takes precedence over `settings.py`,
    then `config.json`, then the defaults.

    Raises:
        FileNotFoundError: There is no `settings.py` in the current directory or above it.
        ConfigurationError: The settings cannot be read or are invalid.
    """
    root = Path(get_project_root())
    env_file = load_env_file(root / ".env")
    if str(root) not in sys.path:
        sys.path.insert(0, str(root))
    module = load_settings_module(str(root / "settings.py"))
    settings = {name: value for name, value in vars(module).items() if name.isupper()}
    settings = {"PROJECT_ROOT": str(root), **settings}
    return Config(str(root / "config.json"), settings=settings, env_file=env_file)


def initialize_core_components() -> None:
    """Build the application of the project and publish its services in this module.

    Further calls do nothing. Either all names of the module are set or none.

    Raises:
        FileNotFoundError: There is no project in the current directory.
        ConfigurationError: Settings, routes or middlewares are invalid.
    """
    with _initialising:
        if app_controller is None:
            publish(build_project_application())


def build_project_application() -> "Application":
    """Set up logging and build the application of the project, without publishing it.

    Raises:
        FileNotFoundError, ConfigurationError: As `initialize_core_components`.
    """
    settings = load_project_config()
    setup_logging(settings)
    application = _application_class(settings)(settings)
    mask_paths(settings, application.router)
    return application


def _application_class(settings: Config) -> "type[Application]":
    try:
        return import_class(settings.APPLICATION_CLASS)
    except (ImportError, TypeError) as error:
        raise ConfigurationError(f"APPLICATION_CLASS: {error}") from error


def publish(application: "Application") -> None:
    """Publish an application: its services become the names of this module."""
    global config, router, middleware_manager, template_renderer, session_manager
    global admin_user_manager, user_manager, app_controller, db_manager, error_handler
    global project_root, dispatcher
    application.prepare()
    config = application.config
    dispatcher = application.dispatcher
    router = application.router
    middleware_manager = application.middleware_manager
    template_renderer = application.template_renderer
    session_manager = application.session_manager
    admin_user_manager = application.admin_user_manager
    user_manager = application.user_manager
    db_manager = application.db_manager
    error_handler = application.error_handler
    project_root = config.get("PROJECT_ROOT") or None
    app_controller = application.app_controller
    set_default_router(router)
    set_process_zone(config.TIME_ZONE)
    languages = application.dependencies.get("languages")
    if languages is None:
        set_process_language(Translations, None)
    else:
        set_process_language(languages.find, languages.find(languages.default))


def wsgi_application(environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
    """Handle one request with the published application (PEP 3333).

    Before `initialize_core_components` was called, the response is a plain 500.

    Signals: those of `serve`, or `wsgi_application_error` if no application was published.

    Args:
        environ: The WSGI environ.
        start_response: The callable of the WSGI server.
    """
    if app_controller is not None:
        return serve(app_controller, dispatcher, environ, start_response)
    logger.error("call lback.core.initialize_core_components() before the first request")
    dispatcher.send("wsgi_application_error", None, error_type="not_initialized", environ=environ)
    status, headers, body = _last_resort()
    start_response(status, headers)
    return body


class Server:
    """The application of the project under the development server."""

    def __init__(self) -> None:
        initialize_core_components()

    def add_route(
        self,
        path: str,
        view: View,
        methods: list[str] = ["GET"],  # noqa: B006  documented so, and never changed
        name: str | None = None,
        requires_auth: bool = True,
    ) -> None:
        """Add a route to the application.

        Args:
            path: Pattern, such as `"/users/{user_id:int}"`.
            view: Function or class; see `lback.core.router.Route`.
            methods: Allowed methods.
            name: Name for `url_for`.
            requires_auth: Whether only signed-in users may access the route.

        Raises:
            ConfigurationError: No application is published, or nothing provides a required
                parameter of the view.
        """
        if app_controller is None:
            raise ConfigurationError("the server has no application; build Server() again")
        app_controller.add_route(path, view, list(methods), name, requires_auth)

    def run(self, host: str, port: int, *, hand: "Callable[[Any], bool] | None" = None) -> None:
        """Serve until interrupted, for development.

        While DEBUG is on, the server reloads when source files or settings change.

        Args:
            host: Address or name to listen on.
            port: Port to listen on; 0 chooses a free one.
            hand: Called with the handler of each request; True if it has taken the connection.

        Raises:
            ConfigurationError: The port is in use or not allowed; the message suggests a free one.
        """
        debug, root = _debug(), project_root
        # With the reloader there are two processes; only the one that serves watches settings.
        serves = development_server.is_reloaded() or not debug
        watcher = start_settings_watcher(root) if root and serves else None
        env_file = [str(Path(root) / ".env")] if root else []
        try:
            development_server.run(
                wsgi_application,
                host,
                port,
                debug=debug,
                watch=env_file,
                shown=_shown_target,
                hand=hand,
            )
        finally:
            if watcher is not None:
                watcher.stop()
                watcher.join()


def _shown_target(target: str) -> str:
    return redacted_target(target, router)


def _debug() -> bool:
    return config is not None and config.DEBUG is True
