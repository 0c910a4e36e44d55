"""API keys: long-lived credentials for programs, of which only a hash is stored."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback.core.exceptions import Forbidden
from lback.database import Base, utc_now
from lback.translation import gettext
from lback.users.account_lock import lock_account

if TYPE_CHECKING:
    from lback.users import Account, AccountManager

PREFIX = "lbk_"
KEY_BYTES = 32
NAME_LENGTH = 100
SHOWN = len(PREFIX) + 6
# The last use of a key is recorded, but not at each request.
TIME_BETWEEN_NOTES = timedelta(hours=1)


class ApiKey(Base):
    """An API key of an account: its hash, and the prefix by which its owner recognizes it.

    Attributes:
        account_id: Id of the owner, a user of the site.
        name: What the key is for, in the words of its owner.
        prefix: The first characters of the key.
        expires_at: When the key expires; `None` for never.
        revoked_at: When the key was revoked; `None` while it is valid.
        last_used_at: When the key was last used, to the hour.
    """

    __tablename__ = "lback_api_keys"

    id: Mapped[int] = mapped_column(primary_key=True)
    key_hash: Mapped[str] = mapped_column(String(64), unique=True)
    account_id: Mapped[int] = mapped_column(index=True)
    name: Mapped[str] = mapped_column(String(NAME_LENGTH))
    prefix: Mapped[str] = mapped_column("beginning", String(SHOWN))  # its name in version 0.1
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]

    def __repr__(self) -> str:
        return f"<ApiKey {self.prefix}… {self.name!r}>"


class ApiKeyManager:
    """Creates, looks up and revokes API keys of users.

    Args:
        manager: Looks up the accounts that own the keys.
    """

    def __init__(self, manager: "AccountManager[Any]") -> None:
        self._manager = manager

    def create(
        self, session: Session, account: "Account", name: str, *, expires_at: datetime | None = None
    ) -> tuple[str, ApiKey]:
        """Create an API key for an account.

        Args:
            session: Database session that the key is added to.
            account: Owner of the key.
            name: What the key is for, as shown to its owner; cut to 100 characters.
            expires_at: When the key expires, an aware datetime; `None` for never.

        Returns:
            The key as text, which is shown once and stored nowhere, and its row.

        Raises:
            Forbidden: The password of the account was changed, or the account was deactivated,
                since it was loaded: the session may have been stolen.
        """
        if not lock_account(session, account):
            raise Forbidden(gettext("Your account was changed at the same time. Try again."))
        text = PREFIX + secrets.token_urlsafe(KEY_BYTES)
        row = ApiKey(
            key_hash=_hash(text),
            account_id=account.id,
            name=name[:NAME_LENGTH],
            prefix=text[:SHOWN],
            expires_at=expires_at,
        )
        session.add(row)
        session.flush()
        # A clock that was set back must not make a new key older than the account.
        row.created_at = max(row.created_at, *_beginnings(account))
        return text, row

    def is_key(self, text: str) -> bool:
        """Return True if a text has the form of an API key, valid or not."""
        return text.startswith(PREFIX)

    def account(self, session: Session, key: str) -> "Account | None":
        """Return the owner of an API key, or `None` if the key is not valid.

        A key is not valid if it is unknown, expired or revoked, if its owner is not active, or if
        the password of its owner was reset after it was made. The time of the last use is recorded,
        at most once an hour.

        Args:
            session: Database session for the look-up.
            key: The key as the client sent it.
        """
        row = session.scalars(select(ApiKey).where(ApiKey.key_hash == _hash(key))).one_or_none()
        now = utc_now()
        if row is None or row.revoked_at is not None or (row.expires_at and row.expires_at <= now):
            return None
        account: Account | None = self._manager.get(session, row.account_id)
        if account is None or not account.is_active or row.created_at < max(_beginnings(account)):
            return None
        if row.last_used_at is None or now - row.last_used_at > TIME_BETWEEN_NOTES:
            row.last_used_at = now
        return account

    def keys_of(self, session: Session, account: "Account") -> list[ApiKey]:
        """Return the valid keys of an account, the newest first.

        Args:
            session: Database session for the query.
            account: Owner of the keys.

        Returns:
            The rows of the keys; keys that have expired but were not revoked are included.
        """
        query = select(ApiKey).where(
            ApiKey.account_id == account.id,
            ApiKey.revoked_at.is_(None),
            ApiKey.created_at >= max(_beginnings(account)),
        )
        return list(session.scalars(query.order_by(ApiKey.id.desc())))

    def revoke(self, session: Session, account: "Account", key_id: int) -> bool:
        """Revoke an API key.

        Args:
            session: Database session that the key is read from.
            account: Owner of the key.
            key_id: Id of the row of the key.

        Returns:
            False if the account has no such key, or it was revoked before.
        """
        row = session.get(ApiKey, key_id)
        if row is None or row.account_id != account.id or row.revoked_at is not None:
            return False
        row.revoked_at = utc_now()
        return True


def _beginnings(account: "Account") -> list[datetime]:
    """Return the times before which no valid key of an account can have been made.

    A key that is older than its account belonged to a deleted account with the same id.
    """
    moments = (account.created_at, account.keys_valid_from)
    return [moment for moment in moments if moment is not None]


def _hash(key: str) -> str:
    # Fast on purpose: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
