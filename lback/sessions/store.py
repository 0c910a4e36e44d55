"""Where sessions live: a protocol that databases, caches and this process can fulfil."""

from dataclasses import dataclass, field, replace
from threading import Lock
from typing import Protocol

from lback.core.exceptions import HTTPException


class SessionsUnavailable(HTTPException):
    """The store of the sessions does not answer; so does the request: 503, try again soon."""

    status_code = 503
    message = "Service Unavailable"
    headers = {"Retry-After": "5"}  # noqa: RUF012  declared by the base


@dataclass(frozen=True, slots=True)
class SessionRecord:
    """A session as it is kept.

    Attributes:
        data: Its values, as JSON.
        created_at: Seconds since the epoch.
        expires_at: Seconds since the epoch; from then on it is no session any more.
    """

    data: str = field(repr=False)
    created_at: float
    expires_at: float


class SessionStore(Protocol):
    """Keeps records under session ids; safe to use from any thread.

    Where two save the same session at once, the last one wins. What was deleted stays deleted.
    A store that cannot be reached raises `SessionsUnavailable`.
    """

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session, expired or not."""
        ...

    def create(self, session_id: str, record: SessionRecord) -> None:
        """Keep a new session."""
        ...

    def save(self, session_id: str, data: str, expires_at: float) -> bool:
        """Replace the data of a session; false, and without effect, where it is gone."""
        ...

    def touch(self, session_id: str, expires_at: float) -> None:
        """Move the end of a session and leave its data; without effect where it is gone."""
        ...

    def replace(self, session_id: str, new_id: str, record: SessionRecord) -> bool:
        """Put a record under a new id in the place of a session, in one step.

        The old id cannot be loaded, saved or touched any more. The store keeps what it was
        replaced by, until the record expires: a sign-out that loaded it before ends both.

        Args:
            session_id: The session that ends by it.
            new_id: The id of the one that takes its place.
            record: What is kept under the new id.

        Returns:
            False, and without effect, where the session is gone.
        """
        ...

    def delete(self, session_id: str) -> None:
        """Forget a session and all that replaced it; without effect if it is gone."""
        ...

    def delete_expired(self, now: float) -> int:
        """Forget all that expired by a moment, and return how many."""
        ...


class MemorySessionStore:
    """Keeps sessions in this process: for tests, and for a development server."""

    def __init__(self) -> None:
        self._records: dict[str, SessionRecord] = {}
        self._successors: dict[str, str] = {}
        self._lock = Lock()

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session, expired or not."""
        return self._records.get(session_id)

    def create(self, session_id: str, record: SessionRecord) -> None:
        """Keep a new session."""
        with self._lock:
            self._records[session_id] = record

    def save(self, session_id: str, data: str, expires_at: float) -> bool:
        """Replace the data of a session; false, and without effect, where it is gone."""
        with self._lock:
            record = self._records.get(session_id)
            if record is None:
                return False
            self._records[session_id] = replace(record, data=data, expires_at=expires_at)
            return True

    def touch(self, session_id: str, expires_at: float) -> None:
        """Move the end of a session and leave its data; without effect where it is gone."""
        with self._lock:
            record = self._records.get(session_id)
            if record is not None:
                self._records[session_id] = replace(record, expires_at=expires_at)

    def replace(self, session_id: str, new_id: str, record: SessionRecord) -> bool:
        """Put a record under a new id in the place of a session; false where that is gone."""
        with self._lock:
            if self._records.pop(session_id, None) is None:
                return False
            self._records[new_id] = record
            self._successors[session_id] = new_id
            return True

    def delete(self, session_id: str) -> None:
        """Forget a session and all that replaced it; without effect if it is gone."""
        with self._lock:
            ended: str | None = session_id
            while ended is not None:
                self._records.pop(ended, None)
                ended = self._successors.pop(ended, None)

    def delete_expired(self, now: float) -> int:
        """Forget all that expired by a moment, and return how many."""
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
