"""Accounts of the admin: created on the command line or by another one, never by a visitor."""

from sqlalchemy.orm import Session

from lback.security.password_policy import PasswordPolicy
from lback.users.manager import AccountManager
from lback.users.models import AdminUser


class AdminUserManager(AccountManager[AdminUser]):
    """Creates and changes the accounts of the admin.

    Args:
        policy: The rules for new passwords; see `AccountManager`.
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
        """Create an account of the admin; see `AccountManager.register`.

        Args:
            session: Database session that the account is added to.
            username: Username to sign in with.
            password: Password; only its hash is stored.
            email: Email address, or `None`.
            is_superuser: Whether the account has every permission.

        Raises:
            ValidationError: A value breaks a rule or is already taken, by field.
        """
        account = super().register(session, username, password, email)
        account.is_superuser = is_superuser
        return account
