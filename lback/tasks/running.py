"""Runs the function of a task: arguments, injected services, progress and checkpoints."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from contextvars import ContextVar
from types import CoroutineType
from typing import TYPE_CHECKING, Any, Protocol

from lback.core.exceptions import did_you_mean
from lback.core.unit_of_work import current
from lback.tasks.arguments import SESSION, encode_result
from lback.tasks.definitions import TASKS, Task
from lback.tasks.exceptions import UnknownTask
from lback.translation import CURRENT as CURRENT_LANGUAGE

if TYPE_CHECKING:
    from sqlalchemy.orm import Session


class Attempt(Protocol):
    """The attempt at a task that this thread runs."""

    def saved_cursor(self) -> object:
        """Return what the last checkpoint stored, or None."""
        ...

    def checkpoint(self, cursor: object) -> None:
        """Commit, store a cursor and stop if the worker is to stop.

        Args:
            cursor: A value that JSON can hold.
        """
        ...

    def progress(self, done: float, total: float | None, note: str) -> None:
        """Store how far the task is.

        Args:
            done: How much is done.
            total: How much there is to do, or None.
            note: Text for people.
        """
        ...


running: ContextVar[Attempt | None] = ContextVar("lback_task_attempt", default=None)


def progress(done: float, total: float | None = None, note: str = "") -> None:
    """Store how far the running task is, about once a second at most. Does nothing elsewhere.

    Args:
        done: How much is done.
        total: How much there is to do, if that is known.
        note: Text for people, at most 200 characters.
    """
    attempt = running.get()
    if attempt is not None:
        attempt.progress(done, total, note)


def checkpoint(cursor: object) -> None:
    """Commit what the running task has written so far, together with where it is.

    If the task is interrupted later, its next attempt reads the cursor with `saved_cursor` and goes
    on from there. If the worker has been told to stop, the task ends here and goes on in another
    worker; if it was cancelled, it ends here. Does nothing outside of a task.

    Args:
        cursor: A value that JSON can hold, such as the id of the last row.
    """
    attempt = running.get()
    if attempt is not None:
        attempt.checkpoint(cursor)


def saved_cursor(default: Any = None) -> Any:
    """Return what the last `checkpoint` of the running task stored.

    Args:
        default: Returned in the first attempt, and outside of a task.
    """
    attempt = running.get()
    cursor = None if attempt is None else attempt.saved_cursor()
    return default if cursor is None else cursor


def find_task(name: str) -> Task[..., Any]:
    """Return a task by its name.

    Raises:
        UnknownTask: This process has imported no such task.
    """
    found = TASKS.get(name)
    if found is None:
        raise UnknownTask(
            f"no task has the name {name!r}{did_you_mean(name, TASKS)}; workers import the modules "
            "tasks of the project and of INSTALLED_APPS, and the modules of views"
        )
    return found


def call_task(
    services: Mapping[str, Any],
    name: str,
    arguments: str,
    around: "Callable[[Session], AbstractContextManager[None]] | None" = None,
    finish: "Callable[[Session, str | None], None] | None" = None,
    *,
    language: str | None = None,
) -> str | None:
    """Run the function of a task in a database session, and commit.

    Args:
        services: Services of the application, by name.
        name: Name of the task.
        arguments: Its arguments as JSON.
        around: Called with the session; gives the context in which the function alone runs.
        finish: Called with the session and the result before the commit.
        language: Tag of the language in which it was enqueued.

    Returns:
        The result as JSON.

    Raises:
        UnknownTask, TaskArgumentsError, TaskResultError, Exception: The task fails.
    """
    task = find_task(name)
    signature = task.signature(services)
    given = signature.decode(arguments)
    with _language(services, language), _transaction(services) as session:
        for wanted in signature.injected:
            given[wanted] = session if wanted == SESSION else services[wanted]
        with around(session) if around is not None else nullcontext():
            value = task.function(**given)
            if isinstance(value, CoroutineType):
                # Imported here, because asyncio takes longer to import than most tasks run.
                from lback.core.routing.coroutines import run_coroutine

                value = run_coroutine(value)
        result = encode_result(value, name)
        if finish is not None:
            finish(session, result)
        session.commit()
    return result


@contextmanager
def _language(services: Mapping[str, Any], code: str | None) -> Iterator[None]:
    """Use the language in which a task was enqueued; the default if the application lost it."""
    languages = services.get("languages")
    if languages is None:
        yield
        return
    known = languages.code_of(code) if code else None
    token = CURRENT_LANGUAGE.set(languages.find(known or languages.default))
    try:
        yield
    finally:
        CURRENT_LANGUAGE.reset(token)


@contextmanager
def _transaction(services: Mapping[str, Any]) -> "Iterator[Any]":
    with services["db_manager"].create_session() as session:
        token = current.set(session)
        try:
            yield session
        finally:
            current.reset(token)
