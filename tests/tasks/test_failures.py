"""Whatever a task raises ends its attempt, is stored, and disturbs no other task."""

import sys
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from lback import Application
from lback.database import DatabaseManager
from lback.tasks import Worker, progress, task
from lback.tasks.failures import FailureReport
from lback.tasks.tables import TaskFailure
from tests.tasks.conftest import KEY

Work = Callable[..., None]


class Silent(Exception):
    """An exception whose text cannot be had."""

    def __str__(self) -> str:
        raise RuntimeError("no text")


class Ending(BaseException):
    """Not an Exception, as those of test frameworks and of gevent."""


def leave() -> None:
    sys.exit(3)


def raising(error: BaseException) -> Callable[[], None]:
    def function() -> None:
        raise error

    return function


FAILURES: dict[str, tuple[Callable[[], None], str]] = {
    "NUL": (raising(ValueError("no number: '\0'")), r"ValueError: no number: '\x00'"),
    "surrogate": (raising(ValueError("no name: \udcff")), r"ValueError: no name: \udcff"),
    "emoji": (raising(ValueError("💥")), "ValueError: 💥"),
    "long": (raising(ValueError("x" * 3_000_000)), "ValueError: " + "x" * 9_988),
    "exit": (leave, "SystemExit: 3"),
    "interrupt": (raising(KeyboardInterrupt("stop")), "KeyboardInterrupt: stop"),
    "base": (raising(Ending("over")), "Ending: over"),
    "silent": (raising(Silent()), "Silent: (its message raises RuntimeError)"),
    "group": (
        raising(ExceptionGroup("two", [ValueError("a"), TypeError("b")])),
        "ExceptionGroup: ",
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_what_a_task_raises_is_stored(name: str, app: Application, work: Work) -> None:
    function, error = FAILURES[name]
    failing = task(name="tests.failing", retries=1, backoff=0)(function)
    following = task(name="tests.following")(lambda: None)

    handle = failing.enqueue()
    work()
    later = following.enqueue()
    work()

    assert (handle.refresh().state, handle.record.attempts) == ("failed", 2)
    assert handle.error.startswith(error)
    assert later.refresh().state == "successful"
    with app.db_manager.session() as session:
        stored = session.scalars(select(TaskFailure).where(TaskFailure.task_id == handle.id)).all()
    assert [failure.error for failure in stored] == [handle.error] * 2
    assert all("Traceback" in failure.traceback for failure in stored)


def test_a_text_beyond_the_encoding_of_the_database_is_escaped(
    app: Application, work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as a database of PostgreSQL in LATIN1, where another character must do."""
    monkeypatch.setattr("lback.tasks.failures.storable", lambda text: text)
    failing = task(name="tests.failing", retries=0)(raising(ValueError("no name: \udcff")))
    handle = failing.enqueue()
    work()
    assert (handle.refresh().state, handle.error) == ("failed", r"ValueError: no name: \udcff")


def test_a_report_in_ascii() -> None:
    report = FailureReport.of(ValueError("né 💥"))
    assert report.as_ascii().error == r"ValueError: n\xe9 \U0001f4a5"
    assert report.as_ascii().traceback.isascii()


def test_a_note_of_progress_is_stored_whatever_it_says(app: Application, work: Work) -> None:
    @task(name="tests.noting")
    def noting(db_session: Session) -> None:
        progress(1, 1, f"\0 \udcff {'x' * 5000}")

    handle = noting.enqueue()
    work()
    assert handle.refresh().state == "successful"
    assert str(handle.record.progress).startswith(r"(1.0, 1.0, '\\x00 \\udcff xxx")


@pytest.mark.postgresql
def test_a_database_in_another_encoding(postgresql_url: str) -> None:
    from sqlalchemy import make_url, text

    url = make_url(postgresql_url)
    name = f"{url.database}_latin"
    server = DatabaseManager.from_url(postgresql_url)
    options = "TEMPLATE template0 ENCODING 'LATIN1' LOCALE 'C'"
    with server.engine.execution_options(isolation_level="AUTOCOMMIT").connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name} {options}"))
        latin = url.set(database=name).render_as_string(hide_password=False)
        app = Application(TASKS="database", DATABASE_URL=latin, SECRET_KEY=KEY, DEBUG=True)
        try:
            app.db_manager.create_tables()
            failing = task(name="tests.failing", retries=0)(raising(ValueError("💥")))
            handle = failing.enqueue()
            Worker(app.dependencies).run(burst=True)
            state: Any = (handle.refresh().state, handle.error)
        finally:
            app.db_manager.dispose()
            connection.execute(text(f"DROP DATABASE {name}"))
    server.dispose()
    assert state == ("failed", r"ValueError: \U0001f4a5")
