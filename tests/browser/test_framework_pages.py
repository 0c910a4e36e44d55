"""Every page that the framework brings along can be used by everybody, in the dark as well."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from lback import Application, Request

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SHOWN = {"debug-light.png", "sign-in-light.png", "mailbox-light.png"}
PASSWORD = "a rather long password"
HOSTILE = "<script>window.broken=1</script>\"'><img src=x onerror=window.broken=1>"


def broken(request: Request) -> str:
    raise ValueError(HOSTILE)


def total(request: Request) -> str:
    prices = {"apple": 3, "pear": 4}
    basket = ["apple", "quince"]
    return f"That is {sum(prices[fruit] for fruit in basket)}, please."


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Application]:
    """A site with accounts, where mail is kept in memory and one page is broken."""
    app = Application(
        DEBUG=True,
        SECRET_KEY="k" * 40,
        DATABASE_URL=f"sqlite:///{tmp_path_factory.mktemp('site') / 'site.sqlite3'}",
        MAIL_BACKEND="memory",
        LOGIN_URL="/accounts/sign-in",
        MIDDLEWARES=[
            f"lback.middleware.{name}"
            for name in (
                "SecurityHeadersMiddleware", "SessionMiddleware", "AuthenticationMiddleware",
                "BodyParsingMiddleware", "CSRFMiddleware",
            )
        ],
    )  # fmt: skip
    app.include("lback.accounts.urls", "/accounts/")
    app.add_route("/broken", broken, requires_auth=False)
    app.add_route("/total", total, requires_auth=False)
    app.db_manager.create_tables()
    with app.db_manager.session() as session:
        app.user_manager.register(session, "ada", PASSWORD, "ada@example.org")
    yield app
    app.db_manager.dispose()


@pytest.fixture
def public(tmp_path: Path) -> Application:
    """The same in production: nobody is told anything."""
    app = Application(
        SECRET_KEY="k" * 40,
        ALLOWED_HOSTS=["127.0.0.1"],
        DATABASE_URL=f"sqlite:///{tmp_path / 'site.sqlite3'}",
    )
    app.add_route("/broken", broken, requires_auth=False)
    return app


@pytest.fixture(params=[("light", 1200), ("dark", 1200), ("light", 390)], ids=str)
def page(request: pytest.FixtureRequest, chromium: Browser, serious_findings: Any) -> Iterator[Any]:
    """Opens pages and looks at each: `page(url, "name")`."""
    scheme, width = request.param
    context = chromium.new_context(viewport={"width": width, "height": 800}, color_scheme=scheme)
    window = context.new_page()
    faults: list[str] = []
    window.on("pageerror", lambda error: faults.append(str(error)))

    def look(url: str, name: str) -> Page:
        if url:
            window.goto(url)
        assert serious_findings(window) == [], name
        assert window.evaluate("document.documentElement.scrollWidth") <= width, name
        assert window.evaluate("window.broken") is None
        assert not faults
        shown = f"{name}-{scheme if width > 400 else 'phone'}.png"
        if os.environ.get("LBACK_WRITE_IMAGES") and shown in SHOWN:
            IMAGES.mkdir(exist_ok=True)
            window.screenshot(path=IMAGES / shown)
        return window

    yield look
    context.close()


def test_error_pages(public: Application, serve: Callable[[Any], str], page: Any) -> None:
    site = serve(public)
    assert "broken" not in page(f"{site}/broken", "broken").content()
    page(f"{site}/nothing", "error")


def test_the_debug_page(app: Application, serve: Callable[[Any], str], page: Any) -> None:
    site = serve(app)
    assert "ValueError" in page(f"{site}/broken", "broken").content()
    assert "quince" in page(f"{site}/total", "debug").content()
    page(f"{site}/nothing", "debug-404")


def test_the_pages_of_accounts(app: Application, serve: Callable[[Any], str], page: Any) -> None:
    site = serve(app)
    for name in ("sign-in", "sign-up", "forgot"):
        page(f"{site}/accounts/{name}", name)
    window = page(f"{site}/accounts/forgot", "forgot")
    window.get_by_role("textbox").first.fill("ada@example.org")
    with window.expect_navigation():
        window.locator("main form button").first.click()
    page("", "sent")
    window = page(f"{site}/accounts/sign-in", "sign-in")
    window.get_by_role("textbox").first.fill("ada")
    window.get_by_label(re.compile("password", re.I)).first.fill("wrong")
    with window.expect_navigation():
        window.keyboard.press("Enter")
    page("", "sign-in-wrong")
    window.get_by_role("textbox").first.fill("ada")
    window.get_by_label(re.compile("password", re.I)).first.fill(PASSWORD)
    with window.expect_navigation():
        window.keyboard.press("Enter")
    for name in ("", "password", "email", "sign-out", "mailbox"):
        page(f"{site}/accounts/{name}", name or "account")
