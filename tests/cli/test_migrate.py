"""The tables follow the models, from the command line."""

import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import RunAll

MODELS = """
from sqlalchemy import String
from sqlalchemy.orm import Mapped, mapped_column
from lback.database import Base

class Note(Base):
    __tablename__ = "notes"
    id: Mapped[int] = mapped_column(primary_key=True)
"""
FIRST = "    text: Mapped[str] = mapped_column(String(90))\n    due: Mapped[str | None]\n"


@pytest.fixture
def project(project: Path) -> Path:
    with (project / "settings.py").open("a") as settings:
        settings.write('INSTALLED_APPS = ["notes"]\n')
    (project / "notes").mkdir()
    (project / "notes" / "__init__.py").touch()
    write_model(project, FIRST)
    return project


def write_model(project: Path, columns: str) -> None:
    (project / "notes" / "models.py").write_text(MODELS + columns)


def execute(project: Path, statement: str, file: str = "db.sqlite3") -> list[tuple[object, ...]]:
    with sqlite3.connect(project / file) as connection:
        rows = connection.execute(statement).fetchall()
    connection.close()
    return rows


def test_a_model_becomes_a_table_and_is_undone(project: Path, run_all: RunAll) -> None:
    none, missing, made, twice, migrated, shown, again, check = run_all(
        "showmigrations",
        "makemigrations --check",
        "makemigrations",
        "makemigrations",
        "migrate",
        "showmigrations",
        "migrate",
        "makemigrations --check",
    )
    assert none.code == 1
    assert "no migrations in" in none.err
    assert (missing.code, missing.out) == (1, "Missing migration: there are no migrations yet\n")
    assert made.out.splitlines() == [
        "Wrote alembic.ini",
        "Wrote migrations/env.py",
        "Wrote migrations/script.py.mako",
        "Wrote migrations/versions/0001_initial.py",
        "Review it, then run: lback migrate",
    ]
    assert twice.code == 1
    assert "the database is not at the last migration, 0001_initial" in twice.err
    assert migrated.out == "Applied 0001_initial\n"
    assert shown.out == "[x] 0001_initial  initial\n"
    assert again.out == "Nothing to migrate.\n"
    assert (check.code, check.out) == (0, "No changes.\n")
    undone, nothing, unknown = run_all("rollback", "rollback base", "migrate 0001_intial")
    assert undone.out == "Reverted 0001_initial\n"
    assert nothing.out == "Nothing to revert.\n"
    assert unknown.code == 1
    assert "unknown migration '0001_intial'; did you mean 0001_initial?" in unknown.err


def test_a_rename_is_asked_about_and_kept(project: Path, run_all: RunAll) -> None:
    run_all("makemigrations", "migrate")
    execute(project, "INSERT INTO notes (text) VALUES ('milk')")
    write_model(project, FIRST.replace("text", "body"))
    check, mute, unanswered = run_all(
        "makemigrations --check", "makemigrations --no-input", "makemigrations"
    )
    assert (check.code, check.out) == (1, "Missing migration: add notes body and more\n")
    for outcome in (mute, unanswered):
        assert outcome.code == 1
        assert "Was the column notes.text renamed to notes.body?" in outcome.err
        assert "use --rename notes.text=body" in outcome.err
    [made, migrated] = run_all("makemigrations", "migrate", stdin="y\n")
    assert "Wrote migrations/versions/0002_rename_notes_text_to_body.py" in made.out
    assert migrated.out == "Applied 0002_rename_notes_text_to_body\n"
    assert execute(project, "SELECT body FROM notes") == [("milk",)]


def test_a_script_answers_beforehand(project: Path, run_all: RunAll) -> None:
    run_all("makemigrations", "migrate")
    execute(project, "INSERT INTO notes (text) VALUES ('milk')")
    write_model(project, FIRST.replace("text", "body") + "    stars: Mapped[int]\n")
    rename, wrong, fill, _, made, _ = run_all(
        "makemigrations --rename notes.text",
        "makemigrations --no-input --rename notes.text=bdy",
        "makemigrations --no-input --rename notes.text=body",
        "makemigrations --no-input --rename notes.text=body --fill notes.stars=many",
        "makemigrations --no-input --rename notes.text=body --fill notes.stars=3 -m stars",
        "migrate",
    )
    assert rename.code == 2
    assert "'notes.text' is not of the form NAME=VALUE" in rename.err
    assert wrong.code == 1
    assert fill.code == 1
    assert "--fill notes.stars=VALUE" in fill.err
    assert "0002_stars.py" in made.out
    assert execute(project, "SELECT body, stars FROM notes") == [("milk", 3)]


def test_a_bad_migration_is_named_with_its_line(project: Path, run_all: RunAll) -> None:
    run_all("makemigrations", "makemigrations")
    [path] = (project / "migrations" / "versions").glob("*.py")
    path.write_text(path.read_text().replace("def upgrade() -> None:", "def upgrade() -> None"))
    [outcome] = run_all("migrate")
    assert outcome.code == 1
    assert "migrations/versions/0001_initial.py, line " in outcome.err
    assert "SyntaxError: expected ':'" in outcome.err


def test_by_hand_and_joined(project: Path, run_all: RunAll) -> None:
    run_all("makemigrations", "migrate")
    made, nothing = run_all("makemigrations --empty -m 'tidy up'", "makemigrations --merge")
    assert "Wrote migrations/versions/0002_tidy_up.py" in made.out
    assert nothing.out == "Nothing to merge.\n"
    text = (project / "migrations/versions/0002_tidy_up.py").read_text()
    other = project / "migrations/versions/0002_other.py"
    other.write_text(text.replace("0002_tidy_up", "0002_other"))
    several, joined, done = run_all("migrate", "makemigrations --merge", "migrate")
    assert "0002_other and 0002_tidy_up follow the same migration" in several.err
    assert joined.out == "Wrote migrations/versions/0003_join.py\n"
    assert done.out.splitlines()[-1] == "Applied 0003_join"


def test_a_database_is_made_with_its_tables_and_first_rows(project: Path, run_all: RunAll) -> None:
    with (project / "settings.py").open("a") as settings:
        settings.write('DB_NAME = "data/shop.sqlite3"\n')
    (project / "seeds.py").write_text(
        "from notes.models import Note\n"
        "def seed(db_session, config):\n    db_session.add(Note(text=config.DB_NAME))\n"
    )
    away, made, seeded, unknown, first, exists, faked, left = run_all(
        "makemigrations",
        "init_db",
        "db seed",
        "db seed projct",
        "makemigrations",
        "migrate",
        "migrate --fake",
        "makemigrations",
    )
    assert "does not exist; to create it, run: init_db" in away.err
    # The place for migrations is there by now, and nothing in it.
    assert "Created the database sqlite:///" in made.out
    assert "Created the tables of the models.\nNo migrations exist; " in made.out
    assert seeded.out == "Loaded the seeds of project\n"
    assert "unknown seeds 'projct'; did you mean project?" in unknown.err
    assert execute(project, "SELECT text FROM notes", "data/shop.sqlite3") == [
        ("data/shop.sqlite3",)
    ]
    assert first.code == 0
    assert "if the tables were created without migrations, run: migrate --fake" in exists.err
    assert faked.out == "Marked as applied: 0001_initial\n"
    assert left.out == "No changes.\n"


def test_init_db_migrates_where_there_are_migrations(project: Path, run_all: RunAll) -> None:
    early, _, made, nothing, seeds = run_all(
        "init_db", "makemigrations", "migrate --fake", "init_db", "db seed"
    )
    assert early.code == 0
    assert made.out == "Marked as applied: 0001_initial\n"
    assert nothing.out == "Nothing to migrate.\n"
    assert seeds.out == "No seeds found; define seed(db_session) in seeds.py\n"


def test_seeds_without_a_table_are_refused_with_a_hint(project: Path, run_all: RunAll) -> None:
    (project / "seeds.py").write_text(
        "from sqlalchemy import text\n"
        "def seed(db_session):\n    db_session.execute(text('INSERT INTO a VALUES (1)'))\n"
    )
    [outcome] = run_all("db seed")
    assert outcome.code == 1
    assert "rejects the seeds of project: no such table: a. The tables of" in outcome.err


def test_old_code_starts_on_a_database_of_later_code(project: Path, run_all: RunAll) -> None:
    run_all("makemigrations", "migrate")
    write_model(project, FIRST + "    stars: Mapped[int] = mapped_column(default=3)\n")
    run_all("makemigrations", "migrate --wait 5")
    execute(project, "INSERT INTO notes (text) VALUES ('of old code')")
    assert execute(project, "SELECT stars FROM notes") == [(3,)]
    (project / "migrations/versions/0002_add_notes_stars.py").unlink()
    write_model(project, FIRST)
    migrated, shown, made = run_all("migrate", "showmigrations", "makemigrations")
    assert (migrated.code, migrated.out) == (0, "Nothing to migrate.\n")
    assert (
        "Warning: the database is at 0002_add_notes_stars, which belongs to a later version"
        in migrated.err
    )
    assert shown.out == "[x] 0001_initial  initial\n"
    assert made.code == 1


def test_what_old_code_breaks_on_is_said(project: Path, run_all: RunAll) -> None:
    run_all("makemigrations", "migrate")
    write_model(project, "    body: Mapped[str] = mapped_column(String(90))\n")
    [renamed, _] = run_all("makemigrations --rename notes.text=body --no-renames", "migrate")
    assert renamed.code == 0
    assert (
        "Warning: while old code is running, old code still reads notes.text, which this renames: "
        "keep the name in the model (mapped_column('text'))"
    ) in renamed.err
    assert "still reads and writes notes.due, which this drops: first deploy code without it" in (
        renamed.err
    )
    body = "    body: Mapped[str] = mapped_column(String(90))\n"
    write_model(project, f"{body}    a: Mapped[int | None]\n")
    [added, _] = run_all("makemigrations", "migrate")
    assert "old code" not in added.err
    write_model(project, "    body: Mapped[int]\n    a: Mapped[int]\n")
    [changed, _] = run_all("makemigrations", "migrate")
    assert "still writes notes.body in its old type" in changed.err
    assert "may leave notes.a empty, which this forbids" in changed.err
    (project / "notes" / "models.py").write_text("")
    [dropped] = run_all("makemigrations")
    assert "still reads the table notes, which this drops" in dropped.err
