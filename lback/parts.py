"""The parts that an application builds when something first asks for them: imports come with it.

An application that never opens a database must not wait for the library of one. So the imports
stand in the functions that build, here and nowhere else.
"""

from collections.abc import Callable
from functools import partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

from lback.core.dependencies import LazyService
from lback.core.exceptions import ConfigurationError
from lback.core.settings.defaults import Settings

if TYPE_CHECKING:
    from lback.admin import AdminRegistry
    from lback.application import Application
    from lback.auth import (
        ApiKeyManager,
        BearerAuthentication,
        LoginThrottle,
        TokenManager,
    )
    from lback.database import DatabaseManager
    from lback.mail import Mailer
    from lback.security import TokenSigner
    from lback.sessions import SessionManager
    from lback.users import AccountTokens, AdminUserManager, UserManager

# Where the tables of the framework are declared: whoever makes or compares tables is to know all.
MODELS = (
    "lback.admin.models",
    "lback.auth.api_keys",
    "lback.auth.refresh_tokens",
    "lback.sessions.database",
    "lback.users",
)

# A setting that may name what is not there, and the part that finds out when it is built.
FOUND_OUT_BY = {
    "JWT_AUDIENCE": "token_manager",
    "LOGIN_ATTEMPTS_STORE": "login_throttle",
    "PASSWORD_VALIDATORS": "admin_user_manager",
    "SESSION_STORE": "session_manager",
    "USER_MODEL": "user_manager",
}


def parts_of(application: "Application") -> dict[str, Any]:
    """Return the parts of an application by name, none of them built.

    Access tokens are left out where no setting asks for them.
    """
    builders = {name: build for name, build in BUILDERS.items() if _is_wanted(name, application)}
    return {name: LazyService(partial(build, application)) for name, build in builders.items()}


def _is_wanted(name: str, application: "Application") -> bool:
    return name != "token_manager" or bool(application.config.JWT_AUDIENCE)


def build_what_may_fail(application: "Application") -> None:
    """Build the parts that settings beside the defaults describe, so that a start tells.

    Raises:
        ConfigurationError: Settings name something that is not there, or cannot be built; names
            all.
    """
    defaults, problems = Settings(), []
    for setting, name in FOUND_OUT_BY.items():
        if getattr(application.config, setting) != getattr(defaults, setting):
            try:
                application.dependencies[name]
            except ConfigurationError as error:
                problems.append(error)
    if len(problems) == 1:
        raise problems[0]
    if problems:
        lines = [f"{len(problems)} settings cannot work:", *map(str, problems)]
        raise ConfigurationError("\n- ".join(lines)) from problems[0]


def _db_manager(application: "Application") -> "DatabaseManager":
    from lback.database import DatabaseManager

    for module in MODELS:
        import_module(module)
    return DatabaseManager(application.config)


def _session_manager(application: "Application") -> "SessionManager":
    from lback.sessions import SessionManager, session_store

    config = application.config
    return SessionManager(
        session_store(config, application.db_manager),
        lifetime=config.SESSION_LIFETIME,
        idle_timeout=config.SESSION_IDLE_TIMEOUT,
    )


def _user_manager(application: "Application") -> "UserManager":
    from lback.security.policy_settings import password_policy
    from lback.users import UserManager, user_model

    config = application.config
    return UserManager(user_model(config), password_policy(config))


def _admin_user_manager(application: "Application") -> "AdminUserManager":
    from lback.security.policy_settings import password_policy
    from lback.users import AdminUserManager

    return AdminUserManager(password_policy(application.config))


def _admin_registry(application: "Application") -> "AdminRegistry":  # noqa: ARG001  as all here
    from lback.admin import AdminRegistry, site

    return AdminRegistry(site)


def _token_signer(application: "Application") -> "TokenSigner":
    from lback.security import TokenSigner

    return TokenSigner(application.config)


def _account_tokens(application: "Application") -> "AccountTokens[Any]":
    from lback.users import AccountTokens

    return AccountTokens(application.user_manager, application.token_signer)


def _login_throttle(application: "Application") -> "LoginThrottle":
    from lback.auth import LoginThrottle

    return LoginThrottle.of(application.config)


def _api_key_manager(application: "Application") -> "ApiKeyManager":
    from lback.auth import ApiKeyManager

    return ApiKeyManager(application.user_manager)


def _token_manager(application: "Application") -> "TokenManager":
    from lback.auth import AccessTokens, TokenManager

    config = application.config
    tokens = AccessTokens(config)
    return TokenManager(
        tokens,
        application.user_manager,
        application.db_manager,
        lifetime=config.JWT_REFRESH_SECONDS,
    )


def _bearer_authentication(application: "Application") -> "BearerAuthentication":
    from lback.auth import BearerAuthentication

    parts = application.dependencies
    return BearerAuthentication(parts["api_key_manager"], parts.get("token_manager"))


def _mailer(application: "Application") -> "Mailer":
    from lback.mail import Mailer

    return Mailer(application.config)


BUILDERS: dict[str, Callable[["Application"], Any]] = {
    "db_manager": _db_manager,
    "session_manager": _session_manager,
    "user_manager": _user_manager,
    "admin_user_manager": _admin_user_manager,
    "admin_registry": _admin_registry,
    "token_signer": _token_signer,
    "account_tokens": _account_tokens,
    "login_throttle": _login_throttle,
    "api_key_manager": _api_key_manager,
    "token_manager": _token_manager,
    "bearer_authentication": _bearer_authentication,
    "mailer": _mailer,
}
