"""The session store protocol, and a store in memory."""

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

from lback.core.exceptions import ServiceUnavailable


class SessionsUnavailable(ServiceUnavailable):
    """The session store cannot be reached; the response is 503 with `Retry-After`."""


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as it is stored.

    Attributes:
        data: The values of the session as a JSON object.
        created_at: When the session began, in seconds since the epoch.
        expires_at: When the session expires, in seconds since the epoch.
    """

    data: str = field(repr=False)
    created_at: float
    expires_at: float


class SessionStore(Protocol):
    """Stores session records by session id; thread-safe.

    If two threads save the same session, the last one wins; a deleted session stays deleted. A
    store that cannot be reached raises `SessionsUnavailable`.
    """

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session, expired or not; `None` if there is none."""
        ...

    def create(self, session_id: str, record: SessionRecord) -> None:
        """Store a new session.

        Args:
            session_id: Id of the session.
            record: The session.
        """
        ...

    def save(self, session_id: str, data: str, expires_at: float) -> bool:
        """Replace the data and the expiry of a session.

        Args:
            session_id: Id of the session.
            data: The new data as JSON.
            expires_at: The new expiry, in seconds since the epoch.

        Returns:
            False if the session does not exist any more; nothing is stored then.
        """
        ...

    def touch(self, session_id: str, expires_at: float) -> None:
        """Change the expiry of a session and leave its data; without effect if it does not exist.

        Args:
            session_id: Id of the session.
            expires_at: The new expiry, in seconds since the epoch.
        """
        ...

    def replace(self, session_id: str, new_id: str, record: SessionRecord) -> bool:
        """Replace a session by a record under a new id, in one step.

        The old id cannot be loaded, saved or touched any more. The store keeps what it was
        replaced by, until the record expires: a sign-out that loaded it before ends both.

        Args:
            session_id: Id of the session that ends.
            new_id: Id of the session that replaces it.
            record: The new session.

        Returns:
            False if the session does not exist any more; nothing is stored then.
        """
        ...

    def delete(self, session_id: str) -> None:
        """Delete a session and all that replaced it; without effect if it does not exist."""
        ...

    def delete_expired(self, now: float) -> int:
        """Delete all sessions that expired by a time, and return how many.

        Args:
            now: Seconds since the epoch.
        """
        ...


class MemorySessionStore:
    """Stores sessions in this process, for tests and development servers."""

    def __init__(self) -> None:
        self._records: dict[str, SessionRecord] = {}
        self._successors: dict[str, str] = {}
        self._lock = Lock()

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session, expired or not; `None` if there is none."""
        return self._records.get(session_id)

    def create(self, session_id: str, record: SessionRecord) -> None:
        """Store a new session.

        Args:
            session_id: Id of the session.
            record: The session.
        """
        with self._lock:
            self._records[session_id] = record

    def save(self, session_id: str, data: str, expires_at: float) -> bool:
        """Replace the data and the expiry of a session.

        Args:
            session_id: Id of the session.
            data: The new data as JSON.
            expires_at: The new expiry, in seconds since the epoch.

        Returns:
            False if the session does not exist any more; nothing is stored then.
        """
        with self._lock:
            record = self._records.get(session_id)
            if record is None:
                return False
            self._records[session_id] = replace(record, data=data, expires_at=expires_at)
            return True

    def touch(self, session_id: str, expires_at: float) -> None:
        """Change the expiry of a session and leave its data; without effect if it does not exist.

        Args:
            session_id: Id of the session.
            expires_at: The new expiry, in seconds since the epoch.
        """
        with self._lock:
            record = self._records.get(session_id)
            if record is not None:
                self._records[session_id] = replace(record, expires_at=expires_at)

    def replace(self, session_id: str, new_id: str, record: SessionRecord) -> bool:
        """Replace a session by a record under a new id, in one step.

        Args:
            session_id: Id of the session that ends.
            new_id: Id of the session that replaces it.
            record: The new session.

        Returns:
            False if the session does not exist any more; nothing is stored then.
        """
        with self._lock:
            if self._records.pop(session_id, None) is None:
                return False
            self._records[new_id] = record
            self._successors[session_id] = new_id
            return True

    def delete(self, session_id: str) -> None:
        """Delete a session and all that replaced it; without effect if it does not exist."""
        with self._lock:
            ended: str | None = session_id
            while ended is not None:
                self._records.pop(ended, None)
                ended = self._successors.pop(ended, None)

    def delete_expired(self, now: float) -> int:
        """Delete all sessions that expired by a time, and return how many.

        Args:
            now: Seconds since the epoch.
        """
        with self._lock:
            before = len(self._records)
            self._records = {k: r for k, r in self._records.items() if r.expires_at > now}
            self._successors = {k: n for k, n in self._successors.items() if self._is_alive(n)}
            return before - len(self._records)

    def _is_alive(self, session_id: str) -> bool:
        latest = session_id
        while latest in self._successors:
            latest = self._successors[latest]
        return latest in self._records
