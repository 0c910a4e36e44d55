"""The sessions of Lback: those of SQLAlchemy, with functions that run after the commit."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec

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
        if self._waiting is None:
            self._waiting = _Waiting(self)
        self._waiting.add(partial(function, *args, **kwargs))


@dataclass
class _Waiting:
    """The functions that wait for the commit of a session, each with its savepoint, if any."""

    session: Session
    jobs: list[tuple[orm.SessionTransaction | None, Job]] = field(default_factory=list)
    committed: orm.SessionTransaction | None = None

    def __post_init__(self) -> None:
        event.listen(self.session, "after_commit", self._note_commit)
        event.listen(self.session, "after_transaction_end", self._end)

    def add(self, job: Job) -> None:
        self.jobs.append((self.session.get_nested_transaction(), job))

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
            if has_committed:
                run_jobs([job for _, job in jobs])
        elif has_committed:
            self._move(ended, session.get_nested_transaction())
        else:
            self.jobs = [(within, job) for within, job in self.jobs if within is not ended]

    def _move(self, ended: orm.SessionTransaction, around: orm.SessionTransaction | None) -> None:
        """Let the functions of a savepoint wait for the transaction or savepoint around it."""
        self.jobs = [(around if within is ended else within, job) for within, job in self.jobs]
