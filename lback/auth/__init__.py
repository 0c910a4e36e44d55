"""Authentication and authorization: sign-in, tokens, API keys, permissions and row policies."""

from typing import TYPE_CHECKING, Any

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.auth.access_tokens import AccessTokens
    from lback.auth.api_keys import ApiKey, ApiKeyManager
    from lback.auth.bearer import BearerAuthentication
    from lback.auth.password_check import authenticate
    from lback.auth.permissions import (
        LoginRequiredMixin,
        PermissionRequired,
        PermissionRequiredMixin,
        check_permission,
        has_permission,
        login_required,
        permission_required,
        require_user,
    )
    from lback.auth.policies import Policy, policy, scoped
    from lback.auth.refresh_tokens import TokenManager, TokenPair
    from lback.auth.sign_in import keep_signed_in, login, logout, logout_everywhere
    from lback.auth.throttle import LoginThrottle, TooManyAttempts

__all__ = [
    "AccessTokens",
    "ApiKey",
    "ApiKeyManager",
    "BearerAuthentication",
    "LoginRequiredMixin",
    "LoginThrottle",
    "PermissionRequired",
    "PermissionRequiredMixin",
    "Policy",
    "TokenManager",
    "TokenPair",
    "TooManyAttempts",
    "authenticate",
    "check_permission",
    "has_permission",
    "keep_signed_in",
    "login",
    "login_required",
    "logout",
    "logout_everywhere",
    "permission_required",
    "policy",
    "require_user",
    "scoped",
]

# Each is imported when it is first used: most of them load SQLAlchemy.
_imported, __dir__ = lazy_names(
    __name__,
    {
        "AccessTokens": "lback.auth.access_tokens",
        "ApiKey": "lback.auth.api_keys",
        "ApiKeyManager": "lback.auth.api_keys",
        "BearerAuthentication": "lback.auth.bearer",
        "LoginRequiredMixin": "lback.auth.permissions",
        "LoginThrottle": "lback.auth.throttle",
        "PermissionRequired": "lback.auth.permissions",
        "PermissionRequiredMixin": "lback.auth.permissions",
        "Policy": "lback.auth.policies",
        "TokenManager": "lback.auth.refresh_tokens",
        "TokenPair": "lback.auth.refresh_tokens",
        "TooManyAttempts": "lback.auth.throttle",
        "authenticate": "lback.auth.password_check",
        "check_permission": "lback.auth.permissions",
        "has_permission": "lback.auth.permissions",
        "keep_signed_in": "lback.auth.sign_in",
        "login": "lback.auth.sign_in",
        "login_required": "lback.auth.permissions",
        "logout": "lback.auth.sign_in",
        "logout_everywhere": "lback.auth.sign_in",
        "permission_required": "lback.auth.permissions",
        "policy": "lback.auth.policies",
        "require_user": "lback.auth.permissions",
        "scoped": "lback.auth.policies",
    },
)


def __getattr__(name: str) -> Any:
    if name in ("may", "require"):  # their names in version 0.1
        from lback.auth.permissions import deprecated_name

        return deprecated_name(__name__, name)
    return _imported(name)
