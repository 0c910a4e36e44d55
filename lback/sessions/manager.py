"""Session management: unguessable ids, rotation at sign-in, idle and absolute expiry."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import replace

from lback.core.http.app_session import CSRF_KEY
from lback.core.types import AppSession
from lback.security import clock_tolerance as tolerance
from lback.security.clock_tolerance import ClockTolerance
from lback.sessions.session_id import is_session_id, new_session_id
from lback.sessions.store import SessionRecord, SessionStore

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_CLEANINGS = 3600.0
# A session that is only read is written again after this part of the idle timeout.
PART_BEFORE_REFRESH = 0.1
# The key of values that can be taken once.
ONCE = "_once"


class _KeptSession(AppSession):
    """A session with its times, and the id of the session that it replaces."""

    __slots__ = ("created_at", "expires_at", "is_substitute", "replaced_id", "restarted")

    def __init__(
        self,
        data: dict[str, object] | None = None,
        session_id: str | None = None,
        record: SessionRecord | None = None,
    ) -> None:
        super().__init__(data, session_id)
        self.replaced_id: str | None = None
        # True if it stands for one that only machines with another clock accept.
        self.is_substitute = False
        # True after a sign-in or sign-out: it may be saved although its old record is gone.
        self.restarted = False
        self.created_at = None if record is None else record.created_at
        self.expires_at = 0.0 if record is None else record.expires_at


class SessionManager:
    """Creates, loads, saves and ends sessions.

    Args:
        store: Stores the sessions.
        lifetime: Seconds after which a session ends, however much it is used.
        idle_timeout: Seconds after which an unused session ends.
        clock: Returns the seconds since the epoch.
        clock_tolerance: Seconds by which the clock of another machine may be ahead.
        on_end: Called with the id of a session after it was deleted, or replaced by another id.

    Example:
        >>> from lback.sessions import MemorySessionStore
        >>> manager = SessionManager(MemorySessionStore())
        >>> session = manager.create()
        >>> session["cart"] = [3]
        >>> manager.save(session)
        True
        >>> manager.load(session.session_id)["cart"]
        [3]
    """

    def __init__(
        self,
        store: SessionStore,
        *,
        lifetime: float = 14 * 24 * 3600,
        idle_timeout: float = 7 * 24 * 3600,
        clock: Callable[[], float] = time.time,
        clock_tolerance: float = tolerance.SECONDS,
        on_end: Callable[[str], object] | None = None,
    ) -> None:
        self._store = store
        self._lifetime = lifetime
        self._idle_timeout = min(idle_timeout, lifetime)
        self._clock = clock
        self._tolerance = ClockTolerance(clock_tolerance, clock=clock)
        self._on_end = on_end
        self._cleaned_at: float | None = None

    def create(self) -> AppSession:
        """Return a new, empty session; it is stored, and gets its id, when it is first saved."""
        return _KeptSession()

    def load(self, session_id: str) -> AppSession | None:
        """Return the session with an id that a client sent, or `None`.

        Ids that are malformed, unknown or expired give `None` and are never taken over for a new
        session (session fixation). An expired session is deleted, so that a clock that is set back
        does not revive it. A session that was created further in the future than the clock of
        another machine may be ahead gives `None` as well, with a log line once an hour.

        Args:
            session_id: The id from the cookie.
        """
        if not is_session_id(session_id):
            return None
        record = self._store.load(session_id)
        if record is None or self._tolerance.refuses(record.created_at, "a session"):
            return None
        if min(record.expires_at, record.created_at + self._lifetime) <= self._clock():
            self._store.delete(session_id)
            return None
        return _KeptSession(json.loads(record.data), session_id, record)

    def open(self, session_id: str | None) -> AppSession:
        """Return the session with an id that a client sent, or a new one.

        In place of a session from the future it returns a substitute: machines with the right
        clock still accept that session, so the substitute is not stored and its id is not sent,
        until a user signs in. The substitute has the CSRF secret of the session, so that forms,
        such as for the sign-in, work.

        Args:
            session_id: The id from the cookie; None without a cookie.
        """
        session = self.load(session_id) if session_id else None
        # The store is asked again only in processes where a session was refused.
        if session is None and session_id and self._tolerance.is_exceeded:
            session = self._substitute_for(session_id)
        return self.create() if session is None else session

    def _substitute_for(self, session_id: str) -> AppSession | None:
        record = self._store.load(session_id) if is_session_id(session_id) else None
        if record is None or not self._tolerance.refuses(record.created_at, "a session"):
            return None
        data = json.loads(record.data)
        session = _KeptSession({CSRF_KEY: data[CSRF_KEY]} if CSRF_KEY in data else None)
        session.replaced_id, session.is_substitute = session_id, True
        return session

    def is_substitute(self, session: AppSession) -> bool:
        """Return True if a session replaces one from the future and must not be stored.

        After a sign-in or sign-out it is False: the session then ends the one that it replaces.

        Args:
            session: A session of this manager.
        """
        if not isinstance(session, _KeptSession):
            return False
        return session.is_substitute and not session.restarted

    def save(self, session: AppSession) -> bool:
        """Store a session and restart its idle timeout; a new session gets its id.

        If two requests save the same session, the last one wins. A session that was deleted
        meanwhile stays deleted: a sign-out wins over requests that are still running.

        Args:
            session: The session to be stored.

        Returns:
            True if the session was stored; False also for a substitute, see `open`.

        Raises:
            TypeError: A value cannot be stored as JSON; nothing is stored.
            SessionsUnavailable: The session store cannot be reached.
        """
        data = _to_json(session)
        if self.is_substitute(session):
            return False
        if session.session_id is None:
            is_stored = self._save_new(session, data)
        else:
            is_stored = self._store.save(session.session_id, data, self._expiry_of(session))
        session.modified = session.modified and not is_stored
        return is_stored

    def _save_new(self, session: AppSession, data: str) -> bool:
        session_id, now = new_session_id(), self._clock()
        # A rotated session keeps its absolute lifetime.
        created_at = getattr(session, "created_at", None) or now
        record = SessionRecord(data, created_at, self._expiry_of(session))
        if isinstance(session, _KeptSession) and session.replaced_id and not session.restarted:
            # In one step: if a sign-out came in between, the session has ended under every id.
            if not self._store.replace(session.replaced_id, session_id, record):
                return False
            self._note_end(session.replaced_id)
            session.replaced_id = None
        else:
            self._store.create(session_id, record)
        session.session_id = session_id
        if isinstance(session, _KeptSession):
            session.created_at, session.expires_at = record.created_at, record.expires_at
            session.restarted = session.is_substitute = False
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
            self._note_end(session.replaced_id)
            session.replaced_id = None

    def _note_end(self, session_id: str) -> None:
        if self._on_end is not None:
            self._on_end(session_id)

    def _clean(self, now: float) -> None:
        if self._cleaned_at is None or abs(now - self._cleaned_at) >= SECONDS_BETWEEN_CLEANINGS:
            self._cleaned_at = now
            self.delete_expired()

    def refresh(self, session: AppSession) -> None:
        """Restart the idle timeout of a session that was read and not changed.

        Its stored data is left as other requests may have changed it. A session that was refreshed
        a short while ago is not written again, so that reading does not mean writing.

        Args:
            session: The session that was read.
        """
        if not isinstance(session, _KeptSession) or session.session_id is None:
            return
        expires_at = self._expiry_of(session)
        if expires_at - session.expires_at >= self._idle_timeout * PART_BEFORE_REFRESH:
            self._store.touch(session.session_id, expires_at)
            session.expires_at = expires_at

    def seconds_left(self, session: AppSession) -> int:
        """Return the seconds until the absolute lifetime of a session ends."""
        created_at = getattr(session, "created_at", None) or self._clock()
        return max(0, round(created_at + self._lifetime - self._clock()))

    def delete_expired(self) -> int:
        """Delete all expired sessions, and return how many; done about once an hour by itself."""
        count = self._store.delete_expired(self._clock())
        logger.info("expired sessions deleted: %d", count)
        return count

    def rotate(self, session: AppSession, *, restart: bool = False) -> None:
        """Give a session a new id when it is next saved; the old id ends then.

        Call it when the privileges of a session change, as at a sign-in, so that an id that was
        known before is worth nothing. Nothing is written at once, so it may be called while the
        request has uncommitted changes. If another request has ended the session meanwhile, it is
        not stored again unless `restart` is set.

        Args:
            session: A session of this manager.
            restart: Restart the absolute lifetime as well, as after a password was entered.

        Raises:
            TypeError: The session was not made by a session manager.
        """
        if not isinstance(session, _KeptSession):
            raise TypeError(
                f"cannot rotate a {type(session).__name__} that was not made by a session manager; "
                "use one from create() or load()"
            )
        session.replaced_id = session.session_id or session.replaced_id
        session.session_id = None
        session.modified = True
        if restart:
            session.created_at, session.restarted = None, True

    def store_once(self, values: "dict[str, object]", seconds: float) -> str:
        """Store values that can be taken once, such as those of a ticket.

        Args:
            values: Values of JSON.
            seconds: How long they can be taken.

        Returns:
            An unguessable id.

        Raises:
            SessionsUnavailable: The session store cannot be reached.
        """
        once, now = new_session_id(), self._clock()
        data = json.dumps({ONCE: values, "until": now + seconds})
        self._store.create(once, SessionRecord(data, now, now + seconds))
        return once

    def take_once(self, once: str) -> "dict[str, object] | None":
        """Return values that were stored to be taken once; None for the second one who asks.

        Args:
            once: What `store_once` returned, as a client sent it.

        Raises:
            SessionsUnavailable: The session store cannot be reached.
        """
        record = self._store.load(once) if is_session_id(once) else None
        data = {} if record is None else json.loads(record.data)
        if record is None or ONCE not in data or data["until"] <= self._clock():
            return None
        # In one step: of two who ask at the same time, one gets them.
        taken = new_session_id()
        if not self._store.replace(once, taken, replace(record, data="{}")):
            return None
        self._store.delete(taken)
        values: dict[str, object] = data[ONCE]
        return values

    def end(self, session: AppSession) -> None:
        """Delete the data of a session, and its id when it is next saved.

        Unlike `delete`, it writes nothing at once, so it may be called while the request has
        uncommitted changes. Data that is added afterwards is stored under a new id.

        Args:
            session: A session of this manager.

        Raises:
            TypeError: The session was not made by a session manager.
        """
        self.rotate(session, restart=True)
        session.clear()

    def delete(self, session: AppSession) -> None:
        """Delete a session at once, from the store and in memory.

        Args:
            session: The session to be deleted.
        """
        if session.session_id is not None:
            self._store.delete(session.session_id)
            self._note_end(session.session_id)
        self._delete_replaced(session)
        session.clear()
        session.session_id = None
        session.modified = False


def _to_json(session: AppSession) -> str:
    try:
        return json.dumps(dict(session), allow_nan=False, separators=(",", ":"))
    except (TypeError, ValueError) as error:
        raise TypeError(
            f"the session cannot be stored as JSON: {error}; "
            "store text, numbers, lists and mappings, and the id of an object"
        ) from error
