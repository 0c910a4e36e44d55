"""The accounts of the admin: made by hand or by another one, never by a visitor."""

from sqlalchemy.orm import Session

from lback.security.password_policy import PasswordPolicy
from lback.users.manager import AccountManager
from lback.users.models import AdminUser


class AdminUserManager(AccountManager[AdminUser]):
    """The users of the admin.

    Args:
        policy: As for `AccountManager`.
    """

    def __init__(self, policy: PasswordPolicy | None = None) -> None:
        super().__init__(AdminUser, policy)

    def register(
        self,
        session: Session,
        username: str,
        password: str,
        email: str | None = None,
        *,
        is_superuser: bool = False,
    ) -> AdminUser:
        """Make an account of the admin; see `AccountManager.register`.

        Args:
            session: Where it is stored.
            username: To sign in with.
            password: Kept as a hash only.
            email: Where mail reaches its owner.
            is_superuser: Whether it may do everything.

        Raises:
            ValidationError: As `AccountManager.register`.
        """
        account = super().register(session, username, password, email)
        account.is_superuser = is_superuser
        return account
