"""The composition root: one object graph, built in the order of the floors, with no global."""

import sys
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from lback.cache import build_caches
from lback.core.app_controller import AppController
from lback.core.config import Config
from lback.core.dispatcher_instance import dispatcher as default_dispatcher
from lback.core.error_handler import ErrorHandler
from lback.core.errors.redaction import redacted_target
from lback.core.exceptions import ConfigurationError
from lback.core.http import development_server
from lback.core.logging_setup import mask_paths, setup_logging
from lback.core.middleware_loader import (
    check_order,
    create_middleware,
    load_middlewares_from_config,
)
from lback.core.middleware_manager import MiddlewareManager
from lback.core.response import Environ, StartResponse
from lback.core.router import Router
from lback.core.routing.views import View, methods_of
from lback.core.server import serve
from lback.core.settings.cache_validators import DEFAULT_CACHE
from lback.core.signals import SignalDispatcher
from lback.core.templates import TemplateRenderer
from lback.core.urls_utils import load_routes
from lback.services import build_configured_services, lazy_services
from lback.sessions.messages import flashed
from lback.static_files import StaticFiles

if TYPE_CHECKING:
    from lback.admin import AdminRegistry
    from lback.core.dependencies import Dependencies
    from lback.database import DatabaseManager
    from lback.mail import Mailer
    from lback.security import TokenSigner
    from lback.sessions import SessionManager
    from lback.users import AdminUserManager, UserManager

V = TypeVar("V", bound=View)


class Application:
    """A web application, and the WSGI callable of it (PEP 3333).

    Nothing is shared between two of them but the dispatcher, unless each is given its own. Of
    its parts those that a request always meets are built at once; the others, such as database,
    sessions, users and mail, are imported and built when something first asks for them.

    Args:
        config: Settings, checked at once. `None` takes the keywords, the environment and the
            defaults; they are checked when the application is first used, so that `run` and the
            test client may switch on development mode.
        dispatcher: Where its parts send their signals.
        **settings: Settings by name, instead of a config.

    Raises:
        ConfigurationError: Settings, routes or middlewares that cannot work; names all.
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        dispatcher: SignalDispatcher = default_dispatcher,
        **settings: Any,
    ) -> None:
        if config is not None:
            if settings:
                raise ConfigurationError("give Application a config or settings, not both")
            Config.validate(config)
        self.config = config or Config(None, settings=settings)
        self.dispatcher = dispatcher
        self._prepared = False
        self._build()

    def _build(self) -> None:
        config, dispatcher = self.config, self.dispatcher
        self.router = Router()
        self.template_renderer = TemplateRenderer(config, dispatcher=dispatcher, router=self.router)
        self.error_handler = ErrorHandler(
            config, self.template_renderer, self.router, dispatcher=dispatcher
        )
        self.caches = build_caches(config, dispatcher)
        self.cache = self.caches[DEFAULT_CACHE]
        self.static_files = self._serve_static_files()
        self.template_renderer.environment.globals["flashed"] = flashed
        self.middleware_manager = MiddlewareManager(dispatcher=dispatcher)
        parts: dict[str, Any] = dict(lazy_services(config))
        self.app_controller = AppController(
            self.middleware_manager,
            self.router,
            self.template_renderer,
            config,
            parts.pop("admin_user_manager"),
            parts.pop("session_manager"),
            parts.pop("user_manager"),
            {
                "app": self,
                "error_handler": self.error_handler,
                "cache": self.cache,
                "caches": self.caches,
                "static_files": self.static_files,
                **parts,
            },
            dispatcher,
        )
        build_configured_services(config, self.app_controller.dependencies)
        load_middlewares_from_config(
            self.middleware_manager, config, self.app_controller.dependencies
        )

    def _serve_static_files(self) -> StaticFiles:
        files = StaticFiles(self.config)
        route = files.route()
        if route is not None:
            # Before all others: a route for every path must not take its requests.
            self.router.add(route)
        self.template_renderer.add_global("static", files.url)
        return files

    @property
    def dependencies(self) -> "Dependencies":
        """All parts by name, as views, middlewares and commands name them."""
        return self.app_controller.dependencies

    @property
    def db_manager(self) -> "DatabaseManager":
        """The way to the database."""
        part: DatabaseManager = self.dependencies["db_manager"]
        return part

    @property
    def session_manager(self) -> "SessionManager":
        """The rules of sessions."""
        part: SessionManager = self.dependencies["session_manager"]
        return part

    @property
    def user_manager(self) -> "UserManager":
        """The rules of the users of the site."""
        part: UserManager = self.dependencies["user_manager"]
        return part

    @property
    def admin_user_manager(self) -> "AdminUserManager":
        """The rules of the users of the admin."""
        part: AdminUserManager = self.dependencies["admin_user_manager"]
        return part

    @property
    def token_signer(self) -> "TokenSigner":
        """What signs the tokens in links."""
        part: TokenSigner = self.dependencies["token_signer"]
        return part

    @property
    def mailer(self) -> "Mailer":
        """What sends mail."""
        part: Mailer = self.dependencies["mailer"]
        return part

    @property
    def admin_registry(self) -> "AdminRegistry":
        """The models that the admin shows."""
        part: AdminRegistry = self.dependencies["admin_registry"]
        return part

    def route(
        self,
        path: str,
        methods: Collection[str] | None = None,
        name: str | None = None,
        requires_auth: bool = True,
    ) -> Callable[[V], V]:
        """Register the decorated view; see `add_route`.

        The name of the route is that of the view, unless one is given.
        """

        def register(view: V) -> V:
            self.add_route(
                path, view, methods, name or getattr(view, "__name__", None), requires_auth
            )
            return view

        return register

    def add_route(
        self,
        path: str,
        view: View,
        methods: Collection[str] | None = None,
        name: str | None = None,
        requires_auth: bool = True,
    ) -> None:
        """Add a route.

        Args:
            path: Pattern, such as `"/users/{user_id:int}"`.
            view: Function or class; see `lback.core.router.Route`.
            methods: Methods it answers; `None` means those the view names, else GET.
            name: For `url_for`.
            requires_auth: `False` lets visitors in who are not signed in.

        Raises:
            ConfigurationError: A request was answered already, or the view has a required
                parameter that nothing fills.
            TypeError, ValueError: As `lback.core.router.Route`.
        """
        self._refuse_when_started(f"the route {path!r}")
        methods = methods if methods is not None else methods_of(view) or ["GET"]
        self.app_controller.add_route(path, view, methods, name, requires_auth)

    def include(
        self, module_path: str, prefix: str = "", *, requires_auth: bool | None = None
    ) -> None:
        """Add the `urlpatterns` of a module below a prefix.

        Raises:
            ConfigurationError: As for `ROOT_URLCONF`.
        """
        self._refuse_when_started(f"the routes of {module_path!r}")
        for route in load_routes(module_path, prefix, requires_auth=requires_auth):
            self.app_controller.register(route)

    def exception_handler(self, key: "int | type[Exception]") -> Callable[[V], V]:
        """Register the decorated function as an exception handler; see `add_exception_handler`.

        Example:
            >>> @app.exception_handler(404)
            ... def not_found(request, error):
            ...     return "Nothing here"
        """

        def register(handler: V) -> V:
            self.add_exception_handler(key, handler)
            return handler

        return register

    def add_exception_handler(
        self, key: "int | type[Exception]", handler: Callable[..., Any]
    ) -> None:
        """Have errors of a class or of a status answered by a function.

        The handler of the most specific class answers, then that of the status, then that of
        `HTTPException` or, for all other errors, of `Exception`.

        Args:
            key: Subclass of `Exception`, or status from 400 to 599.
            handler: Called with the request and the error; further parameters are filled by name
                as those of a view are. It returns whatever a view may return; a value without a
                status gets that of the error.

        Raises:
            ConfigurationError: A request was answered already, another key, one that has a
                handler, or a function that cannot be called so.
        """
        self._refuse_when_started(f"the exception handler of {key!r}")
        self.app_controller.exception_handlers.add(key, handler)

    def add_middleware(self, middleware: Any, **params: Any) -> None:
        """Put a middleware at the end of the chain.

        Args:
            middleware: An instance, or a class to be built with the dependencies that its
                constructor names.
            **params: Further arguments for a class.

        Raises:
            ConfigurationError: A request was answered already.
            TypeError: It is no middleware, or cannot be built.
        """
        self._refuse_when_started(f"the middleware {middleware!r}")
        if isinstance(middleware, type):
            middleware = create_middleware(middleware, self.app_controller.dependencies, params)
        self.middleware_manager.add_middleware(middleware)

    def _refuse_when_started(self, what: str) -> None:
        if self._prepared:
            raise ConfigurationError(
                f"{what} comes too late: the application has handled requests; "
                "add it where the application is built"
            )

    def prepare(self) -> None:
        """Check the settings and close the graph; done by the first request at the latest.

        Raises:
            ConfigurationError: Settings that do not allow a start, or middlewares in an order
                that cannot work; names all.
        """
        if not self._prepared:
            Config.validate(self.config)
            check_order(self.middleware_manager.middlewares)
            self.app_controller.warn_of_closed_routes()
            self.static_files.warn_if_not_collected()
            self._prepare_admin()
            self._prepared = True

    def _prepare_admin(self) -> None:
        if "lback.admin.registry" not in sys.modules:
            return  # then nobody has registered a model with it, nor included its pages
        from lback.admin.access import require_protection
        from lback.admin.accounts import register_accounts

        if any(route.name == "admin-home" for route in self.router.routes):
            require_protection(self.middleware_manager.middlewares)
        register_accounts(self.admin_registry, self.user_manager.model)
        self.admin_registry.prepare()

    def develop(self) -> "Application":
        """Switch to development mode what no setting decides, and return the application.

        DEBUG goes on, loopback hosts are served, and the secret key lasts for the process.
        """
        if not self._prepared:
            self.config.develop()
        return self

    def run(self, host: str | None = None, port: int | None = None) -> None:
        """Serve for development until interrupted.

        Args:
            host: Address; `None` takes the setting HOST.
            port: `None` takes the setting PORT.

        Raises:
            SystemExit: Settings that do not allow a start, or a port that is taken; what to do
                about it is the message, which Python prints without a traceback.
        """
        try:
            self.develop().prepare()
            setup_logging(self.config)
            mask_paths(self.config, self.router)
            development_server.run(
                self,
                self.config.HOST if host is None else host,
                self.config.PORT if port is None else port,
                debug=self.config.DEBUG,
                shown=lambda target: redacted_target(target, self.router),
                banner=f"Database {self.db_manager.shown_url}",
                port_hint=(
                    development_server.RUN_ON_OTHER_PORT
                    if port is None
                    else development_server.GIVE_OTHER_PORT
                ),
            )
        except ConfigurationError as error:
            # Who starts it by hand is to read one line, not the way it came.
            sys.exit(f"Error: {error}")

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request (PEP 3333).

        Raises:
            ConfigurationError: The settings do not allow a start; names all that is wrong.
        """
        if not self._prepared:
            self.prepare()
        return serve(self.app_controller, self.dispatcher, environ, start_response)
