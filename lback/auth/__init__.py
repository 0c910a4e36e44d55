"""Who somebody is, and what they may do."""

from lback.auth.access_tokens import AccessTokens
from lback.auth.api_keys import ApiKey, ApiKeyManager
from lback.auth.authenticate import authenticate
from lback.auth.bearer import BearerAuthentication
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
    "require",
    "require_user",
]
