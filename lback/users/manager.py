"""Accounts: how one is made, and how somebody proves that it is theirs."""

import logging
from collections.abc import Collection
from typing import Any, Generic, TypeVar

from sqlalchemy import event
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lback.core.exceptions import ValidationError
from lback.security.password_policy import PasswordPolicy
from lback.security.passwords import hash_password, needs_rehash, verify_password
from lback.users.account_lock import end_api_keys, end_sessions, lock_account, renew_hash
from lback.users.account_rules import email_problem, is_email, is_username, username_problem
from lback.users.models import EMAIL_LENGTH, Account, User, clean_email, clean_username
from lback.users.repository import AccountRepository
from lback.users.roles import roles_named

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Account)

TAKEN = {
    "username": "this username is taken; choose another one",
    "email": "this email address belongs to an account; sign in, or use another one",
}
WRONG_PASSWORD = "this is not your password"  # noqa: S105  a message
CHANGED = "the account was changed in this moment; sign in and try again"


class AccountManager(Generic[A]):
    """Keeps the rules of one table of accounts.

    It holds no session: each method takes the one it works on, usually `request.db_session`, and
    leaves the commit to its owner.

    Args:
        model: The class of the accounts.
        policy: The rules for new passwords; `None` means those of a plain `PasswordPolicy`.
    """

    def __init__(self, model: type[A], policy: PasswordPolicy | None = None) -> None:
        self.model = model
        self.policy = policy or PasswordPolicy()
        self._accounts = AccountRepository(model)

    def register(
        self, session: Session, username: str, password: str, email: str | None = None
    ) -> A:
        """Make an account; it has its id when this returns.

        Raises:
            ValidationError: Values that break a rule, or a username or an email address that
                belongs to an account already, also if somebody else is registering it right now.
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
            # Somebody was faster; the savepoint keeps the rest of the transaction.
            self._refuse_taken(session, account)
            raise
        logger.info("%r registered", account)
        return account

    def _refuse_taken(self, session: Session, account: A) -> None:
        with session.no_autoflush:
            taken = self._accounts.taken(session, account.username, account.email)
        if taken:
            raise ValidationError({field: [TAKEN[field]] for field in sorted(taken)})

    def authenticate(self, session: Session, username: str, password: str) -> A | None:
        """Return the account if the password is right and it is active.

        It takes the same time for an unknown username as for a wrong password. A hash made with
        older parameters is renewed. See `lback.auth.authenticate` for one that counts attempts.

        Args:
            session: Where it is looked up.
            username: The username or the email address.
            password: What somebody typed.
        """
        account = self.find(session, username)
        known = verify_password(password, account.password_hash if account else None)
        if account is None or not known or not account.is_active:
            logger.info("a sign-in as %s was refused", account or "nobody we know")
            return None
        if needs_rehash(account.password_hash):
            renewed = hash_password(password)
            # Only at the commit: until then, others may have to write, such as who counts attempts.
            event.listen(
                session,
                "before_commit",
                lambda session: renew_hash(session, account, renewed),
                once=True,
            )
        return account

    def get(self, session: Session, user_id: int) -> A | None:
        """Return the account with an id."""
        return self._accounts.get(session, user_id)

    def get_by_username(self, session: Session, username: str) -> A | None:
        """Return the account with a username, however it is written: "ada" finds "Ada"."""
        return self._accounts.get_by_username(session, username) if is_username(username) else None

    def get_by_email(self, session: Session, email: str) -> A | None:
        """Return the account with an email address, whatever the case of its letters."""
        cleaned = clean_email(email)
        if cleaned is None or not is_email(cleaned):
            return None
        return self._accounts.get_by_email(session, cleaned)

    def find(self, session: Session, login: str) -> A | None:
        """Return the account that somebody names by username or by email address."""
        # A username with an @ in it is always the address of the account.
        # Cut, for the normal form of a long text takes long.
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
            session: Where they are looked up.
            search: What username or email address must contain.
            is_active: Only these; `None` means all.
            limit: How many at most.
            offset: How many to pass over.
        """
        return self._accounts.list(session, search, is_active, limit, offset)

    def set_password(self, session: Session, account: A, password: str) -> None:
        """Replace the password without asking for the current one.

        All sessions, tokens and API keys of the account end.

        Args:
            session: The session that the account belongs to.
            account: A stored account.
            password: The new password.

        Raises:
            ValidationError: The password breaks a rule.
        """
        self.check_password(password, account)
        password_hash = hash_password(password)
        lock_account(session, account)
        self.store_password_hash(session, account, password_hash)

    def replace_password(self, session: Session, account: A, password: str) -> None:
        """Replace the password for a user who has just proved their identity.

        All sessions and tokens of the account end; its API keys stay.

        Args:
            session: The session that the account belongs to.
            account: As it was loaded when the proof was checked.
            password: The new password.

        Raises:
            ValidationError: The password breaks a rule, or the account has changed since: its
                owner set another password, or it was deactivated.
        """
        self.check_password(password, account)
        password_hash = hash_password(password)
        if not lock_account(session, account):
            raise ValidationError({"current_password": [CHANGED]})
        self.store_password_hash(session, account, password_hash, end_keys=False)

    def store_password_hash(
        self, session: Session, account: A, password_hash: str, *, end_keys: bool = True
    ) -> None:
        """Put a new hash in place and end what the old password let in; see `set_password`.

        Args:
            session: The session that the account belongs to.
            account: An account that is locked; see `lback.users.account_lock.lock_account`.
            password_hash: The hash of the new password.
            end_keys: Whether the API keys end as well.
        """
        account.password_hash = password_hash
        if end_keys:
            end_api_keys(account)
        end_sessions(session, account)
        logger.info("%r has a new password", account)

    def change_password(
        self, session: Session, account: A, current_password: str, password: str
    ) -> None:
        """Replace the password for somebody who knows it; all sessions of the account end.

        `lback.auth.keep_signed_in` has the session at hand go on.

        Raises:
            ValidationError: The current password is wrong, or the new one breaks a rule, or the
                account has changed in this moment.
        """
        if not verify_password(current_password, account.password_hash):
            raise ValidationError({"current_password": [WRONG_PASSWORD]})
        self.replace_password(session, account, password)

    def check_password(self, password: str, *about: Account | str | None) -> None:
        """Refuse a new password that breaks a rule.

        Args:
            password: What somebody typed.
            *about: The account, or texts that must not be all of it.

        Raises:
            ValidationError: Says which rule.
        """
        texts = [
            text
            for item in about
            for text in ((item.username, item.email) if isinstance(item, Account) else (item,))
        ]
        _refuse(password=self.policy.problems(password, texts))

    def set_email(self, session: Session, account: A, email: str | None) -> None:
        """Replace the email address, which counts as not verified.

        A username that was the old address becomes the new one.

        Raises:
            ValidationError: It is no address, or belongs to another account, or the account has got
                another password since it was loaded.
        """
        _refuse(email=[email_problem(email)])
        cleaned = clean_email(email)
        if not lock_account(session, account):
            raise ValidationError({"email": [CHANGED]})
        if cleaned == account.email:
            return
        if cleaned is not None and self._accounts.get_by_email(session, cleaned) is not None:
            raise ValidationError({"email": [TAKEN["email"]]})
        if cleaned is not None and clean_email(account.username) == account.email:
            _refuse(email=[username_problem(cleaned, cleaned)])
            account.username = cleaned
        account.email, account.email_verified_at = cleaned, None
        session.flush()
        logger.info("%r has a new email address", account)

    def activate(self, session: Session, account: A) -> None:
        """Let somebody sign in again."""
        lock_account(session, account)
        self._set_active(session, account, active=True)

    def deactivate(self, session: Session, account: A) -> None:
        """Keep somebody from signing in, and end all sessions; the account stays."""
        lock_account(session, account)
        end_sessions(session, account)
        self._set_active(session, account, active=False)

    def _set_active(self, session: Session, account: A, *, active: bool) -> None:
        account.is_active = active
        session.flush()
        logger.info("%r was %s", account, "activated" if active else "deactivated")

    def assign_roles(self, session: Session, account: A, *names: str) -> None:
        """Give an account roles beside those that it has.

        Raises:
            ValidationError: There is no role of that name; names all there are.
        """
        lock_account(session, account)
        self.set_roles(session, account, {*(role.name for role in account.roles), *names})

    def remove_roles(self, session: Session, account: A, *names: str) -> None:
        """Take roles from an account; without effect where it does not have them."""
        lock_account(session, account)
        kept = [role.name for role in account.roles if role.name not in names]
        self.set_roles(session, account, kept)

    def set_roles(self, session: Session, account: A, names: Collection[str]) -> None:
        """Give an account these roles and no others.

        Raises:
            ValidationError: There is no role of that name; names all there are.
        """
        lock_account(session, account)
        account.roles = roles_named(session, names)
        session.flush()
        logger.info("%r has the roles %s", account, ", ".join(sorted(names)) or "none")


class UserManager(AccountManager[User]):
    """The users of the site.

    Args:
        model: The class of the users; see `lback.users.user_model`.
        policy: As for `AccountManager`.
    """

    def __init__(self, model: type[Any] = User, policy: PasswordPolicy | None = None) -> None:
        super().__init__(model, policy)


def _refuse(**problems: "Collection[str | None]") -> None:
    broken = {field: [text for text in texts if text] for field, texts in problems.items()}
    broken = {field: texts for field, texts in broken.items() if texts}
    if broken:
        raise ValidationError(broken)
