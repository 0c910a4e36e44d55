"""Who deletes an account leaves nothing that lets anybody into the next one."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application
from lback.database import Base
from lback.testing import Client
from lback.users import Account, User

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "correct horse"


class RebornShopper(Account, Base):
    """A project's own users, written as the guide writes them."""

    __tablename__ = "shoppers"


class RebornMember(Base, Account):
    """The same with options of its own for the table, and the bases the other way round."""

    __tablename__ = "members"
    __table_args__ = ({"comment": "Those who paid"},)
    paid: Mapped[bool] = mapped_column(default=False)


class RebornGuest(User):
    """Users of the framework under another name, in the same table."""


@pytest.fixture(
    params=[RebornShopper, RebornMember, RebornGuest], ids=["own", "options", "single table"]
)
def app(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Application]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL=f"sqlite:///{tmp_path / 'db'}",
        USER_MODEL=f"{__name__}.{request.param.__name__}",
        JWT_AUDIENCE="https://example.com",
    )
    app.db_manager.create_tables()
    app.include("lback.accounts.urls", "/accounts/")
    yield app
    app.db_manager.dispose()


def register(app: Application, username: str) -> Any:
    with app.db_manager.session() as session:
        return app.user_manager.register(session, username, PASSWORD)


def delete(app: Application, account: Any) -> None:
    with app.db_manager.session() as session:
        session.delete(session.merge(account))


def proofs_of(app: Application, account: Any) -> tuple[Client, list[str]]:
    """Return a browser that is signed in, and the bearer credentials of an account."""
    browser = Client(app)
    browser.post("/accounts/sign-in", data={"username": account.username, "password": PASSWORD})
    with app.db_manager.session() as session:
        row = session.merge(account)
        key, _ = app.dependencies["api_key_manager"].create(session, row, "script")
        pair = app.dependencies["token_manager"].issue(session, row)
    return browser, [key, pair.access_token]


def visitors(browser: Client, app: Application, bearers: list[str]) -> list[int]:
    """Return how each proof is answered."""
    programs = [
        Client(app).get("/accounts/", headers={"Authorization": f"Bearer {bearer}"})
        for bearer in bearers
    ]
    return [browser.get("/accounts/").status_code, *(p.status_code for p in programs)]


def test_the_next_user_is_not_reached_by_the_deleted_one(app: Application) -> None:
    thief = register(app, "mallory")
    browser, bearers = proofs_of(app, thief)
    assert visitors(browser, app, bearers) == [200, 200, 200]
    delete(app, thief)
    victim = register(app, "ada")
    assert victim.id != thief.id
    assert visitors(browser, app, bearers) == [401, 401, 401]


def test_nor_where_a_table_from_before_gives_the_id_again(app: Application) -> None:
    thief = register(app, "mallory")
    browser, bearers = proofs_of(app, thief)
    delete(app, thief)
    table = app.user_manager.model.__tablename__
    with app.db_manager.session() as session:
        # As in a table that was made without AUTOINCREMENT.
        session.execute(text("DELETE FROM sqlite_sequence WHERE name = :name"), {"name": table})
    assert register(app, "ada").id == thief.id
    assert visitors(browser, app, bearers) == [401, 401, 401]


def test_a_key_of_the_deleted_one_is_not_listed_as_that_of_the_next(app: Application) -> None:
    keys = app.dependencies["api_key_manager"]
    thief = register(app, "mallory")
    proofs_of(app, thief)
    delete(app, thief)
    victim = register(app, "ada")
    with app.db_manager.session() as session:
        row = session.merge(victim)
        session.execute(text("UPDATE lback_api_keys SET account_id = :id"), {"id": victim.id})
        assert keys.keys_of(session, row) == []
        key, _ = keys.create(session, row, "own")
        assert [one.name for one in keys.keys_of(session, row)] == ["own"]
        assert keys.account(session, key) is row


def test_the_first_version_of_an_account_cannot_be_guessed(app: Application) -> None:
    versions = {register(app, f"ada{number}").session_version for number in range(5)}
    assert len(versions) == 5
    assert max(versions) > 1000
