"""Counters of attempts in a database table, shared by all processes."""

import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from sqlalchemy import Double, String, case, delete, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Mapped, Session, mapped_column

from lback.auth.attempts import Count
from lback.database import Base, DatabaseManager
from lback.database.own_table import OwnTable
from lback.security import clock_tolerance as tolerance

T = TypeVar("T")

SECONDS_BETWEEN_CLEANINGS = 600.0
MISSING = (
    "the table lback_attempts is missing; run: lback makemigrations && lback migrate "
    "(or choose another LOGIN_ATTEMPTS_STORE)"
)


class Attempt(Base):
    """The counter of one key.

    Attributes:
        key: What is counted; names of accounts are hashed.
        number: How many attempts there were in the current window.
        ends_at: When the window ends, in seconds since the epoch.
    """

    __tablename__ = "lback_attempts"

    key: Mapped[str] = mapped_column(String(150), primary_key=True)
    number: Mapped[int]
    ends_at: Mapped[float] = mapped_column(Double, index=True)


class DatabaseAttempts:
    """Counts attempts in the table `lback_attempts`.

    Each call is a short transaction of its own, so that a count survives when the request is rolled
    back. On SQLite it waits for the transaction that is writing: do not count while the database
    session of the same request has uncommitted changes, or the request waits for itself.

    Args:
        db_manager: Opens database sessions.
        create_table: Create the table if it is missing, for applications without migrations.
        clock: Returns the seconds since the epoch.
        clock_tolerance: Seconds by which the clock of another machine may be ahead.
    """

    def __init__(
        self,
        db_manager: DatabaseManager,
        *,
        create_table: bool = True,
        clock: Callable[[], float] = time.time,
        clock_tolerance: float = tolerance.SECONDS,
    ) -> None:
        self._db_manager = db_manager
        self._table = OwnTable(db_manager, Attempt, create=create_table, missing=MISSING)
        self._clock = clock
        self._clock_tolerance = clock_tolerance
        self._cleaned_at = 0.0

    def add(self, key: str, seconds: float) -> Count:
        """Count one more attempt, and return how many there are now.

        Args:
            key: What is counted, at most 150 characters.
            seconds: Length of the window; it begins with the first attempt and is not extended.
        """
        count: Count | None = None
        while count is None:
            # If two requests add the first attempt at once, the second one tries again.
            count = self._run(partial(self._added, key, seconds))
        return count

    def _added(self, key: str, seconds: float, session: Session) -> Count | None:
        now = self._clock()
        # A window that ends later than possible began before the clock was set back.
        latest = now + seconds + self._clock_tolerance
        is_over = (Attempt.ends_at <= now) | (Attempt.ends_at > latest)
        # In this order, because MySQL reads values that it has assigned already.
        statement = (
            update(Attempt)
            .where(Attempt.key == key)
            .ordered_values(
                (Attempt.number, case((is_over, 1), else_=Attempt.number + 1)),
                (Attempt.ends_at, case((is_over, now + seconds), else_=Attempt.ends_at)),
            )
            .execution_options(synchronize_session=False)
        )
        if session.connection().execute(statement).rowcount:
            row = session.execute(select(Attempt.number, Attempt.ends_at).where(Attempt.key == key))
            number, ends_at = row.one()
            return Count(number, ends_at - now)
        self._clean(session, now)
        session.add(Attempt(key=key, number=1, ends_at=now + seconds))
        try:
            session.flush()
        except IntegrityError:
            session.rollback()
            return None
        return Count(1, seconds)

    def _clean(self, session: Session, now: float) -> None:
        if now - self._cleaned_at >= SECONDS_BETWEEN_CLEANINGS:
            self._cleaned_at = now
            session.execute(delete(Attempt).where(Attempt.ends_at <= now))

    def peek(self, key: str) -> Count:
        """Return how many attempts there are, without counting one."""
        return self._table.run(partial(self._peeked, key))

    def _peeked(self, key: str) -> Count:
        query = select(Attempt.number, Attempt.ends_at).where(Attempt.key == key)
        with self._db_manager.connection() as connection:
            row = connection.execute(query).one_or_none()
        now = self._clock()
        return Count(row[0], row[1] - now) if row is not None and row[1] > now else Count(0, 0.0)

    def forget(self, key: str) -> None:
        """Reset the counter of a key to zero; without effect if there is none."""
        self._run(lambda session: session.execute(delete(Attempt).where(Attempt.key == key)))

    def _run(self, work: Callable[[Session], T]) -> T:
        return self._table.run(partial(self._transact, work))

    def _transact(self, work: Callable[[Session], T]) -> T:
        with self._db_manager.session() as session:
            return work(session)
