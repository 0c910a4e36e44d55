"""The documentation of an API in a browser: readable by everybody, and calls can be tried."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import msgspec
import pytest
from playwright.sync_api import Browser, Page

from lback import Application, Request
from lback.api import Status, describe

PASSWORD = "correct horse battery"
WINDOWS = [("light", 1200), ("dark", 1200), ("light", 390), ("dark", 390)]


class Book(msgspec.Struct):
    """A book on the shelf."""

    id: int
    title: str


class NewBook(msgspec.Struct):
    title: str


def list_books(genre: str = "", page: int = 1) -> list[Book]:
    """List the books."""
    return []


@describe(request_example={"title": "Emma"})
def add_book(request: Request, new: NewBook) -> Annotated[Book, Status(201)]:
    """Add a book."""
    return Book(7, f"{new.title} for {request.user.username}")


@pytest.fixture
def app(tmp_path: Path) -> Iterator[Application]:
    """An API whose documentation users may read, under the default policy of the site."""
    app = Application(
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASE_URL=f"sqlite:///{tmp_path / 'site.sqlite3'}",
        LOGIN_URL="/accounts/sign-in",
        API_TITLE="Bookshop",
        API_DOCS_ACCESS="users",
    )
    app.include("lback.accounts.urls", "/accounts/")
    app.include("lback.api.urls", "/api/docs")
    app.add_route("/api/books", list_books, ["GET"], "list_books", requires_auth=False)
    app.add_route("/api/books", add_book, ["POST"], "add_book")
    app.db_manager.create_tables()
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", PASSWORD, "ada@example.org")
    yield app
    app.db_manager.dispose()


@pytest.fixture(params=WINDOWS, ids=str)
def window(request: pytest.FixtureRequest, chromium: Browser) -> Iterator[tuple[Page, list[str]]]:
    """A window, and the faults that it noticed: errors, refusals by policy, other hosts."""
    scheme, width = request.param
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda m: faults.append(m.text) if m.type == "error" else None)
    page.on(
        "request",
        lambda sent: (
            faults.append(sent.url)
            if urlsplit(sent.url).hostname not in ("127.0.0.1", None)
            else None
        ),
    )
    yield page, faults
    context.close()


def sign_in(page: Page, site: str) -> None:
    page.goto(f"{site}/api/docs/")  # which leads to the sign-in page and back
    page.locator("[name=username]").fill("ada")
    page.locator("[name=password]").fill(PASSWORD)
    with page.expect_navigation():
        page.keyboard.press("Enter")


def test_the_reference_is_read_by_everybody(
    app: Application,
    serve: Callable[[Any], str],
    window: tuple[Page, list[str]],
    serious_findings: Callable[[Page], list[str]],
) -> None:
    page, faults = window
    sign_in(page, serve(app))
    assert page.get_by_role("heading", name="Bookshop").is_visible()
    assert page.get_by_role("heading", name="POST /api/books").is_visible()
    page.get_by_role("link", name="NewBook").first.click()
    assert page.url.endswith("#schema-NewBook")
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    assert serious_findings(page) == []
    assert faults == []


def test_a_call_is_tried_with_the_session_of_the_visitor(
    app: Application,
    serve: Callable[[Any], str],
    window: tuple[Page, list[str]],
    serious_findings: Callable[[Page], list[str]],
) -> None:
    page, faults = window
    sign_in(page, serve(app))
    page.get_by_role("link", name="Try calls").click()
    page.locator("#operations-books-add_book .opblock-summary-control").click()
    page.get_by_role("button", name="Try it out").click()
    with page.expect_response("**/api/books") as answered:
        page.get_by_role("button", name="Execute").click()
    answer = answered.value
    assert answer.status == 201
    assert "x-csrf-token" in answer.request.headers
    assert json.loads(answer.body()) == {"id": 7, "title": "Emma for ada"}
    page.locator(".live-responses-table").wait_for()
    assert page.evaluate("document.documentElement.scrollWidth") <= page.viewport_size["width"]  # type: ignore[index]
    # A button within a button, and a text area without a label, are matters of Swagger UI.
    known = ("nested-interactive", "label")
    findings = [one for one in serious_findings(page) if not one.startswith(known)]
    assert findings == []
    assert faults == []
