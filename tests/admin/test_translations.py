"""Translations of a row are edited in tabs, one for each language of the application."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect
from sqlalchemy import JSON, ForeignKey, String, Text, UniqueConstraint, select
from sqlalchemy.orm import Mapped, attribute_keyed_dict, mapped_column, relationship

from lback import Application, ConfigurationError
from lback.admin import AdminEntry, AdminRegistry, Inline, ModelAdmin
from lback.database import Base
from lback.testing import Client, ClientResponse
from lback.users import AdminUser, define_role
from tests.admin.conftest import DATABASES, HASH, build_gallery, read_form, signed_in

# How the history shows what has no value.
EMPTY = "\N{EN DASH}"


class TabbedPlate(Base):
    __tablename__ = "tabbed_plates"

    id: Mapped[int] = mapped_column(primary_key=True)
    room: Mapped[str] = mapped_column(String(40))
    texts: Mapped[dict[str, "TabbedText"]] = relationship(
        collection_class=attribute_keyed_dict("language"),
        cascade="all, delete-orphan",
        lazy="selectin",
    )
    loose: Mapped[list["TabbedLoose"]] = relationship(cascade="all, delete-orphan")


class TabbedText(Base):
    __tablename__ = "tabbed_texts"

    plate_id: Mapped[int] = mapped_column(ForeignKey("tabbed_plates.id"), primary_key=True)
    language: Mapped[str] = mapped_column(String(20), primary_key=True)
    title: Mapped[str] = mapped_column(String(40))
    body: Mapped[str | None] = mapped_column(Text)


class TabbedLoose(Base):
    """Nothing keeps two rows of one language apart."""

    __tablename__ = "tabbed_loose"

    id: Mapped[int] = mapped_column(primary_key=True)
    plate_id: Mapped[int] = mapped_column(ForeignKey("tabbed_plates.id"))
    language: Mapped[str] = mapped_column(String(20))
    title: Mapped[str] = mapped_column(String(40))


class TabbedSign(Base):
    __tablename__ = "tabbed_signs"

    id: Mapped[int] = mapped_column(primary_key=True)
    number: Mapped[int]
    title: Mapped[dict[str, str]] = mapped_column(JSON)
    notes: Mapped[dict[str, str] | None] = mapped_column(JSON)


class SignAdmin(ModelAdmin):
    slug = "sign"
    translated = ("title", "notes")


class PlateAdmin(ModelAdmin):
    slug = "plate"
    exclude = ("loose",)
    inlines = (Inline("texts", language="language"),)


@pytest.fixture(scope="module", params=DATABASES)
def plates_app(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Application]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('tabs') / 'test.sqlite3'}"
    else:
        url = request.getfixturevalue(f"{request.param}_url")
    app = build_gallery(url, LANGUAGES=["en", "de", "ar"])
    app.admin_registry.register(TabbedPlate, PlateAdmin)
    app.admin_registry.register(TabbedSign, SignAdmin)
    app.db_manager.create_tables()
    yield app
    app.db_manager.dispose()


@pytest.fixture
def app(plates_app: Application) -> Iterator[Application]:
    """The application, on an empty database with one superuser, "ada"."""
    app = plates_app
    with app.db_manager.session() as session:
        session.add(AdminUser(username="ada", password_hash=HASH, is_superuser=True))
    yield app
    with app.db_manager.session() as session:
        for table in reversed(Base.metadata.sorted_tables):
            session.execute(table.delete())


@pytest.fixture
def ada(app: Application) -> Client:
    return signed_in(app, "ada")


def add_plate(app: Application, **texts: str) -> str:
    """Store a plate with a title by language, and return the address of its page."""
    rows = {code: TabbedText(language=code, title=title) for code, title in texts.items()}
    with app.db_manager.session() as session:
        plate = TabbedPlate(room="Hall", texts=rows)
        session.add(plate)
        session.flush()
        return f"/admin/plate/row/{plate.id}"


def titles(app: Application) -> dict[str, str]:
    with app.db_manager.session() as session:
        rows = session.scalars(select(TabbedText).order_by(TabbedText.language))
        return {row.language: row.title for row in rows}


def panels(page: ClientResponse, name: str = "texts") -> dict[str, str]:
    """The HTML of each language, by its tag and in the order of the page."""
    part = rf'<div class="translation" id="{name}-([^"]+)"(.*?)</fieldset>'
    return dict(re.findall(part, page.text, re.S))


def save(client: Client, address: str, **values: Any) -> ClientResponse:
    return client.post(address, data={**read_form(client.get(address).text), **values})


def test_each_language_has_a_part_with_its_name_and_direction(
    app: Application, ada: Client
) -> None:
    parts = panels(ada.get(add_plate(app, de="Tasse")))
    assert list(parts) == ["en", "de", "ar"]
    assert '<span lang="de" dir="ltr">Deutsch</span>' in parts["de"]
    assert '<span lang="ar" dir="rtl">العربية</span>' in parts["ar"]
    assert ">New<" in parts["en"]
    assert ">New<" not in parts["de"]
    assert re.search(r'name="texts-de-title"[^>]* lang="de" dir="ltr"', parts["de"])
    assert re.search(r'name="texts-ar-body"[^>]* lang="ar" dir="rtl"', parts["ar"])
    assert re.search(r'value="Tasse"', parts["de"])
    assert "language" not in "".join(re.findall(r'name="([^"]*)"', "".join(parts.values())))


def test_translations_are_added_changed_and_removed(app: Application, ada: Client) -> None:
    address = add_plate(app, de="Tasse")
    assert (
        save(ada, address, **{"texts-en-title": "Mug", "texts-de-title": "Becher"}).status_code
        == 303
    )
    assert titles(app) == {"de": "Becher", "en": "Mug"}
    assert (
        save(ada, address, **{"texts-de-DELETE": "on", "texts-ar-title": "كوب"}).status_code == 303
    )
    assert titles(app) == {"ar": "كوب", "en": "Mug"}
    with app.db_manager.session() as session:
        entries = session.scalars(select(AdminEntry).order_by(AdminEntry.id)).all()
        fields = [[change.field for change in entry.changed] for entry in entries]
    assert fields == [["Texts: de: Title", "Texts: en: Title"], ["Texts: ar: Title", "Texts"]]


def test_a_new_row_is_saved_with_its_translations(app: Application, ada: Client) -> None:
    sent = {"room": "Hall", "texts-en-title": "Mug", "texts-de-title": "Tasse"}
    assert save(ada, "/admin/plate/add", **sent).status_code == 303
    assert titles(app) == {"de": "Tasse", "en": "Mug"}


def test_languages_left_empty_are_not_stored(app: Application, ada: Client) -> None:
    assert save(ada, "/admin/plate/add", room="Hall").status_code == 303
    assert titles(app) == {}


def test_a_translation_with_an_error_is_marked_and_opened(app: Application, ada: Client) -> None:
    address = add_plate(app, en="Mug", de="Tasse")
    answer = save(ada, address, **{"texts-de-title": "", "texts-ar-body": "بلا عنوان"})
    assert answer.status_code == 422
    parts = panels(answer)
    assert [code for code, part in parts.items() if ">Error<" in part] == ["de", "ar"]
    assert [code for code, part in parts.items() if "data-open" in part] == ["de"]
    assert titles(app) == {"de": "Tasse", "en": "Mug"}


def test_the_language_of_the_page_is_open_first(app: Application, ada: Client) -> None:
    address = add_plate(app)
    for code in ("ar", "de", "en"):
        parts = panels(ada.get(address, headers={"Accept-Language": code}))
        assert [name for name, part in parts.items() if "data-open" in part] == [code]


def test_rows_in_further_languages_follow(app: Application, ada: Client) -> None:
    address = add_plate(app, fr="Tasse", qqx="?", en="Mug")
    assert list(panels(ada.get(address))) == ["en", "de", "ar", "fr", "qqx"]
    assert (
        save(ada, address, **{"texts-fr-title": "Bol", "texts-qqx-DELETE": "on"}).status_code == 303
    )
    assert titles(app) == {"en": "Mug", "fr": "Bol"}


def test_languages_that_the_page_did_not_offer_are_not_added(app: Application, ada: Client) -> None:
    address = add_plate(app)
    sent = {"texts-fr-title": "Tasse", "texts-count": "9", "texts-3-title": "x"}
    assert save(ada, address, **sent).status_code == 303
    assert titles(app) == {}


def test_a_translation_that_another_user_added_is_a_conflict(app: Application, ada: Client) -> None:
    address = add_plate(app, en="Mug")
    form = read_form(ada.get(address).text)
    save(ada, address, **{"texts-de-title": "Tasse"})
    answer = ada.post(address, data={**form, "texts-de-title": "Becher"})
    assert answer.status_code == 409
    assert titles(app) == {"de": "Tasse", "en": "Mug"}


def test_a_translation_that_may_only_be_viewed_is_shown_as_text(app: Application) -> None:
    address = add_plate(app, en="Mug")
    app.admin_registry.register(TabbedText)
    try:
        with app.db_manager.session() as session:
            define_role(session, "hanger", ["plate.change", "tabbed-text.view"])
            hanger = AdminUser(username="ed", password_hash=HASH)
            session.add(hanger)
            app.admin_user_manager.set_roles(session, hanger, ["hanger"])
        parts = panels(signed_in(app, "ed").get(address))
        assert list(parts) == ["en"]
        assert "<p>Mug</p>" in parts["en"]
        assert 'type="text"' not in parts["en"]
    finally:
        app.admin_registry.unregister(TabbedText)


def test_translations_of_a_registered_model_need_its_permissions(app: Application) -> None:
    address = add_plate(app, en="Mug")
    app.admin_registry.register(TabbedText)
    try:
        with app.db_manager.session() as session:
            define_role(session, "editor", ["plate.change", "tabbed-text.change"])
            editor = AdminUser(username="ed", password_hash=HASH)
            session.add(editor)
            app.admin_user_manager.set_roles(session, editor, ["editor"])
        editor_client = signed_in(app, "ed")
        assert list(panels(editor_client.get(address))) == ["en"]
        sent = {"texts-en-title": "Cup", "texts-de-title": "Tasse"}
        assert save(editor_client, address, **sent).status_code == 303
        assert titles(app) == {"en": "Cup"}
    finally:
        app.admin_registry.unregister(TabbedText)


@pytest.mark.parametrize(
    ("inline", "message"),
    [
        (Inline("texts", language="tongue"), "'tongue', which is not a column of TabbedText"),
        (Inline("loose", language="language"), r"UniqueConstraint\('plate_id', 'language'\)"),
    ],
)
def test_mistakes_are_found_at_the_start(inline: Inline, message: str) -> None:
    registry = AdminRegistry()
    options = type("Options", (PlateAdmin,), {"inlines": (inline,)})
    with pytest.raises(ConfigurationError, match=message):
        registry.register(TabbedPlate, options)
        registry.prepare()


def test_a_unique_constraint_is_enough() -> None:
    constraint = UniqueConstraint("plate_id", "language", name="tabbed_loose_once")
    table = Base.metadata.tables["tabbed_loose"]
    table.append_constraint(constraint)
    try:
        registry = AdminRegistry()
        inlines = (Inline("loose", language="language"),)
        registry.register(TabbedPlate, type("Options", (PlateAdmin,), {"inlines": inlines}))
        registry.prepare()
    finally:
        table.constraints.remove(constraint)


# Columns of JSON.


def add_sign(app: Application, **title: str) -> str:
    with app.db_manager.session() as session:
        sign = TabbedSign(number=1, title=title)
        session.add(sign)
        session.flush()
        return f"/admin/sign/row/{sign.id}"


def signs(app: Application) -> list[tuple[Any, Any]]:
    with app.db_manager.session() as session:
        rows = session.scalars(select(TabbedSign).order_by(TabbedSign.id))
        return [(row.title, row.notes) for row in rows]


def test_columns_of_json_have_tabs(app: Application, ada: Client) -> None:
    page = ada.get(add_sign(app, de="Ausgang", fr="Sortie"))
    parts = panels(page, "translated")
    assert list(parts) == ["en", "de", "ar", "fr"]
    assert re.search(r'name="translated-ar-title"[^>]* lang="ar" dir="rtl"', parts["ar"])
    assert "Ausgang</textarea>" in parts["de"]
    assert [code for code, part in parts.items() if ">New<" in part] == ["en", "ar"]
    assert [code for code, part in parts.items() if " required" in part] == ["en"]
    assert 'name="title"' not in page.text


def test_texts_in_columns_of_json_are_saved(app: Application, ada: Client) -> None:
    sent = {"number": "7", "translated-en-title": "Exit", "translated-de-title": "Ausgang"}
    assert save(ada, "/admin/sign/add", **sent).status_code == 303
    assert signs(app) == [({"en": "Exit", "de": "Ausgang"}, None)]
    with app.db_manager.session() as session:
        address = f"/admin/sign/row/{session.scalars(select(TabbedSign.id)).one()}"
    sent = {"translated-de-title": "", "translated-ar-title": "خروج"}
    assert save(ada, address, **sent, **{"translated-en-notes": "Left"}).status_code == 303
    assert signs(app) == [({"en": "Exit", "ar": "خروج"}, {"en": "Left"})]
    with app.db_manager.session() as session:
        entry = session.scalars(select(AdminEntry).order_by(AdminEntry.id.desc())).first()
        assert entry is not None
        changes = [(change.field, change.before, change.after) for change in entry.changed]
    assert changes == [
        ("en: Notes", EMPTY, "Left"), ("de: Title", "Ausgang", EMPTY), ("ar: Title", EMPTY, "خروج"),
    ]  # fmt: skip


def test_a_text_that_is_needed_is_asked_for(app: Application, ada: Client) -> None:
    answer = save(ada, "/admin/sign/add", number="7", **{"translated-de-title": "Ausgang"})
    assert answer.status_code == 422
    parts = panels(answer, "translated")
    assert [code for code, part in parts.items() if ">Error<" in part] == ["en"]
    assert "Ausgang</textarea>" in parts["de"]
    assert signs(app) == []


def test_texts_that_another_user_changed_are_shown(app: Application, ada: Client) -> None:
    address = add_sign(app, en="Exit")
    form = read_form(ada.get(address).text)
    save(ada, address, **{"translated-en-title": "Way out"})
    answer = ada.post(address, data={**form, "translated-en-title": "Door"})
    assert answer.status_code == 409
    assert '<th scope="row">en: Title</th><td>Way out</td>' in answer.text
    assert signs(app) == [({"en": "Way out"}, None)]


def test_what_is_not_shown_stays(app: Application, ada: Client) -> None:
    address = add_sign(app, **{"en": "Exit", "not a tag": "kept"})
    assert list(panels(ada.get(address), "translated")) == ["en", "de", "ar"]
    assert save(ada, address, **{"translated-en-title": "Door"}).status_code == 303
    assert signs(app) == [({"en": "Door", "not a tag": "kept"}, None)]


def test_users_who_may_only_view_get_no_tabs(app: Application) -> None:
    address = add_sign(app, en="Exit")
    with app.db_manager.session() as session:
        define_role(session, "viewer", ["sign.view"])
        viewer = AdminUser(username="ed", password_hash=HASH)
        session.add(viewer)
        app.admin_user_manager.set_roles(session, viewer, ["viewer"])
    client = signed_in(app, "ed")
    page = client.get(address)
    assert panels(page, "translated") == {}
    assert "Exit" in page.text
    assert client.post(address, data={"translated-en-title": "Door"}).status_code == 403
    assert signs(app) == [({"en": "Exit"}, None)]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"translated": ("number",)}, "'number', which is not a column of JSON"),
        ({"translated": ("headline",)}, "'headline', which is not a field of the form"),
        ({"translated": ("title",), "exclude": ("title",)}, "not a field of the form"),
        ({"translated": "title"}, r"write \('title',\)"),
    ],
)
def test_mistakes_in_translated_are_found_at_the_start(
    options: dict[str, Any], message: str
) -> None:
    registry = AdminRegistry()
    registry.register(TabbedSign, type("Options", (ModelAdmin,), options))
    with pytest.raises(ConfigurationError, match=message):
        registry.prepare()


# In a browser.


@pytest.fixture
def visit(
    app: Application, chromium: Browser, serve: Callable[[Any], str]
) -> Iterator[Callable[..., Page]]:
    """Opens a page as "ada": `visit(path, width=360)`."""
    site, contexts = serve(app), []

    def open_page(path: str, width: int = 1200, **options: Any) -> Page:
        context = chromium.new_context(viewport={"width": width, "height": 900}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        value = signed_in(app, "ada").cookies["session"]
        context.add_cookies([{"name": "session", "value": value, "url": site}])
        page = context.new_page()
        page.goto(site + path)
        return page

    yield open_page
    for context in contexts:
        context.close()


only_sqlite = pytest.mark.parametrize("plates_app", ["sqlite"], indirect=True)


@only_sqlite
@pytest.mark.parametrize("width", [360, 1200])
def test_tabs_are_used_with_mouse_and_keyboard(
    app: Application,
    visit: Callable[..., Page],
    axe_findings: Callable[[Page], list[str]],
    width: int,
) -> None:
    page = visit(add_plate(app, en="Mug", de="Tasse"), width)
    tabs = page.get_by_role("tab")
    expect(tabs).to_have_text(["English", "Deutsch", "العربية New"])
    expect(page.get_by_role("tabpanel")).to_have_count(1)
    title = page.get_by_role("tabpanel").get_by_label("Title")
    expect(title).to_have_value("Mug")
    tabs.nth(0).focus()
    page.keyboard.press("ArrowRight")
    expect(tabs.nth(1)).to_be_focused()
    expect(title).to_have_value("Tasse")
    page.keyboard.press("End")
    expect(page.get_by_role("tab", selected=True)).to_contain_text("العربية")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", selected=True)).to_have_text("English")
    tabs.nth(2).click()
    title.fill("كوب")
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("was changed.")
    assert titles(app) == {"ar": "كوب", "de": "Tasse", "en": "Mug"}


@only_sqlite
def test_a_value_that_the_browser_refuses_is_shown(
    app: Application, visit: Callable[..., Page]
) -> None:
    page = visit(add_plate(app, en="Mug", de="Tasse"))
    page.get_by_role("tab", name="Deutsch").click()
    page.get_by_role("tabpanel").get_by_label("Title").fill("")
    page.get_by_role("tab", name="English").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("tab", selected=True)).to_have_text("Deutsch")
    expect(page.get_by_role("tabpanel").get_by_label("Title")).to_be_focused()


@only_sqlite
def test_a_value_that_the_server_refuses_is_shown(
    app: Application, visit: Callable[..., Page], axe_findings: Callable[[Page], list[str]]
) -> None:
    page = visit(add_plate(app, en="Mug"))
    page.get_by_role("tab", name="Deutsch").click()
    page.get_by_role("tabpanel").get_by_label("Body").fill("ohne Titel")
    page.get_by_role("tab", name="English").click()
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("tab", selected=True)).to_have_text("Deutsch Error")
    expect(page.get_by_role("tabpanel").locator(".error")).to_be_visible()
    assert axe_findings(page) == []


@only_sqlite
def test_without_javascript_all_languages_are_shown(
    app: Application, visit: Callable[..., Page], axe_findings: Callable[[Page], list[str]]
) -> None:
    page = visit(add_plate(app, en="Mug"), 360, java_script_enabled=False)
    expect(page.get_by_role("tab")).to_have_count(0)
    for name in ("English", "Deutsch", "العربية"):
        expect(page.get_by_role("group", name=name).get_by_label("Title")).to_be_visible()
    page.get_by_role("group", name="Deutsch").get_by_label("Title").fill("Tasse")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("was changed.")
    assert titles(app) == {"de": "Tasse", "en": "Mug"}


@only_sqlite
def test_arrows_follow_the_direction_of_the_page(
    app: Application, visit: Callable[..., Page]
) -> None:
    page = visit(add_plate(app, en="Mug"), locale="ar")
    expect(page.get_by_role("tab", selected=True)).to_contain_text("العربية")
    page.get_by_role("tab", selected=True).focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("tab", selected=True)).to_contain_text("Deutsch")


@only_sqlite
@pytest.mark.parametrize("width", [360, 1200])
def test_texts_of_columns_of_json_are_edited(
    app: Application,
    visit: Callable[..., Page],
    axe_findings: Callable[[Page], list[str]],
    width: int,
) -> None:
    page = visit(add_sign(app, en="Exit"), width)
    page.get_by_role("tab", name="العربية").click()
    page.get_by_role("tabpanel").get_by_label("Title").fill("خروج")
    assert axe_findings(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("was changed.")
    assert signs(app) == [({"en": "Exit", "ar": "خروج"}, None)]
