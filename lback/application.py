"""The application: builds all services from the settings and connects them."""

import sys
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from lback.cache import build_caches
from lback.core.app_controller import AppController
from lback.core.config import Config
from lback.core.dependencies import Unavailable, set_latest
from lback.core.dispatcher_instance import dispatcher as default_dispatcher
from lback.core.error_handler import ErrorHandler
from lback.core.errors.redaction import redacted_target
from lback.core.exceptions import ConfigurationError
from lback.core.http import development_server
from lback.core.http.content_id import cid
from lback.core.logging_setup import mask_paths, setup_logging
from lback.core.middleware_loader import (
    check_order,
    create_middleware,
    load_middlewares_from_config,
)
from lback.core.middleware_manager import MiddlewareManager
from lback.core.response import Environ, Response, StartResponse
from lback.core.router import Route, Router
from lback.core.routing.annotations import Declared
from lback.core.routing.endpoint import OPERATION, TypedView
from lback.core.routing.views import View, methods_of
from lback.core.routing.websocket_route import WebSocketRoute
from lback.core.server import serve
from lback.core.settings.cache_validators import DEFAULT_CACHE
from lback.core.signals import SignalDispatcher
from lback.core.templates import TemplateRenderer
from lback.core.templates.links import mounted_file
from lback.core.urls_utils import load_routes
from lback.i18n.template_functions import add_formats, add_languages
from lback.monitoring.health import HealthChecks
from lback.services import build_configured_services, lazy_services
from lback.sessions.messages import flashed
from lback.static_files import StaticFiles
from lback.translation import SOURCE_LANGUAGE

if TYPE_CHECKING:
    from lback.admin import AdminRegistry
    from lback.core.dependencies import Dependencies
    from lback.core.request import Request
    from lback.database import DatabaseManager
    from lback.i18n.requests import RequestLocale
    from lback.mail import Mailer
    from lback.security import TokenSigner
    from lback.sessions import SessionManager
    from lback.tasks import TaskQueue
    from lback.users import AdminUserManager, UserManager

V = TypeVar("V", bound=View)


class Application:
    """A web application, which is a WSGI callable (PEP 3333).

    Two applications in one process share nothing but the signal dispatcher, unless each is given
    its own. Services that every request uses are built at once; others, such as database,
    sessions, users and mail, are imported and built on first use.

    Args:
        config: Settings, validated at once. `None` uses the keywords, the environment and the
            defaults, which are validated on first use, so that `run` and the test client can
            switch to development mode before.
        dispatcher: Where signals are sent.
        **settings: Settings by name, instead of a config.

    Raises:
        ConfigurationError: Settings, routes or middlewares are invalid; the message names all
            problems.

    Example:
        >>> app = Application(DEBUG=True)
        >>> @app.route("/hello/{name}", requires_auth=False)
        ... def hello(request, name):
        ...     return {"hello": name}
        >>> Client(app).get("/hello/ada").json()
        {'hello': 'ada'}
    """

    def __init__(
        self,
        config: Config | None = None,
        *,
        dispatcher: SignalDispatcher = default_dispatcher,
        **settings: object,
    ) -> None:
        if config is not None:
            if settings:
                raise ConfigurationError("give Application a config or settings, not both")
            Config.validate(config)
        self.config = config or Config(None, settings=settings)
        self.dispatcher = dispatcher
        self._prepared = False
        self._typed_routes: set[Route] = set()
        self._build()

    def _build(self) -> None:
        config, dispatcher = self.config, self.dispatcher
        self.router = Router()
        self.template_renderer = TemplateRenderer(config, dispatcher=dispatcher, router=self.router)
        self.error_handler = ErrorHandler(
            config, self.template_renderer, self.router, dispatcher=dispatcher
        )
        if config.API_PREFIXES or config.PROBLEM_DETAILS:
            self.error_handler.problem_details = self._problem_details
        self.caches = build_caches(config, dispatcher)
        self.cache = self.caches[DEFAULT_CACHE]
        self.static_files = self._serve_static_files()
        self.template_renderer.environment.globals["flashed"] = flashed
        self.template_renderer.add_global("cid", cid)
        if config.REALTIME:
            # Imported here, because an application without live pages does not need it.
            from lback.realtime.live import add_live_pages

            # Its route comes before those of the project, as that of static files.
            add_live_pages(config, self.template_renderer, self.router, lambda: self.dependencies)
        self.middleware_manager = MiddlewareManager(dispatcher=dispatcher)
        services: dict[str, Any] = dict(lazy_services(config))
        locale = self._build_locale()
        languages = None if locale is None else locale.languages
        services["languages"] = languages or Unavailable("LANGUAGES")
        self.app_controller = AppController(
            self.middleware_manager,
            self.router,
            self.template_renderer,
            config,
            services.pop("admin_user_manager"),
            services.pop("session_manager"),
            services.pop("user_manager"),
            {
                "app": self,
                "error_handler": self.error_handler,
                "cache": self.cache,
                "caches": self.caches,
                "static_files": self.static_files,
                **services,
            },
            dispatcher,
            typed_views=self._typed_view,
        )
        self.app_controller.locale = locale
        set_latest(self.app_controller.dependencies)
        build_configured_services(config, self.app_controller.dependencies)
        load_middlewares_from_config(
            self.middleware_manager, config, self.app_controller.dependencies
        )

    def _build_locale(self) -> "RequestLocale | None":
        config, environment = self.config, self.template_renderer.environment
        add_formats(environment)
        is_translated = bool(config.LANGUAGES) or config.LANGUAGE != SOURCE_LANGUAGE
        if not (is_translated or config.TIME_ZONE_USER_ATTRIBUTE):
            return None
        # Imported here, because an application with one language and zone does not need it.
        from lback.i18n.catalogues import Languages
        from lback.i18n.requests import RequestLocale

        languages = Languages.of(config)
        if languages is not None:
            add_languages(environment, languages, self.router)
        return RequestLocale(config, languages)

    def _typed_view(self, route: Route, declared: Declared) -> TypedView:
        # Imported here, because an application without typed views does not need it.
        from lback.api.typed_views import build_typed_view

        self._typed_routes.add(route)
        self.error_handler.problem_details = self._problem_details
        return build_typed_view(route, declared, self.config)

    def _problem_details(
        self, error: Exception, status: int, message: str, request: "Request"
    ) -> Response | None:
        from lback.api.problem_details import problem_where_due

        return problem_where_due(error, status, message, request, self.config, self._typed_routes)

    def _serve_static_files(self) -> StaticFiles:
        files = StaticFiles(self.config)
        route = files.route()
        if route is not None:
            # Before all others, so that a route that matches every path does not hide it.
            self.router.add(route)
        self.template_renderer.add_global("static", mounted_file(files.url))
        return files

    @property
    def dependencies(self) -> "Dependencies":
        """All services by name, as views, middlewares and commands receive them."""
        return self.app_controller.dependencies

    @property
    def db_manager(self) -> "DatabaseManager":
        """The database manager, which opens sessions."""
        service: DatabaseManager = self.dependencies["db_manager"]
        return service

    @property
    def session_manager(self) -> "SessionManager":
        """The session manager, which loads, saves and ends sessions."""
        service: SessionManager = self.dependencies["session_manager"]
        return service

    @property
    def user_manager(self) -> "UserManager":
        """The manager of the users of the site."""
        service: UserManager = self.dependencies["user_manager"]
        return service

    @property
    def admin_user_manager(self) -> "AdminUserManager":
        """The manager of the users of the admin."""
        service: AdminUserManager = self.dependencies["admin_user_manager"]
        return service

    @property
    def token_signer(self) -> "TokenSigner":
        """The signer of tokens in links."""
        service: TokenSigner = self.dependencies["token_signer"]
        return service

    @property
    def mailer(self) -> "Mailer":
        """The mailer, which sends email."""
        service: Mailer = self.dependencies["mailer"]
        return service

    @property
    def tasks(self) -> "TaskQueue":
        """The queue of background tasks, which the setting `TASKS` chooses.

        Raises:
            ConfigurationError: The setting `TASKS` is empty.
        """
        from lback.tasks.definitions import queue_of  # applications without tasks do not import it

        return queue_of(self.dependencies)

    @property
    def admin_registry(self) -> "AdminRegistry":
        """The registry of the models in the admin."""
        service: AdminRegistry = self.dependencies["admin_registry"]
        return service

    def route(
        self,
        path: str,
        methods: Collection[str] | None = None,
        name: str | None = None,
        requires_auth: bool = True,
    ) -> Callable[[V], V]:
        """Register the decorated view; see `add_route`.

        Args:
            path: Pattern, such as `"/users/{user_id:int}"`.
            methods: Names of the allowed methods; `None` means those that the view declares, else
                GET.
            name: Name for `url_for`; `None` uses the name of the view.
            requires_auth: Whether only signed-in users may access the route.

        Raises:
            ConfigurationError, TypeError, ValueError: As `add_route`.

        Example:
            >>> @app.route("/books/{book_id:int}", requires_auth=False)
            ... def show_book(request, book_id):
            ...     return f"book {book_id}"
            >>> Client(app).get("/books/7").text
            'book 7'
            >>> app.router.url_for("show_book", book_id=7)
            '/books/7'
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
        """Add a route. Must be called before the first request.

        Args:
            path: Pattern, such as `"/users/{user_id:int}"`.
            view: Function or class; see `lback.core.router.Route`.
            methods: Names of the allowed methods; `None` means those that the view declares, else
                GET.
            name: Name for `url_for`.
            requires_auth: Whether only signed-in users may access the route.

        Raises:
            ConfigurationError: The application has handled a request, or nothing provides a
                required parameter of the view.
            TypeError, ValueError: As `lback.core.router.Route`.

        Example:
            >>> app.add_route("/", lambda request: "Welcome", requires_auth=False)
            >>> Client(app).get("/").text
            'Welcome'
        """
        self._refuse_when_started(f"the route {path!r}")
        methods = methods if methods is not None else methods_of(view) or ["GET"]
        self.app_controller.add_route(path, view, methods, name, requires_auth)

    def websocket(
        self, path: str, name: str | None = None, requires_auth: bool = True
    ) -> Callable[[V], V]:
        """Register the decorated handler of WebSockets, before the first request.

        Args:
            path: Pattern, such as `"/tickets/{ticket_id:int}"`.
            name: Name for `url_for`; `None` uses the name of the handler.
            requires_auth: Whether only signed-in users may connect.

        Raises:
            ConfigurationError: The application has handled a request.
            TypeError, ValueError: As `lback.core.routing.websocket_route.WebSocketRoute`.

        Example:
            >>> @app.websocket("/shout", requires_auth=False)
            ... async def shout(connection):
            ...     async for message in connection:
            ...         await connection.send(message.upper())
            >>> with Client(app).websocket("/shout") as socket:
            ...     socket.send("hello")
            ...     socket.receive()
            'HELLO'
        """

        def register(handler: V) -> V:
            self._refuse_when_started(f"the WebSocket {path!r}")
            known = name or getattr(handler, "__name__", None)
            self.app_controller.register(WebSocketRoute(path, handler, known, requires_auth))
            return handler

        return register

    def include(
        self, module_path: str, prefix: str = "", *, requires_auth: bool | None = None
    ) -> None:
        """Add the `urlpatterns` of a module below a prefix, before the first request.

        Args:
            module_path: Dotted name of the module, such as `"shop.urls"`.
            prefix: Prepended to each pattern. Empty means no prefix.
            requires_auth: Overrides `requires_auth` of every route; `None` keeps it.

        Raises:
            ConfigurationError: The application has handled a request, or the routes cannot be
                loaded; see `lback.core.urls_utils.load_routes`.
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
        self, key: "int | type[Exception]", handler: Callable[..., object]
    ) -> None:
        """Register a handler for exceptions of a class or with a status.

        The handler of the most specific class is called, else that of the status, else that of
        `HTTPException` or, for all other exceptions, of `Exception`. Must be called before the
        first request.

        Args:
            key: Subclass of `Exception`, or status from 400 to 599.
            handler: Called with the request and the exception; further parameters are filled by
                name, as those of a view. It returns whatever a view may return; a value without a
                status gets that of the exception.

        Raises:
            ConfigurationError: The application has handled a request, the key is not valid or has
                a handler already, or the function cannot be called with these arguments.
        """
        self._refuse_when_started(f"the exception handler of {key!r}")
        self.app_controller.exception_handlers.add(key, handler)

    def add_middleware(self, middleware: Any, **params: object) -> None:
        """Add a middleware at the end of the chain. Must be called before the first request.

        Args:
            middleware: An instance, or a class, which is built with the services that its
                constructor names.
            **params: Further arguments for the constructor of a class.

        Raises:
            ConfigurationError: The application has handled a request.
            TypeError: The object is not a middleware, or the class cannot be built.
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
        """Validate the settings and the order of middlewares; called by the first request.

        Afterwards, no routes, middlewares or exception handlers can be added.

        Raises:
            ConfigurationError: Settings are invalid, the middlewares are in an order that cannot
                work, or two operations have one `operation_id`; the message names the places.
        """
        if not self._prepared:
            Config.validate(self.config)
            check_order(self.middleware_manager.middlewares)
            self.app_controller.warn_of_closed_routes()
            if any(hasattr(route.view, OPERATION) for route in self.router.routes):
                self.error_handler.problem_details = self._problem_details
            self._add_health_checks()
            self._prepare_realtime()
            self.static_files.warn_if_not_collected()
            self._prepare_admin()
            self._check_operation_ids()
            self._prepared = True

    def _add_health_checks(self) -> None:
        # Last, because a route of the project with the same path is kept.
        checks = HealthChecks(self.config, lambda: self.db_manager)
        self.app_controller.early_answers = checks.register(self.router)

    @property
    def has_realtime(self) -> bool:
        """Whether the application needs a realtime process: for WebSockets, or live pages."""
        has_routes = any(isinstance(route, WebSocketRoute) for route in self.router.routes)
        return has_routes or bool(self.config.REALTIME)

    def hand_over_realtime(self) -> Callable[[Any], bool] | None:
        """Start the realtime server in a thread, for the development server.

        Returns:
            Called with the handler of each request; True if it has taken the connection. None if
            the application has neither WebSockets nor live pages.
        """
        if not self.has_realtime:
            return None
        from lback.realtime.thread import RealtimeThread  # as below

        return RealtimeThread(self).start().hand

    def _prepare_realtime(self) -> None:
        if not self.has_realtime:
            return
        # Imported here, because an application without WebSockets and live pages needs neither.
        from lback.realtime.event_route import EventRoute
        from lback.realtime.handlers import check_handlers
        from lback.realtime.rooms import import_rooms

        check_handlers(self.router.routes, self.dependencies)
        if self.config.REALTIME:
            import_rooms(self.config)
            EventRoute(self.config, self.dependencies).add_to(self.router)

    def _prepare_admin(self) -> None:
        if "lback.admin.registry" not in sys.modules:
            return  # no model is registered with the admin and its pages are not included
        from lback.admin.access import require_protection
        from lback.admin.accounts import register_accounts

        if any(route.name == "admin-home" for route in self.router.routes):
            require_protection(self.middleware_manager.middlewares)
        register_accounts(self.admin_registry, self.user_manager.model)
        self.admin_registry.prepare()

    def _check_operation_ids(self) -> None:
        if "lback.api.documented" not in sys.modules:
            return  # no view is described
        from lback.api.documented import names_operations

        if any(names_operations(route.view) for route in self.router.routes):
            self.dependencies["openapi"].check_operation_ids()

    def develop(self) -> "Application":
        """Switch to development mode, except for settings that are set, and return the application.

        DEBUG is switched on, loopback hosts are allowed, and a random secret key is used.
        """
        if not self._prepared:
            self.config.develop()
        return self

    def run(self, host: str | None = None, port: int | None = None) -> None:
        """Serve until interrupted, for development.

        Args:
            host: Address to listen on (default: setting HOST).
            port: Port to listen on (default: setting PORT).

        Raises:
            SystemExit: Settings are invalid, or the port is taken. Python prints the message,
                which says what to do, without a traceback.
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
                hand=self._hand_over_where_served(),
                banner=f"Database {self.db_manager.shown_url}",
                port_hint=(
                    development_server.RUN_ON_OTHER_PORT
                    if port is None
                    else development_server.GIVE_OTHER_PORT
                ),
            )
        except ConfigurationError as error:
            # A developer at a terminal needs the message, not a traceback.
            sys.exit(f"Error: {error}")

    def _hand_over_where_served(self) -> Callable[[Any], bool] | None:
        # With the reloader there are two processes; only the one that serves needs the thread.
        serves = development_server.is_reloaded() or not self.config.DEBUG
        return self.hand_over_realtime() if serves else None

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Handle one request (PEP 3333).

        Raises:
            ConfigurationError: As `prepare`, which the first request calls.
        """
        if not self._prepared:
            self.prepare()
        return serve(self.app_controller, self.dispatcher, environ, start_response)
