"""Those who sign in: users of the site, and users of the admin, each in a table of their own."""

from lback.users.admin_manager import AdminUserManager
from lback.users.manager import AccountManager, UserManager
from lback.users.models import AdminUser, User

__all__ = ["AccountManager", "AdminUser", "AdminUserManager", "User", "UserManager"]
