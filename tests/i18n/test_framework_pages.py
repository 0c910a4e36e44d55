"""The framework's pages and mails in a pseudo-language: no English is left."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from enum import Enum
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import ForeignKey, LargeBinary, String
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

import lback
from lback import Application, HTTPException, Request
from lback.admin import Inline, ModelAdmin, action, column
from lback.auth.sign_in import begin
from lback.database import Base, utc_now
from lback.forms import FileField, ModelForm
from lback.security.passwords import hash_password
from lback.testing import Client
from lback.translation import CURRENT, gettext_lazy
from lback.users import AdminUser, define_role
from tests.admin.conftest import read_form
from tests.i18n.pseudo import CODE, untranslated, visible, write_pseudo_catalogue

PASSWORD = "correct horse battery"
HASH = hash_password(PASSWORD)
BROWSER = {"Accept": "text/html"}
MIDDLEWARES = [
    f"lback.middleware.{name}"
    for name in (
        "SecurityHeadersMiddleware", "SessionMiddleware", "AuthenticationMiddleware",
        "BodyParsingMiddleware", "CSRFMiddleware",
    )
]  # fmt: skip
# Names, formats and zones, which are the same in all languages.
DATA = frozenset({"ada", "hal", "example", "org", "localhost", "CSV", "JSON", "UTC"})
PERMISSION = re.compile(r"[\w-]+\.(view|add|change|delete)")


class Size(Enum):
    LARGE = 1
    SMALL = 2


class Crate(Base):
    __tablename__ = "pseudo_crates"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20), unique=True)
    size: Mapped[Size] = mapped_column(default=Size.LARGE)
    full: Mapped[bool | None]
    packed: Mapped[date | None]
    made: Mapped[datetime] = mapped_column(default=utc_now)
    paper: Mapped[bytes | None] = mapped_column(LargeBinary)
    cans: Mapped[list["Can"]] = relationship(back_populates="crate", cascade="all, delete-orphan")
    lids: Mapped[list["Lid"]] = relationship(back_populates="crate")

    def __str__(self) -> str:
        return self.code


class Can(Base):
    __tablename__ = "pseudo_cans"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20))
    crate_id: Mapped[int] = mapped_column(ForeignKey("pseudo_crates.id"))
    crate: Mapped[Crate] = relationship(back_populates="cans")

    def __str__(self) -> str:
        return self.code


class Lid(Base):
    __tablename__ = "pseudo_lids"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(20))
    crate_id: Mapped[int | None] = mapped_column(ForeignKey("pseudo_crates.id"))
    crate: Mapped[Crate | None] = relationship(back_populates="lids")

    def __str__(self) -> str:
        return self.code


# Labels that the project translates: those that are made from names among them.
PROJECT = (
    "Crate", "Crates", "Can", "Cans", "Lid", "Lids", "Code", "Size", "Full", "Packed", "Made",
    "Paper", "Large", "Small", "Weight", "Seal", "Contents", "Pack again",
)  # fmt: skip


class CrateForm(ModelForm):
    paper = FileField(required=False, extensions=("txt",), max_size=2000)


class CrateAdmin(ModelAdmin):
    list_columns = ("code", "size", "full", "packed", "made", "weight")
    search_columns = ("code",)
    filters = ("size", "full", "packed", "lids")
    date_hierarchy = "made"
    ordering = ("code",)
    page_size = 3
    form = CrateForm
    fieldsets = (
        ("", ("code", "size", "full", "packed", "paper")),
        (gettext_lazy("Contents"), ("made",)),
    )
    read_only = ("made",)
    inlines = (Inline("cans", fields=("code",)),)
    actions = ("seal", "pack_again")
    export_columns = ("code",)

    @column(gettext_lazy("Weight"))
    def weight(self, row: Crate) -> int:
        return row.id

    @action(gettext_lazy("Seal"))
    def seal(self, session: Session, rows: list[Crate]) -> None:
        """Do nothing."""

    @action(gettext_lazy("Pack again"), confirm=True)
    def pack_again(self, session: Session, rows: list[Crate]) -> None:
        """Do nothing."""


def fail(request: Request) -> None:
    raise HTTPException(status_code=int(request.query_params["status"]))


def build(root: Path, **settings: Any) -> Application:
    write_pseudo_catalogue(root, *PROJECT)
    app = Application(
        **{
            "DEBUG": False,
            "ALLOWED_HOSTS": ["localhost"],
            "LANGUAGE": CODE,
            "LANGUAGES": [CODE, "de", "ar"],
            "PROJECT_ROOT": str(root),
            "SECRET_KEY": "kT4-q9ZpW2_xR7mL8vNc",
            "DATABASE_URL": f"sqlite:///{root / 'test.sqlite3'}",
            "MAIL_BACKEND": "memory",
            "LOGIN_URL": "/accounts/sign-in",
            "MIDDLEWARES": MIDDLEWARES,
            "SESSION_COOKIE_SECURE": False,
            **settings,
        }
    )
    app.admin_registry.register(Crate, CrateAdmin)
    app.admin_registry.register(Lid)
    app.include("lback.admin.urls", "/admin")
    app.include("lback.accounts.urls", "/accounts/")
    app.add_route("/fail", fail, requires_auth=False)
    app.db_manager.create_tables()
    with app.db_manager.session() as session:
        session.add(AdminUser(username="ada", password_hash=HASH, is_superuser=True))
        define_role(session, "hal", ["lid.view"])
        helper = AdminUser(username="hal", password_hash=HASH)
        session.add(helper)
        app.admin_user_manager.set_roles(session, helper, ["hal"])
        app.user_manager.register(session, "ada", PASSWORD, "ada@example.org")
        crates = [
            Crate(code=f"1{n}", packed=date(2026, 1, n + 1), made=datetime(2026, 1, 2, tzinfo=UTC))
            for n in range(8)
        ]
        crates[0].cans = [Can(code="21"), Can(code="22")]
        crates[0].lids = [Lid(code="31")]
        crates[1].paper = b"0123"
        session.add_all(crates)
    return app


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    app = build(tmp_path_factory.mktemp("pseudo"))
    yield app
    app.mailer.flush()
    app.db_manager.dispose()


def visit(app: Application, name: str = "ada") -> Client:
    client = Client(app, headers=BROWSER)
    with app.db_manager.session() as session:
        account = app.admin_user_manager.get_by_username(session, name)
        assert account is not None
        opened = app.session_manager.create()
        begin(opened, account)
    app.session_manager.save(opened)
    client.cookies["session"] = opened.session_id or ""
    return client


def check(answer: Any, *, status: int = 200, data: frozenset[str] = frozenset()) -> str:
    """Check that a page has no English text, and names its language."""
    assert answer.status_code == status
    assert f'<html lang="{CODE}">' in answer.text
    found = visible(answer.text)
    assert len(found) > 2
    shown = [text for text in found if not PERMISSION.fullmatch(text)]
    assert untranslated(shown, DATA | data) == []
    page: str = answer.text
    return page


ADMIN_PAGES = (
    "/",
    "/crate",
    "/crate?q=nothing",
    "/crate?is-size=LARGE&is-packed=year",
    "/crate?date=2026-01",
    "/lid",
    "/crate/add",
    "/crate/row/1",
    "/crate/row/2",
    "/crate/row/1/delete",
    "/crate/row/1/history",
    "/lid/row/1/delete",
    "/history",
    "/user",
    "/user/add",
    "/user/row/1",
    "/admin-user",
    "/admin-user/row/1",
    "/role/add",
)


@pytest.mark.parametrize("path", ADMIN_PAGES)
def test_a_page_of_the_admin(app: Application, path: str) -> None:
    # The history shows values as they were stored, and the tests of this module share it.
    check(visit(app).get(f"/admin{path}"), data=frozenset({"Yes"} if path == "/history" else ()))


def test_a_row_that_is_not_there(app: Application) -> None:
    check(visit(app).get("/admin/crate/row/99"), status=404)
    check(visit(app).get("/admin/nothing"), status=404)


def test_what_the_admin_refuses(app: Application) -> None:
    helper = visit(app, "hal")
    check(helper.get("/admin/"))
    check(helper.get("/admin/lid"))
    check(helper.get("/admin/lid/row/1"))
    check(helper.get("/admin/lid/add"), status=403)
    check(helper.get("/admin/lid/row/1/delete"), status=403)
    check(helper.get("/admin/crate"), status=404)
    check(helper.post("/admin/lid", data={"action": "delete", "key": "1"}), status=403)


def test_the_door_of_the_admin(app: Application) -> None:
    client = Client(app, headers=BROWSER)
    check(client.get("/admin/sign-in"))
    wrong = {"username": "ada", "password": "wrong"}
    check(client.post("/admin/sign-in", data=wrong), status=422)
    check(client.post("/admin/sign-in", data={"username": ""}), status=422)


def test_changes_in_the_admin(app: Application) -> None:
    client = visit(app)
    form = read_form(client.get("/admin/crate/row/3").text)
    check(client.post("/admin/crate/row/3", data={**form, "packed": "soon"}), status=422)
    check(client.post("/admin/crate/row/3", data={**form, "code": "10"}), status=422)
    changed = {**form, "code": "77", "full": "true", "_continue": ""}
    assert client.post("/admin/crate/row/3", data=changed).status_code == 303
    page = check(client.get("/admin/crate/row/3"))  # says that it was changed
    assert 'class="message success"' in page
    check(client.post("/admin/crate/row/3", data={**form, "code": "78"}), status=409)
    new = {**read_form(client.get("/admin/crate/add").text), "code": "79"}
    assert client.post("/admin/crate/add", data=new).status_code == 303
    check(client.get("/admin/crate"))
    # Values stay as they were stored.
    page = check(client.get("/admin/crate/row/3/history"), data=frozenset({"Yes"}))
    assert page.count("<dt>") == 2


def test_actions_of_the_admin(app: Application) -> None:
    client = visit(app)
    for data, status in (
        ({"action": "delete", "key": ["4", "5"]}, 200),
        ({"action": "pack_again", "key": ["4", "5"]}, 200),
        ({"action": "seal", "key": ["4", "5"]}, 303),
        ({"action": "seal"}, 303),
        ({"action": "delete", "key": ["6"], "confirmed": "yes"}, 303),
        ({"action": "fly", "key": ["4"]}, 400),
    ):
        answer = client.post("/admin/crate", data=data)
        assert answer.status_code == status
        if status == 303:
            check(client.get("/admin/crate"))  # says what was done
        else:
            check(answer, status=status)
    check(client.get("/admin/"))
    check(client.get("/admin/history"), data=frozenset({"Yes"}))


def test_exports_are_the_same_for_all_languages(app: Application) -> None:
    assert visit(app).get("/admin/crate/export.csv").text.startswith("Code\r\n")


@pytest.mark.parametrize("status", [400, 403, 404, 405, 409, 410, 413, 422, 429, 500, 503])
def test_an_error_page(app: Application, status: int) -> None:
    page = check(Client(app, headers=BROWSER).get(f"/fail?status={status}"), status=status)
    assert f"<title>{status} " in page


def test_other_error_pages(app: Application) -> None:
    client = Client(app, headers=BROWSER)
    check(client.get("/nothing"), status=404)
    check(client.post("/fail"), status=405)
    check(client.get("/fail?status=none"), status=500)


def test_programs_get_the_messages_of_exceptions_in_english(app: Application) -> None:
    answer = Client(app, headers={"Accept": "application/json"}).get("/fail?status=404")
    assert answer.json()["data"]["error"] == "An unexpected error occurred."


def mailed_path(app: Application) -> str:
    """Return the path of the link in the last mail."""
    app.mailer.flush()
    found = re.search(r"http://localhost(/\S+)", app.mailer.outbox[-1].get_content())
    assert found is not None
    return found[1]


def test_a_new_account(app: Application) -> None:
    client = Client(app, headers=BROWSER)
    check(client.get("/accounts/sign-up"))
    check(client.post("/accounts/sign-up", data={"email": "none"}), status=422)
    check(client.post("/accounts/sign-up", data={"email": "1@example.org"}), status=202)
    path = mailed_path(app)
    check(client.get(path))
    for password in ("short", "12345678901234", "1@example.org", "x" * 5000):
        check(client.post(path, data={"password": password}), status=422)
    assert client.post(path, data={"password": PASSWORD}).status_code == 303
    check(client.get(path), status=410)
    check(client.get("/accounts/"))


def test_an_account(app: Application) -> None:
    client = Client(app, headers=BROWSER)
    check(client.get("/accounts/sign-in"))
    check(client.get("/accounts/sign-out"))
    wrong = {"username": "ada", "password": "wrong"}
    check(client.post("/accounts/sign-in", data=wrong), status=422)
    assert client.post("/accounts/sign-in", data={**wrong, "password": PASSWORD}).status_code == 303
    for name in ("", "password", "email", "sign-out"):
        check(client.get(f"/accounts/{name}"))
    both = {"current_password": "wrong", "password": "short"}
    check(client.post("/accounts/password", data=both), status=422)
    both["current_password"] = PASSWORD
    check(client.post("/accounts/password", data=both), status=422)
    assert client.post("/accounts/password", data={**both, "password": PASSWORD}).status_code == 303
    check(client.get("/accounts/"))  # says that it was changed
    email = {"email": "ada2@example.org", "current_password": PASSWORD}
    check(client.post("/accounts/email", data=email), status=202)
    path = mailed_path(app)
    check(client.get(path))
    assert client.post(path).status_code == 303
    check(client.get("/accounts/"))


def test_a_forgotten_password(app: Application) -> None:
    client = Client(app, headers=BROWSER)
    with app.db_manager.session() as session:
        app.user_manager.register(session, "hal", PASSWORD, "hal@example.org")
    check(client.get("/accounts/forgot"))
    check(client.post("/accounts/forgot", data={"email": "hal@example.org"}), status=202)
    path = mailed_path(app)
    check(client.get(path))
    check(client.post(path, data={"password": "short"}), status=422)
    assert client.post(path, data={"password": "a new long password"}).status_code == 303
    check(client.get("/accounts/sign-in"))  # says that it was set
    check(client.get("/accounts/reset/none"), status=410)


@contextmanager
def in_language(app: Application, code: str) -> Iterator[None]:
    """Use a language of the application outside a request."""
    before = CURRENT.set(app.dependencies["languages"].find(code))
    try:
        yield
    finally:
        CURRENT.reset(before)


def test_mails(app: Application) -> None:
    directory = Path(lback.__file__).parent / "templates" / "accounts" / "mail"
    values = {"email": "1@example.org", "host": "example.org", "username": "ada"}
    values |= {"link": "http://localhost/", "forgot_link": "http://localhost/"}
    with in_language(app, CODE):
        for path in directory.iterdir():
            text = app.template_renderer.render_to_string(f"accounts/mail/{path.name}", **values)
            lines = [line for line in text.splitlines() if not line.startswith("http")]
            assert len(lines) > 3
            assert untranslated(lines, DATA) == []


def test_a_mail_has_the_language_of_the_request(app: Application) -> None:
    client = Client(app, headers=BROWSER)
    client.post("/accounts/sign-up", data={"email": "ada@example.org"})
    app.mailer.flush()
    texts = []
    for message in app.mailer.outbox:
        texts += [message["Subject"], re.sub(r"http://\S+", "", message.get_content())]
    assert texts
    assert untranslated(texts, DATA) == []
