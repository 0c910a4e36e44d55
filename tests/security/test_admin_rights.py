"""What somebody may not do in the admin is not done by way of another page either."""

import re
from collections.abc import Callable, Iterator
from html import unescape
from typing import Any

import pytest
from sqlalchemy import ForeignKey, String, select
from sqlalchemy.orm import Mapped, mapped_column, relationship

from lback import Application
from lback.admin import AdminEntry, Inline, ModelAdmin
from lback.auth import Policy
from lback.auth.policies import policy, remove_policy
from lback.auth.sign_in import begin
from lback.database import Base
from lback.testing import Client
from lback.users import AdminUser, User, define_role

pytestmark = pytest.mark.usefixtures("quick_passwords")

PASSWORD, NEW = "correct horse battery", "a rather long new password"


class RightsWriter(Base):
    __tablename__ = "rights_writers"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    books: Mapped[list["RightsBook"]] = relationship(back_populates="writer", passive_deletes=True)

    def __str__(self) -> str:
        return self.name


class RightsBook(Base):
    __tablename__ = "rights_books"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(80))
    contract: Mapped[str] = mapped_column(String(80), default="")
    access_token: Mapped[str] = mapped_column(String(80), default="")
    writer_id: Mapped[int] = mapped_column(ForeignKey("rights_writers.id", ondelete="CASCADE"))
    writer: Mapped[RightsWriter] = relationship(back_populates="books")
    reviews: Mapped[list["RightsReview"]] = relationship(
        back_populates="book", cascade="all, delete-orphan"
    )

    def __str__(self) -> str:
        return self.title


class RightsReview(Base):
    __tablename__ = "rights_reviews"

    id: Mapped[int] = mapped_column(primary_key=True)
    words: Mapped[str] = mapped_column(String(80))
    book_id: Mapped[int] = mapped_column(ForeignKey("rights_books.id"))
    book: Mapped[RightsBook] = relationship(back_populates="reviews")

    def __str__(self) -> str:
        return self.words


class WriterAdmin(ModelAdmin):
    slug = "writer"
    inlines = (Inline("books"),)


class BookAdmin(ModelAdmin):
    slug = "book"
    list_columns = ("title", "writer", "writer.name")
    search_columns = ("title", "writer.name")
    filters = ("writer",)
    secret = ("contract",)
    inlines = (Inline("reviews"),)


class ReviewAdmin(ModelAdmin):
    slug = "review"
    list_columns = ("words", "book.title")
    search_columns = ("words", "book.title")
    export_columns = ("words", "book.title", "book.contract")


@pytest.fixture
def app() -> Iterator[Application]:
    app = Application(
        DEBUG=True,
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        DATABASE_URL="sqlite://",
        LOGIN_ATTEMPTS_STORE="memory",
    )
    app.db_manager.create_tables()
    app.admin_registry.register(RightsWriter, WriterAdmin)
    app.admin_registry.register(RightsBook, BookAdmin)
    app.admin_registry.register(RightsReview, ReviewAdmin)
    app.include("lback.admin.urls", "/admin")
    with app.db_manager.session() as session:
        poe = RightsWriter(id=1, name="Poe")
        raven = RightsBook(id=1, title="The Raven", contract="clause-77", access_token="tok-55")
        raven.writer, raven.reviews = poe, [RightsReview(id=1, words="Dark")]
        session.add(raven)
    yield app
    app.db_manager.dispose()


@pytest.fixture
def enter(app: Application) -> Callable[..., Client]:
    """Gives a client that is signed in to the admin as somebody with some permissions."""

    def enter(*permissions: str, name: str = "eve", superuser: bool = False) -> Client:
        with app.db_manager.session() as session:
            manager = app.admin_user_manager
            account = manager.register(session, name, PASSWORD, is_superuser=superuser)
            if permissions:
                define_role(session, f"{name}s", permissions)
                manager.set_roles(session, account, [f"{name}s"])
            visit = app.session_manager.create()
            begin(visit, account)
        app.session_manager.save(visit)
        client = Client(app)
        client.cookies["session"] = visit.session_id or ""
        return client

    return enter


def form_of(client: Client, url: str) -> dict[str, Any]:
    """Return the fields of the form on a page, as a browser would send them."""
    text = client.get(url).text
    data: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", text):
        named = re.search(r'name="([^"]*)"', tag)
        value = re.search(r'value="([^"]*)"', tag)
        kind = re.search(r'type="([^"]*)"', tag)
        if named is None or "__prefix__" in named[1]:
            continue
        if kind and kind[1] == "checkbox" and " checked" not in tag:
            continue
        empty = "on" if kind and kind[1] == "checkbox" else ""
        data[named[1]] = unescape(value[1]) if value else empty
    for name, options in re.findall(r'<select[^>]*name="([^"]*)".*?>(.*?)</select>', text, re.S):
        chosen = re.findall(r'<option value="([^"]*)"[^>]*selected', options)
        data[name] = chosen
    return {name: value for name, value in data.items() if name != "_state" or value}


def titles(app: Application) -> list[str]:
    with app.db_manager.session() as session:
        return list(session.scalars(select(RightsBook.title).order_by(RightsBook.id)))


# Inline rows.


def hostile(client: Client, **changes: str) -> Any:
    data = form_of(client, "/admin/writer/row/1")
    data |= {"name": "Poe", "books-count": "1", "books-0-KEY": "1", "books-0-title": "Stolen"}
    return client.post("/admin/writer/row/1", data={**data, **changes})


def test_who_may_change_a_writer_changes_no_book_inline(
    app: Application, enter: Callable[..., Client]
) -> None:
    client = enter("writer.change")
    page = client.get("/admin/writer/row/1").text
    assert "Raven" not in page
    hostile(client)
    hostile(client, **{"books-0-DELETE": "on"})
    hostile(client, **{"books-count": "2", "books-1-title": "Forged"})
    assert titles(app) == ["The Raven"]


def test_who_may_see_books_does_not_write_them_inline(
    app: Application, enter: Callable[..., Client]
) -> None:
    client = enter("writer.change", "book.view")
    assert "The Raven" in client.get("/admin/writer/row/1").text
    hostile(client)
    hostile(client, **{"books-0-DELETE": "on"})
    answer = hostile(client, **{"books-count": "2", "books-1-title": "Forged"})
    assert answer.status_code == 422
    assert titles(app) == ["The Raven"]


@pytest.mark.parametrize(
    ("permission", "changes", "left"),
    [
        ("book.change", {"books-0-title": "Mended"}, ["Mended"]),
        ("book.change", {"books-0-DELETE": "on"}, ["Stolen"]),
        ("book.add", {"books-count": "2", "books-1-title": "Second"}, ["The Raven", "Second"]),
    ],
)
def test_each_thing_that_is_done_inline_has_a_permission_of_its_own(
    app: Application,
    enter: Callable[..., Client],
    permission: str,
    changes: dict[str, str],
    left: list[str],
) -> None:
    client = enter("writer.change", "book.view", permission)
    hostile(client, **changes)
    assert titles(app) == left


def test_who_may_only_add_books_sees_none_inline(
    app: Application, enter: Callable[..., Client]
) -> None:
    client = enter("writer.change", "book.add")
    page = client.get("/admin/writer/row/1").text
    assert "books-0-title" in page
    assert "Raven" not in page
    hostile(client)
    hostile(client, **{"books-0-DELETE": "on"})
    assert "The Raven" in titles(app)


def test_an_inline_row_does_not_take_others_along_that_its_user_may_not_delete(
    app: Application, enter: Callable[..., Client]
) -> None:
    client = enter("writer.change", "book.view", "book.change", "book.delete")
    assert hostile(client, **{"books-0-DELETE": "on"}).status_code == 403
    assert titles(app) == ["The Raven"]


def test_no_inline_row_and_no_history_of_it_shows_a_secret(
    app: Application, enter: Callable[..., Client]
) -> None:
    root = enter(name="root", superuser=True)
    page = root.get("/admin/writer/row/1").text
    assert "The Raven" in page
    assert "clause-77" not in page
    assert "tok-55" not in page
    with app.db_manager.session() as session:
        entries = list(session.scalars(select(AdminEntry)))
    assert entries == []
    app.admin_registry.registered_models["writer"].options.inlines[0].fields = ("title", "contract")
    hostile(root, **{"books-0-contract": "clause-88"})
    for url in ("/admin/history", "/admin/writer/row/1/history"):
        text = root.get(url).text
        assert "(not shown)" in text
        assert "clause" not in text
    app.admin_registry.registered_models["writer"].options.inlines[0].fields = None


def test_the_history_of_a_row_does_not_tell_of_inline_rows_that_one_may_not_see(
    app: Application, enter: Callable[..., Client]
) -> None:
    root = enter(name="root", superuser=True)
    assert hostile(root, name="Edgar").status_code == 303
    assert "Stolen" in root.get("/admin/writer/row/1/history").text
    client = enter("writer.view")
    for url in ("/admin/history", "/admin/writer/row/1/history"):
        text = client.get(url).text
        assert "Edgar" in text
        assert "Stolen" not in text
        assert "Raven" not in text


def test_the_history_of_a_row_does_not_name_a_hidden_one(
    app: Application, enter: Callable[..., Client]
) -> None:
    with app.db_manager.session() as session:
        session.add(RightsWriter(id=2, name="Anonymous"))

    @policy(RightsWriter)
    class Known(Policy):
        def scope(self, user: Any, statement: Any) -> Any:
            return statement.where(RightsWriter.name != "Anonymous")

    try:
        root = enter(name="root", superuser=True)
        url = "/admin/book/row/1"
        assert root.post(url, data=form_of(root, url) | {"writer": "2"}).status_code == 303
        client = enter("book.view")
        for page in ("/admin/history", f"{url}/history"):
            text = client.get(page).text
            assert "<ins>2</ins>" in text
            assert "Anonymous" not in text
    finally:
        remove_policy(RightsWriter)


def test_a_secret_of_another_section_is_not_exported(enter: Callable[..., Client]) -> None:
    text = enter("review.view", "book.view").get("/admin/review/export.json").text
    assert "The Raven" in text
    assert "clause-77" not in text


# Accounts with more rights.


def account(app: Application, manager: Any, name: str, *permissions: str, **options: Any) -> int:
    with app.db_manager.session() as session:
        row = manager.register(session, name, PASSWORD, **options)
        if permissions:
            define_role(session, f"role of {name}", permissions)
            manager.set_roles(session, row, [f"role of {name}"])
        return int(row.id)


def test_no_one_takes_over_an_admin_with_more_rights(
    app: Application, enter: Callable[..., Client]
) -> None:
    manager = app.admin_user_manager
    boss = account(app, manager, "boss", "book.delete", "admin-user.change")
    peer = account(app, manager, "peer", "admin-user.change")
    root = account(app, manager, "root", is_superuser=True)
    client = enter("admin-user.change", "admin-user.view", "admin-user.delete")
    for row in (boss, root):
        data = {"username": "boss", "new_password": NEW, "is_active": "on", "_state": ""}
        assert client.post(f"/admin/admin-user/row/{row}", data=data).status_code == 403
        assert client.post(
            f"/admin/admin-user/row/{row}/delete", data={"confirmed": "yes"}
        ).status_code == 403  # fmt: skip
        act = {"action": "delete", "key": str(row), "confirmed": "yes"}
        assert client.post("/admin/admin-user", data=act).status_code == 403
    data = form_of(client, f"/admin/admin-user/row/{peer}") | {"new_password": NEW}
    assert client.post(f"/admin/admin-user/row/{peer}", data=data).status_code == 303
    with app.db_manager.session() as session:
        assert manager.authenticate(session, "boss", PASSWORD) is not None
        assert manager.authenticate(session, "peer", NEW) is not None


def test_no_one_takes_over_a_user_of_the_site_with_more_rights(
    app: Application, enter: Callable[..., Client]
) -> None:
    manager = app.user_manager
    editor = account(app, manager, "editor", "blog.publish")
    reader = account(app, manager, "reader")
    client = enter("user.change", "user.view", "user.delete")
    data = {"username": "editor", "new_password": NEW, "is_active": "on", "_state": ""}
    assert client.post(f"/admin/user/row/{editor}", data=data).status_code == 403
    assert client.post(f"/admin/user/row/{editor}/delete", data={}).status_code == 403
    data = form_of(client, f"/admin/user/row/{reader}") | {"new_password": NEW}
    assert client.post(f"/admin/user/row/{reader}", data=data).status_code == 303


def test_no_one_gives_roles_with_more_rights_whatever_form_offers_them(
    app: Application, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = account(app, app.user_manager, "reader")
    account(app, app.user_manager, "editor", "blog.publish")
    section = app.admin_registry.get_registered_model(User)
    if section is None:
        Client(app).get("/admin/sign-in")
        section = app.admin_registry.get_registered_model(User)
    assert section is not None
    monkeypatch.setattr(type(section.options), "fields_read_only", lambda *_: ())
    client = enter("user.change", "user.view")
    with app.db_manager.session() as session:
        role = define_role(session, "role of editor", ["blog.publish"])
        key = str(role.id)
    url = f"/admin/user/row/{reader}"
    answer = client.post(url, data=form_of(client, url) | {"roles": [key], "email": ""})
    assert answer.status_code == 422
    assert "You can only grant permissions that you have yourself." in answer.text


@pytest.mark.parametrize("current", ["", "wrong horse battery"])
def test_who_finds_an_open_browser_does_not_take_the_account(
    app: Application, enter: Callable[..., Client], current: str
) -> None:
    root = enter(name="root", superuser=True)
    url = "/admin/admin-user/row/1"
    data = form_of(root, url)
    for change in ({"new_password": NEW}, {"email": "mallory@example.net"}):
        sent = data | change | {"current_password": current}
        answer = root.post(url, data=sent)
        assert answer.status_code == 422, change
        assert "This is not your current password" in answer.text
    answer = root.post(url, data=data | {"new_password": NEW, "current_password": PASSWORD})
    assert answer.status_code == 303
    assert root.get("/admin/").status_code == 200


def test_a_password_that_the_form_does_not_show_is_not_taken(
    app: Application, enter: Callable[..., Client], monkeypatch: pytest.MonkeyPatch
) -> None:
    reader = account(app, app.user_manager, "reader")
    Client(app).get("/admin/sign-in")
    section = app.admin_registry.get_registered_model(User)
    assert section is not None
    monkeypatch.setattr(type(section.options), "fields", ("username", "email"))
    for name in ("fieldsets", "field_names", "form_class"):
        section.__dict__.pop(name, None)
    client = enter("user.change", "user.view")
    url = f"/admin/user/row/{reader}"
    client.post(url, data=form_of(client, url) | {"email": "x@example.org", "new_password": NEW})
    with app.db_manager.session() as session:
        assert app.user_manager.authenticate(session, "reader", PASSWORD) is not None


def test_the_page_of_a_user_is_shown_to_who_may_only_see_it(
    app: Application, enter: Callable[..., Client]
) -> None:
    reader = account(app, app.user_manager, "reader")
    admin = account(app, app.admin_user_manager, "boss")
    client = enter("user.view", "admin-user.view")
    for url in (f"/admin/user/row/{reader}", f"/admin/admin-user/row/{admin}"):
        answer = client.get(url)
        assert answer.status_code == 200
        assert "new_password" not in answer.text


# Rows.


@pytest.fixture(params=["policy", "option"])
def hidden(
    request: pytest.FixtureRequest, app: Application, monkeypatch: pytest.MonkeyPatch
) -> Iterator[str]:
    """A book that nobody but a superuser may see, by a policy, or by a rule in the options."""
    with app.db_manager.session() as session:
        mask = RightsBook(
            id=2, title="The Mask", writer_id=1, reviews=[RightsReview(id=2, words="Red")]
        )
        session.add_all([mask, RightsBook(id=3, title="The Pit", writer_id=1)])
        session.add(RightsWriter(id=2, name="Lovecraft"))
    if request.param == "policy":

        @policy(RightsBook)
        class Shown(Policy):
            def scope(self, user: Any, statement: Any) -> Any:
                return statement.where(RightsBook.title != "The Mask")

    else:

        def allows(self: ModelAdmin, user: Any, action: str, row: Any = None) -> bool:
            shown = row is None or row.title != "The Mask" or user.is_superuser
            return shown and ModelAdmin.allows(self, user, action, row)

        monkeypatch.setattr(BookAdmin, "allows", allows)
    yield str(request.param)
    remove_policy(RightsBook)


EVERYTHING = [
    f"{model}.{action}"
    for model in ("writer", "book", "review")
    for action in ("view", "add", "change", "delete")
]


def test_a_hidden_row_is_on_no_page(
    app: Application, enter: Callable[..., Client], hidden: str
) -> None:
    root = enter(name="root", superuser=True)
    data = form_of(root, "/admin/book/row/2")
    assert root.post("/admin/book/row/2", data=data | {"contract": "new"}).status_code == 303
    client = enter(*EVERYTHING)
    for url in (
        "/admin/",
        "/admin/history",
        "/admin/book",
        "/admin/book?q=Mask",
        "/admin/book?sort=-title",
        "/admin/book?before=end",
        "/admin/book/find?q=Mask",
        "/admin/book/find?q=2",
        "/admin/book/export.csv",
        "/admin/book/export.json",
        "/admin/writer/row/1",
        "/admin/writer/row/1/delete",
    ):
        answer = client.get(url)
        assert answer.status_code == 200, url
        assert "The Mask" not in answer.text, url
        assert "The Mask" in root.get(url).text, url
    for url in ("", "/delete", "/history"):
        answer = client.get(f"/admin/book/row/2{url}")
        assert answer.status_code in (403, 404), url
        assert "Mask" not in answer.text
    assert client.get("/admin/book/row/3").status_code == 200


def test_a_hidden_row_is_neither_written_nor_deleted(
    app: Application, enter: Callable[..., Client], hidden: str
) -> None:
    client = enter(*EVERYTHING)
    data = {"title": "Stolen", "writer": "1", "_state": ""}
    assert client.post("/admin/book/row/2", data=data).status_code in (403, 404)
    assert client.post("/admin/book/row/2/delete", data={"confirmed": "y"}).status_code in (
        403,
        404,
    )
    act = {"action": "delete", "key": ["2"], "confirmed": "yes"}
    client.post("/admin/book", data=act)
    # The writer would take the hidden book along.
    answer = client.post("/admin/writer/row/1/delete", data={"confirmed": "yes"})
    assert answer.status_code == 409
    hostile(client, **{"books-0-KEY": "2", "books-0-DELETE": "on"})
    assert titles(app) == ["The Raven", "The Mask", "The Pit"]


def test_a_hidden_row_is_not_told_by_those_that_refer_to_it(
    app: Application, enter: Callable[..., Client]
) -> None:
    with app.db_manager.session() as session:
        session.add(RightsWriter(id=2, name="Anonymous"))
        session.add(RightsBook(id=2, title="The Mask", writer_id=2))

    @policy(RightsWriter)
    class Known(Policy):
        def scope(self, user: Any, statement: Any) -> Any:
            return statement.where(RightsWriter.name != "Anonymous")

    try:
        client = enter(*EVERYTHING)
        for url in (
            "/admin/book",
            "/admin/book?sort=writer.name",
            "/admin/book/export.json",
            "/admin/book/row/2",
            "/admin/book/add",
            "/admin/writer",
        ):
            answer = client.get(url)
            assert answer.status_code == 200, url
            assert "Anonymous" not in answer.text, url
        assert "The Mask" not in client.get("/admin/book?q=Anonymous").text
        url = "/admin/book/row/1"
        answer = client.post(url, data=form_of(client, url) | {"title": "x", "writer": "2"})
        assert answer.status_code == 422
        # Saving what one sees does not take away what one does not.
        url = "/admin/book/row/2"
        answer = client.post(url, data=form_of(client, url) | {"title": "The Masque"})
        assert answer.status_code == 303
    finally:
        remove_policy(RightsWriter)
    with app.db_manager.session() as session:
        book = session.get_one(RightsBook, 2)
        assert (book.title, book.writer_id) == ("The Masque", 2)


def test_a_row_is_not_moved_to_where_its_user_does_not_see_it(
    app: Application, enter: Callable[..., Client], hidden: str
) -> None:
    if hidden == "option":
        return  # a rule of the options is about what is, not about what may come of it
    client = enter(*EVERYTHING)
    url = "/admin/book/row/3"
    moved = client.post(url, data=form_of(client, url) | {"title": "The Mask"})
    assert moved.status_code == 403
    added = client.post("/admin/book/add", data={"title": "The Mask", "writer": "1"})
    assert added.status_code in (403, 422)
    assert titles(app) == ["The Raven", "The Mask", "The Pit"]


def test_policies_need_no_request(app: Application) -> None:
    from lback.auth.policies import allows, readable, scoped

    @policy(RightsBook)
    class Own(Policy):
        def scope(self, user: Any, statement: Any) -> Any:
            return statement.where(RightsBook.contract == user.username)

        def allows(self, user: Any, action: str, row: Any) -> bool:
            return action != "delete" and super().allows(user, action, row)

    try:
        ada, root = User(username="ada"), AdminUser(username="root", is_superuser=True)
        ada.is_active = root.is_active = True
        with app.db_manager.session() as session:
            own = RightsBook(title="Own", contract="ada", writer_id=1)
            session.add(own)
            other = session.get_one(RightsBook, 1)
            assert list(session.scalars(scoped(ada, select(RightsBook)))) == [own]
            assert len(list(session.scalars(scoped(root, select(RightsBook))))) == 2
            assert readable(session, ada, [own, other]) == [own]
            assert allows(ada, "change", own)
            assert not allows(ada, "delete", own)
            assert not allows(ada, "change", other)
            assert allows(root, "delete", other)
            ada.is_active = False
            assert not allows(ada, "change", own)
            assert list(session.scalars(scoped(ada, select(RightsBook)))) == []
    finally:
        remove_policy(RightsBook)
