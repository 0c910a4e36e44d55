"""Refresh tokens: each good for one new pair of tokens; one that is used twice ends them all."""

import hashlib
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sqlalchemy import Double, String, delete, update
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback.core.exceptions import Unauthorized
from lback.database import Base, DatabaseManager

if TYPE_CHECKING:
    from lback.auth.access_tokens import AccessTokens
    from lback.users import Account, AccountManager

TOKEN_BYTES = 32
_LONGEST = 100
SPENT = "this token was used already, or has ended; sign in again"


class RefreshToken(Base):
    """A row for each token: its hash, never the token, so that a copy of the table opens nothing.

    Attributes:
        family: What all tokens share that came one from another out of one sign-in.
        account_id: Whose it is, among the users of the site.
        version: The `session_version` of the account at the sign-in.
        used_at: When it was exchanged; `None` for the one that is good.
    """

    __tablename__ = "lback_refresh_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    family: Mapped[str] = mapped_column(String(32), index=True)
    account_id: Mapped[int] = mapped_column(index=True)
    version: Mapped[int]
    expires_at: Mapped[float] = mapped_column(Double, index=True)
    used_at: Mapped[float | None] = mapped_column(Double)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """What a client gets: a token for requests, and one for the next pair.

    Attributes:
        access_token: For `Authorization: Bearer …`.
        refresh_token: For `TokenManager.refresh`, once.
        expires_in: Seconds that the access token is good for.
    """

    access_token: str
    refresh_token: str
    expires_in: int

    def as_dict(self) -> dict[str, Any]:
        """Return the pair as OAuth names its parts (RFC 6749 §5.1)."""
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }

    def __repr__(self) -> str:
        return f"<TokenPair for {self.expires_in} seconds>"


class TokenManager:
    """Gives users pairs of tokens, takes access tokens as proof, and exchanges refresh tokens.

    Args:
        access_tokens: Makes and reads those for requests.
        manager: The rules of the accounts.
        db_manager: Opens the transactions in which tokens are exchanged: what a reuse ends stays
            ended, although the answer is a refusal.
        lifetime: Seconds that a refresh token is good for.
        clock: Gives the seconds since the epoch.
    """

    def __init__(
        self,
        access_tokens: "AccessTokens",
        manager: "AccountManager[Any]",
        db_manager: DatabaseManager,
        *,
        lifetime: float = 14 * 24 * 3600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._access = access_tokens
        self._manager = manager
        self._db_manager = db_manager
        self._lifetime = lifetime
        self._clock = clock

    def issue(self, session: Session, account: "Account") -> TokenPair:
        """Return a pair for somebody who has just proved who they are."""
        expired = RefreshToken.expires_at <= self._clock()
        session.execute(delete(RefreshToken).where(expired))
        return self._pair(session, account, secrets.token_hex(16))

    def _pair(self, session: Session, account: "Account", family: str) -> TokenPair:
        text = secrets.token_urlsafe(TOKEN_BYTES)
        row = RefreshToken(
            token_hash=_hash(text),
            family=family,
            account_id=account.id,
            version=account.session_version,
            expires_at=self._clock() + self._lifetime,
        )
        session.add(row)
        session.flush()
        access = self._access.issue(str(account.id), account.session_version)
        return TokenPair(access, text, self._access.seconds)

    def account(self, session: Session, token: str) -> "Account | None":
        """Return whose access token this is, or `None` if it is not to be believed."""
        claims = self._access.read(token)
        if claims is None or not str(claims["sub"]).isdecimal():
            return None
        return self._valid_account(session, int(claims["sub"]), claims.get("ver"))

    def _valid_account(self, session: Session, account_id: int, version: Any) -> "Account | None":
        account: Account | None = self._manager.get(session, account_id)
        if account is None or not account.is_active or account.session_version != version:
            return None
        return account

    def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for a new pair.

        One that was exchanged before is in the wrong hands, or was: then all that came out of
        the same sign-in end.

        Raises:
            Unauthorized: It is none, or has ended.
        """
        pair = None
        with self._db_manager.session() as session:
            row = session.get(RefreshToken, _hash(refresh_token))
            if row is not None and self._is_spent(session, row):
                session.execute(delete(RefreshToken).where(RefreshToken.family == row.family))
            elif row is not None and row.expires_at > self._clock():
                account = self._valid_account(session, row.account_id, row.version)
                pair = None if account is None else self._pair(session, account, row.family)
        if pair is None:
            raise Unauthorized(
                SPENT, headers={"WWW-Authenticate": 'Bearer realm="users", error="invalid_token"'}
            )
        return pair

    def _is_spent(self, session: Session, row: RefreshToken) -> bool:
        """Mark a token as used, in one step: of two requests at once only one gets a pair."""
        statement = (
            update(RefreshToken)
            .where(RefreshToken.token_hash == row.token_hash, RefreshToken.used_at.is_(None))
            .values(used_at=self._clock())
            .execution_options(synchronize_session=False)
        )
        return session.connection().execute(statement).rowcount == 0

    def revoke(self, session: Session, refresh_token: str) -> None:
        """End what came out of one sign-in; without effect where the token is none of ours.

        Access tokens are good until they expire; `revoke_all` ends them as well.
        """
        row = session.get(RefreshToken, _hash(refresh_token))
        if row is not None:
            session.execute(delete(RefreshToken).where(RefreshToken.family == row.family))

    def revoke_all(self, session: Session, account: "Account") -> None:
        """End all tokens of an account, and its sessions with them."""
        account.session_version += 1
        session.execute(delete(RefreshToken).where(RefreshToken.account_id == account.id))


def _hash(token: str) -> str:
    # Fast on purpose: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(token[:_LONGEST].encode("utf-8", "surrogatepass")).hexdigest()
