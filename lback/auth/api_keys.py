"""API keys: what a program shows in place of a password, and of which only the hash is kept."""

import hashlib
import secrets
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sqlalchemy import String, select
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback.core.exceptions import Forbidden
from lback.database import Base, utc_now
from lback.users.account_lock import lock_account

if TYPE_CHECKING:
    from lback.users import Account, AccountManager

PREFIX = "lbk_"
KEY_BYTES = 32
NAME_LENGTH = 100
SHOWN = len(PREFIX) + 6
# The use of a key is noted, but not at each request.
TIME_BETWEEN_NOTES = timedelta(hours=1)


class ApiKey(Base):
    """A key of an account: the hash, and the beginning by which people tell keys apart.

    Attributes:
        name: What it is for, in the words of its owner.
        prefix: The first characters of the key.
        expires_at: From when on it is none any more; `None` for never.
        revoked_at: When it was taken back.
        last_used_at: When it was last used, to the hour.
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
    """Makes, finds and takes back the keys of users.

    Args:
        manager: The rules of the accounts.
    """

    def __init__(self, manager: "AccountManager[Any]") -> None:
        self._manager = manager

    def create(
        self, session: Session, account: "Account", name: str, *, expires_at: datetime | None = None
    ) -> tuple[str, ApiKey]:
        """Make a key.

        Args:
            session: Where it is stored.
            account: Whose it is.
            name: What it is for.
            expires_at: When it ends; aware.

        Returns:
            The key itself, to be shown once and kept by its owner, and its row.

        Raises:
            Forbidden: The account has got another password since it was loaded, or was deactivated:
                the request for the key may come from a thief.
        """
        if not lock_account(session, account):
            raise Forbidden("The account was changed in this moment; please try again.")
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
        # A clock that was set back must not make a new key one of before.
        row.created_at = max(row.created_at, *_beginnings(account))
        return text, row

    def is_key(self, text: str) -> bool:
        """Tell whether a text claims to be a key."""
        return text.startswith(PREFIX)

    def account(self, session: Session, key: str) -> "Account | None":
        """Return whose key this is, or `None` if it is none, has ended, or its owner is not active.

        Keys end with their account, and when its password is reset.

        The use is noted, at most once an hour.
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
        """Return the keys of an account that were not taken back, the newest first."""
        query = select(ApiKey).where(
            ApiKey.account_id == account.id,
            ApiKey.revoked_at.is_(None),
            ApiKey.created_at >= max(_beginnings(account)),
        )
        return list(session.scalars(query.order_by(ApiKey.id.desc())))

    def revoke(self, session: Session, account: "Account", key_id: int) -> bool:
        """Take a key back; false where the account has no such key."""
        row = session.get(ApiKey, key_id)
        if row is None or row.account_id != account.id or row.revoked_at is not None:
            return False
        row.revoked_at = utc_now()
        return True


def _beginnings(account: "Account") -> list[datetime]:
    """Return the moments before which no key of an account can have been made.

    A key that is older than its account belonged to a deleted one with the same id.
    """
    moments = (account.created_at, account.keys_valid_from)
    return [moment for moment in moments if moment is not None]


def _hash(key: str) -> str:
    # Fast on purpose: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
