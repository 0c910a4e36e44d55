"""The sessions of Lback: those of SQLAlchemy, with functions that run after the commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple, ParamSpec

from sqlalchemy import event, orm

from lback.core.http.after_answer import Job, run_jobs

P = ParamSpec("P")


class Session(orm.Session):
    """A SQLAlchemy session that can call functions after its commit.

    `DatabaseManager` opens such sessions, those of requests among them.
    """

    _waiting: "_Waiting | None" = None

    def after_commit(
        self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a function once the current transaction has committed.

        Functions run in the order in which they were added. They are dropped if the transaction is
        rolled back, or the savepoint within which they were added. An exception of one is logged,
        and the others run. The session cannot be used in the function: open another one.

        Args:
            function: What to call.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Example:
            >>> from sqlalchemy import text
            >>> from lback.database import DatabaseManager
            >>> with DatabaseManager.from_url("sqlite://").session() as session:
            ...     session.after_commit(print, "committed")
            ...     _ = session.execute(text("SELECT 1"))
            ...     print("before")
            before
            committed
        """
        self._followed().add(partial(function, *args, **kwargs))

    def after_rollback(
        self, function: Callable[P, object], *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a function once the current transaction has been rolled back.

        So does the rollback of the savepoint within which the function was added. The functions
        are dropped by a commit. An exception of one is logged, and the others run.

        Args:
            function: What to call, such as what undoes an effect outside of the database.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.

        Example:
            >>> from sqlalchemy import text
            >>> from lback.database import DatabaseManager
            >>> with DatabaseManager.from_url("sqlite://").session() as session:
            ...     session.after_rollback(print, "rolled back")
            ...     _ = session.execute(text("SELECT 1"))
            ...     session.rollback()
            rolled back
        """
        self._followed().add(partial(function, *args, **kwargs), after_commit=False)

    def _followed(self) -> "_Waiting":
        if self._waiting is None:
            self._waiting = _Waiting(self)
        return self._waiting


class _WaitingJob(NamedTuple):
    """A function, the savepoint within which it was added, and which end it waits for."""

    within: orm.SessionTransaction | None
    job: Job
    after_commit: bool


@dataclass
class _Waiting:
    """The functions that wait for the end of a transaction, each with its savepoint, if any."""

    session: Session
    jobs: list[_WaitingJob] = field(default_factory=list)
    committed: orm.SessionTransaction | None = None

    def __post_init__(self) -> None:
        event.listen(self.session, "after_commit", self._note_commit)
        event.listen(self.session, "after_transaction_end", self._end)

    def add(self, job: Job, *, after_commit: bool = True) -> None:
        within = self.session.get_nested_transaction()
        self.jobs.append(_WaitingJob(within, job, after_commit))

    def _note_commit(self, session: orm.Session) -> None:
        # The event is sent for a savepoint that is released as well.
        self.committed = session.get_nested_transaction() or session.get_transaction()

    def _end(self, session: orm.Session, ended: orm.SessionTransaction) -> None:
        """Run, drop or keep the functions of a transaction or savepoint that has ended."""
        if ended.parent is not None and not ended.nested:
            return  # a flush
        has_committed, self.committed = ended is self.committed, None
        if ended.parent is None:
            jobs, self.jobs = self.jobs, []
            run_jobs([one.job for one in jobs if one.after_commit == has_committed])
        elif has_committed:
            self._move(ended, session.get_nested_transaction())
        else:
            jobs = [one for one in self.jobs if one.within is ended]
            self.jobs = [one for one in self.jobs if one.within is not ended]
            run_jobs([one.job for one in jobs if not one.after_commit])

    def _move(self, ended: orm.SessionTransaction, around: orm.SessionTransaction | None) -> None:
        """Let the functions of a savepoint wait for the transaction or savepoint around it."""
        self.jobs = [
            one._replace(within=around) if one.within is ended else one for one in self.jobs
        ]
