"""The framework's pages in German, Arabic and with texts of double length, on two screens."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from lback import Application
from lback.auth.sign_in import begin
from tests.i18n.pseudo import CODE
from tests.i18n.test_framework_pages import build

OPEN = ("/admin/sign-in", "/accounts/sign-in", "/accounts/sign-up", "/accounts/forgot", "/nothing")
OF_ADMIN = (
    "/admin/",
    "/admin/crate",
    "/admin/crate/row/1",
    "/admin/crate/row/1/delete",
    "/admin/user/row/1",
    "/admin/history",
)
OF_USER = ("/accounts/", "/accounts/password", "/accounts/email")
# Elements beside the page, except those that scroll by themselves or are hidden there.
OUTSIDE = """() => [...document.querySelectorAll('body *')].filter((element) => {
  const box = element.getBoundingClientRect();
  return box.width && box.height && (box.left < -1 || box.right > innerWidth + 1)
    && !element.closest('.scroll, .sections, .skip, .unseen, pre');
}).map((element) => element.outerHTML.slice(0, 100))"""


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    app = build(tmp_path_factory.mktemp("languages"), ALLOWED_HOSTS=["127.0.0.1"])
    yield app
    app.db_manager.dispose()


def session_of(app: Application, manager: Any) -> str:
    with app.db_manager.session() as session:
        visit = app.session_manager.create()
        begin(visit, manager.get_by_username(session, "ada"))
    app.session_manager.save(visit)
    return visit.session_id or ""


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize(("code", "direction"), [(CODE, ""), ("de", ""), ("ar", "rtl")], ids=str)
def test_pages_fit_and_can_be_used(
    app: Application,
    serve: Callable[[Any], str],
    chromium: Browser,
    serious_findings: Callable[[Page], list[str]],
    code: str,
    direction: str,
    width: int,
) -> None:
    site = serve(app)
    for manager, paths in (
        (None, OPEN),
        (app.admin_user_manager, OF_ADMIN),
        (app.user_manager, OF_USER),
    ):
        context = chromium.new_context(viewport={"width": width, "height": 800}, locale=code)
        context.add_cookies([{"name": "language", "value": code, "url": site}])
        if manager is not None:
            value = session_of(app, manager)
            context.add_cookies([{"name": "session", "value": value, "url": site}])
        page = context.new_page()
        for path in paths:
            page.goto(site + path)
            root = page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
            assert root == [code, direction], path
            wide = page.evaluate("document.documentElement.scrollWidth")
            assert wide <= width, path
            assert page.evaluate(OUTSIDE) == [], path
            assert serious_findings(page) == [], path
        context.close()


def test_texts_of_scripts_are_translated(
    app: Application, serve: Callable[[Any], str], chromium: Browser
) -> None:
    site = serve(app)
    context = chromium.new_context()
    context.add_cookies(
        [
            {"name": "language", "value": "de", "url": site},
            {"name": "session", "value": session_of(app, app.admin_user_manager), "url": site},
        ]
    )
    page = context.new_page()
    page.goto(f"{site}/admin/crate")
    page.locator('input[name="key"]').first.check()
    assert page.locator("[data-number]").inner_text() == "1 ausgewählt"
    context.close()
