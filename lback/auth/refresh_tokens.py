"""Refresh tokens: each is exchanged once for a new pair; reuse ends the whole sign-in."""

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
SPENT = "This token has expired or was already used. Sign in again."


class RefreshToken(Base):
    """A refresh token, stored as a hash so that a copy of the table cannot be used to sign in.

    Attributes:
        family: Identifies the sign-in from which the token descends.
        account_id: Id of the owner, a user of the site.
        version: The `session_version` of the account at the sign-in.
        expires_at: When the token expires, in seconds since the epoch.
        used_at: When the token was exchanged; `None` for the one that is still valid.
    """

    __tablename__ = "lback_refresh_tokens"

    token_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    family: Mapped[str] = mapped_column(String(32), index=True)
    account_id: Mapped[int] = mapped_column(index=True)
    version: Mapped[int]
    expires_at: Mapped[float] = mapped_column(Double, index=True)
    used_at: Mapped[float | None] = mapped_column(Double)


class RefreshFamily(Base):
    """All tokens of one sign-in; its row is locked while one of them is exchanged or ended.

    Attributes:
        family: As in `RefreshToken`.
        account_id: Id of the owner, a user of the site.
        expires_at: When the last of its tokens expires, in seconds since the epoch.
        ended_at: When the sign-in was ended; no token is added after that.
    """

    __tablename__ = "lback_refresh_families"

    family: Mapped[str] = mapped_column(String(32), primary_key=True)
    account_id: Mapped[int] = mapped_column(index=True)
    expires_at: Mapped[float] = mapped_column(Double, index=True)
    ended_at: Mapped[float | None] = mapped_column(Double)


@dataclass(frozen=True, slots=True)
class TokenPair:
    """A pair of tokens for a client: one for requests, and one for the next pair.

    Attributes:
        access_token: For the header `Authorization: Bearer …`.
        refresh_token: For `TokenManager.refresh`, valid once.
        expires_in: Lifetime of the access token in seconds.

    Example:
        >>> TokenPair("eyJh…", "3fVx…", 600).as_dict()["expires_in"]
        600
    """

    access_token: str
    refresh_token: str
    expires_in: int

    def as_dict(self) -> dict[str, str | int]:
        """Return the pair with the names of an OAuth token response (RFC 6749 section 5.1)."""
        return {
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "token_type": "Bearer",
            "expires_in": self.expires_in,
        }

    def __repr__(self) -> str:
        return f"<TokenPair for {self.expires_in} seconds>"


class TokenManager:
    """Issues token pairs, validates access tokens, and exchanges refresh tokens.

    Args:
        access_tokens: Makes and validates access tokens.
        manager: Looks up accounts.
        db_manager: Opens the transactions in which tokens are exchanged: what a reused token ends
            stays ended although the request fails.
        lifetime: Lifetime of a refresh token in seconds.
        clock: Returns the seconds since the epoch.
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
        """Return a new pair of tokens for an account that has just been authenticated.

        Tokens that have expired are deleted.

        Args:
            session: Database session that the refresh token is added to.
            account: The owner, a user of the site.
        """
        now = self._clock()
        session.execute(delete(RefreshToken).where(RefreshToken.expires_at <= now))
        session.execute(delete(RefreshFamily).where(RefreshFamily.expires_at <= now))
        family = RefreshFamily(
            family=secrets.token_hex(16), account_id=account.id, expires_at=now + self._lifetime
        )
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
        """Return the owner of an access token, or `None` if the token is not valid.

        Args:
            session: Database session for the look-up.
            token: The access token that a client sent.
        """
        claims = self._access.read(token)
        if claims is None or not str(claims["sub"]).isdecimal():
            return None
        return self._valid_account(session, int(claims["sub"]), claims.get("ver"))

    def _valid_account(
        self, session: Session, account_id: int, version: object
    ) -> "Account | None":
        account: Account | None = self._manager.get(session, account_id)
        if account is None or not account.is_active or account.session_version != version:
            return None
        return account

    def refresh(self, refresh_token: str) -> TokenPair:
        """Exchange a refresh token for a new pair of tokens.

        A token that was exchanged before has been stolen, or its successor has: all tokens of the
        same sign-in end (RFC 9700 section 4.14.2).

        Args:
            refresh_token: The token that a client sent.

        Raises:
            Unauthorized: The token is unknown, expired, ended or was used before.
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
        """Lock the family of a token, so that no request adds or ends its tokens meanwhile."""
        row = session.get(RefreshToken, token_hash)
        if row is None:
            return None
        return self._lock(session, row) or self._added_family(session, row)

    def _lock(self, session: Session, row: RefreshToken) -> RefreshFamily | None:
        return session.get(RefreshFamily, row.family, with_for_update=True, populate_existing=True)

    def _added_family(self, session: Session, row: RefreshToken) -> RefreshFamily | None:
        """Add the family of a token that was made before there were rows for families."""
        # Requests that find it missing at once wait for the account; only the first one adds it.
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
        """End all refresh tokens of one sign-in; without effect if the token is unknown.

        Access tokens stay valid until they expire; `revoke_all` ends them as well.

        Args:
            session: Database session.
            refresh_token: Any refresh token of the sign-in.
        """
        family = self._locked_family(session, _hash(refresh_token))
        if family is not None:
            self._end(session, family)

    def revoke_all(self, session: Session, account: "Account") -> None:
        """End all access and refresh tokens of an account, and its sessions.

        Args:
            session: Database session that the account belongs to.
            account: The owner, a user of the site.
        """
        # A token that is being made right now has the old version, and is refused.
        end_sessions(session, account)
        ended = update(RefreshFamily).where(RefreshFamily.account_id == account.id)
        session.execute(ended.values(ended_at=self._clock()))
        session.execute(delete(RefreshToken).where(RefreshToken.account_id == account.id))


def _hash(token: str) -> str:
    # Fast on purpose: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
