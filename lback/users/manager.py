"""Account management: registration, authentication, passwords, email addresses and roles."""

import logging
from collections.abc import Collection
from typing import Any, Generic, TypeVar

from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lback.core.exceptions import ValidationError
from lback.security.password_policy import PasswordPolicy
from lback.security.passwords import hash_password, needs_rehash, verify_password
from lback.translation import gettext_lazy as _
from lback.users.account_lock import end_api_keys, end_sessions, lock_account, renew_hash
from lback.users.account_rules import email_problem, is_email, is_username, username_problem
from lback.users.models import EMAIL_LENGTH, Account, User, clean_email, clean_username
from lback.users.repository import AccountRepository
from lback.users.roles import roles_named

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Account)

TAKEN = {
    "username": _("This username is taken. Choose another one."),
    "email": _("This email address already has an account. Sign in, or use another address."),
}
WRONG_PASSWORD = _("This is not your current password. Try again.")
CHANGED = _("Your account was changed at the same time. Sign in and try again.")


class AccountManager(Generic[A]):
    """Creates, authenticates and changes the accounts of one table.

    It holds no database session: each method takes one, usually `request.db_session`, and leaves
    the commit to the caller.

    Args:
        model: The class of the accounts.
        policy: The rules for new passwords; `None` means the defaults of `PasswordPolicy`.

    Example:
        >>> app = Application(DEBUG=True, DATABASE_URL="sqlite://")
        >>> app.db_manager.create_tables()
        >>> with app.db_manager.session() as session:
        ...     ada = app.user_manager.register(session, "Ada", "correct horse")
        ...     app.user_manager.authenticate(session, "ada", "correct horse") is ada
        True
        >>> app.db_manager.dispose()
    """

    def __init__(self, model: type[A], policy: PasswordPolicy | None = None) -> None:
        self.model = model
        self.policy = policy or PasswordPolicy()
        self._accounts = AccountRepository(model)

    def register(
        self, session: Session, username: str, password: str, email: str | None = None
    ) -> A:
        """Create an account; it has its id when this returns.

        Args:
            session: Database session that the account is added to.
            username: Username to sign in with; unique without regard to case.
            password: Password; only its hash is stored.
            email: Email address, or `None`; unique, stored in lower case.

        Returns:
            The new account.

        Raises:
            ValidationError: A value breaks a rule, or the username or address is already taken,
                also by a concurrent registration; by field.
        """
        _refuse(
            username=[username_problem(username, email)],
            password=self.policy.problems(password, (username, email)),
            email=[email_problem(email)],
        )
        return self._add(session, self._new(username, password, email))

    def _new(self, username: str, password: str, email: str | None) -> A:
        account = self.model()
        account.username = username
        account.email = clean_email(email)
        account.password_hash = hash_password(password)
        return account

    def _add(self, session: Session, account: A) -> A:
        self._refuse_taken(session, account)
        try:
            with session.begin_nested():
                session.add(account)
        except IntegrityError:
            # A concurrent registration was faster; the savepoint keeps the rest of the transaction.
            self._refuse_taken(session, account)
            raise
        logger.info("account registered: %r", account)
        return account

    def _refuse_taken(self, session: Session, account: A) -> None:
        with session.no_autoflush:
            taken = self._accounts.taken(session, account.username, account.email)
        if taken:
            raise ValidationError({field: [str(TAKEN[field])] for field in sorted(taken)})

    def authenticate(self, session: Session, username: str, password: str) -> A | None:
        """Return the active account with this name and password, or `None`.

        The check takes the same time for an unknown name as for a wrong password. A hash made with
        older parameters is renewed at the commit. `lback.auth.authenticate` applies the login rate
        limit as well.

        Args:
            session: Database session for the look-up.
            username: Username or email address, as entered.
            password: Password, as entered.
        """
        account = self.find(session, username)
        is_right = verify_password(password, account.password_hash if account else None)
        if account is None or not is_right or not account.is_active:
            logger.info("login failed: %s", account or "unknown user")
            return None
        if needs_rehash(account.password_hash):
            renewed = hash_password(password)
            # Only at the commit: until then others may have to write, such as the rate limit.
            event.listen(
                session,
                "before_commit",
                lambda session: renew_hash(session, account, renewed),
                once=True,
            )
        return account

    def get(self, session: Session, user_id: int) -> A | None:
        """Return the account with an id, or `None`.

        Args:
            session: Database session for the look-up.
            user_id: Id of the account.
        """
        return self._accounts.get(session, user_id)

    def get_by_username(self, session: Session, username: str) -> A | None:
        """Return the account with a username, or `None`; "ada" finds "Ada".

        Args:
            session: Database session for the look-up.
            username: The username, in any case.
        """
        return self._accounts.get_by_username(session, username) if is_username(username) else None

    def get_by_email(self, session: Session, email: str) -> A | None:
        """Return the account with an email address, or `None`.

        Args:
            session: Database session for the look-up.
            email: The address, in any case.
        """
        cleaned = clean_email(email)
        if cleaned is None or not is_email(cleaned):
            return None
        return self._accounts.get_by_email(session, cleaned)

    def find(self, session: Session, login: str) -> A | None:
        """Return the account with a username or email address, or `None`.

        Args:
            session: Database session for the look-up.
            login: Username or email address, as entered.
        """
        # A username with an @ is always the address of the account. The text is cut because
        # normalizing a long one is slow.
        has_at = "@" in clean_username(login[: EMAIL_LENGTH + 1])
        look_up = self.get_by_email if has_at else self.get_by_username
        return look_up(session, login)

    def list(
        self,
        session: Session,
        *,
        search: str = "",
        is_active: bool | None = None,
        limit: int = 50,
        offset: int = 0,
    ) -> list[A]:
        """Return accounts in the order of their usernames.

        Args:
            session: Database session for the query.
            search: Text that the username or the email address contains; empty means all.
            is_active: Only active or only inactive accounts; `None` means both.
            limit: Maximum number of accounts.
            offset: Number of accounts to skip.
        """
        return self._accounts.list(session, search, is_active, limit, offset)

    def set_password(self, session: Session, account: A, password: str) -> None:
        """Replace the password without checking the current one.

        All sessions, tokens and API keys of the account end.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
            password: The new password.

        Raises:
            ValidationError: The password breaks a rule; under the key `password`.
        """
        self.check_password(password, account)
        password_hash = hash_password(password)
        lock_account(session, account)
        self.store_password_hash(session, account, password_hash)

    def replace_password(self, session: Session, account: A, password: str) -> None:
        """Replace the password for a user whose identity has just been verified.

        All sessions and tokens of the account end; its API keys stay.

        Args:
            session: The session that the account belongs to.
            account: The account as it was loaded when the identity was verified.
            password: The new password.

        Raises:
            ValidationError: The password breaks a rule (key `password`), or the account was changed
                or deactivated since (key `current_password`).
        """
        self.check_password(password, account)
        password_hash = hash_password(password)
        if not lock_account(session, account):
            raise ValidationError({"current_password": [str(CHANGED)]})
        self.store_password_hash(session, account, password_hash, end_keys=False)

    def store_password_hash(
        self, session: Session, account: A, password_hash: str, *, end_keys: bool = True
    ) -> None:
        """Store a new password hash and end sessions and tokens; see `set_password`.

        Args:
            session: The session that the account belongs to.
            account: A locked account; see `lback.users.account_lock.lock_account`.
            password_hash: The hash of the new password.
            end_keys: Whether the API keys end as well.
        """
        account.password_hash = password_hash
        if end_keys:
            end_api_keys(account)
        end_sessions(session, account)
        logger.info("password changed: %r", account)

    def change_password(
        self, session: Session, account: A, current_password: str, password: str
    ) -> None:
        """Replace the password after checking the current one.

        All sessions and tokens of the account end; call `lback.auth.keep_signed_in` to keep the
        current session.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
            current_password: The current password, as entered.
            password: The new password.

        Raises:
            ValidationError: The current password is wrong or the account was changed meanwhile (key
                `current_password`), or the new password breaks a rule (key `password`).
        """
        if not verify_password(current_password, account.password_hash):
            raise ValidationError({"current_password": [str(WRONG_PASSWORD)]})
        self.replace_password(session, account, password)

    def check_password(self, password: str, *about: Account | str | None) -> None:
        """Raise if a new password breaks a rule of the password policy.

        Args:
            password: The new password.
            *about: The account, or texts about its owner that the password must not resemble.

        Raises:
            ValidationError: Names the rule; under the key `password`.
        """
        texts = [
            text
            for item in about
            for text in ((item.username, item.email) if isinstance(item, Account) else (item,))
        ]
        _refuse(password=self.policy.problems(password, texts))

    def set_email(self, session: Session, account: A, email: str | None) -> None:
        """Replace the email address, which then counts as not verified.

        A username that equals the old address changes with it.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
            email: The new address; `None` removes it.

        Raises:
            ValidationError: The address is not valid or already taken, or the password was changed
                since the account was loaded; under the key `email`.
        """
        _refuse(email=[email_problem(email)])
        cleaned = clean_email(email)
        if not lock_account(session, account):
            raise ValidationError({"email": [str(CHANGED)]})
        if cleaned == account.email:
            return
        if cleaned is not None and self._accounts.get_by_email(session, cleaned) is not None:
            raise ValidationError({"email": [str(TAKEN["email"])]})
        if cleaned is not None and clean_email(account.username) == account.email:
            _refuse(email=[username_problem(cleaned, cleaned)])
            account.username = cleaned
        account.email, account.email_verified_at = cleaned, None
        session.flush()
        logger.info("email address changed: %r", account)

    def activate(self, session: Session, account: A) -> None:
        """Allow a deactivated account to sign in again.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
        """
        lock_account(session, account)
        self._set_active(session, account, active=True)

    def deactivate(self, session: Session, account: A) -> None:
        """Prevent an account from signing in, and end all its sessions; its data stays.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
        """
        lock_account(session, account)
        end_sessions(session, account)
        self._set_active(session, account, active=False)

    def _set_active(self, session: Session, account: A, *, active: bool) -> None:
        account.is_active = active
        session.flush()
        logger.info("account %s: %r", "activated" if active else "deactivated", account)

    def assign_roles(self, session: Session, account: A, *names: str) -> None:
        """Give an account roles in addition to those that it has.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
            *names: Names of existing roles.

        Raises:
            ValidationError: There is no role with one of the names; under the key `roles`.
        """
        lock_account(session, account)
        self.set_roles(session, account, {*(role.name for role in account.roles), *names})

    def remove_roles(self, session: Session, account: A, *names: str) -> None:
        """Take roles from an account; without effect for roles that it does not have.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
            *names: Names of roles.
        """
        lock_account(session, account)
        kept = [role.name for role in account.roles if role.name not in names]
        self.set_roles(session, account, kept)

    def set_roles(self, session: Session, account: A, names: Collection[str]) -> None:
        """Give an account exactly these roles.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
            names: Names of existing roles.

        Raises:
            ValidationError: There is no role with one of the names; under the key `roles`.
        """
        lock_account(session, account)
        account.roles = roles_named(session, names)
        session.flush()
        logger.info("roles set: %r: %s", account, ", ".join(sorted(names)) or "none")


class UserManager(AccountManager[User]):
    """Creates and changes the users of the site.

    Args:
        model: The class of the users; see `lback.users.user_model`.
        policy: The rules for new passwords; see `AccountManager`.
    """

    def __init__(self, model: type[Any] = User, policy: PasswordPolicy | None = None) -> None:
        super().__init__(model, policy)


def _refuse(**problems: "Collection[str | None]") -> None:
    broken = {field: [text for text in texts if text] for field, texts in problems.items()}
    broken = {field: texts for field, texts in broken.items() if texts}
    if broken:
        raise ValidationError(broken)
