"""The admin in a real browser: what people do there, and what hostile people leave there."""

import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect
from sqlalchemy import select

from lback import Application
from lback.admin import AdminEntry

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SHOWN = {
    "admin-home-light.png",
    "admin-list-light.png",
    "admin-list-dark.png",
    "admin-list-phone.png",
    "admin-row-light.png",
    "admin-row-phone.png",
}
# It runs if it is ever taken for anything but text.
HOSTILE = '"\'></textarea></title><img src=x onerror="window.broken=1"><script>broken=1</script>'

pytestmark = pytest.mark.parametrize("gallery_app", ["sqlite"], indirect=True)


@pytest.fixture
def site(gallery: Application, serve: Callable[[Any], str]) -> str:
    return serve(gallery.develop())


class Visit:
    """A browser of its own, which notices everything that must not happen."""

    def __init__(
        self,
        context: BrowserContext,
        site: str,
        session_id: Callable[[str], str],
        findings: Callable[[Page], list[str]],
    ) -> None:
        self.site = site
        self._findings = findings
        self._session_id = session_id
        self.context = context
        self.faults: list[str] = []
        self.page: Page = context.new_page()
        self.page.on("pageerror", lambda error: self.faults.append(f"error: {error}"))
        self.page.on("console", self._hear)
        self.page.on("dialog", self._dismiss)
        self.page.on("request", self._see)

    def _hear(self, message: Any) -> None:
        # A page that answers 4xx is reported there as well, and is what some tests want.
        if message.type == "error" and "Failed to load resource" not in message.text:
            self.faults.append(f"console: {message.text}")

    def _dismiss(self, dialog: Any) -> None:
        self.faults.append(f"dialog: {dialog.message}")
        dialog.accept()

    def _see(self, request: Any) -> None:
        host = urlsplit(request.url).netloc
        if host != urlsplit(self.site).netloc and not request.url.startswith("about:"):
            self.faults.append(f"request to {request.url}")

    def go(self, path: str) -> Page:
        self.page.goto(self.site + path)
        return self.page

    def sign_in(self, name: str = "ada") -> Page:
        """Begin signed in; the door itself has a test of its own."""
        cookie: Any = {"name": "session", "value": self._session_id(name), "url": self.site}
        self.context.add_cookies([cookie])
        return self.go("/admin/")

    def check(self) -> None:
        """Nothing hostile ran, nothing broke, and nobody else was asked for anything."""
        assert not self.faults
        if self.page.url.startswith("http"):
            assert self.page.evaluate("window.broken") is None
            assert self.page.locator("img").count() == 0

    def findings(self) -> list[str]:
        """Return what axe finds on the page that is shown."""
        return self._findings(self.page)


@pytest.fixture
def visit(
    chromium: Browser,
    site: str,
    session_id: Callable[[str], str],
    serious_findings: Callable[[Page], list[str]],
) -> Iterator[Callable[..., Visit]]:
    """Opens a browser window: `visit(width=390)`."""
    contexts: list[BrowserContext] = []

    def open_window(width: int = 1200, **options: Any) -> Visit:
        context = chromium.new_context(viewport={"width": width, "height": 800}, **options)
        context.set_default_timeout(10_000)
        contexts.append(context)
        return Visit(context, site, session_id, serious_findings)

    yield open_window
    for context in contexts:
        context.close()


def model(gallery: Application, name: str) -> Any:
    return next(e.model for e in gallery.admin_registry if e.model.__name__ == name)


def test_what_is_hard_to_use_would_be_found(visit: Any) -> None:
    ada = visit()
    ada.go("/admin/sign-in")
    assert not ada.findings()
    ada.page.evaluate("document.querySelector('label').remove()")
    assert [one.partition(":")[0] for one in ada.findings()] == ["label"]


def test_signing_in_and_out(visit: Any, password: str) -> None:
    ada = visit()
    page = ada.go("/admin/painting")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill("wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("The username or password is wrong.")
    expect(page.get_by_label("Username")).to_have_value("ada")
    expect(page.get_by_label("Password")).to_have_value("")
    page.get_by_label("Password").fill(password)
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text("Paintings")
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.go_back()
    page.reload()
    expect(page.get_by_label("Password")).to_be_visible()
    ada.check()


def test_a_forged_form_is_refused(visit: Any, works: Any, session: Any) -> None:
    ada = visit()
    ada.sign_in()
    page = ada.go(f"/admin/painting/row/{works[0].id}")
    page.locator(".edit [name=csrf_token]").evaluate("field => field.value = 'forged'")
    page.get_by_label("Title").fill("Forged")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("body")).to_contain_text("403")
    session.expire_all()
    assert works[0].title == "Work 00"
    ada.check()


def test_hostile_text_stays_text_everywhere(
    visit: Any, works: Any, session: Any, gallery: Application, password: str
) -> None:
    ada = visit()
    ada.sign_in()
    for section in ("painter", "theme"):
        page = ada.go(f"/admin/{section}/add")
        page.locator(".edit input[type=text]").first.fill(HOSTILE[:80])
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("status")).to_contain_text("was added.")
    page = ada.go("/admin/painting/add")
    for field in page.locator(".edit input[type=text], .edit textarea").all():
        field.fill(HOSTILE[: int(field.get_attribute("maxlength") or 1000)])
    page.get_by_label("Painter").select_option(label=HOSTILE[:80])
    page.get_by_label("Themes").select_option(label=HOSTILE[:80])
    page.get_by_label("Amount").fill("3")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.get_by_label("Title")).to_have_value(HOSTILE)
    key = page.url.rpartition("/")[2]
    user = ada.go("/admin/user/add")
    user.get_by_label("Username").fill(HOSTILE)
    user.get_by_label("New password").fill(password)
    user.get_by_role("button", name="Save", exact=True).click()
    expect(user.get_by_role("status")).to_contain_text("was added.")
    row = f"/admin/painting/row/{key}"
    for path in (
        "/admin/", "/admin/painting", "/admin/painter", "/admin/theme", "/admin/user", row,
        f"{row}/history", f"{row}/delete", "/admin/history", "/admin/painting?q=%3Cscript%3E",
        "/admin/painting?is-style=%22%3E%3Cscript%3E", "/admin/painting/add", "/admin/user/add",
    ):  # fmt: skip
        ada.go(path)
        ada.check()
        assert not ada.findings(), path
    painting = session.get(model(gallery, "Painting"), int(key))
    assert painting.title == HOSTILE


def test_creating_and_editing(visit: Any, works: Any, session: Any) -> None:
    ada = visit()
    ada.sign_in()
    page = ada.go("/admin/painting")
    page.get_by_role("link", name="Add painting").click()
    page.get_by_role("button", name="Save", exact=True).click()
    # The browser itself asks for what is needed; nothing was sent.
    assert page.url.endswith("/add")
    page.get_by_label("Title").fill("Waves")
    page.get_by_label("Painter").select_option(label="Hilma")
    page.get_by_label("Price", exact=True).fill("12.5")
    page.get_by_label("Shown at").fill("2026-05-06T07:08")
    page.get_by_label("Buyer").fill("Bea")
    page.get_by_label("Amount").fill("3")
    page.get_by_role("button", name="Add another row").click()
    page.get_by_label("Buyer").nth(1).fill("Cleo")
    page.get_by_label("Amount").nth(1).fill("4")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("Waves was added.")
    page = ada.go("/admin/painting?q=waves")
    page.get_by_role("link", name="Waves").click()
    expect(page.get_by_label("Buyer").first).to_have_value("Bea")
    page.get_by_label("Remove").first.check()
    page.get_by_label("Title").fill("Storm")
    page.keyboard.press("Control+s")
    expect(page.get_by_role("status")).to_have_text("Storm was changed.")
    expect(page.get_by_label("Buyer").first).to_have_value("Cleo")
    page.get_by_role("link", name="History").last.click()
    expect(page.locator(".changes").first).to_contain_text("Waves")
    ada.check()
    assert not ada.findings()
    (row,) = [e for e in session.scalars(select(AdminEntry)) if e.action == "change"]
    assert {c.field for c in row.changed} == {"Title", "Sales"}


def test_what_is_wrong_is_said_beside_the_field(visit: Any, works: Any) -> None:
    ada = visit()
    ada.sign_in()
    page = ada.go(f"/admin/painting/row/{works[0].id}")
    page.locator(".edit").evaluate("form => { form.noValidate = true }")
    page.get_by_label("Title").fill("")
    page.get_by_label("Notes").fill("Kept")
    page.get_by_role("button", name="Save", exact=True).click()
    title = page.get_by_label("Title")
    expect(title).to_have_attribute("aria-invalid", "true")
    expect(title).to_have_accessible_description("Please fill this in.")
    expect(page.get_by_label("Notes")).to_have_value("Kept")
    assert not ada.findings()
    ada.check()


def test_two_people_at_one_row(visit: Any, works: Any, gallery: Application, password: str) -> None:
    with gallery.db_manager.session() as session:
        gallery.admin_user_manager.register(session, "eve", password, is_superuser=True)
    ada, eve = visit(), visit()
    ada.sign_in()
    eve.sign_in("eve")
    path = f"/admin/painting/row/{works[0].id}"
    first, second = ada.go(path), eve.go(path)
    first.get_by_label("Title").fill("By Ada")
    first.get_by_role("button", name="Save", exact=True).click()
    second.get_by_label("Title").fill("By Eve")
    second.get_by_role("button", name="Save", exact=True).click()
    alert = second.get_by_role("alert")
    expect(alert).to_contain_text("This was changed by another user")
    expect(alert).to_contain_text("By Ada")
    expect(second.get_by_label("Title")).to_have_value("By Eve")
    assert not eve.findings()
    second.get_by_role("button", name="Save", exact=True).click()
    expect(second.get_by_role("status")).to_contain_text("By Eve was changed.")
    ada.check()
    eve.check()


def test_searching_filtering_and_doing_something_to_several(visit: Any, works: Any) -> None:
    ada = visit()
    ada.sign_in()
    page = ada.go("/admin/painting")
    page.keyboard.press("/")
    page.keyboard.type("work 0")
    page.keyboard.press("Enter")
    expect(page.locator("tbody tr")).to_have_count(10)
    page.get_by_text("Filter", exact=True).first.click()
    page.get_by_label("Style").select_option(label="Ink")
    page.get_by_role("button", name="Filter").click()
    expect(page.locator("tbody tr")).to_have_count(5)
    page.get_by_role("link", name="Title").click()
    expect(page.locator("tbody tr").first).to_contain_text("Work 09")
    page.get_by_label("Select all rows of this page").check()
    expect(page.locator("[data-number]")).to_have_text("5 selected")
    page.get_by_label("Select Work 09").uncheck()
    page.get_by_label("With selected rows").select_option(label="Put on show")
    page.get_by_role("button", name="Go").click()
    expect(page.get_by_role("status")).to_have_text("4 put on show.")
    expect(page.locator("tbody tr")).to_have_count(5)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 6
    ada.check()


def test_deleting_names_what_goes_with_it(visit: Any, works: Any, session: Any) -> None:
    sale = type(works[0]).sales.property.mapper.class_
    works[0].sales = [sale(buyer=HOSTILE[:80], amount=1)]
    session.commit()
    ada = visit()
    ada.sign_in()
    page = ada.go(f"/admin/painting/row/{works[0].id}")
    page.get_by_role("link", name="Delete").click()
    expect(page.locator("main")).to_contain_text("1 sale will be deleted as well")
    expect(page.locator("main")).to_contain_text(HOSTILE[:80])
    assert not ada.findings()
    ada.check()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text("1 painting deleted.")
    page = ada.go(f"/admin/painter/row/{works[1].painter_id}/delete")
    expect(page.get_by_role("alert")).to_have_text("This cannot be deleted.")
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
    ada.check()


def test_a_lesser_role_may_look_and_not_touch(visit: Any, works: Any, helper: Any) -> None:
    hal = visit()
    page = hal.sign_in("hal")
    expect(page.locator(".sections")).to_contain_text("Paintings")
    expect(page.locator(".sections")).not_to_contain_text("Painters")
    page = hal.go(f"/admin/painting/row/{works[0].id}")
    expect(page.locator("main")).to_contain_text("Work 00")
    expect(page.locator("main button")).to_have_count(0)
    assert not hal.findings()
    page = hal.go("/admin/painting/add")
    expect(page.locator("body")).to_contain_text("403")
    assert not hal.findings()
    page = hal.go("/admin/painter")
    expect(page.locator("body")).to_contain_text("404")
    hal.check()


def test_hostile_files_are_refused(visit: Any, works: Any, tmp_path: Path, session: Any) -> None:
    ada = visit()
    ada.sign_in()
    path = f"/admin/painting/row/{works[0].id}"
    svg = b'<svg xmlns="http://www.w3.org/2000/svg" onload="broken=1"/>'
    for name, content in (("page.html", b"<script>broken=1</script>"), ("art.svg", svg),
                          ("..%2f..%2fart.png", svg), ("art.png", b"GIF89a<script>")):  # fmt: skip
        page = ada.go(path)
        file = {"name": name, "mimeType": "image/png", "buffer": content}
        page.get_by_label("Picture").set_input_files(files=[file])
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_label("Picture")).to_have_attribute("aria-invalid", "true")
        ada.check()
    session.expire_all()
    assert works[0].picture is None


def test_a_picker_is_used_by_keyboard(visit: Any, works: Any, session: Any) -> None:
    painter = type(works[0].painter)
    session.add_all(painter(name=f"Painter {number:03} {HOSTILE[:60]}") for number in range(120))
    session.commit()
    ada = visit()
    ada.sign_in()
    page = ada.go(f"/admin/painting/row/{works[0].id}")
    words = page.get_by_role("combobox", name="Painter")
    expect(words).to_have_value("Frida")
    words.fill("Painter 04")
    expect(page.locator(".picker li")).to_have_count(10)
    assert not ada.findings()
    words.press("ArrowDown")
    words.press("Enter")
    expect(words).to_have_value(re.compile("^Painter 041"))
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_contain_text("was changed.")
    session.expire_all()
    assert works[0].painter.name.startswith("Painter 041")
    ada.check()


def test_everything_essential_works_without_a_script(visit: Any, works: Any, session: Any) -> None:
    ada = visit(java_script_enabled=False)
    page = ada.sign_in()
    page.get_by_role("link", name="Add painting").click()
    page.get_by_label("Title").fill("By hand")
    page.get_by_label("Painter").select_option(label="Frida")
    page.get_by_label("Buyer").fill("Bea")
    page.get_by_label("Amount").fill("3")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_role("status")).to_have_text("By hand was added.")
    page = ada.go("/admin/painting?q=hand")
    page.get_by_label("Select By hand").check()
    page.get_by_label("With selected rows").select_option(label="Sell off ...")
    page.get_by_role("button", name="Go").click()
    page.get_by_role("button", name="Sell off").click()
    page = ada.go("/admin/painting?q=hand")
    expect(page.locator("tbody")).to_contain_text("1.00")
    page.get_by_role("link", name="By hand").click()
    page.get_by_role("link", name="Delete").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_role("status")).to_have_text("1 painting deleted.")


def test_the_first_stop_of_the_keyboard_leads_to_the_content(visit: Any, works: Any) -> None:
    ada = visit()
    ada.sign_in()
    page = ada.go("/admin/painting")
    page.keyboard.press("Tab")
    expect(page.get_by_text("Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#content")).to_be_focused()


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 390)])
def test_every_page_is_accessible_and_fits(
    visit: Any, works: Any, session: Any, scheme: str, width: int
) -> None:
    sale = type(works[0]).sales.property.mapper.class_
    works[0].sales = [sale(buyer="Bea", amount=1200)]
    works[0].notes = "Oil on canvas.\nA gift of the painter."
    for number, work in enumerate(works[:4]):
        moment = datetime(2026, 3, 9 - number, 14, 30, tzinfo=UTC)
        session.add(AdminEntry(
            at=moment, user_name="ada", action="change", section="painting", row_key=str(work.id),
            row_label=work.title, changes='[["Price", "3.00", "4.50"]]',
        ))  # fmt: skip
    session.commit()
    ada = visit(width, color_scheme=scheme)
    ada.go("/admin/sign-in")
    pages = {
        "sign-in": None,
        "home": "/admin/",
        "list": "/admin/painting?is-style=INK",
        "row": f"/admin/painting/row/{works[0].id}",
        "delete": f"/admin/painting/row/{works[0].id}/delete",
        "history": "/admin/history",
        "add": "/admin/painting/add",
        "users": "/admin/admin-user",
        "role": "/admin/role/add",
    }
    for name, path in pages.items():
        page = ada.page if path is None else ada.go(path)
        assert not ada.findings(), name
        assert page.evaluate("document.documentElement.scrollWidth") <= width, name
        shown = f"admin-{name}-{scheme if width > 400 else 'phone'}.png"
        if os.environ.get("LBACK_WRITE_IMAGES") and shown in SHOWN:
            IMAGES.mkdir(exist_ok=True)
            page.screenshot(path=IMAGES / shown)
        if path is None:
            ada.sign_in()
    ada.check()
