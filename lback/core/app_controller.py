"""Handles a request: middlewares, routing, view, database commit, and the response hooks."""

import logging
from collections.abc import Callable, Collection
from time import time
from typing import TYPE_CHECKING, Any, Protocol

from lback.core.dependencies import Dependencies
from lback.core.errors.exception_handlers import ExceptionHandlers
from lback.core.exceptions import (
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RouteNotFound,
    Unauthorized,
    UnstorableValue,
)
from lback.core.http.after_answer import AFTER_ANSWER
from lback.core.http.methods import HTTPMethod, supported_methods
from lback.core.http.request_validation import RequestValidator
from lback.core.middleware_manager import MiddlewareManager
from lback.core.request import ApplicationBinding, Request
from lback.core.response import Environ, Response, WsgiResponse
from lback.core.router import Route, Router
from lback.core.routing.endpoint import (
    Endpoint,
    TypedViewBuilder,
    build_endpoint,
    response_of,
)
from lback.core.routing.views import View, methods_of
from lback.core.routing.websocket_route import WEBSOCKET, UpgradeRequired
from lback.core.unit_of_work import UnitOfWork, current
from lback.core.urls_utils import (
    import_admin_modules,
    import_app_modules,
    load_exception_handlers,
    load_routes,
)
from lback.time_zones import CURRENT_ZONE
from lback.translation import CURRENT as CURRENT_LANGUAGE
from lback.translation import Translations

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.routing.route_tree import Found
    from lback.core.signals import SignalDispatcher
    from lback.core.templates import TemplateRenderer
    from lback.sessions import SessionManager
    from lback.users import AdminUserManager, UserManager

logger = logging.getLogger(__name__)

# In the context of a request of an application with live pages: when it began, in seconds since the
# epoch.
BEGAN_AT = "began_at"


class RequestLocale(Protocol):
    """Sets what a request's messages and times depend on; see `lback.i18n.requests`."""

    def begin(self, request: Request) -> Translations | None:
        """Set the zone of a request, and return the messages of its language.

        Args:
            request: The request.
        """
        ...

    def finish(self, request: Request, response: Response) -> None:
        """Add the header fields about the language to a response.

        Args:
            request: The request.
            response: Its response.
        """
        ...


LIFECYCLE_SIGNALS = frozenset(
    {
        "request_started",
        "route_matched",
        "pre_view_execution",
        "post_view_execution",
        "exception_caught",
        "request_finished",
    }
)


class AppController:
    """Passes a request through middlewares, router and view, and commits its database session.

    On construction it loads the routes and exception handlers of `ROOT_URLCONF` and imports the
    modules `models` and `admin` of each of `INSTALLED_APPS`.

    Args:
        middleware_manager: The chain of middlewares around the view.
        router: The routes; those of `ROOT_URLCONF` are added to it.
        template_renderer: Available on the request context, as are all that follow.
        config: Settings; `ROOT_URLCONF`, `INSTALLED_APPS` and `TIME_ZONE` are read here.
        admin_user_manager: Manager of admin users.
        session_manager: Manager of sessions.
        user_manager: Manager of users.
        available_dependencies_instances: Services by name, for the request context and the
            parameters of views. The controller uses `error_handler` and `db_manager`. These
            services and the three managers may be a `lback.core.dependencies.LazyService`.
        dispatcher: Where its signals are sent.
        typed_views: Builds the part of a view that `lback.api` handles; None leaves annotations
            out of account.

    Attributes:
        locale: Sets the language and the zone of each request; None if the application has one
            language and one zone.

    Raises:
        ConfigurationError: Routes or admin modules cannot be loaded, or nothing provides a
            required parameter of a view.
    """

    def __init__(
        self,
        middleware_manager: MiddlewareManager,
        router: Router,
        template_renderer: "TemplateRenderer",
        config: "Config",
        admin_user_manager: "AdminUserManager",
        session_manager: "SessionManager",
        user_manager: "UserManager",
        available_dependencies_instances: dict[str, Any],
        dispatcher: "SignalDispatcher",
        *,
        typed_views: TypedViewBuilder | None = None,
    ) -> None:
        self.middleware_manager = middleware_manager
        self.router = router
        self.config = config
        self.dispatcher = dispatcher
        self.request_validator = RequestValidator(config)
        self.dependencies = Dependencies(
            {
                "middleware_manager": middleware_manager,
                "router": router,
                "template_renderer": template_renderer,
                "config": config,
                "admin_user_manager": admin_user_manager,
                "session_manager": session_manager,
                "user_manager": user_manager,
                "dispatcher": dispatcher,
                **available_dependencies_instances,
            }
        )
        self.exception_handlers = ExceptionHandlers(self.dependencies, dispatcher)
        self.dependencies["exception_handlers"] = self.exception_handlers
        self._unit_of_work = UnitOfWork(self.dependencies, dispatcher, self)
        # Time limits of the database hold where requests are served, not in commands.
        self.has_served = False
        self._notes_start = bool(config.REALTIME)
        self.binding = ApplicationBinding(
            self.dependencies, self.request_validator.limits, self._unit_of_work.open
        )
        self._time_zone = config.get("TIME_ZONE", "UTC")
        self.locale: RequestLocale | None = None
        # Answers by path that need neither middlewares nor a valid host, such as health checks.
        self.early_answers: dict[str, Callable[[Environ], WsgiResponse]] = {}
        self._endpoints: dict[Route, Endpoint] = {}
        self._typed_views = typed_views
        self._guard_checked = False
        self._load_components()

    def _load_components(self) -> None:
        root = self.config.get("ROOT_URLCONF", "")
        if root:
            for route in load_routes(root, is_root=True):
                self.register(route)
            for key, handler in load_exception_handlers(root).items():
                self.exception_handlers.add(key, handler)
        else:
            logger.debug("no ROOT_URLCONF: routes are added in code")
        apps = list(self.config.get("INSTALLED_APPS", None) or [])
        # Once the application is built, all tables are known, also those that no view uses yet.
        import_app_modules(apps, "models")
        import_admin_modules(apps)

    def add_route(
        self,
        path: str,
        view: View,
        methods: Collection[str] | None = None,
        name: str | None = None,
        requires_auth: bool = True,
    ) -> None:
        """Add a route; see `lback.core.router.Router.add_route`.

        Args:
            path: Pattern, such as `"/users/{user_id:int}"`.
            view: Function or class; see `lback.core.router.Route`.
            methods: Allowed methods; `None` means those that the view declares, else every one.
            name: Name for `url_for`.
            requires_auth: Whether only signed-in users may access the route.

        Raises:
            ConfigurationError: Nothing provides a required parameter of the view.
            TypeError, ValueError: As `lback.core.router.Route`.
        """
        if methods is None:
            methods = methods_of(view)
        self.register(Route(path, view, methods, name, requires_auth))

    def register(self, route: Route) -> None:
        """Add a route that was already built; see `add_route`."""
        self._endpoints[route] = build_endpoint(route, self.dependencies, self._typed_views)
        self.router.add(route)

    def handle_request(self, request: Request) -> Response:
        """Process a request and return its response.

        `request.error_handler` turns an exception into a response, which then passes the response
        hooks like any other.

        Signals: `request_started`, `route_matched`, `pre_view_execution`,
        `post_view_execution`, `db_session_committed` or `db_session_rolled_back`,
        `exception_caught` unless the exception is an `HTTPException`, `request_finished` exactly
        once.

        Raises:
            RouteNotFound, MethodNotAllowed, Exception: Only if the application has no error
                handler; then the exception is raised unchanged.
        """
        manager = self.middleware_manager
        self.has_served = True
        request.bind(self.binding)
        if self._notes_start:
            request.add_context(BEGAN_AT, time())
        CURRENT_ZONE.set(self._time_zone)
        locale = self.locale
        CURRENT_LANGUAGE.set(None if locale is None else locale.begin(request))
        dispatcher = self.dispatcher
        observed = self._announce(request) if dispatcher.receivers else False
        response = None
        try:
            try:
                token = current.set(request)
                try:
                    response = self._answer(request, observed)
                    if request.active_session is not None:
                        self._unit_of_work.commit_or_roll_back(request, response)
                finally:
                    current.reset(token)
            except Exception as error:  # noqa: BLE001  becomes the response, or is raised on
                response = self._error_response(request, error)
            if manager.response_hooks or dispatcher.receivers:
                response = manager.process_response(request, response)
            if locale is not None:
                locale.finish(request, response)
            if request.active_session is not None:
                self._unit_of_work.commit_late_changes(request, response)
        finally:
            if observed or request.opened_session is not None or request.uploads:
                self._finish(request, response, observed)
        return response

    def _announce(self, request: Request) -> bool:
        """Send `request_started`; return True if there are receivers for signals of a request."""
        observed = self.dispatcher.has_receivers(LIFECYCLE_SIGNALS)
        if observed:
            self.dispatcher.send("request_started", self, request=request)
        return observed

    def _finish(self, request: Request, response: Response | None, observed: bool) -> None:
        self._unit_of_work.close(request)
        is_read = response is None or response.body.__class__ in (bytes, str)
        if is_read and AFTER_ANSWER not in request.environ:
            request.close()  # else `serve` closes it, after the response has been sent
        if observed:
            self.dispatcher.send("request_finished", self, request=request, response=response)

    def _answer(self, request: Request, observed: bool) -> Response:
        if request.error is not None:
            raise request.error
        manager = self.middleware_manager
        if manager.request_hooks or self.dispatcher.receivers:
            short = manager.process_request(request)
            if short is not None:
                return short
        found = self.router.find(request.path, request.method) or self._found_for_head(request)
        if found is None:
            return self._unmatched(request)
        route, params = found
        request.path_params = params
        if route.requires_auth:
            _require_user(request)
        endpoint = self._endpoints.get(route) or self._prepare_endpoint(route)
        if observed:
            about = {"request": request, "view": route.view, "path_variables": params}
            self.dispatcher.send("route_matched", self, **about)
            self.dispatcher.send("pre_view_execution", self, **about)
        result = endpoint(request, params)
        response = result if isinstance(result, Response) else response_of(result, route.view)
        if observed:
            self.dispatcher.send("post_view_execution", self, request=request, response=response)
        return response

    def _found_for_head(self, request: Request) -> "Found | None":
        """Return the route for GET, which also handles HEAD if no other route does."""
        if request.method is not HTTPMethod.HEAD:
            return None
        return self.router.find(request.path, HTTPMethod.GET)

    def _prepare_endpoint(self, route: Route) -> Endpoint:
        """Build the endpoint of a route that was added directly to the router."""
        endpoint = self._endpoints[route] = build_endpoint(
            route, self.dependencies, self._typed_views
        )
        return endpoint

    def _unmatched(self, request: Request) -> Response:
        # A common error is passed on and not raised: the result is the same, at less cost.
        allowed = self.router.allowed_methods(request.path)
        if request.path == "*" and request.method is HTTPMethod.OPTIONS:
            # About the server as a whole (RFC 9110 section 9.3.7).
            routes = self.router.routes
            allowed = list({str(method) for route in routes for method in route.methods or ()})
        if allowed is None:
            error: HTTPException = RouteNotFound(request.path, str(request.method))
            return self._error_response(request, error)
        if allowed == [WEBSOCKET]:
            return self._error_response(request, UpgradeRequired())
        allowed = [name for name in allowed if name != WEBSOCKET]
        if request.method is not HTTPMethod.OPTIONS:
            error = MethodNotAllowed(request.path, str(request.method), supported_methods(allowed))
            return self._error_response(request, error)
        return Response(None, 204, {"Allow": ", ".join(supported_methods(allowed))})

    def _error_response(self, request: Request, error: Exception) -> Response:
        self._unit_of_work.roll_back(request, error)
        if isinstance(error, UnstorableValue):
            error = _as_address_or_value(error, request)
        if not isinstance(error, HTTPException):
            self.dispatcher.send("exception_caught", self, request=request, exception=error)
        handler = request.error_handler
        if handler is None:
            raise error
        if not self.exception_handlers.entries:
            return handler.error_response(error, request)
        response = handler.handled_response(error, request, self.exception_handlers)
        try:
            self._unit_of_work.settle_handled(request, response)
        except Exception as failure:  # noqa: BLE001  logged there
            self._unit_of_work.roll_back(request, failure)
            return handler.failure_response(failure, request)
        return response

    def warn_of_closed_routes(self) -> None:
        """Log a warning with the routes that always answer 401, if no middleware signs users in."""
        middlewares = self.middleware_manager.middlewares
        if any(getattr(middleware, "sets_user", False) for middleware in middlewares):
            return
        closed = [route.path for route in self.router.routes if route.requires_auth]
        if closed:
            logger.warning(
                "these routes always answer 401, because no middleware signs users in: %s; "
                "open one with requires_auth=False, or add an authentication middleware "
                "(its class says sets_user = True)",
                ", ".join(closed),
            )


def _as_address_or_value(error: UnstorableValue, request: Request) -> HTTPException:
    """Return a 404 if the invalid value comes from a path variable, else the error itself."""
    variables = map(str, request.path_params.values())
    return NotFound() if any(text in error.values for text in variables) else error


def _require_user(request: Request) -> None:
    request.route_requires_auth = True
    if not is_authenticated(request.user):
        raise Unauthorized


def is_authenticated(user: object) -> bool:
    """Return True if a user satisfies `requires_auth`.

    Args:
        user: Any object, or `None`. Its `is_authenticated`, an attribute or a method, decides;
            without one, the user counts as signed in.

    Example:
        >>> is_authenticated(None)
        False
    """
    if user is None:
        return False
    flag = getattr(user, "is_authenticated", True)
    return bool(flag() if callable(flag) else flag)
