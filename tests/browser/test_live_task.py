"""The page of a task in the admin, in a real browser, while a real worker runs the task."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.cli.serving import PATIENCE, Running, running

PASSWORD = "correct horse battery staple"
FILES = {
    ".env": f"DEBUG=true\nSECRET_KEY={'k' * 40}\n",
    "settings.py": """
ROOT_URLCONF = "urls"
DB_NAME = "db.sqlite3"
REALTIME = "database"
TASKS = "database"
""",
    "tasks.py": """
import time
from pathlib import Path

from lback.tasks import progress, task


@task
def paint(coats):
    for coat in range(1, coats + 1):
        while not Path(f"coat-{coat}").exists():
            progress(coat, coats, f"coat {coat}")
            time.sleep(0.1)
    return coats
""",
    "urls.py": """
from lback import include, path

import tasks


def start(request):
    return tasks.paint.enqueue(coats=4).id


urlpatterns = [
    path("/", lambda request: "home", ["GET"], "home", requires_auth=False),
    path("/start", start, ["GET"], "start", requires_auth=False),
    include("lback.admin.urls", "/admin"),
]
""",
}
SET_UP = f"""
from lback.core import server
from lback.security.passwords import hash_password
from lback.users import AdminUser

app = server.build_project_application()
app.db_manager.create_tables()
with app.db_manager.session() as session:
    hashed = hash_password({PASSWORD!r})
    session.add(AdminUser(username="ada", password_hash=hashed, is_superuser=True))
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Running]:
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / ".env").chmod(0o600)
    subprocess.run([sys.executable, "-c", SET_UP], cwd=tmp_path, check=True, timeout=PATIENCE)
    with running("serve", "--port", "0", "--force", "--workers", "1", cwd=tmp_path) as server:
        yield server


@contextmanager
def worker(project: Path) -> Iterator[None]:
    """Run `lback work` in a project."""
    with (project / "work.txt").open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "lback", "work"],
            cwd=project,
            env={k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"},
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        yield
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(PATIENCE)


def open_task(browser: Browser, server: Running, **options: Any) -> Page:
    """Sign in, and open the page of a new task."""
    site = f"http://localhost:{server.port}"
    page = browser.new_context(**options).new_page()
    page.set_default_timeout(20_000)
    page.goto(f"{site}/admin/sign-in")
    page.get_by_label("Username").fill("ada")
    page.get_by_label("Password").fill(PASSWORD)
    page.keyboard.press("Enter")
    page.wait_for_url(f"{site}/admin/")
    task_id = server.get("/start")[1]
    page.goto(f"{site}/admin/-/tasks/{task_id}")
    return page


@pytest.mark.parametrize("width", [360, 1200])
def test_the_page_follows_its_task(
    server: Running, chromium: Browser, axe_findings: Any, width: int
) -> None:
    page = open_task(chromium, server, viewport={"width": width, "height": 800})
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))

    def hear(message: Any) -> None:
        if message.type == "error":
            faults.append(message.text)

    page.on("console", hear)
    page.reload()
    state = page.get_by_role("status")
    expect(page.locator("html")).to_have_attribute("data-lback-state", "live", timeout=20_000)
    expect(state).to_have_text("ready")
    page.evaluate("window.sameDocument = true")
    with worker(server.project):
        expect(state).to_have_text("running", timeout=20_000)
        progress = page.get_by_role("progressbar", name="Progress")
        expect(progress).to_have_js_property("value", 1, timeout=20_000)
        expect(page.locator(".facts")).to_contain_text("25 % coat 1")
        assert axe_findings(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        for coat in (1, 2):
            (server.project / f"coat-{coat}").touch()
        expect(page.locator(".facts")).to_contain_text("75 % coat 3", timeout=20_000)
        for coat in (3, 4):
            (server.project / f"coat-{coat}").touch()
        expect(state).to_have_text("successful", timeout=20_000)
    expect(page.get_by_role("button", name="Cancel")).to_have_count(0)
    expect(page.locator(".facts")).to_contain_text("Result")
    assert page.evaluate("window.sameDocument") is True
    assert faults == []
    page.context.close()


def test_without_javascript_the_page_is_loaded_again(server: Running, chromium: Browser) -> None:
    page = open_task(chromium, server, java_script_enabled=False)
    state = page.get_by_role("status")
    expect(state).to_have_text("ready")
    for coat in range(1, 5):
        (server.project / f"coat-{coat}").touch()
    subprocess.run(
        [sys.executable, "-m", "lback", "work", "--burst"],
        cwd=server.project,
        check=True,
        timeout=PATIENCE,
    )
    page.reload()
    expect(state).to_have_text("successful")
    page.context.close()
