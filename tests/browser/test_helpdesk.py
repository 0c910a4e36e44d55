"""The helpdesk of the tutorial fits a desk and a phone, and can be used by everybody."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po
from playwright.sync_api import Browser, expect

from tests.cli.serving import running

ROOT = Path(__file__).parents[2]
PICTURE = ROOT / "docs" / "images" / "helpdesk-light.png"
PASSWORD = "a rather long password"
ROWS = f"""
from lback.storage import new_file
from tickets.models import *
users, body = app.user_manager, "It opens by a hand and no further.\\nTwo of us are inside."
ada, sam = (
    users.register(db_session, email, {PASSWORD!r}, email)
    for email in ("ada@example.org", "sam@example.org")
)
door = Ticket(title="The door of room 5 is stuck", body=body, priority=Priority.HIGH, customer=ada)
picture = new_file(b"\\x89PNG\\r\\n\\x1a\\n", "lock.png")
look = Comment(author=ada, body="Here is what the lock looks like.", attachment=picture)
door.comments = [Comment(author=sam, body="We are on our way. Please do not pull."), look]
db_session.add(door)
db_session.commit()
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of the helpdesk, with a ticket."""
    project = tmp_path_factory.mktemp("site") / "helpdesk"
    shutil.copytree(ROOT / "examples" / "helpdesk", project)
    (project / ".env").write_text(f"DEBUG=true\nSECRET_KEY={'k' * 40}\n")
    (project / ".env").chmod(0o600)
    for arguments, text in ((["migrate"], ""), (["shell"], ROWS)):
        subprocess.run(
            [sys.executable, "-m", "lback", *arguments],
            cwd=project,
            input=text,
            text=True,
            check=True,
            timeout=120,
        )
    with running("runserver", "--port", "0", cwd=project) as server:
        yield f"http://127.0.0.1:{server.port}"


@pytest.mark.parametrize(("scheme", "width"), [("light", 1200), ("dark", 1200), ("light", 390)])
def test_the_pages_fit(
    site: str, chromium: Browser, serious_findings: Any, scheme: Any, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    page.goto(f"{site}/tickets/")
    page.fill("[name=username]", "ada@example.org")
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    for path in ("/", "/tickets/", "/tickets/new", "/tickets/1"):
        page.goto(f"{site}{path}")
        assert serious_findings(page) == [], path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
    if os.environ.get("LBACK_WRITE_IMAGES") and (scheme, width) == ("light", 1200):
        page.screenshot(path=PICTURE)
    context.close()


# Texts of the page as its reader sees them, those of attributes included.
TEXTS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT), found = [];
  while (walker.nextNode()) found.push(walker.currentNode.data);
  for (const one of document.querySelectorAll('[placeholder], [aria-label], [title]'))
    found.push(one.placeholder, one.ariaLabel, one.title);
  return [document.title, ...found].map(text => (text || '').trim()).filter(text => text);
}"""


def english(code: str) -> set[str]:
    """Return the messages of the helpdesk and of Lback that read otherwise in a language."""
    helpdesk = ROOT / "examples" / "helpdesk" / "locale" / code / "LC_MESSAGES" / "messages.po"
    framework = ROOT / "lback" / "i18n" / "catalogues" / code / "LC_MESSAGES" / "lback.po"
    found = set()
    for file in (helpdesk, framework):
        messages = [one for one in read_po(BytesIO(file.read_bytes())) if one.id]
        assert all(one.string and all(one.string) for one in messages), file
        for one in messages:
            texts = {one.id} if isinstance(one.id, str) else set(one.id)
            same = {one.string} if isinstance(one.string, str) else set(one.string or ())
            found |= texts - same
    return found


REFUSED = {"de": "mit anderen Worten als im Titel", "ar": "بكلمات غير كلمات العنوان"}


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize(("code", "direction"), [("de", "ltr"), ("ar", "rtl")])
def test_the_pages_are_translated_and_fit(
    site: str, chromium: Browser, axe_findings: Any, code: str, direction: str, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 800}, locale=code)
    page = context.new_page()

    def check(path: str) -> None:
        page.goto(f"{site}{path}")
        shown(path)

    def shown(path: str) -> None:
        root = page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
        assert root == [code, direction], path
        assert set(page.evaluate(TEXTS)) & english(code) == set(), path
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        assert axe_findings(page) == [], path

    check("/")
    page.goto(f"{site}/tickets/")
    page.fill("[name=username]", "ada@example.org")
    page.fill("[name=password]", PASSWORD)
    page.click("button")
    expect(page).to_have_url(f"{site}/tickets/")
    for path in ("/", "/tickets/", "/tickets/?q=nothing", "/tickets/new", "/tickets/1"):
        check(path)
    page.goto(f"{site}/tickets/new")
    page.fill("[name=title]", "It is broken")
    page.fill("[name=body]", "It is broken")
    page.click("main form button")
    expect(page.locator("main form")).to_contain_text(REFUSED[code])
    shown("a form that is refused")
    context.close()


def test_a_visitor_chooses_a_language(site: str, chromium: Browser) -> None:
    context = chromium.new_context(locale="en")
    page = context.new_page()
    page.goto(f"{site}/?from=here")
    page.select_option("[name=language]", "ar")
    page.click("footer button")
    expect(page.locator("html")).to_have_attribute("dir", "rtl")
    expect(page.locator("h1")).to_have_text("ما الذي لا يعمل؟")
    assert page.url == f"{site}/?from=here"
    context.close()


def test_a_comment_appears_in_both_windows(
    site: str, chromium: Browser, serious_findings: Any
) -> None:
    context = chromium.new_context(viewport={"width": 390, "height": 800})
    one, two = context.new_page(), context.new_page()
    one.goto(f"{site}/tickets/")
    one.fill("[name=username]", "ada@example.org")
    one.fill("[name=password]", PASSWORD)
    one.click("button")
    for page in (one, two):
        page.goto(f"{site}/tickets/1")
        expect(page.locator("html")).to_have_attribute("data-lback-state", "live", timeout=20_000)
    two.fill("[name=body]", "half-typed")
    one.fill("[name=body]", "We are out.")
    one.click("main form button")
    for page in (one, two):
        expect(page.locator("article", has_text="We are out.")).to_have_count(1)
    expect(one.locator("[name=body]")).to_have_value("")
    assert two.input_value("[name=body]") == "half-typed"
    assert serious_findings(two) == []
    assert two.evaluate("document.documentElement.scrollWidth") <= 390
    context.close()
