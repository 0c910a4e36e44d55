"""A gallery with an admin: models, options, people who look after it."""

import enum
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from decimal import Decimal
from html import unescape
from typing import Any

import pytest
from sqlalchemy import Column, ForeignKey, LargeBinary, Numeric, String, Table, Text, event
from sqlalchemy.orm import Mapped, Session, mapped_column, relationship

from lback import Application
from lback.admin import AdminRegistry, Inline, ModelAdmin, action, column
from lback.auth.sign_in import begin
from lback.database import Base, utc_now
from lback.forms import ImageField, ModelForm
from lback.security.passwords import hash_password
from lback.testing import Client
from lback.users import AdminUser, define_role

PASSWORD = "correct horse battery staple"
HASH = hash_password(PASSWORD)


class Style(enum.Enum):
    OIL = 1
    INK = 2


painting_themes = Table(
    "admin_painting_themes",
    Base.metadata,
    Column("painting_id", ForeignKey("admin_paintings.id"), primary_key=True),
    Column("theme_id", ForeignKey("admin_themes.id", ondelete="CASCADE"), primary_key=True),
)


class Painter(Base):
    __tablename__ = "admin_painters"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(80), unique=True)
    born: Mapped[date | None]
    paintings: Mapped[list["Painting"]] = relationship(back_populates="painter")

    def __str__(self) -> str:
        return self.name


class Theme(Base):
    __tablename__ = "admin_themes"

    id: Mapped[int] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(String(80))

    def __str__(self) -> str:
        return self.word


class Painting(Base):
    __tablename__ = "admin_paintings"

    id: Mapped[int] = mapped_column(primary_key=True)
    title: Mapped[str] = mapped_column(String(120), index=True)
    notes: Mapped[str | None] = mapped_column(Text)
    style: Mapped[Style] = mapped_column(default=Style.OIL)
    price: Mapped[Decimal | None] = mapped_column(Numeric(10, 2))
    on_show: Mapped[bool] = mapped_column(default=False)
    shown_at: Mapped[datetime | None]
    created_at: Mapped[datetime] = mapped_column(default=utc_now)
    picture: Mapped[bytes | None] = mapped_column(LargeBinary)
    secret_price: Mapped[str | None] = mapped_column(String(20))
    painter_id: Mapped[int] = mapped_column(ForeignKey("admin_painters.id"))
    painter: Mapped[Painter] = relationship(back_populates="paintings")
    themes: Mapped[list[Theme]] = relationship(secondary=painting_themes)
    sales: Mapped[list["Sale"]] = relationship(
        back_populates="painting", cascade="all, delete-orphan"
    )

    def __str__(self) -> str:
        return self.title


class Sale(Base):
    __tablename__ = "admin_sales"

    id: Mapped[int] = mapped_column(primary_key=True)
    buyer: Mapped[str] = mapped_column(String(80))
    amount: Mapped[int]
    painting_id: Mapped[int] = mapped_column(ForeignKey("admin_paintings.id"))
    painting: Mapped[Painting] = relationship(back_populates="sales")

    def __str__(self) -> str:
        return f"{self.buyer}, {self.amount}"


class PaintingForm(ModelForm):
    picture = ImageField(required=False, help_text="PNG, JPEG, GIF or WebP.")


class PaintingAdmin(ModelAdmin):
    list_columns = ("title", "painter.name", "style", "price", "on_show", "shown_at", "motifs")
    search_columns = ("title", "painter.name")
    filters = ("style", "on_show", "painter", "shown_at", "themes")
    ordering = ("title",)
    date_hierarchy = "shown_at"
    page_size = 10
    form = PaintingForm
    fieldsets = (
        ("", ("title", "painter", "style", "notes", "themes", "picture")),
        ("Money", ("price", "secret_price")),
        ("Exhibition", ("on_show", "shown_at", "created_at")),
    )
    read_only = ("created_at",)
    inlines = (Inline("sales", fields=("buyer", "amount"), maximum=20),)
    actions = ("hang", "sell_off")
    export_columns = ("id", "title", "painter.name", "style", "price", "shown_at", "secret_price")

    @column("Motifs")
    def motifs(self, row: Painting) -> int:
        return len(row.title.split())

    @action("Put on show")
    def hang(self, session: Session, rows: list[Painting]) -> str:
        for row in rows:
            row.on_show = True
        return f"{len(rows)} put on show."

    @action("Sell off", confirm=True)
    def sell_off(self, session: Session, rows: list[Painting]) -> None:
        for row in rows:
            row.price = Decimal(1)


class SaleAdmin(ModelAdmin):
    list_columns = ("buyer", "amount")
    related = ("painting.painter",)

    def label_of(self, row: Sale) -> str:
        return f"{row.buyer}: {row.painting.title} by {row.painting.painter}"


class PainterAdmin(ModelAdmin):
    list_columns = ("name", "born")
    search_columns = ("^name",)


def gallery_registry() -> AdminRegistry:
    registry = AdminRegistry()
    registry.register(Painting, PaintingAdmin)
    registry.register(Painter, PainterAdmin)
    registry.register(Theme)
    registry.register(Sale, SaleAdmin)
    return registry


MIDDLEWARES = [
    "lback.middleware.SecurityHeadersMiddleware",
    "lback.middleware.SessionMiddleware",
    "lback.middleware.AuthenticationMiddleware",
    "lback.middleware.BodyParsingMiddleware",
    "lback.middleware.CSRFMiddleware",
]


def build_gallery(database_url: str, **settings: Any) -> Application:
    app = Application(
        DEBUG=True,
        SECRET_KEY="a key for tests only, of length",
        DATABASE_URL=database_url,
        MIDDLEWARES=MIDDLEWARES,
        **settings,
    )
    registry = gallery_registry()
    for entry in registry:
        app.admin_registry.register(entry.model, entry.options)
    app.include("lback.admin.urls", "/admin")
    return app


DATABASES = [
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.postgresql),
    pytest.param("mariadb", marks=pytest.mark.mariadb),
]


@pytest.fixture(scope="module", params=DATABASES)
def gallery_app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    """One application a database: its tables are made once."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('gallery') / 'test.sqlite3'}"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    app = build_gallery(url)
    app.db_manager.create_tables()
    yield app
    app.db_manager.dispose()


@pytest.fixture
def gallery(gallery_app: Application) -> Iterator[Application]:
    """The application, on an empty database with one superuser, "ada"."""
    with gallery_app.db_manager.session() as session:
        session.add(AdminUser(username="ada", password_hash=HASH, is_superuser=True))
    yield gallery_app
    with gallery_app.db_manager.session() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())


@pytest.fixture
def password() -> str:
    """The password of everybody here."""
    return PASSWORD


@pytest.fixture
def ada(gallery: Application) -> Client:
    """A client in whose session the superuser is signed in."""
    return signed_in(gallery, "ada")


@pytest.fixture
def helper(gallery: Application) -> Client:
    """A client in whose session somebody is signed in who may see paintings, and no more."""
    with gallery.db_manager.session() as session:
        define_role(session, "helper", ["painting.view"])
        account = AdminUser(username="hal", password_hash=HASH)
        session.add(account)
        gallery.admin_user_manager.set_roles(session, account, ["helper"])
    return signed_in(gallery, "hal")


@pytest.fixture
def session_id(gallery: Application) -> Callable[[str], str]:
    """Gives the id of a session in which somebody is signed in."""
    return lambda name: signed_in(gallery, name).cookies["session"]


def signed_in(app: Application, name: str) -> Client:
    """Return a client with a session of somebody, without the time that a password takes."""
    with app.db_manager.session() as session:
        account = app.admin_user_manager.get_by_username(session, name)
        assert account is not None
        visit = app.session_manager.create()
        begin(visit, account)
    app.session_manager.save(visit)
    client = Client(app)
    client.cookies["session"] = visit.session_id or ""
    return client


@pytest.fixture
def session(gallery: Application) -> Iterator[Session]:
    with gallery.db_manager.create_session() as opened:
        yield opened


@pytest.fixture
def works(session: Session) -> list[Painting]:
    """Twenty-five paintings of three painters."""
    painters = [Painter(name=name) for name in ("Frida", "Georgia", "Hilma")]
    themes = [Theme(word=word) for word in ("Sea", "Night")]
    rows = [
        Painting(
            title=f"Work {number:02}",
            painter=painters[number % 3],
            style=Style.INK if number % 2 else Style.OIL,
            price=None if number % 5 == 0 else Decimal(number),
            on_show=number % 4 == 0,
            shown_at=datetime(2026, 1 + number % 12, 5, 12, 30, tzinfo=UTC),
            themes=themes[: number % 3],
        )
        for number in range(25)
    ]
    session.add_all(rows)
    session.commit()
    return rows


@pytest.fixture
def queries(gallery: Application) -> Callable[[], Any]:
    """Collects the statements of a block: `with queries() as asked: ...`."""

    @contextmanager
    def collect() -> Iterator[list[str]]:
        asked: list[str] = []

        def hear(_: Any, __: Any, statement: str, *___: Any) -> None:
            asked.append(statement)

        event.listen(gallery.db_manager.engine, "before_cursor_execute", hear)
        yield asked
        event.remove(gallery.db_manager.engine, "before_cursor_execute", hear)

    return collect


def read_form(page: str) -> dict[str, Any]:
    """Read a form as a browser sends it, untouched."""
    main = page.partition('class="edit"')[2].partition("<template>")[0]
    data: dict[str, Any] = {}
    for tag in re.findall(r"<input[^>]*>", main):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        kind, name = attributes.get("type"), attributes.get("name")
        if name and (kind not in ("checkbox", "file") or " checked" in tag):
            data[name] = unescape(attributes.get("value", ""))
    for name, text in re.findall(
        r'<textarea[^>]*name="([^"]*)"[^>]*>\n(.*?)</textarea>', main, re.S
    ):
        data[name] = unescape(text)
    for name, several, options in re.findall(
        r'<select name="([^"]*)"[^>]*?( multiple)?>(.*?)</select>', main, re.S
    ):
        chosen = re.findall(r'<option value="([^"]*)" selected', options)
        data[name] = chosen if several else (chosen or [""])[0]
    return data


@pytest.fixture
def form_of() -> Callable[[str], dict[str, Any]]:
    """Reads the form of a page as a browser sends it, untouched."""
    return read_form
