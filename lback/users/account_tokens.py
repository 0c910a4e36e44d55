"""Account tokens: signed, single-use links for password resets, email changes and sign-ups."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lback.core.exceptions import ValidationError
from lback.database import utc_now
from lback.security.passwords import hash_password
from lback.security.tokens import TokenSigner
from lback.translation import gettext_lazy as _
from lback.users.account_lock import lock_account
from lback.users.account_rules import email_problem
from lback.users.models import Account, clean_email

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lback.users.manager import AccountManager

A = TypeVar("A", bound=Account)

HOUR = 3600.0
RESET_SECONDS = HOUR
VERIFY_SECONDS = 3 * 24 * HOUR
SPENT = _("This link has expired or was already used. Request a new one.")


class AccountTokens(Generic[A]):
    """Makes and verifies the tokens that are sent in links to an email address.

    Each token is signed, is valid for one purpose and a limited time, and works once: it contains a
    fingerprint of the state that its use changes. Nothing is stored.

    Args:
        manager: The manager of the accounts.
        signer: Signs the tokens.
    """

    def __init__(self, manager: "AccountManager[A]", signer: TokenSigner) -> None:
        self._manager = manager
        self._signer = signer
        # A token for a user of the site is not valid for the user of the admin with the same id.
        self._kind = manager.model.__tablename__  # type: ignore[attr-defined]  # a mapped class

    # Password reset.

    def for_reset(self, account: A) -> str:
        """Return a token that allows a new password to be set; a change of the password ends it."""
        return self._signer.sign(self._purpose("reset"), [account.id, self._reset_state(account)])

    def for_nobody(self) -> str:
        """Return a token that is never valid, made with the same work as one of `for_reset`.

        It is for requests that name no account, so that their timing tells nothing.
        """
        state = self._signer.fingerprint("reset", 0, "", 0, None)
        return self._signer.sign(self._purpose("none"), [0, state])

    def account_to_reset(self, session: "Session", token: str) -> A:
        """Return the account whose password may be reset with a token.

        Args:
            session: Database session for the look-up.
            token: The token from the link; valid for one hour.

        Raises:
            ValidationError: The token is invalid, used or expired, or the account is not active;
                under the key `token`.
        """
        account_id, state = self._read("reset", token, RESET_SECONDS)
        account = self._manager.get(session, account_id)
        if account is None or not account.is_active or state != self._reset_state(account):
            raise ValidationError({"token": [str(SPENT)]})
        return account

    def reset_password(self, session: "Session", token: str, password: str) -> A:
        """Set a new password by token; the email address counts as verified.

        All sessions, tokens and API keys of the account end, and so do links to other addresses.

        Args:
            session: Database session; the caller commits.
            token: The token from the link; valid for one hour.
            password: The new password.

        Returns:
            The account.

        Raises:
            ValidationError: The token is not valid (key `token`), or the password breaks a rule
                (key `password`).
        """
        account = self.account_to_reset(session, token)
        self._manager.check_password(password, account)
        password_hash = hash_password(password)
        lock_account(session, account)
        # Checked again: another request may have used the token while this one waited.
        self.account_to_reset(session, token)
        self._manager.store_password_hash(session, account, password_hash)
        account.email_verified_at = account.email_verified_at or utc_now()
        return account

    # Verification of an email address.

    def for_email(self, account: A, email: str | None = None) -> str:
        """Return a token to be sent to an email address, to verify it.

        Args:
            account: The account that the address belongs to.
            email: The new address of the account; `None` means its current one.

        Raises:
            ValidationError: The address is not valid; under the key `email`.
        """
        address = clean_email(email or account.email)
        if address is None or email_problem(address) is not None:
            raise ValidationError({"email": [email_problem(address or "@") or ""]})
        state = self._email_state(account)
        return self._signer.sign(self._purpose("email"), [account.id, address, state])

    def account_to_verify(self, session: "Session", token: str) -> tuple[A, str]:
        """Return the account and the address that a token verifies.

        Args:
            session: Database session for the look-up.
            token: The token from the link; valid for three days.

        Returns:
            The account, and the address that the link was sent to.

        Raises:
            ValidationError: The token is invalid, used or expired, or the account is not active;
                under the key `token`.
        """
        account_id, address, state = self._read("email", token, VERIFY_SECONDS)
        account = self._manager.get(session, account_id)
        if account is None or not account.is_active or state != self._email_state(account):
            raise ValidationError({"token": [str(SPENT)]})
        return account, address

    def verify_email(self, session: "Session", token: str) -> A:
        """Set the email address of an account to the one that a token verifies.

        Args:
            session: Database session; the caller commits.
            token: The token from the link; valid for three days.

        Returns:
            The account, with `email_verified_at` set.

        Raises:
            ValidationError: The token is not valid (key `token`), or the address now belongs to
                another account (key `email`).
        """
        account, address = self.account_to_verify(session, token)
        lock_account(session, account)
        self.account_to_verify(session, token)  # another request may have used it meanwhile
        self._manager.set_email(session, account, address)
        account.email_verified_at = utc_now()
        session.flush()
        return account

    # Sign-up.

    def for_sign_up(self, email: str) -> str:
        """Return a token to be sent to an email address that may get an account.

        Args:
            email: The address, as entered.

        Raises:
            ValidationError: The address is not valid; under the key `email`.
        """
        address = clean_email(email)
        if address is None or email_problem(address) is not None:
            raise ValidationError({"email": [email_problem(address or "@") or ""]})
        return self._signer.sign(self._purpose("sign-up"), address)

    def email_to_sign_up(self, session: "Session", token: str) -> str:
        """Return the email address that a sign-up token was sent to.

        Args:
            session: Database session for the look-up.
            token: The token from the link; valid for three days.

        Raises:
            ValidationError: The token is invalid or expired, or the address has an account by now;
                under the key `token`.
        """
        address: str = self._read("sign-up", token, VERIFY_SECONDS)
        if self._manager.get_by_email(session, address) is not None:
            raise ValidationError({"token": [str(SPENT)]})
        return address

    def sign_up(self, session: "Session", token: str, password: str) -> A:
        """Create the account for a sign-up token; its username is its verified email address.

        Args:
            session: Database session; the caller commits.
            token: The token from the link; valid for three days.
            password: The password of the new account.

        Returns:
            The new account.

        Raises:
            ValidationError: The token is not valid (key `token`), or the password breaks a rule
                (key `password`).
        """
        address = self.email_to_sign_up(session, token)
        account = self._manager.register(session, address, password, address)
        account.email_verified_at = utc_now()
        return account

    def _read(self, purpose: str, token: str, max_age: float) -> Any:
        data = self._signer.read(self._purpose(purpose), token, max_age)
        if data is None:
            raise ValidationError({"token": [str(SPENT)]})
        return data

    def _purpose(self, name: str) -> str:
        return f"{self._kind}.{name}"

    def _reset_state(self, account: A) -> str:
        parts = (account.password_hash, account.session_version, account.email)
        return self._signer.fingerprint("reset", account.id, *parts)

    def _email_state(self, account: A) -> str:
        # With password and version: a link requested by an attacker ends with a new password.
        parts = (
            account.email,
            account.email_verified_at,
            account.password_hash,
            account.session_version,
        )
        return self._signer.fingerprint("email", account.id, *parts)
