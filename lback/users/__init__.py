"""Accounts: users of the site and users of the admin, each in a table of their own."""

from lback.users.account_tokens import AccountTokens
from lback.users.admin_manager import AdminUserManager
from lback.users.manager import AccountManager, UserManager
from lback.users.models import Account, AdminUser, User
from lback.users.roles import Group, Permission, Role, define_role
from lback.users.user_model import user_model

__all__ = [
    "Account",
    "AccountManager",
    "AccountTokens",
    "AdminUser",
    "AdminUserManager",
    "Group",
    "Permission",
    "Role",
    "User",
    "UserManager",
    "define_role",
    "user_model",
]
