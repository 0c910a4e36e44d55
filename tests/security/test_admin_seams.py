"""Learn or write in the admin what a page does not show, by way of what is beside it."""

import csv
import hashlib
import io
import re
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import ForeignKey, String, inspect
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lback import Application
from lback.admin import Inline, ModelAdmin
from lback.auth import Policy
from lback.auth.policies import policy, remove_policy
from lback.auth.sign_in import begin
from lback.database import Base
from lback.testing import Client
from lback.users import Account, define_role

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD = "correct horse battery"


class SeamsTeam(Base):
    __tablename__ = "seams_teams"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    pin: Mapped[str] = mapped_column(String(4), default="0000")
    members: Mapped[list["SeamsMember"]] = relationship(back_populates="team")

    def __str__(self) -> str:
        return self.name


class SeamsMember(Account, Base):
    __tablename__ = "seams_members"

    team_id: Mapped[int | None] = mapped_column(ForeignKey("seams_teams.id"))
    team: Mapped[SeamsTeam | None] = relationship(back_populates="members")


class TeamAdmin(ModelAdmin):
    slug = "team"
    secret = ("pin",)
    exclude = ("pin",)
    list_columns = ("name",)
    export_columns = ("name",)
    inlines = (Inline("members", extra=0),)


class OpenTeamAdmin(TeamAdmin):
    inlines = (Inline("members", fields=("username", "email", "roles", "is_active"), extra=0),)


def build(options: type[ModelAdmin], key: str = "kT4-q9ZpW2_xR7mL8vNc") -> Application:
    app = Application(
        DEBUG=True,
        SECRET_KEY=key,
        DATABASE_URL="sqlite://",
        LOGIN_ATTEMPTS_STORE="memory",
        USER_MODEL=f"{__name__}.SeamsMember",
    )
    app.db_manager.create_tables()
    app.admin_registry.register(SeamsTeam, options)
    app.include("lback.admin.urls", "/admin")
    with app.db_manager.session() as session:
        define_role(session, "editor", ["blog.publish"])
        team = SeamsTeam(id=1, name="Red", pin="4711")
        session.add(team)
        member = app.user_manager.register(session, "bob", PASSWORD, "bob@example.org")
        member.team = team  # type: ignore[attr-defined]  # a project's own model
    return app


@pytest.fixture(params=[TeamAdmin, OpenTeamAdmin], ids=["all fields", "named fields"])
def app(request: pytest.FixtureRequest) -> Iterator[Application]:
    app = build(request.param)
    yield app
    app.db_manager.dispose()


def enter(app: Application, *permissions: str, superuser: bool = False) -> Client:
    with app.db_manager.session() as session:
        name = f"eve{len(app.admin_user_manager.list(session))}"
        account = app.admin_user_manager.register(session, name, PASSWORD, is_superuser=superuser)
        if permissions:
            define_role(session, f"role of {name}", permissions)
            app.admin_user_manager.set_roles(session, account, [f"role of {name}"])
        visit = app.session_manager.create()
        begin(visit, account)
    app.session_manager.save(visit)
    client = Client(app)
    client.cookies["session"] = visit.session_id or ""
    return client


def state(client: Client, url: str) -> str:
    found = re.search(r'name="_state"[^>]*value="([^"]*)"', client.get(url).text)
    assert found is not None
    return found[1]


def member(app: Application) -> Any:
    with app.db_manager.session() as session:
        found: Any = app.user_manager.get_by_username(session, "bob")
        return found, {role.name for role in found.roles}


def test_no_rights_are_given_by_an_inline_row_of_an_account(app: Application) -> None:
    permissions = ("team.change", "team.view", "seams-member.change", "seams-member.view")
    client = enter(app, *permissions)
    url = "/admin/team/row/1"
    page = client.get(url).text
    with app.db_manager.session() as session:
        role = define_role(session, "editor", ["blog.publish"]).id
    data = {
        "name": "Red", "_state": state(client, url), "members-count": "1", "members-0-KEY": "1",
        "members-0-username": "bob", "members-0-email": "bob@example.org",
        "members-0-roles": [str(role)], "members-0-is_active": "on",
        "members-0-session_version": "7", "members-0-username_key": "ada",
    }  # fmt: skip
    before = member(app)[0]
    client.post(url, data=data)
    after, roles = member(app)
    assert roles == set(), page
    assert after.session_version == before.session_version
    assert after.username_key == "bob"


def test_the_state_of_a_form_does_not_give_a_secret_column_away() -> None:
    """Else each value of a short column could be tried without asking the server."""
    states = []
    for key in ("kT4-q9ZpW2_xR7mL8vNc", "another-Q9ZpW2_xR7mL8vNc"):
        app = build(TeamAdmin, key)
        states.append(state(enter(app, "team.change", "team.view"), "/admin/team/row/1"))
        with app.db_manager.session() as session:
            row: Any = session.get(SeamsTeam, 1)
            digest = hashlib.blake2b(digest_size=16)
            for prop in inspect(SeamsTeam).column_attrs:
                digest.update(repr((prop.key, getattr(row, prop.key))).encode())
            digest.update(b"\0")
            digest.update(repr([]).encode())
        assert states[-1] != digest.hexdigest()
        app.db_manager.dispose()
    assert states[0] != states[1]


def test_the_history_of_a_deleted_row_is_not_that_of_the_next_one_with_its_id() -> None:
    app = build(TeamAdmin)
    root = enter(app, superuser=True)
    url = "/admin/team/row/2"
    with app.db_manager.session() as session:
        session.add(SeamsTeam(id=2, name="Hidden"))

    @policy(SeamsTeam)
    class Seen(Policy):
        def scope(self, user: Any, statement: Any) -> Any:
            return statement.where(SeamsTeam.name.not_like("Hidden%"))

    try:
        form = {"name": "Hidden of the board", "_state": state(root, url), "members-count": "0"}
        assert root.post(url, data=form).status_code == 303
        assert root.post(f"{url}/delete", data={"confirmed": "yes"}).status_code == 303
        with app.db_manager.session() as session:
            session.add(SeamsTeam(id=2, name="Blue"))
        client = enter(app, "team.view")
        for page in (f"{url}/history", "/admin/history", "/admin/"):
            assert "Hidden" not in client.get(page).text, page
        assert "Hidden of the board" in root.get("/admin/history").text
    finally:
        remove_policy(SeamsTeam)
        app.db_manager.dispose()


@pytest.mark.parametrize(
    "name",
    [
        "=1+1",
        "\n=1+1",
        "  =1+1",
        "\uff1d1+1",
        "\uff0b1",
        "\uff20SUM(1)",
        "\r\n+A1",
        "\x0b=1",
        "-1+1",
    ],
    ids=ascii,
)
def test_no_cell_of_an_export_is_a_formula(name: str) -> None:
    app = build(TeamAdmin)
    with app.db_manager.session() as session:
        session.get_one(SeamsTeam, 1).name = name
    text = enter(app, superuser=True).get("/admin/team/export.csv").text
    cell = list(csv.reader(io.StringIO(text, newline="")))[1][0]
    assert cell == f"'{name}"
    app.db_manager.dispose()
