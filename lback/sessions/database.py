"""Sessions in a table of the database, where every worker finds them."""

import hashlib

from sqlalchemy import Delete, Double, String, Text, Update, delete, update
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.orm import Mapped, mapped_column

from lback.database import Base, DatabaseManager
from lback.sessions.store import SessionRecord


class StoredSession(Base):
    """A row of the table: the hash of an id, never the id, so that nobody signs in with a copy."""

    __tablename__ = "lback_sessions"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Text, not JSON: PostgreSQL refuses the NUL characters that JSON may hold. TEXT of MySQL
    # ends at 64 KB.
    data: Mapped[str] = mapped_column(Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb"))
    created_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float] = mapped_column(Double, index=True)


class DatabaseSessionStore:
    """Keeps sessions in the table `lback_sessions`.

    Each call is a short transaction of its own, so that a session survives a request that is
    rolled back. On SQLite it waits for the one that is writing; a request must not save a session
    while its own database session has uncommitted changes, for it would wait for itself.

    Args:
        db_manager: Opens the sessions on the database.
    """

    def __init__(self, db_manager: DatabaseManager) -> None:
        self._db_manager = db_manager

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session, expired or not."""
        with self._db_manager.session() as db_session:
            row = db_session.get(StoredSession, _hash(session_id))
            if row is None:
                return None
            return SessionRecord(row.data, row.created_at, row.expires_at)

    def create(self, session_id: str, record: SessionRecord) -> None:
        """Keep a new session."""
        with self._db_manager.session() as db_session:
            db_session.add(
                StoredSession(
                    id_hash=_hash(session_id),
                    data=record.data,
                    created_at=record.created_at,
                    expires_at=record.expires_at,
                )
            )

    def save(self, session_id: str, data: str, expires_at: float) -> bool:
        """Replace the data of a session; false, and without effect, where it is gone."""
        statement = (
            update(StoredSession)
            .where(StoredSession.id_hash == _hash(session_id))
            .values(data=data, expires_at=expires_at)
        )
        return self._execute(statement) > 0

    def delete(self, session_id: str) -> None:
        """Forget a session; without effect if it is gone."""
        self._execute(delete(StoredSession).where(StoredSession.id_hash == _hash(session_id)))

    def delete_expired(self, now: float) -> int:
        """Forget all that expired by a moment, and return how many."""
        return self._execute(delete(StoredSession).where(StoredSession.expires_at <= now))

    def _execute(self, statement: Update | Delete) -> int:
        with self._db_manager.session() as db_session:
            result = db_session.connection().execute(statement)
            return result.rowcount


def _hash(session_id: str) -> str:
    # Fast on purpose: 256 random bits cannot be guessed, unlike a password.
    return hashlib.sha256(session_id.encode()).hexdigest()
