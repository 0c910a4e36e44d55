"""Session store in a database table, shared by all workers."""

from collections.abc import Callable
from dataclasses import asdict
from functools import partial
from typing import TypeVar, cast

from sqlalchemy import (
    Delete,
    Double,
    MetaData,
    String,
    Table,
    Text,
    Update,
    bindparam,
    delete,
    insert,
    inspect,
    select,
    update,
)
from sqlalchemy.dialects.mysql import MEDIUMTEXT
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback.core.exceptions import ConfigurationError
from lback.database import Base, DatabaseManager
from lback.database.pool import NoConnection
from lback.sessions.session_id import hash_of
from lback.sessions.store import SessionRecord, SessionsUnavailable

T = TypeVar("T")

MISSING = (
    "the table lback_sessions is missing; run: lback makemigrations && lback migrate "
    "(or choose another SESSION_STORE)"
)


# What a replaced session holds in place of its values, which begin with a brace: where it went.
REPLACED = ">"


class StoredSession(Base):
    """A stored session, keyed by a hash of its id, so that a copy of the table opens no session."""

    __tablename__ = "lback_sessions"

    id_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    # Text, not JSON: PostgreSQL refuses the NUL characters that JSON may hold. TEXT of MySQL
    # ends at 64 KB.
    data: Mapped[str] = mapped_column(Text().with_variant(MEDIUMTEXT(), "mysql", "mariadb"))
    created_at: Mapped[float] = mapped_column(Double)
    expires_at: Mapped[float] = mapped_column(Double, index=True)


_ONE = select(StoredSession.data, StoredSession.created_at, StoredSession.expires_at).where(
    StoredSession.id_hash == bindparam("id_hash")
)
_IS_CURRENT = StoredSession.data.not_like(f"{REPLACED}%")


class DatabaseSessionStore:
    """Stores sessions in the table `lback_sessions`.

    Each call is a short transaction of its own, so that a session survives when the request is
    rolled back. On SQLite it waits for the transaction that is writing: do not save a session while
    the database session of the same request has uncommitted changes, or the request waits for
    itself.

    Args:
        db_manager: Opens database sessions.
        create_table: Create the table if it is missing, for applications without migrations.
    """

    def __init__(self, db_manager: DatabaseManager, *, create_table: bool = True) -> None:
        self._db_manager = db_manager
        self._create_table = create_table

    def load(self, session_id: str) -> SessionRecord | None:
        """Return the record of a session, expired or not; `None` if there is none."""
        return self._recovering(partial(self._load, hash_of(session_id)))

    def _load(self, id_hash: str) -> SessionRecord | None:
        # Without an ORM session, which would take four times as long for one row.
        with self._db_manager.connection() as connection:
            row = connection.execute(_ONE, {"id_hash": id_hash}).one_or_none()
        record = None if row is None else SessionRecord(*row)
        return None if record is None or record.data.startswith(REPLACED) else record

    def create(self, session_id: str, record: SessionRecord) -> None:
        """Store a new session.

        Args:
            session_id: Id of the session; only its hash is stored.
            record: The session.
        """

        def create(db_session: Session) -> None:
            db_session.add(
                StoredSession(
                    id_hash=hash_of(session_id),
                    data=record.data,
                    created_at=record.created_at,
                    expires_at=record.expires_at,
                )
            )
            db_session.flush()

        self._run(create)

    def save(self, session_id: str, data: str, expires_at: float) -> bool:
        """Replace the data and the expiry of a session.

        Args:
            session_id: Id of the session.
            data: The new data as JSON.
            expires_at: The new expiry, in seconds since the epoch.

        Returns:
            False if the session does not exist any more; nothing is stored then.
        """
        statement = (
            update(StoredSession)
            .where(StoredSession.id_hash == hash_of(session_id), _IS_CURRENT)
            .values(data=data, expires_at=expires_at)
        )
        return self._execute(statement) > 0

    def touch(self, session_id: str, expires_at: float) -> None:
        """Change the expiry of a session and leave its data; without effect if it does not exist.

        Args:
            session_id: Id of the session.
            expires_at: The new expiry, in seconds since the epoch.
        """
        statement = update(StoredSession).where(
            StoredSession.id_hash == hash_of(session_id), _IS_CURRENT
        )
        self._execute(statement.values(expires_at=expires_at))

    def replace(self, session_id: str, new_id: str, record: SessionRecord) -> bool:
        """Replace a session by a record under a new id, in one transaction.

        Args:
            session_id: Id of the session that ends.
            new_id: Id of the session that replaces it.
            record: The new session.

        Returns:
            False if the session does not exist any more; nothing is stored then.
        """
        replaced = (
            update(StoredSession)
            .where(StoredSession.id_hash == hash_of(session_id), _IS_CURRENT)
            .values(data=REPLACED + hash_of(new_id), expires_at=record.expires_at)
        )
        values = {"id_hash": hash_of(new_id), **asdict(record)}

        def replace(db_session: Session) -> bool:
            connection = db_session.connection()
            if not connection.execute(replaced).rowcount:
                return False
            connection.execute(insert(StoredSession).values(values))
            return True

        return self._run(replace)

    def delete(self, session_id: str) -> None:
        """Delete a session and all that replaced it; without effect if it does not exist."""

        def end(db_session: Session) -> None:
            connection = db_session.connection()
            id_hash = hash_of(session_id)
            while id_hash:
                row = StoredSession.id_hash == id_hash
                # The write comes first: it waits for a replacement under way, and keeps others off.
                connection.execute(update(StoredSession).where(row).values(expires_at=0.0))
                data = connection.execute(select(StoredSession.data).where(row)).scalar() or ""
                connection.execute(delete(StoredSession).where(row))
                id_hash = data[len(REPLACED) :] if data.startswith(REPLACED) else ""

        self._run(end)

    def delete_expired(self, now: float) -> int:
        """Delete all sessions that expired by a time, and return how many.

        Args:
            now: Seconds since the epoch.
        """
        return self._execute(delete(StoredSession).where(StoredSession.expires_at <= now))

    def _execute(self, statement: Update | Delete) -> int:
        return self._run(lambda db_session: db_session.connection().execute(statement).rowcount)

    def _run(self, work: Callable[[Session], T]) -> T:
        return self._recovering(partial(self._transact, work))

    def _recovering(self, work: Callable[[], T]) -> T:
        """Do the work, and do it again if the table had to be created first."""
        try:
            return work()
        except NoConnection as error:
            raise SessionsUnavailable from error
        except (OperationalError, ProgrammingError) as error:
            if error.connection_invalidated or self._has_table():
                raise _unavailable(error) from error
            if not self._create_table:
                raise ConfigurationError(MISSING) from error
        self._db_manager.create_tables(_own_metadata())
        return work()

    def _transact(self, work: Callable[[Session], T]) -> T:
        with self._db_manager.session() as db_session:
            return work(db_session)

    def _has_table(self) -> bool:
        try:
            return inspect(self._db_manager.engine).has_table(StoredSession.__tablename__)
        except (DBAPIError, NoConnection) as error:
            raise _unavailable(error) from error


def _own_metadata() -> MetaData:
    """Return metadata of this one table: the others are created by migrations or by the project."""
    metadata = MetaData()
    cast(Table, StoredSession.__table__).to_metadata(metadata)
    return metadata


def _unavailable(error: Exception) -> Exception:
    is_temporary = isinstance(error, (OperationalError, NoConnection))
    return SessionsUnavailable() if is_temporary else error
