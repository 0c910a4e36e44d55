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
from lback.users.account_lock import end_sessions

if TYPE_CHECKING:
    from lback.auth.access_tokens import AccessTokens
    from lback.users import Account, AccountManager

TOKEN_BYTES = 32
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


class RefreshFamily(Base):
    """A row for each sign-in: it is locked while one of its tokens is exchanged or ended.

    Attributes:
        family: As in `RefreshToken`.
        account_id: Whose it is, among the users of the site.
        expires_at: When the last of its tokens expires.
        ended_at: When it was ended; no token is added from then on.
    """

    __tablename__ = "lback_refresh_families"

    family: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[int] = mapped_column(index=True)
    expires_at: Mapped[float] = mapped_column(Double, index=True)
    ended_at: Mapped[float | None] = mapped_column(Double)


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
        now = self._clock()
        session.execute(delete(RefreshToken).where(RefreshToken.expires_at <= now))
        session.execute(delete(RefreshFamily).where(RefreshFamily.expires_at <= now))
        family = RefreshFamily(family=secrets.token_hex(16), account_id=account.id)
        session.add(family)
        return self._pair(session, account, family)

    def _pair(self, session: Session, account: "Account", family: RefreshFamily) -> TokenPair:
        text, version = secrets.token_urlsafe(TOKEN_BYTES), account.session_version
        family.expires_at = self._clock() + self._lifetime
        row = RefreshToken(
            token_hash=_hash(text),
            family=family.family,
            account_id=account.id,
            version=version,
            expires_at=family.expires_at,
        )
        session.add(row)
        session.flush()
        access = self._access.issue(str(account.id), version)
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
        with self._db_manager.session() as session:
            pair = self._exchanged(session, _hash(refresh_token))
        if pair is None:
            raise Unauthorized(
                SPENT, headers={"WWW-Authenticate": 'Bearer realm="users", error="invalid_token"'}
            )
        return pair

    def _exchanged(self, session: Session, token_hash: str) -> TokenPair | None:
        family = self._locked_family(session, token_hash)
        # Read after the lock: of two requests with one token, the second finds it used.
        row = session.get(RefreshToken, token_hash, populate_existing=True)
        if family is None or row is None or family.ended_at is not None:
            return None
        if row.used_at is not None:
            self._end(session, family)
            return None
        row.used_at = now = self._clock()
        account = self._valid_account(session, row.account_id, row.version)
        if account is None or row.expires_at <= now:
            return None
        return self._pair(session, account, family)

    def _locked_family(self, session: Session, token_hash: str) -> RefreshFamily | None:
        """Lock the family of a token, so that none of its tokens is added or ended meanwhile."""
        row = session.get(RefreshToken, token_hash)
        if row is None:
            return None
        return self._lock(session, row) or self._added_family(session, row)

    def _lock(self, session: Session, row: RefreshToken) -> RefreshFamily | None:
        return session.get(RefreshFamily, row.family, with_for_update=True, populate_existing=True)

    def _added_family(self, session: Session, row: RefreshToken) -> RefreshFamily | None:
        """Add the family of a token that was made before there were rows for families."""
        # Those who find it missing at once wait at the account, and only the first one adds it.
        account = session.get(self._manager.model, row.account_id, with_for_update=True)
        family = None if account is None else self._lock(session, row)
        if account is None or family is not None:
            return family
        family = RefreshFamily(
            family=row.family, account_id=row.account_id, expires_at=row.expires_at
        )
        session.add(family)
        session.flush()
        return family

    def _end(self, session: Session, family: RefreshFamily) -> None:
        family.ended_at = self._clock()
        session.execute(delete(RefreshToken).where(RefreshToken.family == family.family))

    def revoke(self, session: Session, refresh_token: str) -> None:
        """End what came out of one sign-in; without effect where the token is none of ours.

        Access tokens are good until they expire; `revoke_all` ends them as well.
        """
        family = self._locked_family(session, _hash(refresh_token))
        if family is not None:
            self._end(session, family)

    def revoke_all(self, session: Session, account: "Account") -> None:
        """End all tokens of an account, and its sessions with them."""
        # A token that is being made right now holds the number of before, and is refused.
        end_sessions(session, account)
        ended = update(RefreshFamily).where(RefreshFamily.account_id == account.id)
        session.execute(ended.values(ended_at=self._clock()))
        session.execute(delete(RefreshToken).where(RefreshToken.account_id == account.id))


def _hash(token: str) -> str:
    # Fast on purpose: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
