"""Runs of migrations: whole or not at all, one at a time, and clear about what is wrong."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, Integer, MetaData, String, Table

from lback.core.exceptions import ConfigurationError
from lback.database import DatabaseManager
from lback.database.migrations import MigrationError, Migrations
from tests.database.migrations.conftest import Project

BOOKS: Any = ("books", Column("title", String(60)))
MAKE_B = "op.create_table('b', sa.Column('id', sa.Integer, primary_key=True))"
FAIL = "op.execute('INSERT INTO nowhere VALUES (1)')"


def failure(migrations: Migrations, *arguments: Any) -> str:
    with pytest.raises(MigrationError) as failed:
        migrations.migrate(*arguments)
    return str(failed.value)


# A migration that fails.


def test_a_migration_that_fails_leaves_the_database_as_it_was(project: Project) -> None:
    project.become(BOOKS)
    project.write("0002_fail", "0001_initial", f"{MAKE_B}\n    {FAIL}")
    message = failure(project.migrations())
    assert message.startswith("migrations/versions/0002_fail.py, line 8: ")
    assert "nowhere" in message
    assert project.migrations().current() == ["0001_initial"]
    if project.undoes_definitions:
        assert project.tables == {"books"}
        assert message.endswith(
            "All changes were rolled back: the database is still at 0001_initial"
        )
    else:
        assert project.tables == {"books", "b"}
        assert message.endswith(
            "The database cannot roll back changes of tables. It is at 0001_initial. "
            "These statements were committed:\n- CREATE TABLE b ( id INTEGER NOT NULL "
            "AUTO_INCREMENT, CONSTRAINT pk_b PRIMARY KEY (id) )\n"
            "Revert them by hand, fix the migration and run it again"
        )


def test_a_run_of_several_migrations_is_whole_or_not_at_all(project: Project) -> None:
    project.write("0001_a", None, MAKE_B)
    project.write("0002_b", "0001_a", FAIL)
    message = failure(project.migrations())
    if project.undoes_definitions:
        assert (project.migrations().current(), project.tables) == ([], set())
        assert message.endswith("is still at no migration")
    else:
        assert (project.migrations().current(), project.tables) == (["0001_a"], {"b"})
        assert message.endswith("is still at 0001_a")


def test_a_rollback_that_fails_changes_nothing(project: Project) -> None:
    project.write("0001_a", None, MAKE_B, f"op.execute('INSERT INTO b VALUES (1)')\n    {FAIL}")
    project.migrations().migrate()
    with pytest.raises(MigrationError, match=r"0001_a\.py, line 11: "):
        project.migrations().rollback()
    assert project.migrations().current() == ["0001_a"]
    assert project.execute("SELECT * FROM b") == []


def test_data_and_tables_change_together(project: Project) -> None:
    project.become(BOOKS)
    project.execute("INSERT INTO books (title) VALUES ('Emma')")
    project.write(
        "0002_b", "0001_initial", "op.execute(\"UPDATE books SET title = 'x'\")\n    1 / 0"
    )
    assert "line 8: ZeroDivisionError: division by zero\n" in failure(project.migrations())
    assert project.execute("SELECT title FROM books") == [("Emma",)]


def test_what_a_migration_commits_itself_is_said_to_stay(project: Project) -> None:
    if project.kind != "postgresql":
        pytest.skip("a matter of PostgreSQL")
    block = (
        "with op.get_context().autocommit_block():\n        op.execute('CREATE TYPE m AS ENUM ()')"
    )
    project.write("0001_a", None, MAKE_B)
    project.write("0002_b", "0001_a", f"{block}\n    {FAIL}", "op.execute('DROP TYPE m')")
    message = failure(project.migrations())
    assert (
        "It is at 0001_a. These statements were committed:\n- CREATE TYPE m AS ENUM ()\n" in message
    )
    assert (project.migrations().current(), project.tables) == (["0001_a"], {"b"})
    project.execute("DROP TYPE m")


@pytest.mark.parametrize("answers_again", [True, False])
def test_a_connection_that_is_lost_is_told(
    project: Project, answers_again: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    kill = {
        "postgresql": "SELECT pg_terminate_backend(pg_backend_pid())",
        "mysql": "KILL CONNECTION_ID()",
    }
    if project.kind not in kill:
        pytest.skip("a matter of servers")
    project.write("0001_a", None, f"op.execute('{kill[project.kind]}')\n    {MAKE_B}")
    migrations = project.migrations()
    if not answers_again:
        real, calls = migrations.current, iter(range(9))

        def current() -> list[str]:
            if next(calls):  # asked for once more after the failure
                raise ConfigurationError("away")
            return real()

        monkeypatch.setattr(migrations, "current", current)
    with pytest.raises(MigrationError) as failed:
        migrations.migrate()
    assert str(failed.value).startswith("migrations/versions/0001_a.py, line 7: ")
    end = "is still at no migration" if answers_again else "run: showmigrations"
    assert str(failed.value).endswith(end)
    assert project.tables == set()


def test_copying_a_table_deletes_nothing_that_refers_to_it(file_project: Project) -> None:
    shelf: Any = ("shelves", Column("name", String(60)))
    book: Any = ("books", Column("shelf_id", ForeignKey("shelves.id", ondelete="CASCADE")))
    file_project.become(shelf, book)
    file_project.execute("INSERT INTO shelves (id, name) VALUES (1, 'a')")
    file_project.execute("INSERT INTO books (shelf_id) VALUES (1)")
    shelf = ("shelves", Column("name", String(90)))
    file_project.become(shelf, book)
    assert file_project.execute("SELECT shelf_id FROM books") == [(1,)]
    assert file_project.execute("PRAGMA foreign_keys") == [(1,)]
    assert file_project.execute("PRAGMA busy_timeout") == [(5000,)]


def test_a_reference_to_nothing_stops_a_migration(file_project: Project) -> None:
    shelf: Any = ("shelves", Column("name", String(60)))
    book: Any = ("books", Column("shelf_id", ForeignKey("shelves.id")))
    file_project.become(shelf, book)
    file_project.write(
        "0002_b", "0001_initial", "op.execute('INSERT INTO books (shelf_id) VALUES (9)')"
    )
    assert failure(file_project.migrations()) == (
        "1 rows refer to rows that do not exist, the first is row 1 of 'books', "
        "which refers to 'shelves'; fix or delete them in the migration"
    )
    assert file_project.execute("SELECT * FROM books") == []


def test_ids_stay_unique_for_ever_when_a_table_is_copied(file_project: Project) -> None:
    def migrations(*columns: Column[Any]) -> Migrations:
        metadata = MetaData()
        key = Column("id", Integer, primary_key=True)
        Table("users", metadata, key, *columns, sqlite_autoincrement=True)
        return Migrations(file_project.db_manager, file_project.root, metadata=metadata)

    def newest() -> int:
        file_project.execute("INSERT INTO users DEFAULT VALUES")
        [[highest]] = file_project.execute("SELECT max(id) FROM users")
        file_project.execute("DELETE FROM users WHERE id = :id", id=highest)
        return int(highest)

    migrations().make()
    migrations().migrate()
    assert [newest(), newest()] == [1, 2]
    columns: list[Column[Any]] = [Column("a", Integer), Column("a", String(9))]
    for number, column in enumerate(columns):
        migrations(column).make()
        migrations().migrate()
        assert newest() == 3 + number
    [[sql]] = file_project.execute("SELECT sql FROM sqlite_master WHERE name = 'users'")
    assert "AUTOINCREMENT" in sql


# Several at a time.

WORKER = """
import sys
from lback.database import DatabaseManager
from lback.database.migrations import Migrations
print(*Migrations(DatabaseManager.from_url(sys.argv[1]), sys.argv[2]).migrate())
"""


def test_of_two_that_migrate_at_once_one_does_and_the_other_waits(project: Project) -> None:
    project.write("0001_a", None, f"import time; time.sleep(0.3)\n    {MAKE_B}")
    project.write("0002_b", "0001_a", "op.add_column('b', sa.Column('n', sa.Integer))")
    url = project.db_manager.url.render_as_string(hide_password=False)

    def migrate(_: int) -> subprocess.CompletedProcess[str]:
        arguments = [sys.executable, "-c", WORKER, url, str(project.root)]
        return subprocess.run(arguments, capture_output=True, text=True, check=False, timeout=60)

    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(migrate, range(2)))
    assert sorted((r.stdout.strip(), r.returncode) for r in results) == [
        ("", 0),
        ("0001_a 0002_b", 0),
    ], results
    assert project.columns("b") == {"id", "n"}


def test_who_waits_too_long_is_told_why(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lback.database.migrations.transaction.WAIT_SECONDS", 0)
    project.write("0001_a", None, MAKE_B)
    with project.db_manager.engine.connect() as other:
        other.exec_driver_sql(
            {
                "sqlite": "BEGIN IMMEDIATE",
                "postgresql": "SELECT pg_advisory_lock(7170018)",
                "mysql": "SELECT GET_LOCK(CONCAT('lback_migrations_', MD5(DATABASE())), 0)",
            }[project.kind]
        )
        assert failure(project.migrations()).startswith(
            "another process has been migrating or writing"
        )
        other.rollback()
        other.invalidate()
    assert project.migrations().migrate() == ["0001_a"]


LOCKS = {
    "sqlite": "BEGIN IMMEDIATE",
    "postgresql": "SELECT pg_advisory_lock(7170018)",
    "mysql": "SELECT GET_LOCK(CONCAT('lback_migrations_', MD5(DATABASE())), 0)",
}


def test_one_may_wait_for_a_shorter_time_or_hear_for_how_long(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("lback.database.migrations.transaction._PROGRESS_SECONDS", 0.1)
    project.write("0001_a", None, MAKE_B)
    heard: list[float] = []
    with project.db_manager.engine.connect() as other:
        other.exec_driver_sql(LOCKS[project.kind])
        with pytest.raises(MigrationError, match=r"more than 0\.3 seconds; .* --wait SECONDS"):
            project.migrations().migrate(wait=0.3)

        def end_the_other(seconds: float) -> None:
            heard.append(seconds)
            other.rollback()
            other.invalidate()

        assert project.migrations().migrate(wait=30, on_wait=end_the_other) == ["0001_a"]
    assert heard


# Names and places.


def three(project: Project) -> Migrations:
    project.write("0001_books", None, MAKE_B, "op.drop_table('b')")
    project.write("0002_rating", "0001_books", "pass")
    project.write("0003_tags", "0002_rating", "pass")
    return project.migrations()


def test_one_may_go_part_of_the_way_and_back(file_project: Project) -> None:
    migrations = three(file_project)
    assert migrations.migrate("0002") == ["0001_books", "0002_rating"]
    assert [(s.name, s.applied, s.is_head) for s in migrations.status()] == [
        ("0001_books", True, False),
        ("0002_rating", True, False),
        ("0003_tags", False, True),
    ]
    assert migrations.status()[0].message == "books"
    assert migrations.migrate("0002_rating") == []
    assert migrations.migrate() == ["0003_tags"]
    assert migrations.undone_by("2") == ["0003_tags", "0002_rating"]
    assert migrations.rollback("2") == ["0003_tags", "0002_rating"]
    migrations.migrate()
    assert migrations.rollback("0001") == ["0003_tags", "0002_rating"]
    assert migrations.rollback("0") == []
    assert migrations.rollback("base") == ["0001_books"]
    assert migrations.current() == []


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("0002_ratings", r"unknown migration '0002_ratings'; did you mean 0002_rating or"),
        ("tag", r"unknown migration 'tag'; did you mean 0003_tags\?"),
        ("0", "did you mean 0001_books or 0002_rating or 0003_tags"),
        ("xyz", "'xyz'; the last ones are 0001_books, 0002_rating, 0003_tags"),
        ("0001", "the database is past 0001_books; .* run: rollback 0001_books"),
    ],
)
def test_a_name_that_does_not_fit_is_answered_with_one_that_would(
    file_project: Project, name: str, message: str
) -> None:
    migrations = three(file_project)
    migrations.migrate("0002")
    with pytest.raises(MigrationError, match=message):
        migrations.migrate(name)


@pytest.mark.parametrize(
    ("target", "message"),
    [
        ("3", "only 2 migrations are applied, not 3"),
        ("0003", "0003_tags is not applied; to apply it, run migrate"),
        ("rating", "did you mean 0002_rating"),
    ],
)
def test_a_rollback_to_what_is_not_there_is_refused(
    file_project: Project, target: str, message: str
) -> None:
    migrations = three(file_project)
    migrations.migrate("0002")
    with pytest.raises(MigrationError, match=message):
        migrations.rollback(target)


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def upgrade(:", r"versions/0002_bad\.py, line 1: SyntaxError: invalid syntax"),
        ("\n\nimport nowhere", r"line 3: ModuleNotFoundError: No module named 'nowhere'"),
        ("x = 1", "0002_bad.py"),
        (
            "revision = '0002_bad'\ndown_revision = '0000_lost'",
            "Revision 0000_lost referenced from 0000_lost -> 0002_bad .* is not present",
        ),
        ("revision = '0001_books'\ndown_revision = None", "0001_books is present more than once"),
    ],
)
def test_a_bad_file_is_named_with_its_line(
    file_project: Project, source: str, message: str
) -> None:
    path = file_project.write("0001_books", None, "pass")
    path.with_name("0002_bad.py").write_text(source)
    with pytest.raises(MigrationError, match=message):
        file_project.migrations().status()


def test_a_fault_in_the_environment_is_named_with_its_line(file_project: Project) -> None:
    migrations = three(file_project)
    env = file_project.root / "migrations" / "env.py"
    lines = len(env.read_text().splitlines())
    env.write_text(env.read_text() + "1 / 0\n")
    message = rf"migrations/env\.py, line {lines + 1}: ZeroDivisionError: division by zero"
    for use in (Migrations.status, Migrations.migrate, Migrations.make):
        with pytest.raises(MigrationError, match=message):
            use(migrations)
    env.write_text("run_environment(")
    with pytest.raises(MigrationError, match=r"env\.py, line 1: SyntaxError"):
        migrations.status()


def test_two_that_follow_the_same_one_are_joined(file_project: Project) -> None:
    migrations = three(file_project)
    assert migrations.merge() is None
    file_project.write("0003_price", "0002_rating", "pass")
    message = failure(migrations)
    assert message == (
        "0003_price and 0003_tags follow the same migration; join them with "
        "makemigrations --merge, or make one follow the other: set down_revision of "
        "the later file to its name"
    )
    path = migrations.merge()
    assert path is not None
    assert path.name == "0004_join.py"
    assert len(migrations.migrate()) == 5
    assert migrations.rollback() == ["0004_join"]


def test_a_database_of_other_code_is_not_touched(file_project: Project) -> None:
    migrations = three(file_project)
    migrations.migrate()
    directory = file_project.root / "migrations/versions"
    (directory / "0003_tags.py").unlink()
    file_project.write("0003_mine", "0002_rating", "pass")
    for use in (Migrations.migrate, Migrations.status, Migrations.rollback, Migrations.later):
        with pytest.raises(MigrationError) as refused:
            use(migrations)
        message = str(refused.value)
        assert "the database is at '0003_tags', which is not in " in message
        assert "whose migrations do not follow these" in message
        assert "stamp" not in message


def test_a_database_of_later_code_is_left_as_it_is(project: Project) -> None:
    migrations = three(project)
    migrations.migrate("0001")
    assert migrations.later() == []
    migrations.migrate()
    directory = project.root / "migrations/versions"
    for name in ("0003_tags", "0002_rating"):
        (directory / f"{name}.py").unlink()
    assert migrations.migrate() == []
    assert migrations.migrate("0001") == []
    assert migrations.later() == ["0003_tags"]
    assert [(s.name, s.applied) for s in migrations.status()] == [("0001_books", True)]
    for use in (Migrations.rollback, Migrations.make, Migrations.changes):
        with pytest.raises(
            MigrationError, match="is at 0003_tags, which belongs to a later version"
        ):
            use(migrations)
    assert migrations.current() == ["0003_tags"]


def test_later_code_may_have_joined_branches(file_project: Project) -> None:
    migrations = three(file_project)
    file_project.write("0003_price", "0002_rating", "pass")
    path = migrations.merge()
    assert path is not None
    migrations.migrate()
    path.unlink()
    (path.parent / "0003_price.py").unlink()
    assert migrations.migrate() == []
    assert migrations.later() == ["0004_join"]


def test_a_database_of_an_earlier_lback_learns_what_follows_what(file_project: Project) -> None:
    migrations = three(file_project)
    migrations.migrate("0002")
    file_project.execute("DROP TABLE lback_migrations")
    last = file_project.root / "migrations/versions/0003_tags.py"
    source = last.read_text()
    assert migrations.migrate() == ["0003_tags"]
    last.unlink()
    assert migrations.later() == ["0003_tags"]
    file_project.execute("DROP TABLE lback_migrations")
    with pytest.raises(MigrationError, match="is at '0003_tags'"):
        migrations.migrate()
    last.write_text(source)
    assert migrations.migrate() == []
    assert migrations.rollback("2") == ["0003_tags", "0002_rating"]
    assert file_project.execute("SELECT revision FROM lback_migrations") == [("0001_books",)]


def test_changes_of_models_wait_for_the_migrations_before(file_project: Project) -> None:
    file_project.write("0001_books", None, MAKE_B)
    with pytest.raises(
        MigrationError, match=r"not at the last migration, 0001_books, .* run migrate"
    ):
        file_project.migrations(BOOKS).make()


def test_without_migrations_one_is_told_to_make_the_first(file_project: Project) -> None:
    for use in (Migrations.migrate, Migrations.status, Migrations.rollback):
        with pytest.raises(MigrationError, match=r"no migrations in .*; run makemigr"):
            use(file_project.migrations())
    file_project.migrations().create_layout()
    assert file_project.migrations().migrate() == []
    with pytest.raises(MigrationError, match="none exist yet; run makemigrations"):
        file_project.migrations().migrate("0001")


def test_tables_that_are_there_already_can_be_taken_over(project: Project) -> None:
    migrations = project.migrations(BOOKS)
    metadata = migrations._metadata
    project.db_manager.create_tables(metadata)
    assert migrations.make() is not None
    assert "if the tables were created without migrations, run: migrate --fake" in failure(
        migrations
    )
    assert migrations.migrate(fake=True) == ["0001_initial"]
    assert migrations.make() is None


def test_a_layout_that_is_there_is_left_alone(file_project: Project) -> None:
    migrations = file_project.migrations(BOOKS)
    written = [path.name for path in migrations.create_layout()]
    assert written == ["alembic.ini", "env.py", "script.py.mako"]
    env = file_project.root / "migrations" / "env.py"
    env.write_text(env.read_text().replace("()", "(version_table='history')"))
    assert migrations.create_layout() == []
    migrations.make()
    migrations.migrate()
    assert "history" in file_project.tables
    assert migrations.current() == ["0001_initial"]


# Databases that are not there.


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("sqlite:////no/such/folder/a.sqlite3", "does not exist; to create it, run: init_db"),
        (
            "postgresql://app@127.0.0.1:1/shop",
            "cannot connect to the database 'shop'",
        ),
        ("mysql://app@127.0.0.1:1/shop", "cannot connect to the database 'shop'"),
    ],
)
def test_a_database_that_does_not_answer_is_named(tmp_path: Path, url: str, message: str) -> None:
    migrations = Migrations(DatabaseManager.from_url(url), tmp_path)
    migrations.create_layout()
    with pytest.raises(ConfigurationError, match=message):
        migrations.migrate()
    with pytest.raises(ConfigurationError, match=message):
        migrations.make()
