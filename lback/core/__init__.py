"""The core: requests, responses, routing, middlewares, settings, templates and error handling."""

from lback.core.app_controller import AppController
from lback.core.base_middleware import BaseMiddleware
from lback.core.cache import Cache, CacheItem
from lback.core.config import Config, load_config
from lback.core.config_manager import (
    SettingsFileHandler,
    get_project_root,
    load_settings_module,
    start_settings_watcher,
    sync_settings_to_config,
    update_config,
)
from lback.core.dispatcher_instance import dispatcher
from lback.core.error_handler import ErrorHandler
from lback.core.exceptions import (
    BadRequest,
    ConfigurationError,
    Forbidden,
    FrameworkException,
    HTTPException,
    MethodNotAllowed,
    NotFound,
    RouteNotFound,
    ServerError,
    Unauthorized,
    ValidationError,
)
from lback.core.logging_setup import setup_logging
from lback.core.middleware_loader import (
    create_middleware,
    import_class,
    load_middlewares_from_config,
)
from lback.core.middleware_manager import Middleware, MiddlewareManager
from lback.core.response import HTMLResponse, JSONResponse, RedirectResponse, Response
from lback.core.router import Route, Router
from lback.core.server import Server, initialize_core_components, wsgi_application
from lback.core.signals import SignalDispatcher
from lback.core.templates import (
    TemplateRenderer,
    custom_uppercase,
    custom_url_tag,
    default_global_context,
)
from lback.core.types import (
    AppSession,
    HTTPMethod,
    IntegerConverter,
    Request,
    TypeConverter,
    UploadedFile,
    UUIDConverter,
)
from lback.core.urls_utils import Include, include
from lback.core.websocket import WebSocketServer
from lback.core.wsgi_entry import create_wsgi_app

__all__ = [
    "AppController",
    "AppSession",
    "BadRequest",
    "BaseMiddleware",
    "Cache",
    "CacheItem",
    "Config",
    "ConfigurationError",
    "ErrorHandler",
    "Forbidden",
    "FrameworkException",
    "HTMLResponse",
    "HTTPException",
    "HTTPMethod",
    "Include",
    "IntegerConverter",
    "JSONResponse",
    "MethodNotAllowed",
    "Middleware",
    "MiddlewareManager",
    "NotFound",
    "RedirectResponse",
    "Request",
    "Response",
    "Route",
    "RouteNotFound",
    "Router",
    "Server",
    "ServerError",
    "SettingsFileHandler",
    "SignalDispatcher",
    "TemplateRenderer",
    "TypeConverter",
    "UUIDConverter",
    "Unauthorized",
    "UploadedFile",
    "ValidationError",
    "WebSocketServer",
    "create_middleware",
    "create_wsgi_app",
    "custom_uppercase",
    "custom_url_tag",
    "default_global_context",
    "dispatcher",
    "get_project_root",
    "import_class",
    "include",
    "initialize_core_components",
    "load_config",
    "load_middlewares_from_config",
    "load_settings_module",
    "setup_logging",
    "start_settings_watcher",
    "sync_settings_to_config",
    "update_config",
    "wsgi_application",
]
