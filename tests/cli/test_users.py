"""Who may sign in, from the command line; a password is never an argument."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from lback.database import DatabaseManager
from lback.users import AdminUserManager, UserManager
from tests.cli.conftest import RunAll

PASSWORD = "correct horse battery"


@pytest.fixture
def database(project: Path) -> Iterator[DatabaseManager]:
    manager = DatabaseManager.from_url(f"sqlite:///{project / 'db.sqlite3'}")
    manager.create_tables()
    yield manager
    manager.dispose()


def test_a_superuser_is_made_by_a_script(database: DatabaseManager, run_all: RunAll) -> None:
    made, taken, listed = run_all(
        "create_superuser --username Root --email root@example.org",
        "create_superuser --username root",
        "list_users --admin --json",
        LBACK_PASSWORD=PASSWORD,
    )
    assert (made.code, made.out) == (0, "Created superuser Root\n")
    assert (taken.code, taken.err) == (
        1,
        "Error: username: This username is taken. Choose another one.\n",
    )
    row = json.loads(listed.out)
    assert {"username": "Root", "superuser": True, "active": True}.items() <= row.items()
    with database.session() as session:
        assert AdminUserManager().authenticate(session, "root", PASSWORD) is not None


def test_a_superuser_is_made_by_a_person(database: DatabaseManager, run_all: RunAll) -> None:
    [made] = run_all("create_superuser", stdin=f"root\n{PASSWORD}\n{PASSWORD}\n")
    assert made.out == "Created superuser root\n"
    assert PASSWORD not in made.err
    with database.session() as session:
        assert AdminUserManager().authenticate(session, "root", PASSWORD) is not None


def test_without_a_password_nothing_is_made(database: DatabaseManager, run_all: RunAll) -> None:
    nobody, empty, mute = run_all(
        "create_superuser --username root",
        "create_superuser --username root --password-stdin",
        "create_superuser",
    )
    for outcome in (nobody, empty):
        assert outcome.code == 2
        assert "no password given; type it in a terminal, use --password-stdin" in outcome.err
    assert mute.code == 2
    assert "no username given; use --username" in mute.err


def test_a_password_is_reset_and_open_sessions_end(
    database: DatabaseManager, run_all: RunAll
) -> None:
    with database.session() as session:
        version = UserManager().register(session, "ada", "forgotten long ago").session_version
    [reset] = run_all("reset_password ada --password-stdin", stdin=f"{PASSWORD}\n")
    assert (reset.code, reset.out) == (0, "Set a new password for ada\n")
    with database.session() as session:
        ada = UserManager().authenticate(session, "ada", PASSWORD)
        assert ada is not None
        assert ada.session_version == version + 1


def test_who_is_deactivated_waits_to_be_activated(
    database: DatabaseManager, run_all: RunAll
) -> None:
    with database.session() as session:
        UserManager().register(session, "ada", PASSWORD, "ada@example.org")
        UserManager().register(session, "grace", PASSWORD)
        AdminUserManager().register(session, "grace", PASSWORD)
    off, listed, on, two, one, unknown = run_all(
        "deactivate_user ada",
        "list_users",
        "activate_user ADA",
        "deactivate_user grace",
        "deactivate_user grace --admin",
        "activate_user adda",
    )
    assert off.out == "Deactivated ada\n"
    lines = [line.split()[:-1] for line in listed.out.splitlines()]
    assert lines == [
        ["table", "id", "username", "email", "active", "superuser"],
        ["site", "1", "ada", "ada@example.org", "no", "no"],
        ["site", "2", "grace", "yes", "no"],
        ["admin", "1", "grace", "yes", "no"],
    ]
    assert on.out == "Activated ada\n"
    assert two.code == 1
    assert "'grace' is a user of the site and of the admin; add --site or --admin" in two.err
    assert one.out == "Deactivated grace\n"
    assert (unknown.code, unknown.err) == (
        1,
        "Error: unknown user 'adda'; did you mean ada?\n",
    )


def test_without_tables_one_is_told_how_to_make_them(run_all: RunAll, project: Path) -> None:
    [outcome] = run_all("list_users")
    assert outcome.code == 1
    assert (
        "the tables of users do not exist; run: lback makemigrations && lback migrate"
        in outcome.err
    )


def test_a_column_that_is_missing_is_told_with_what_to_run(run_all: RunAll, project: Path) -> None:
    made, changed, outcome = run_all(
        "init_db",
        "shell -c \"from sqlalchemy import text; db_session.execute(text('ALTER TABLE "
        "lback_users DROP COLUMN email_verified_at')); db_session.commit()\"",
        "list_users",
    )
    assert made.code == 0, made.err
    assert changed.code == 0, changed.err
    assert outcome.code == 1
    assert "email_verified_at" in outcome.err
    assert "run: lback makemigrations && lback migrate" in outcome.err
