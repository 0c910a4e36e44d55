"""Tokens for accounts: what a link in a mail carries, once and for a while."""

from typing import TYPE_CHECKING, Any, Generic, TypeVar

from lback.core.exceptions import ValidationError
from lback.database import utc_now
from lback.security.passwords import hash_password
from lback.security.tokens import TokenSigner
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
SPENT = "this link was used already or is too old; ask for a new one"


class AccountTokens(Generic[A]):
    """Makes and takes the tokens by which a mailbox proves whose it is.

    Each is signed, good for one purpose and a while, and for one use: it carries the fingerprint
    of what its use changes. Nothing is stored for it.

    Args:
        manager: The rules of the accounts.
        signer: Signs.
    """

    def __init__(self, manager: "AccountManager[A]", signer: TokenSigner) -> None:
        self._manager = manager
        self._signer = signer
        # A token for a user of the site is none for the user of the admin with the same id.
        self._kind = manager.model.__tablename__  # type: ignore[attr-defined]  # a mapped class

    # A forgotten password.

    def for_reset(self, account: A) -> str:
        """Return a token that lets somebody set a new password; spent with any new password."""
        return self._signer.sign(self._purpose("reset"), [account.id, self._reset_state(account)])

    def for_nobody(self) -> str:
        """Return a token that opens nothing, made with the same work as that of `for_reset`."""
        state = self._signer.fingerprint("reset", 0, "", 0, None)
        return self._signer.sign(self._purpose("nobody"), [0, state])

    def account_to_reset(self, session: "Session", token: str) -> A:
        """Return the account whose password a token lets be set.

        Raises:
            ValidationError: It is none, or spent, or too old, or the account is not active.
        """
        account_id, state = self._read("reset", token, RESET_SECONDS)
        account = self._manager.get(session, account_id)
        if account is None or not account.is_active or state != self._reset_state(account):
            raise ValidationError({"token": [SPENT]})
        return account

    def reset_password(self, session: "Session", token: str, password: str) -> A:
        """Set a new password; the address counts as verified.

        All sessions, tokens and API keys of the account end, and so do links to other addresses.

        Raises:
            ValidationError: As `account_to_reset`, or the password breaks a rule.
        """
        account = self.account_to_reset(session, token)
        self._manager.check_password(password, account)
        password_hash = hash_password(password)
        lock_account(session, account)
        # Asked again, for another request may have spent the token while this one waited.
        self.account_to_reset(session, token)
        self._manager.store_password_hash(session, account, password_hash)
        account.email_verified_at = account.email_verified_at or utc_now()
        return account

    # An address to be verified.

    def for_email(self, account: A, email: str | None = None) -> str:
        """Return a token to be sent to an address: that of the account, or one to come.

        Raises:
            ValidationError: It is no address.
        """
        address = clean_email(email or account.email)
        if address is None or email_problem(address) is not None:
            raise ValidationError({"email": [email_problem(address or "@") or ""]})
        state = self._email_state(account)
        return self._signer.sign(self._purpose("email"), [account.id, address, state])

    def account_to_verify(self, session: "Session", token: str) -> tuple[A, str]:
        """Return whose address a token verifies, and the address.

        Raises:
            ValidationError: It is none, or spent, or too old, or the account is not active.
        """
        account_id, address, state = self._read("email", token, VERIFY_SECONDS)
        account = self._manager.get(session, account_id)
        if account is None or not account.is_active or state != self._email_state(account):
            raise ValidationError({"token": [SPENT]})
        return account, address

    def verify_email(self, session: "Session", token: str) -> A:
        """Take an address as that of the account, and as verified.

        Raises:
            ValidationError: As `account_to_verify`, or the address has become that of another
                account.
        """
        account, address = self.account_to_verify(session, token)
        lock_account(session, account)
        self.account_to_verify(session, token)  # spent by another request while this one waited?
        self._manager.set_email(session, account, address)
        account.email_verified_at = utc_now()
        session.flush()
        return account

    # Somebody who wants an account.

    def for_sign_up(self, email: str) -> str:
        """Return a token to be sent to an address that is to get an account.

        Raises:
            ValidationError: It is no address.
        """
        address = clean_email(email)
        if address is None or email_problem(address) is not None:
            raise ValidationError({"email": [email_problem(address or "@") or ""]})
        return self._signer.sign(self._purpose("sign-up"), address)

    def email_to_sign_up(self, session: "Session", token: str) -> str:
        """Return the address that a token was sent to.

        Raises:
            ValidationError: It is none, or too old, or spent: the address has an account.
        """
        address: str = self._read("sign-up", token, VERIFY_SECONDS)
        if self._manager.get_by_email(session, address) is not None:
            raise ValidationError({"token": [SPENT]})
        return address

    def sign_up(self, session: "Session", token: str, password: str) -> A:
        """Make the account, named by its address, which counts as verified.

        Raises:
            ValidationError: As `email_to_sign_up`, or the password breaks a rule.
        """
        address = self.email_to_sign_up(session, token)
        account = self._manager.register(session, address, password, address)
        account.email_verified_at = utc_now()
        return account

    def _read(self, purpose: str, token: str, max_age: float) -> Any:
        data = self._signer.read(self._purpose(purpose), token, max_age)
        if data is None:
            raise ValidationError({"token": [SPENT]})
        return data

    def _purpose(self, name: str) -> str:
        return f"{self._kind}.{name}"

    def _reset_state(self, account: A) -> str:
        parts = (account.password_hash, account.session_version, account.email)
        return self._signer.fingerprint("reset", account.id, *parts)

    def _email_state(self, account: A) -> str:
        # With password and version: a link that a thief asked for ends when the owner is back.
        parts = (
            account.email,
            account.email_verified_at,
            account.password_hash,
            account.session_version,
        )
        return self._signer.fingerprint("email", account.id, *parts)
