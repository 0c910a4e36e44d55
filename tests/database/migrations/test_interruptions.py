"""A run that is killed at any moment is continued by the next one, or undone, and loses nothing."""

import os
import random
import signal
import subprocess
import sys
import time
from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy import Column, event

from lback.database.migrations import Answers, MigrationError, Migrations
from tests.database.migrations.conftest import Project

KILLS = int(os.environ.get("LBACK_TEST_KILLS", "2"))
ROWS = 300
# Statements of a whole run, about.
STATEMENTS = {"sqlite": 83, "postgresql": 73, "mysql": 44}
BEFORE: Any = (
    ("books", Column("title", sa.String(60)), Column("price", sa.String(9)), Column("n", sa.Text)),
    ("tags", Column("name", sa.String(20))),
)
AFTER: Any = (
    ("books", Column("name", sa.Text), Column("price", sa.Numeric(8, 2), index=True)),
    ("labels", Column("name", sa.String(40), unique=True), Column("a", sa.Integer, default=7,
     nullable=False)),
    ("more", Column("x", sa.Integer)),
    ("last",),
)  # fmt: skip
RENAMES = ["books.title=name", "tags=labels"]
# Twice, it would give other prices.
ROWS_CHANGE = "op.execute(\"UPDATE books SET price = concat('1', price) WHERE id > 0\")"


def prepare(project: Project) -> Migrations:
    """Fill tables, and write two migrations that change them."""
    project.become(*BEFORE)
    numbers = [{"n": n, "title": f"t{n}", "price": f"{n}.5"} for n in range(1, ROWS + 1)]
    with project.db_manager.engine.begin() as connection:
        connection.execute(
            sa.text("INSERT INTO books (id, title, price) VALUES (:n, :title, :price)"), numbers
        )
        connection.execute(sa.text("INSERT INTO tags (id, name) VALUES (:n, :title)"), numbers)
    migrations = project.migrations(*AFTER[:-1])
    path = migrations.make(answers=Answers(renames=RENAMES))
    assert path is not None
    if project.kind != "sqlite":
        text = path.read_text()
        path.write_text(
            text.replace("def upgrade() -> None:\n", f"def upgrade() -> None:\n    {ROWS_CHANGE}\n")
        )
    project.write("0003_c", path.stem, "op.execute('UPDATE more SET x = 1')\n"
                  "    op.create_table('last', sa.Column('id', sa.Integer, primary_key=True))",
                  "op.drop_table('last')")  # fmt: skip
    return project.migrations(*AFTER)


def check(project: Project) -> None:
    """Check that all rows are there, and each was changed once."""
    first = "" if project.kind == "sqlite" else "1"
    books = project.execute("SELECT id, name, price FROM books ORDER BY id")
    assert [(i, n, float(p)) for i, n, p in books] == [
        (n, f"t{n}", float(f"{first}{n}.5")) for n in range(1, ROWS + 1)
    ]
    labels = project.execute("SELECT id, name, a FROM labels ORDER BY id")
    assert labels == [(n, f"t{n}", 7) for n in range(1, ROWS + 1)]
    assert project.tables == {"books", "labels", "more", "last"}


# Writes a line before each statement.
WORKER = """
import sys
from lback.database import DatabaseManager
from lback.database.migrations import Migrations
from sqlalchemy import event
manager = DatabaseManager.from_url(sys.argv[1])
event.listen(manager.engine, "before_cursor_execute", lambda *_: print("statement", flush=True))
Migrations(manager, sys.argv[2]).migrate()
print("end", flush=True)
"""


def log(line: str) -> None:
    """Append where a run was killed to the file of `LBACK_TEST_KILLS_LOG`."""
    name = os.environ.get("LBACK_TEST_KILLS_LOG")
    if name:
        with open(name, "a") as file:  # noqa: PTH123
            file.write(f"{line}\n")


def start(project: Project) -> subprocess.Popen[str]:
    url = project.db_manager.url.render_as_string(hide_password=False)
    arguments = [sys.executable, "-c", WORKER, url, str(project.root)]
    return subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_run_that_is_killed_is_continued(project: Project, seed: int) -> None:
    migrations = prepare(project)
    pick = random.Random(seed)
    for _ in range(pick.choice([1, 1, 2, 3])):
        with start(project) as process:
            assert process.stdout is not None
            for _ in range(pick.randrange(10, STATEMENTS[project.kind])):
                process.stdout.readline()
            time.sleep(pick.random() * 0.005)  # in the statement or after it
            process.send_signal(signal.SIGKILL)
        log(f"{project.kind} {seed} {migrations.current()} {len(migrations._unfinished())}")
    migrations.migrate()
    check(project)
    assert migrations.current() == ["0003_c"]
    assert migrations.make() is None


# At each statement, in one process: a connection that is lost is as a process that is killed.


def lose_connection(project: Project, number: int, *, after: bool) -> Any:
    """End the connection of the run at a statement, before or after it."""
    seen = 0

    def count(connection: sa.Connection, _: Any, statement: str, *__: Any) -> None:
        nonlocal seen
        words = ("CREATE", "ALTER", "DROP", "UPDATE", "INSERT", "DELETE")
        if statement.lstrip().upper().startswith(words):
            seen += 1
            if seen == number:
                [[key]] = connection.exec_driver_sql("SELECT CONNECTION_ID()").all()
                with sa.create_engine(project.db_manager.url).connect() as other:
                    other.exec_driver_sql(f"KILL {key}")

    event.listen(
        project.db_manager.engine, "after_cursor_execute" if after else "before_cursor_execute",
        count,
    )  # fmt: skip
    return count


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_mariadb_continues_at_each_statement(project: Project, after: bool) -> None:
    if project.kind != "mysql":
        pytest.skip("other databases roll back")
    migrations = prepare(project)
    failures = 0
    for number in range(1, 60):
        count = lose_connection(project, number, after=after)
        try:
            migrations.migrate()
        except MigrationError as error:
            failures += 1
            assert "Run the command again" in str(error) or "rolled back" in str(error), error
        finally:
            place = "after_cursor_execute" if after else "before_cursor_execute"
            event.remove(project.db_manager.engine, place, count)
        if migrations.current() == ["0003_c"]:
            break
    assert failures > 3
    check(project)
    assert migrations.make() is None


# What a person sees, with a run that ends as by Ctrl-C.

MAKE = "op.create_table({!r}, sa.Column('id', sa.Integer, primary_key=True))"
STOP = "raise KeyboardInterrupt"


@pytest.fixture
def stopped(project: Project) -> Project:
    """A project on MariaDB whose first migration was interrupted after its first table."""
    if project.kind != "mysql":
        pytest.skip("other databases roll back")
    project.write("0001_a", None, f"{MAKE.format('b')}\n    {STOP}", "op.drop_table('b')")
    with pytest.raises(KeyboardInterrupt):
        project.migrations().migrate()
    assert project.tables == {"b"}
    return project


def test_what_follows_the_interruption_may_be_mended(stopped: Project) -> None:
    stopped.write("0001_a", None, f"{MAKE.format('b')}\n    {MAKE.format('c')}")
    assert stopped.migrations().migrate() == ["0001_a"]
    assert stopped.tables == {"b", "c"}


def test_a_file_that_was_changed_before_the_interruption_is_not_continued(
    stopped: Project,
) -> None:
    stopped.write("0001_a", None, MAKE.format("other"))
    for _ in range(2):
        with pytest.raises(MigrationError) as refused:
            stopped.migrations().migrate()
        message = str(refused.value)
        assert "0001_a was interrupted, and the migration has changed since" in message
        assert message.count("CREATE TABLE b ") == 2
        assert "DROP TABLE lback_unfinished" in message
    stopped.execute("DROP TABLE b")
    stopped.execute("DROP TABLE lback_unfinished")
    stopped.migrations().migrate()
    assert stopped.tables == {"other"}


def test_a_failure_after_an_interruption_lists_all_that_stays(stopped: Project) -> None:
    stopped.write(
        "0001_a", None, f"{MAKE.format('b')}\n    op.execute('INSERT INTO nowhere VALUES (1)')"
    )
    with pytest.raises(MigrationError, match=r"were committed:\n- CREATE TABLE b .*\nRevert them"):
        stopped.migrations().migrate()
    stopped.execute("DROP TABLE b")
    stopped.write("0001_a", None, MAKE.format("b"))
    assert stopped.migrations().migrate() == ["0001_a"]


def test_the_command_that_continues_is_named(stopped: Project) -> None:
    with pytest.raises(
        MigrationError, match="0001_a was interrupted; to continue it, run: migrate"
    ):
        stopped.migrations().make()
    stopped.write("0001_a", None, MAKE.format("b"), f"op.drop_table('b')\n    {STOP}")
    stopped.migrations().migrate()
    with pytest.raises(KeyboardInterrupt):
        stopped.migrations().rollback()
    for refused in (stopped.migrations().migrate, stopped.migrations().make):
        with pytest.raises(MigrationError, match=r"0001_a \(rollback\) was .*, run: rollback"):
            refused()
    stopped.write("0001_a", None, MAKE.format("b"), "op.drop_table('b')")
    assert stopped.migrations().rollback() == ["0001_a"]
    assert stopped.tables == set()
    assert stopped.migrations().migrate() == ["0001_a"]


def test_an_interrupted_migration_may_be_recorded_as_applied(stopped: Project) -> None:
    stopped.migrations().migrate(fake=True)
    assert stopped.migrations().current() == ["0001_a"]
    assert stopped.migrations().migrate() == []
