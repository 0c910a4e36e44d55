"""A project from before gets the new tables and columns of the framework and keeps its rows."""

from importlib import import_module
from typing import Any

import pytest
from sqlalchemy import MetaData, text

from lback import Config
from lback.auth import AccessTokens, TokenManager
from lback.auth.refresh_tokens import RefreshFamily
from lback.database import Base
from lback.database.migrations import Migrations
from lback.database.models import CONSTRAINT_NAMES
from lback.services import MODELS
from lback.users import User, UserManager

config = Config(
    None, settings={"SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc", "JWT_AUDIENCE": "https://example.com"}
)
users = UserManager()
for module in MODELS:
    import_module(module)

NEW_TABLES = {"lback_refresh_families", "lback_attempts", "lback_idempotency_keys"}


def framework(*, older: bool) -> MetaData:
    """Return the tables of the framework as they are, or as they were."""
    metadata = MetaData(naming_convention=CONSTRAINT_NAMES)
    for name, table in Base.metadata.tables.items():
        if not name.startswith("lback_") or (older and name in NEW_TABLES):
            continue
        copy: Any = table.to_metadata(metadata)
        if older and "keys_valid_from" in copy.columns:
            copy._columns.remove(copy.columns["keys_valid_from"])
            copy.dialect_options["sqlite"]["autoincrement"] = False
    return metadata


@pytest.mark.usefixtures("quick_passwords")
def test_accounts_and_tokens_survive(project: Any) -> None:
    database = project.db_manager
    before = Migrations(database, project.root, metadata=framework(older=True))
    before.make()
    before.migrate()
    with database.session() as session:
        session.execute(
            text(
                "INSERT INTO lback_users (username, username_key, password_hash, is_active,"
                " session_version, created_at) VALUES ('ada', 'ada', :hash, :yes, 0, :now)"
            ),
            {"hash": users._new("x", "correct horse", None).password_hash, "yes": True,
             "now": "2026-01-01 00:00:00"},
        )  # fmt: skip
        session.execute(
            text(
                "INSERT INTO lback_refresh_tokens (token_hash, family, account_id, version,"
                " expires_at) VALUES (:hash, 'f', 1, 0, 99999999999)"
            ),
            {"hash": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae"},
        )
    after = Migrations(database, project.root, metadata=framework(older=False))
    path = after.make()
    assert path is not None
    assert "keys_valid_from" in path.read_text()
    after.migrate()
    assert project.tables >= NEW_TABLES
    assert after.make() is None
    with database.session() as session:
        ada = session.get_one(User, 1)
        assert ada.keys_valid_from is None
        assert users.authenticate(session, "ada", "correct horse") is ada
        assert session.query(RefreshFamily).count() == 0
    # SHA-256 of "foo", as a client of before holds it.
    tokens = TokenManager(AccessTokens(config), users, database)
    assert tokens.refresh("foo").refresh_token


def test_a_table_of_before_is_given_autoincrement_by_hand(file_project: Any) -> None:
    before = Migrations(file_project.db_manager, file_project.root, metadata=framework(older=True))
    path = before.make()
    assert path is not None
    before.migrate()
    with file_project.db_manager.session() as session:
        users_of_before = "INSERT INTO lback_roles (id, name) VALUES (1, 'editor')"
        session.execute(text(users_of_before))
    file_project.write(
        "0002_ids",
        path.stem,
        'with op.batch_alter_table("lback_users", recreate="always",'
        ' table_kwargs={"sqlite_autoincrement": True}): pass',
    )
    before.migrate()
    (row,) = file_project.execute("SELECT sql FROM sqlite_master WHERE name = 'lback_users'")
    assert "AUTOINCREMENT" in row[0]
    assert file_project.execute("SELECT name FROM lback_roles") == [("editor",)]
