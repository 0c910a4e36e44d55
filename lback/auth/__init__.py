"""Who somebody is, and what they may do."""

from lback.auth.authenticate import authenticate
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
from lback.auth.sign_in import keep_signed_in, login, logout, logout_everywhere
from lback.auth.throttle import LoginThrottle, TooManyAttempts

__all__ = [
    "LoginRequiredMixin",
    "LoginThrottle",
    "PermissionRequired",
    "PermissionRequiredMixin",
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
