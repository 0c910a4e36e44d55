"""The built site of the documentation, opened as files without a server."""

from pathlib import Path

import pytest
from playwright.sync_api import Browser

SITE = Path(__file__).parents[2] / "build" / "docs"


@pytest.mark.parametrize("width", [1280, 390])
def test_the_search_works_without_a_server(chromium: Browser, width: int) -> None:
    if not (SITE / "search.html").is_file():
        pytest.skip("the site is not built; `make docs` builds it")
    page = chromium.new_page(viewport={"width": width, "height": 800})
    errors: list[str] = []
    asked: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto((SITE / "index.html").as_uri())
    if width < 1000:
        page.locator("label[for=__navigation]:visible").first.click()
    page.locator("input.sidebar-search").fill("after_commit")
    page.keyboard.press("Enter")
    page.wait_for_selector("ul.search li a")
    assert page.locator("ul.search li").count() > 1
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    assert errors == []
    assert [url for url in asked if not url.startswith("file://")] == []
    page.close()
