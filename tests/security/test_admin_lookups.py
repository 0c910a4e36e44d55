"""Class 16 and 22: no name and no value of a client becomes SQL or HTML in the admin."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from sqlalchemy import String, event
from sqlalchemy.orm import Mapped, mapped_column

from lback import Application
from lback.admin import ModelAdmin
from lback.auth.sign_in import begin
from lback.database import Base
from lback.forms import URLField
from lback.forms.errors import Invalid
from lback.testing import Client
from lback.users import AdminUser

# Whatever quotes it, this word must not be found in a statement.
MARK = "zqxj"
HOSTILE = [
    MARK,
    f"name;{MARK}",
    f"name) FROM lookup_things WHERE {MARK}=1 --",
    f"name DESC, (SELECT {MARK})",
    f"password_hash {MARK}",
    f"-name' {MARK}",
    f'"{MARK}"',
    f"`{MARK}`",
    f"name__{MARK}",
    f"owner.{MARK}",
    f"__class__.{MARK}",
    f"%27 OR {MARK} --",
    f"<script>{MARK}</script>",
    f"javascript:{MARK}",
]


class LookupThing(Base):
    __tablename__ = "lookup_things"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(200))
    hidden: Mapped[str] = mapped_column(String(20), default="")


class ThingAdmin(ModelAdmin):
    slug = "thing"
    list_columns = ("name",)
    search_columns = ("name", "^name", "=name")
    filters = ("name",)


@pytest.fixture
def client(tmp_path: Path) -> Iterator[Client]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL=f"sqlite:///{tmp_path / 'site.sqlite3'}",
        MIDDLEWARES=[
            f"lback.middleware.{name}"
            for name in (
                "SessionMiddleware", "AuthenticationMiddleware", "BodyParsingMiddleware",
                "CSRFMiddleware",
            )
        ],
    )  # fmt: skip
    app.admin_registry.register(LookupThing, ThingAdmin)
    app.include("lback.admin.urls", "/admin")
    app.db_manager.create_tables()
    with app.db_manager.session() as session:
        account = AdminUser(username="ada", password_hash="x", is_superuser=True)
        session.add_all([account, *(LookupThing(name=text) for text in HOSTILE)])
        session.flush()
        visit = app.session_manager.create()
        begin(visit, account)
    app.session_manager.save(visit)
    signed_in = Client(app)
    signed_in.cookies["session"] = visit.session_id or ""
    yield signed_in
    app.db_manager.dispose()


def test_names_and_values_of_a_client_are_never_sql(client: Client) -> None:
    app: Any = client.application
    statements: list[str] = []
    event.listen(app.db_manager.engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    for text in HOSTILE:
        sent = quote(text)
        for query in (
            f"sort={sent}", f"q={sent}", f"is-name={sent}", f"{sent}=1", f"is-{sent}=1",
            f"after={sent}", f"before={sent}", f"date={sent}", f"order_by={sent}",
        ):  # fmt: skip
            assert client.get(f"/admin/thing?{query}").status_code == 200, query
            assert client.get(f"/admin/thing/export.csv?{query}").status_code == 200, query
        assert client.get(f"/admin/thing/find?q={sent}").status_code == 200
        assert client.post("/admin/thing", data={"action": text, "key": "1"}).status_code == 400
        assert (
            client.post("/admin/thing", data={"action": "delete", "key": text}).status_code == 303
        )
    assert len(statements) > 100
    assert not [statement for statement in statements if MARK in statement]


def test_columns_that_are_not_offered_tell_nothing_by_their_order(client: Client) -> None:
    def order(query: str) -> list[str]:
        return re.findall(r'name="key" value="(\d+)"', client.get(f"/admin/thing{query}").text)

    assert len(order("")) == len(HOSTILE)
    for name in ("hidden", "-hidden", "-id"):
        assert order(f"?sort={name}") == order("")


def test_what_is_kept_is_never_html(client: Client) -> None:
    for path in ("/admin/thing", f"/admin/thing?q={quote(HOSTILE[12])}", "/admin/thing/add"):
        page = client.get(path).text
        assert f"<script>{MARK}" not in page
        assert f'href="javascript:{MARK}' not in page
    assert f"&lt;script&gt;{MARK}" in client.get("/admin/thing").text


def test_addresses_that_run_script_are_not_addresses() -> None:
    for text in ("javascript:alert(1)", "JAVASCRIPT://x%0aalert(1)", "data:text/html,x"):
        with pytest.raises(Invalid):
            URLField().clean(text)
