"""The database session of a request: opened on first use, committed or rolled back, then closed."""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.signals import SignalDispatcher


P = ParamSpec("P")


class Transactional(Protocol):
    """What can call a function after its commit: a request, or a session of the database."""

    def after_commit(
        self, function: "Callable[P, object]", *args: P.args, **kwargs: P.kwargs
    ) -> None:
        """Call a function once what is written now has been committed.

        Args:
            function: What to call.
            *args: Its positional arguments.
            **kwargs: Its keyword arguments.
        """


# The key in `Session.info` while a task that was added by a plain statement waits for the commit.
ENQUEUED = "lback.enqueued"

# The innermost block of `db_manager.session()`, else the request whose view is running.
current: ContextVar[Transactional | None] = ContextVar("lback_transaction", default=None)


def after_commit(function: "Callable[P, object]", *args: P.args, **kwargs: P.kwargs) -> None:
    """Call a function once the current transaction has committed, and never after a rollback.

    The transaction is that of the innermost block `with db_manager.session()`, else that of the
    request that this thread handles, which commits if the response has a status below 400. Without
    either, as in an error handler or a thread of your own, the function is called at once.

    Functions run in the order in which they were added. An exception of one is logged, and the
    others run.

    Args:
        function: What to call.
        *args: Its positional arguments.
        **kwargs: Its keyword arguments.

    Example:
        >>> from lback import after_commit
        >>> with app.db_manager.session() as db_session:
        ...     after_commit(print, "committed")
        ...     print("not yet")
        not yet
        committed
    """
    transaction = current.get()
    if transaction is None:
        function(*args, **kwargs)
    else:
        transaction.after_commit(function, *args, **kwargs)


class UnitOfWork:
    """Commits the changes of a successful request, and rolls back those of a failed one.

    Args:
        dependencies: Services by name. The first use of a session calls `create_session()` or
            `get_session()` of `db_manager`; without a `db_manager` there is no session.
        dispatcher: Where `db_session_committed` and `db_session_rolled_back` are sent.
        sender: Sender of these signals.
    """

    def __init__(
        self, dependencies: "Mapping[str, object]", dispatcher: "SignalDispatcher", sender: object
    ) -> None:
        self._dependencies = dependencies
        self._dispatcher = dispatcher
        self._sender = sender

    def open(self) -> Any:
        """Open a database session; returns `None` if there is no database."""
        db_manager = self._dependencies.get("db_manager")
        opens = getattr(db_manager, "create_session", None) or getattr(
            db_manager, "get_session", None
        )
        return None if opens is None else opens()

    def commit_or_roll_back(self, request: "Request", response: "Response") -> None:
        """Commit if the response has a status below 400, else roll back.

        Signals: `db_session_committed` or `db_session_rolled_back`.

        Args:
            request: A request with an active session.
            response: The response of the view or of a middleware.

        Raises:
            Exception: Whatever the commit raised.
        """
        session = request.active_session
        if response.status_code < 400:
            self._commit(request, session)
        else:
            self._roll_back(request, session, None)

    def commit_late_changes(self, request: "Request", response: "Response") -> None:
        """Commit changes that response hooks made after the first commit.

        Signals: `db_session_committed`, if there were changes.

        Args:
            request: The request.
            response: The response after all hooks; nothing is committed from status 400 on.

        Raises:
            Exception: Whatever the commit raised.
        """
        session = request.active_session
        if session is not None and response.status_code < 400 and _has_changes(session):
            self._commit(request, session)

    def roll_back(self, request: "Request", error: Exception) -> None:
        """Roll back the session of a request after an exception.

        Signals: `db_session_rolled_back`, if the request has a session.

        Args:
            request: The request that failed.
            error: The exception; sent with the signal.
        """
        session = request.active_session
        if session is not None:
            self._roll_back(request, session, error)

    def settle_handled(self, request: "Request", response: "Response") -> None:
        """Commit or roll back the changes that an exception handler made.

        Signals: `db_session_committed`, if it committed.

        Args:
            request: The request that failed.
            response: The response of the handler; a status below 400 commits.

        Raises:
            Exception: Whatever the commit raised.
        """
        session = request.active_session
        if session is None:
            return
        if response.status_code < 400:
            self._commit(request, session)
        else:
            session.rollback()  # `db_session_rolled_back` was sent before the handler

    def close(self, request: "Request") -> None:
        """Close the session, unless a middleware provided it and closes it itself."""
        if request.opened_session is not None:
            request.opened_session.close()
            remove = getattr(self._dependencies.get("db_manager"), "remove", None)
            if remove is not None:
                remove()

    def _commit(self, request: "Request", session: Any) -> None:
        session.commit()
        self._dispatcher.send(
            "db_session_committed", self._sender, request=request, session=session
        )

    def _roll_back(self, request: "Request", session: Any, error: Exception | None) -> None:
        session.rollback()
        self._dispatcher.send(
            "db_session_rolled_back",
            self._sender,
            request=request,
            session=session,
            exception=error,
        )


def _has_changes(session: object) -> bool:
    if any(getattr(session, kind, None) for kind in ("new", "dirty", "deleted")):
        return True
    return ENQUEUED in getattr(session, "info", ())
