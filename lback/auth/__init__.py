"""Who somebody is, and what they may do."""

from lback.auth.sign_in import keep_signed_in, login, logout, logout_everywhere

__all__ = ["keep_signed_in", "login", "logout", "logout_everywhere"]
