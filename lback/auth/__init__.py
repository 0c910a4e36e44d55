"""Who somebody is, and what they may do."""

from typing import TYPE_CHECKING

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
        login_required,
        may,
        permission_required,
        require,
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
    "keep_signed_in",
    "login",
    "login_required",
    "logout",
    "logout_everywhere",
    "may",
    "permission_required",
    "policy",
    "require",
    "require_user",
    "scoped",
]

# Each is imported when it is first asked for: most of them bring the library of the database.
__getattr__, __dir__ = lazy_names(
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
        "keep_signed_in": "lback.auth.sign_in",
        "login": "lback.auth.sign_in",
        "login_required": "lback.auth.permissions",
        "logout": "lback.auth.sign_in",
        "logout_everywhere": "lback.auth.sign_in",
        "may": "lback.auth.permissions",
        "permission_required": "lback.auth.permissions",
        "policy": "lback.auth.policies",
        "require": "lback.auth.permissions",
        "require_user": "lback.auth.permissions",
        "scoped": "lback.auth.policies",
    },
)
