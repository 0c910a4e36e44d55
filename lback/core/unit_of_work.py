"""The database session of a request: opened on first use, settled by the outcome, always closed."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lback.core.request import Request
    from lback.core.response import Response
    from lback.core.signals import SignalDispatcher


class UnitOfWork:
    """Commits what a request wrote if it succeeded, and rolls it back if it did not.

    Args:
        dependencies: `db_manager` is asked for its `create_session()` or `get_session()` when a
            request first wants a session; none where there is none.
        dispatcher: For `db_session_committed` and `db_session_rolled_back`.
        sender: Sender of these signals.
    """

    def __init__(
        self, dependencies: "Mapping[str, Any]", dispatcher: "SignalDispatcher", sender: object
    ) -> None:
        self._dependencies = dependencies
        self._dispatcher = dispatcher
        self._sender = sender

    def open(self) -> Any:
        """Open a session; `None` where there is no database."""
        db_manager = self._dependencies.get("db_manager")
        opens = getattr(db_manager, "create_session", None) or getattr(
            db_manager, "get_session", None
        )
        return None if opens is None else opens()

    def commit_or_roll_back(self, request: "Request", response: "Response") -> None:
        """Commit below status 400, else roll back; for a request with a session.

        Raises:
            Exception: What the commit raised.
        """
        session = request.active_session
        if response.status_code < 400:
            self._commit(request, session)
        else:
            self._roll_back(request, session, None)

    def commit_late_changes(self, request: "Request", response: "Response") -> None:
        """Commit what response hooks wrote after the first commit, if they wrote anything."""
        session = request.active_session
        if session is not None and response.status_code < 400 and _has_changes(session):
            self._commit(request, session)

    def roll_back(self, request: "Request", error: Exception) -> None:
        """Undo what the request wrote, because of an error."""
        session = request.active_session
        if session is not None:
            self._roll_back(request, session, error)

    def settle_handled(self, request: "Request", response: "Response") -> None:
        """Commit what an exception handler wrote if it answered below status 400, else undo it.

        Raises:
            Exception: What the commit raised.
        """
        session = request.active_session
        if session is None:
            return
        if response.status_code < 400:
            self._commit(request, session)
        else:
            session.rollback()  # `db_session_rolled_back` was sent before the handler

    def close(self, request: "Request") -> None:
        """Close the session if it was opened here; one that a middleware brought is its own."""
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


def _has_changes(session: Any) -> bool:
    return any(getattr(session, kind, None) for kind in ("new", "dirty", "deleted"))
