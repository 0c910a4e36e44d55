"""Every page that the framework brings along can be used by everybody, in the dark as well."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Browser, Page

from lback import Application, Request

IMAGES = Path(__file__).parents[2] / "docs" / "images"
SHOWN = {f"{name}-light.png" for name in ("debug", "error", "sign-in", "mailbox")}
BANNER = re.compile(r"Lback serves (http://127\.0\.0\.1:\d+)/")
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
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
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
        SECRET_KEY="kT4-q9ZpW2_xR7mL8vNc",
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


def link_of(app: Application, site: str) -> str:
    """The address in the newest mail."""
    found = re.search(r"http://127\.0\.0\.1:\d+(/\S+)", app.mailer.outbox[-1].get_content())
    assert found is not None
    return f"{site}{found[1]}"


def test_the_pages_behind_a_mail(app: Application, serve: Callable[[Any], str], page: Any) -> None:
    site = serve(app)
    for name, then, address in (
        ("sign-up", "sign-up", f"{token_hex(4)}@example.org"),
        ("forgot", "reset", "ada@example.org"),
    ):
        sent = len(app.mailer.outbox)
        window = page(f"{site}/accounts/{name}", name)
        window.get_by_role("textbox").first.fill(address)
        with window.expect_navigation():
            window.locator("main form button").first.click()
        deadline = time.monotonic() + 20
        while len(app.mailer.outbox) == sent and time.monotonic() < deadline:
            time.sleep(0.05)  # mail goes out beside the request
        window = page(link_of(app, site), f"{name}-finish")
        assert window.locator("input[type=password]").count() == 1
        page(f"{site}/accounts/{then}/no-such-token", f"{then}-expired")


@pytest.fixture(scope="module")
def new_project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a project that was made a moment ago, and not touched."""
    root = tmp_path_factory.mktemp("new")
    environ = {**os.environ, "PORT": "0"}

    def lback(*arguments: str, cwd: Path) -> None:
        command = [sys.executable, "-m", "lback", *arguments]
        subprocess.run(command, cwd=cwd, env=environ, check=True, capture_output=True, timeout=60)

    lback("new", "project", "bakery", cwd=root)
    project = root / "bakery"
    lback("makemigrations", cwd=project)
    lback("migrate", cwd=project)
    printed = root / "printed.txt"
    with printed.open("wb") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", "lback", "runserver"], cwd=project, env=environ,
            stdout=output, stderr=output, start_new_session=True,
        )  # fmt: skip
    try:
        yield _address(printed, server)
    finally:
        os.killpg(server.pid, signal.SIGINT)
        server.wait(timeout=30)


def _address(printed: Path, server: "subprocess.Popen[bytes]") -> str:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        found = BANNER.search(printed.read_text())
        if found is not None:
            try:
                urlopen(found[1], timeout=10).close()
            except OSError:  # printed before it listens
                pass
            else:
                return found[1]
        time.sleep(0.1)
    raise AssertionError(printed.read_text())


def test_the_first_page_of_a_new_project(new_project: str, page: Any) -> None:
    assert page(f"{new_project}/", "welcome").get_by_role("heading").count() >= 1
