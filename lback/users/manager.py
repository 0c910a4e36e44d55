"""Accounts: how one is made, and how somebody proves that it is theirs."""

import logging
from typing import Any, Generic, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from lback.core.exceptions import ValidationError
from lback.security.passwords import (
    MAX_PASSWORD_LENGTH,
    hash_password,
    needs_rehash,
    verify_password,
)
from lback.users.models import (
    EMAIL_LENGTH,
    USERNAME_LENGTH,
    Account,
    User,
    clean_email,
    clean_username,
)
from lback.users.repository import AccountRepository

logger = logging.getLogger(__name__)

A = TypeVar("A", bound=Account)

TAKEN = {
    "username": "this username is taken; choose another one",
    "email": "this email address belongs to an account; sign in, or use another one",
}


class AccountManager(Generic[A]):
    """Keeps the rules of one table of accounts.

    It holds no session: each method takes the one it works on, usually `request.db_session`, and
    leaves the commit to its owner.

    Args:
        model: The class of the accounts.
    """

    def __init__(self, model: type[A]) -> None:
        self._model = model
        self._accounts = AccountRepository(model)

    def register(
        self, session: Session, username: str, password: str, email: str | None = None
    ) -> A:
        """Make an account; it has its id when this returns.

        Raises:
            ValidationError: Values that break a rule, or a username or an email address that
                belongs to an account already, also if somebody else is registering it right now.
        """
        _check_all(username=username, password=password, email=email)
        return self._add(session, self._new(username, password, email))

    def _new(self, username: str, password: str, email: str | None) -> A:
        account = self._model()
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
        older parameters is renewed.
        """
        account = self.get_by_username(session, username)
        known = verify_password(password, account.password_hash if account else None)
        if account is None or not known or not account.is_active:
            logger.info("a sign-in as %s was refused", account or "nobody we know")
            return None
        if needs_rehash(account.password_hash):
            account.password_hash = hash_password(password)
        return account

    def get(self, session: Session, user_id: int) -> A | None:
        """Return the account with an id."""
        return self._accounts.get(session, user_id)

    def get_by_username(self, session: Session, username: str) -> A | None:
        """Return the account with a username, however it is written: "ada" finds "Ada"."""
        if not _is_username(username):
            return None
        return self._accounts.get_by_username(session, username)

    def set_password(self, session: Session, account: A, password: str) -> None:
        """Replace the password.

        Raises:
            ValidationError: The password breaks a rule.
        """
        _check_all(password=password)
        account.password_hash = hash_password(password)
        session.flush()
        logger.info("%r has a new password", account)

    def activate(self, session: Session, account: A) -> None:
        """Let somebody sign in again."""
        self._set_active(session, account, active=True)

    def deactivate(self, session: Session, account: A) -> None:
        """Keep somebody from signing in; the account stays."""
        self._set_active(session, account, active=False)

    def _set_active(self, session: Session, account: A, *, active: bool) -> None:
        account.is_active = active
        session.flush()
        logger.info("%r was %s", account, "activated" if active else "deactivated")


class UserManager(AccountManager[User]):
    """The users of the site.

    Args:
        model: The class of the users; see `lback.users.user_model`.
    """

    def __init__(self, model: type[Any] = User) -> None:
        super().__init__(model)


def _check_all(**values: str | None) -> None:
    errors = {field: CHECKS[field](value) for field, value in values.items()}
    broken = {field: [message] for field, message in errors.items() if message}
    if broken:
        raise ValidationError(broken)


def _is_username(username: str) -> bool:
    return _check_username(username) is None


def _check_username(username: str | None) -> str | None:
    # Measured before it is normalised, too, because normalising long texts is slow.
    if not username or len(username) > USERNAME_LENGTH:
        return f"a username has 1 to {USERNAME_LENGTH} characters"
    cleaned = clean_username(username)
    if not 0 < len(cleaned) <= USERNAME_LENGTH:
        return f"a username has 1 to {USERNAME_LENGTH} characters"
    return None if cleaned.isprintable() else "a username has no invisible characters"


def _check_password(password: str | None) -> str | None:
    if not password or len(password) > MAX_PASSWORD_LENGTH:
        return f"a password has 1 to {MAX_PASSWORD_LENGTH} characters"
    return None


def _check_email(email: str | None) -> str | None:
    cleaned = clean_email(email)
    if cleaned is None:
        return None
    name, _, domain = cleaned.rpartition("@")
    # Whether it works is known when a mail arrives; this finds what cannot be an address.
    fine = name and domain and cleaned.isprintable() and " " not in cleaned
    if not fine or len(cleaned) > EMAIL_LENGTH:
        return "write an email address such as ada@example.org"
    return None


CHECKS = {"username": _check_username, "password": _check_password, "email": _check_email}
