"""The sessions of Lback: those of SQLAlchemy, with functions that run at commit and rollback."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import ParamSpec, TypeVar

from sqlalchemy import event, orm

from lback.core.http.after_answer import Job, run_jobs
from lback.core.unit_of_work import ENQUEUED

P = ParamSpec("P")
T = TypeVar("T")


class Session(orm.Session):
    """A SQLAlchemy session that can call functions before and after its commit, or its rollback.

    `DatabaseManager` opens such sessions, those of requests among them.
    """

    _waiting: "_Waiting | None" = None

    def before_commit(self, function: "Callable[[Session, list[T]], object]", item: T) -> None:
        """Call a function in the current transaction, just before it is committed.

        The function is called once with all items that were added for it, after everything else has
        been written, so that locks which it takes are held for a short time. Items are dropped if
        the transaction is rolled back, or the savepoint within which they were added. An exception
        of the function ends the commit.

        Args:
            function: Called with the session and the items in the order in which they were added.
                Equal functions are called once.
            item: One item.

        Example:
            >>> from lback.database import DatabaseManager
            >>> with DatabaseManager.from_url("sqlite://").session() as session:
            ...     for number in (1, 2):
            ...         session.before_commit(lambda session, items: print(items), number)
            [1]
            [2]
        """
        self._waits().add_item(function, item)

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
        self._waits().add(partial(function, *args, **kwargs))

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
        self._waits().add_undo(partial(function, *args, **kwargs))

    def _waits(self) -> "_Waiting":
        if self._waiting is None:
            self._waiting = _Waiting(self)
        return self._waiting


def note_change(session: Session) -> None:
    """Let the unit of work of a request commit a session in which no object was changed.

    Args:
        session: A session in which something waits for the commit.
    """
    if ENQUEUED not in session.info:
        session.info[ENQUEUED] = True
        session.after_commit(session.info.pop, ENQUEUED, None)


@dataclass
class _Waiting:
    """What waits for the end of a transaction, each entry with its savepoint, if any.

    Attributes:
        jobs: Functions that run after the commit.
        undo: Functions that run after the rollback.
        items: Functions that are called before the commit, with the items.
        committed: The transaction or savepoint that was committed and has not ended.
    """

    session: Session
    jobs: list[tuple[orm.SessionTransaction | None, Job]] = field(default_factory=list)
    undo: list[tuple[orm.SessionTransaction | None, Job]] = field(default_factory=list)
    items: list[tuple[orm.SessionTransaction | None, tuple[Callable[..., object], object]]] = field(
        default_factory=list
    )
    committed: orm.SessionTransaction | None = None

    def __post_init__(self) -> None:
        event.listen(self.session, "before_commit", self._prepare)
        event.listen(self.session, "after_commit", self._note_commit)
        event.listen(self.session, "after_transaction_end", self._end)

    def add(self, job: Job) -> None:
        self.jobs.append((self.session.get_nested_transaction(), job))

    def add_undo(self, job: Job) -> None:
        self.undo.append((self.session.get_nested_transaction(), job))

    def add_item(self, function: Callable[..., object], item: object) -> None:
        if not self.session.in_transaction():
            self.session.begin()  # else there is nothing that a rollback would end
        self.items.append((self.session.get_nested_transaction(), (function, item)))

    def _prepare(self, session: Session) -> None:
        # The event is sent for a savepoint that is released as well.
        while self.items and session.get_nested_transaction() is None:
            session.flush()
            items, self.items = self.items, []
            given: dict[Callable[..., object], list[object]] = {}
            for _, (function, item) in items:
                given.setdefault(function, []).append(item)
            for function, values in given.items():
                function(session, values)

    def _note_commit(self, session: orm.Session) -> None:
        # The event is sent for a savepoint that is released as well.
        self.committed = session.get_nested_transaction() or session.get_transaction()

    def _end(self, session: orm.Session, ended: orm.SessionTransaction) -> None:
        """Run, drop or keep the functions of a transaction or savepoint that has ended."""
        if ended.parent is not None and not ended.nested:
            return  # a flush
        has_committed, self.committed = ended is self.committed, None
        if ended.parent is None:
            jobs = self.jobs if has_committed else self.undo
            self.jobs, self.undo, self.items = [], [], []
        else:
            jobs = [] if has_committed else [one for one in self.undo if one[0] is ended]
            around = session.get_nested_transaction()
            self.jobs = _moved(self.jobs, ended, around, keep=has_committed)
            self.undo = _moved(self.undo, ended, around, keep=has_committed)
            self.items = _moved(self.items, ended, around, keep=has_committed)
        run_jobs([job for _, job in jobs])


def _moved(
    waiting: list[tuple[orm.SessionTransaction | None, T]],
    ended: orm.SessionTransaction,
    around: orm.SessionTransaction | None,
    *,
    keep: bool,
) -> list[tuple[orm.SessionTransaction | None, T]]:
    """Let what was added within a savepoint wait for what is around it, or drop it."""
    return [
        (around if within is ended else within, entry)
        for within, entry in waiting
        if keep or within is not ended
    ]
