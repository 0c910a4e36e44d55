"""Builders of the lazy services of an application.

An application that never opens a database should not import SQLAlchemy. So each builder imports
what it needs.
"""

from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any, TypeAlias

from lback.core.dependencies import LazyService, Unavailable
from lback.core.exceptions import ConfigurationError
from lback.core.settings.defaults import Settings

if TYPE_CHECKING:
    from lback.admin import AdminRegistry
    from lback.api.idempotency_keys import IdempotencyKeys
    from lback.api.openapi import OpenAPI
    from lback.auth import (
        ApiKeyManager,
        BearerAuthentication,
        LoginThrottle,
        TokenManager,
    )
    from lback.core.config import Config
    from lback.database import DatabaseManager
    from lback.mail import Mailer
    from lback.realtime import Engine
    from lback.security import TokenSigner
    from lback.sessions import SessionManager
    from lback.storage import Storage, Storages
    from lback.tasks import TaskQueue
    from lback.users import AccountTokens, AdminUserManager, UserManager

# All services by name. Builders receive these and not the application, which may be incomplete
# when a route needs a service.
Services: TypeAlias = Mapping[str, Any]

# The modules with the tables of the framework, imported before tables are created or compared.
MODELS = (
    "lback.admin.models",
    "lback.api.idempotency_record",
    "lback.auth.api_keys",
    "lback.auth.database_attempts",
    "lback.auth.refresh_tokens",
    "lback.realtime.tables",
    "lback.sessions.database",
    "lback.tasks.tables",
    "lback.users",
)

# The modules with the tasks of the framework, which a worker imports.
TASK_MODULES = ("lback.accounts.email_tasks", "lback.mail.sending")

# Settings that may name something that does not exist, and the service whose build checks them.
BUILT_AT_START = {
    "API_WEBHOOKS": "openapi",
    "JWT_AUDIENCE": "token_manager",
    "LOGIN_ATTEMPTS_STORE": "login_throttle",
    "PASSWORD_VALIDATORS": "admin_user_manager",
    "SESSION_STORE": "session_manager",
    "STORAGES": "storages",
    "USER_MODEL": "user_manager",
}

# Services that exist only if a setting is set.
NEEDS_SETTING = {"realtime": "REALTIME", "tasks": "TASKS", "token_manager": "JWT_AUDIENCE"}


def lazy_services(config: "Config") -> dict[str, LazyService | Unavailable]:
    """Return all services by name, none of them built yet."""
    services: dict[str, LazyService | Unavailable] = {
        name: LazyService(build) for name, build in BUILDERS.items()
    }
    for name, setting in NEEDS_SETTING.items():
        if not getattr(config, setting):
            services[name] = Unavailable(setting)
    return services


def build_configured_services(config: "Config", services: "Services") -> None:
    """Build services configured away from their defaults, so that mistakes surface at start-up.

    Args:
        config: The settings.
        services: The services by name.

    Raises:
        ConfigurationError: A service cannot be built from its setting; the message names all
            problems.
    """
    defaults, problems = Settings(), []
    for setting, name in BUILT_AT_START.items():
        if getattr(config, setting) != getattr(defaults, setting):
            try:
                services[name]
            except ConfigurationError as error:
                problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = [f"{len(problems)} settings cannot work:", *map(str, problems)]
        raise ConfigurationError("\n- ".join(lines)) from problems[0]


def _db_manager(services: "Services") -> "DatabaseManager":
    from lback.database import DatabaseManager
    from lback.database.monitor import DatabaseLimits

    for module in MODELS:
        import_module(module)
    config: Config = services["config"]
    if config.REALTIME:
        import_module("lback.realtime.account_changes")
    app = services.get("app")
    direct = config.DATABASE_DIRECT_URL
    return DatabaseManager(
        config,
        limits=DatabaseLimits.of(config),
        is_serving=lambda: app is not None and app.app_controller.has_served,
        direct=DatabaseManager.from_url(direct) if direct else None,
        services=services,
    )


def _session_manager(services: "Services") -> "SessionManager":
    from lback.sessions import SessionManager, session_store

    config: Config = services["config"]
    return SessionManager(
        session_store(config, services["db_manager"]),
        lifetime=config.SESSION_LIFETIME,
        idle_timeout=config.SESSION_IDLE_TIMEOUT,
        clock_tolerance=config.CLOCK_TOLERANCE,
        on_end=_session_listener(services),
    )


def _session_listener(services: "Services") -> "Callable[[str], None] | None":
    if not services["config"].REALTIME:
        return None
    # Imported here: few applications have connections that the end of a session closes.
    from lback.realtime.access_changes import session_ended

    return partial(session_ended, services)


def _user_manager(services: "Services") -> "UserManager":
    from lback.security.policy_settings import password_policy
    from lback.users import UserManager, user_model

    config: Config = services["config"]
    return UserManager(user_model(config), password_policy(config))


def _admin_user_manager(services: "Services") -> "AdminUserManager":
    from lback.security.policy_settings import password_policy
    from lback.users import AdminUserManager

    return AdminUserManager(password_policy(services["config"]))


def _admin_registry(services: "Services") -> "AdminRegistry":  # noqa: ARG001  as all here
    from lback.admin import AdminRegistry, site

    return AdminRegistry(site)


def _token_signer(services: "Services") -> "TokenSigner":
    from lback.security import TokenSigner

    config: Config = services["config"]
    return TokenSigner(config, clock_tolerance=config.CLOCK_TOLERANCE)


def _account_tokens(services: "Services") -> "AccountTokens[Any]":
    from lback.users import AccountTokens

    return AccountTokens(services["user_manager"], services["token_signer"])


def _login_throttle(services: "Services") -> "LoginThrottle":
    from lback.auth import LoginThrottle

    return LoginThrottle.of(services["config"], services["db_manager"])


def _idempotency_keys(services: "Services") -> "IdempotencyKeys":
    from lback.api.idempotency_keys import IdempotencyKeys

    # A project creates the table by a migration.
    create_table = not services["config"].PROJECT_ROOT
    return IdempotencyKeys(services["db_manager"], create_table=create_table)


def _api_key_manager(services: "Services") -> "ApiKeyManager":
    from lback.auth import ApiKeyManager

    return ApiKeyManager(services["user_manager"])


def _token_manager(services: "Services") -> "TokenManager":
    from lback.auth import AccessTokens, TokenManager

    config: Config = services["config"]
    tokens = AccessTokens(config)
    return TokenManager(
        tokens,
        services["user_manager"],
        services["db_manager"],
        lifetime=config.JWT_REFRESH_SECONDS,
    )


def _bearer_authentication(services: "Services") -> "BearerAuthentication":
    from lback.auth import BearerAuthentication

    return BearerAuthentication(
        services["api_key_manager"],
        services.get("token_manager"),
        services["config"].BEARER_SCHEMES,
    )


def _mailer(services: "Services") -> "Mailer":
    from lback.mail import Mailer

    config: Config = services["config"]

    def storages() -> "Storages":
        found: Storages = services["storages"]
        return found

    if not config.TASKS:
        return Mailer(config, storages=storages)
    from lback.mail.sending import enqueue_message

    return Mailer(config, enqueue=partial(enqueue_message, services), storages=storages)


def _tasks(services: "Services") -> "TaskQueue":
    from lback.tasks.queues import build_queue

    return build_queue(services)


def _storages(services: "Services") -> "Storages":
    from lback.storage.links import FileLinks
    from lback.storage.named import Storages

    config: Config = services["config"]
    return Storages(config, FileLinks(config, services))


def _storage(services: "Services") -> "Storage":
    storages: Storages = services["storages"]
    return storages["default"]


def _realtime(services: "Services") -> "Engine":
    from lback.realtime.engines import build_engine
    from lback.realtime.rooms import import_rooms

    # The rules say how a room is kept, and whether each viewer has a fragment of their own; workers
    # and commands publish as well.
    import_rooms(services["config"])
    return build_engine(services)


def _openapi(services: "Services") -> "OpenAPI":
    from lback.api.openapi import OpenAPI

    manager = services["middleware_manager"]
    return OpenAPI(services["config"], services["router"], lambda: manager.middlewares, services)


BUILDERS: dict[str, Callable[["Services"], object]] = {
    "db_manager": _db_manager,
    "session_manager": _session_manager,
    "user_manager": _user_manager,
    "admin_user_manager": _admin_user_manager,
    "admin_registry": _admin_registry,
    "token_signer": _token_signer,
    "account_tokens": _account_tokens,
    "login_throttle": _login_throttle,
    "api_key_manager": _api_key_manager,
    "idempotency_keys": _idempotency_keys,
    "token_manager": _token_manager,
    "bearer_authentication": _bearer_authentication,
    "mailer": _mailer,
    "openapi": _openapi,
    "storage": _storage,
    "storages": _storages,
    "tasks": _tasks,
    "realtime": _realtime,
}
