"""The helpdesk of the tutorial fits a desk and a phone, and can be used by everybody."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
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
