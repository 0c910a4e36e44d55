"""The rules of sessions: ids that cannot be guessed or chosen, and lives that end."""

import json
import logging
import re
import secrets
import time
from collections.abc import Callable
from typing import Any

from lback.core.types import AppSession
from lback.sessions.store import SessionRecord, SessionStore

logger = logging.getLogger(__name__)

ID_BYTES = 32
_IS_ID = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch  # 32 bytes in base64url

# How much the clocks of two machines may differ. A session that is created later than this from
# now was made before a clock was set back: when it ends cannot be told, so it has ended.
CLOCK_SKEW = 60.0
SECONDS_BETWEEN_CLEANINGS = 3600.0


class _KeptSession(AppSession):
    """A session that knows which one it takes the place of."""

    __slots__ = ("replaced_id",)

    def __init__(self, data: dict[str, Any] | None = None, session_id: str | None = None) -> None:
        super().__init__(data, session_id)
        self.replaced_id: str | None = None


class SessionManager:
    """Makes, finds and ends sessions.

    Args:
        store: Where they live.
        lifetime: Seconds a session lives after it was last saved.
        clock: Gives the seconds since the epoch.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        lifetime: float = 14 * 24 * 3600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lifetime = lifetime
        self._clock = clock
        self._cleaned_at: float | None = None

    def create(self) -> AppSession:
        """Return a new, empty session; nothing is kept and it has no id until it is saved."""
        return _KeptSession()

    def load(self, session_id: str) -> AppSession | None:
        """Return the session with an id that a client sent.

        An id that is not ours, or unknown, or of a session that has ended gives `None` and is
        never adopted. What has expired is deleted, so that a clock set back does not revive it.
        """
        if _IS_ID(session_id) is None:
            return None
        record, now = self._store.load(session_id), self._clock()
        if record is None or record.created_at > now + CLOCK_SKEW:
            return None
        if record.expires_at <= now:
            self._store.delete(session_id)
            return None
        return _KeptSession(json.loads(record.data), session_id)

    def save(self, session: AppSession) -> bool:
        """Keep a session for another lifetime; a new one gets its id.

        Where two requests save the same session, the last one wins. A session that was deleted
        meanwhile stays deleted: signing out wins against requests that still run.

        Returns:
            Whether it is kept.

        Raises:
            TypeError: A value has no JSON; nothing is changed.
        """
        data = _to_json(session)
        now = self._clock()
        kept = True
        if session.session_id is None:
            self._keep_new(session, SessionRecord(data, now, now + self._lifetime))
        else:
            kept = self._store.save(session.session_id, data, now + self._lifetime)
        session.modified = session.modified and not kept
        return kept

    def _keep_new(self, session: AppSession, record: SessionRecord) -> None:
        session_id = secrets.token_urlsafe(ID_BYTES)
        self._store.create(session_id, record)
        session.session_id = session_id
        self._delete_replaced(session)
        self._clean(record.created_at)

    def _delete_replaced(self, session: AppSession) -> None:
        if isinstance(session, _KeptSession) and session.replaced_id is not None:
            self._store.delete(session.replaced_id)
            session.replaced_id = None

    def _clean(self, now: float) -> None:
        if self._cleaned_at is None or abs(now - self._cleaned_at) >= SECONDS_BETWEEN_CLEANINGS:
            self._cleaned_at = now
            self.delete_expired()

    def delete_expired(self) -> int:
        """Forget all that has expired, and return how many; done once an hour by itself."""
        count = self._store.delete_expired(self._clock())
        logger.info("%d expired sessions deleted", count)
        return count

    def rotate(self, session: AppSession) -> None:
        """Give a session another id when it is next saved; the id it had is gone then.

        To be done when somebody signs in, so that an id that was known before is worth nothing.
        Nothing is written at once, so it may be called while the request is writing.

        Raises:
            TypeError: The session was not made by a session manager.
        """
        if not isinstance(session, _KeptSession):
            raise TypeError(
                f"a {type(session).__name__} that no session manager made cannot be rotated; "
                "take one from create() or load()"
            )
        session.replaced_id = session.session_id or session.replaced_id
        session.session_id = None
        session.modified = True

    def delete(self, session: AppSession) -> None:
        """End a session: its values are forgotten, here and in the store."""
        if session.session_id is not None:
            self._store.delete(session.session_id)
        self._delete_replaced(session)
        session.clear()
        session.session_id = None
        session.modified = False


def _to_json(session: AppSession) -> str:
    try:
        return json.dumps(dict(session), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the session cannot be kept: {error}; "
            "keep text, numbers, lists and mappings in it, and of an object its id"
        ) from error
