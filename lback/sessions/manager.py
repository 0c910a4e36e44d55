"""The rules of sessions: ids that cannot be guessed or chosen, and lives that end."""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from lback.core.types import AppSession
from lback.sessions.session_id import is_session_id, new_session_id
from lback.sessions.store import SessionRecord, SessionStore

logger = logging.getLogger(__name__)

# How much the clocks of two machines may differ. A session that is created later than this from
# now was made before a clock was set back: when it ends cannot be told, so it has ended.
CLOCK_SKEW = 60.0
SECONDS_BETWEEN_CLEANINGS = 3600.0
# A session that is only read is written anew after this part of the idle timeout, not each time.
PART_BEFORE_REFRESH = 0.1


class _KeptSession(AppSession):
    """A session that knows its times, and which one it takes the place of."""

    __slots__ = ("created_at", "expires_at", "replaced_id", "restarted")

    def __init__(
        self,
        data: dict[str, Any] | None = None,
        session_id: str | None = None,
        record: SessionRecord | None = None,
    ) -> None:
        super().__init__(data, session_id)
        self.replaced_id: str | None = None
        # True if its user signed in or out after it was loaded: it needs no old record.
        self.restarted = False
        self.created_at = None if record is None else record.created_at
        self.expires_at = 0.0 if record is None else record.expires_at


class SessionManager:
    """Makes, finds and ends sessions.

    Args:
        store: Where they live.
        lifetime: Seconds after which a session ends, however much it is used.
        idle_timeout: Seconds after which a session ends that is not used.
        clock: Gives the seconds since the epoch.
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        lifetime: float = 14 * 24 * 3600,
        idle_timeout: float = 7 * 24 * 3600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._lifetime = lifetime
        self._idle_timeout = min(idle_timeout, lifetime)
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
        if not is_session_id(session_id):
            return None
        record, now = self._store.load(session_id), self._clock()
        if record is None or record.created_at > now + CLOCK_SKEW:
            return None
        if min(record.expires_at, record.created_at + self._lifetime) <= now:
            self._store.delete(session_id)
            return None
        return _KeptSession(json.loads(record.data), session_id, record)

    def save(self, session: AppSession) -> bool:
        """Keep a session and begin its idle time anew; a new one gets its id.

        Where two requests save the same session, the last one wins. A session that was deleted
        meanwhile stays deleted: signing out wins against requests that still run.

        Returns:
            Whether it is kept.

        Raises:
            TypeError: A value has no JSON; nothing is changed.
            SessionsUnavailable: The store does not answer.
        """
        data = _to_json(session)
        kept = True
        if session.session_id is None:
            kept = self._keep_new(session, data)
        else:
            kept = self._store.save(session.session_id, data, self._expiry_of(session))
        session.modified = session.modified and not kept
        return kept

    def _keep_new(self, session: AppSession, data: str) -> bool:
        session_id, now = new_session_id(), self._clock()
        # A session with another id goes on with the life it had.
        created_at = getattr(session, "created_at", None) or now
        record = SessionRecord(data, created_at, self._expiry_of(session))
        if isinstance(session, _KeptSession) and session.replaced_id and not session.restarted:
            # In one step: after a sign-out meanwhile, it has ended under every id.
            if not self._store.replace(session.replaced_id, session_id, record):
                return False
            session.replaced_id = None
        else:
            self._store.create(session_id, record)
        session.session_id = session_id
        if isinstance(session, _KeptSession):
            session.created_at, session.expires_at = record.created_at, record.expires_at
            session.restarted = False
        self._delete_replaced(session)
        self._clean(now)
        return True

    def _expiry_of(self, session: AppSession) -> float:
        now = self._clock()
        created_at = getattr(session, "created_at", None) or now
        return min(now + self._idle_timeout, created_at + self._lifetime)

    def _delete_replaced(self, session: AppSession) -> None:
        if isinstance(session, _KeptSession) and session.replaced_id is not None:
            self._store.delete(session.replaced_id)
            session.replaced_id = None

    def _clean(self, now: float) -> None:
        if self._cleaned_at is None or abs(now - self._cleaned_at) >= SECONDS_BETWEEN_CLEANINGS:
            self._cleaned_at = now
            self.delete_expired()

    def refresh(self, session: AppSession) -> None:
        """Begin the idle time of a session anew that was read and not changed.

        Its values stay as another request may have left them meanwhile. A session that was
        refreshed a short while ago is left alone, so that reading is not writing.
        """
        if not isinstance(session, _KeptSession) or session.session_id is None:
            return
        expires_at = self._expiry_of(session)
        if expires_at - session.expires_at >= self._idle_timeout * PART_BEFORE_REFRESH:
            self._store.touch(session.session_id, expires_at)
            session.expires_at = expires_at

    def seconds_left(self, session: AppSession) -> int:
        """Return how long a session that is used may still live."""
        created_at = getattr(session, "created_at", None) or self._clock()
        return max(0, round(created_at + self._lifetime - self._clock()))

    def delete_expired(self) -> int:
        """Forget all that has expired, and return how many; done once an hour by itself."""
        count = self._store.delete_expired(self._clock())
        logger.info("%d expired sessions deleted", count)
        return count

    def rotate(self, session: AppSession, *, restart: bool = False) -> None:
        """Give a session another id when it is next saved; the id it had is gone then.

        A session that was ended by another request meanwhile is not kept, unless it restarts.

        To be done when somebody signs in, so that an id that was known before is worth nothing.
        Nothing is written at once, so it may be called while the request is writing.

        Args:
            session: One that this manager made.
            restart: Begin its life anew as well, as for somebody who gave a password.

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
        if restart:
            session.created_at, session.restarted = None, True

    def end(self, session: AppSession) -> None:
        """Forget the values of a session, and have its id gone when it is next saved.

        Unlike `delete`, it writes nothing at once, so it may be called while the request is
        writing. What is put into the session afterwards is kept under another id.

        Raises:
            TypeError: As `rotate`.
        """
        self.rotate(session, restart=True)
        session.clear()

    def delete(self, session: AppSession) -> None:
        """End a session at once: its values are forgotten, here and in the store."""
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
