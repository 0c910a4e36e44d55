"""Live pages in a real browser, with a real project and its server."""

import json
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.cli.serving import Running, running
from tests.conftest import unavailable

PACKAGES = ("htmx.org@2", "htmx-ext-sse@2")
FILES = {
    ".env": f"DEBUG=true\nSECRET_KEY={'k' * 40}\n",
    "settings.py": """
ROOT_URLCONF = "urls"
DB_NAME = "db.sqlite3"
REALTIME = "database"
TASKS = "database"
MIDDLEWARES = [
    "lback.middleware.SecurityHeadersMiddleware",
    "lback.middleware.SessionMiddleware",
    "lback.middleware.BodyParsingMiddleware",
    "lback.middleware.CSRFMiddleware",
]
""",
    "rooms.py": """
from lback.realtime import room


@room("board")
def may_listen():
    return True


@room("mine", per_viewer=True)
def may_listen_to_mine():
    return True


@room("task-{task_id}")
def may_watch(task_id):
    return True
""",
    "models.py": """
from lback.database import Base
from sqlalchemy.orm import Mapped, mapped_column


class Line(Base):
    __tablename__ = "lines"

    id: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str]
""",
    "tasks.py": """
from lback.tasks import progress, task


@task
def count():
    progress(2, 4, "half")
""",
    "urls.py": """
from lback import path, redirect, render
from lback.realtime import publish, publish_fragment
from lback.sessions import flash
from sqlalchemy import select

import tasks
from models import Line


def lines(db_session):
    return list(db_session.scalars(select(Line).order_by(Line.id)))


def changed(db_session):
    publish_fragment("board", "_lines.html", lines=lines(db_session))
    publish_fragment("mine", "_mine.html")


def board(request, db_session):
    text = request.POST.get("text", "") if request.method == "POST" else None
    if text:
        db_session.add(Line(text=text))
        changed(db_session)
        flash(request, "Written.")
        return redirect("/other" if text == "go" else "/board", status_code=303)
    status = 200 if text is None else 422
    return render(
        request, "board.html", lines=lines(db_session), text=text, status_code=status
    )


def remove(request, line_id, db_session):
    db_session.delete(db_session.get(Line, line_id))
    changed(db_session)
    return redirect("/board", status_code=303)


def ring(request):
    publish("board", {"event": "ring", "text": request.GET["text"]})
    return "rung"


def mine(request, name):
    request.session["name"] = name
    return render(request, "mine.html")


def other(request):
    return render(request, "other.html")


def with_htmx(request, db_session):
    return render(request, "htmx.html", lines=lines(db_session))


def started(request):
    return render(request, "task.html", task=tasks.count.enqueue())


urlpatterns = [
    path("/", other, ["GET"], "home", requires_auth=False),
    path("/board", board, ["GET", "POST"], "board", requires_auth=False),
    path("/remove/{line_id:int}", remove, ["POST"], "remove", requires_auth=False),
    path("/ring", ring, ["GET"], "ring", requires_auth=False),
    path("/mine/{name}", mine, ["GET"], "mine", requires_auth=False),
    path("/other", other, ["GET"], "other", requires_auth=False),
    path("/htmx", with_htmx, ["GET"], "htmx", requires_auth=False),
    path("/task", started, ["GET"], "task", requires_auth=False),
]
""",
    "templates/base.html": """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Board</title>
{% block head %}{% endblock %}</head>
<body><main><h1>Board</h1>{% for message in flashed(request) %}
<p role="status" class="flash">{{ message.text }}</p>{% endfor %}
{% block main %}{% endblock %}</main></body></html>
""",
    "templates/_lines.html": """<ul>{% for line in lines %}
<li id="line-{{ line.id }}"><span>{{ line.text }}</span>
<details><summary>More of {{ line.text }}</summary>{{ line.id }}</details>
<form method="post" action="{{ url('remove', line_id=line.id) }}" data-lback-form>
{{ csrf_input }}<button>Remove {{ line.text }}</button></form></li>{% endfor %}</ul>
""",
    "templates/_mine.html": "<p>{{ request.session['name'] }} sees {{ request.path }}</p>",
    "templates/board.html": """{% extends "base.html" %}{% block main %}
{{ live("board", "_lines.html", lines=lines) }}
<form method="post" action="/board" data-lback-form id="new">{{ csrf_input }}
{% if text is not none and not text %}<p class="wrong">Write something.</p>{% endif %}
<label>Text <textarea name="text">{{ text or "" }}</textarea></label>
<p role="alert" data-lback-failed hidden>Not sent.</p><button>Write</button></form>
{% endblock %}
""",
    "templates/mine.html": """{% extends "base.html" %}{% block main %}
{{ live("mine", "_mine.html") }}{% endblock %}
""",
    "templates/other.html": """{% extends "base.html" %}{% block main %}<p>Other</p>
{% endblock %}
""",
    "templates/task.html": """{% extends "base.html" %}{% block main %}
{{ task_progress(task) }}{% endblock %}
""",
    "templates/htmx.html": """{% extends "base.html" %}{% block head %}
<meta name="htmx-config" content='{"includeIndicatorStyles": false, "allowEval": false}'>
<script src="{{ static('htmx.min.js') }}" defer></script>
<script src="{{ static('sse.min.js') }}" defer></script>{% endblock %}
{% block main %}<div hx-ext="sse" sse-connect="{{ live_events('board') }}">
<div id="lines" sse-swap="_lines.html">{% include "_lines.html" %}</div></div>{% endblock %}
""",
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A project with live pages, served as in development."""
    project = tmp_path_factory.mktemp("live")
    for name, text in FILES.items():
        (project / name).parent.mkdir(exist_ok=True)
        (project / name).write_text(text)
    (project / ".env").chmod(0o600)
    (project / "static").mkdir()
    script = "import models\nfrom lback.core import server\n"
    script += "server.build_project_application().db_manager.create_tables()"
    subprocess.run([sys.executable, "-c", script], cwd=project, check=True, timeout=60)
    with running("runserver", "--port", "0", cwd=project) as server:
        yield server


@pytest.fixture
def site(server: Running) -> str:
    return f"http://localhost:{server.port}"


@pytest.fixture
def window(chromium: Browser) -> Iterator[Callable[..., Page]]:
    """Opens a window of another visitor; fails the test if one of them had an error."""
    contexts: list[BrowserContext] = []
    faults: list[str] = []

    def hear(message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            faults.append(message.text)

    def open_window(address: str, **options: Any) -> Page:
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", hear)
        page.goto(address)
        return page

    yield open_window
    for context in contexts:
        context.close()
    assert faults == []


def is_live(page: Page, state: str = "live") -> None:
    expect(page.locator("html")).to_have_attribute("data-lback-state", state, timeout=20_000)


def write(page: Page, text: str) -> None:
    page.fill("#new textarea", text)
    page.click("#new button")
    expect(page.locator("li span", has_text=text)).to_have_count(1)


def test_two_windows_see_each_others_change(
    site: str, window: Callable[..., Page], serious_findings: Any
) -> None:
    one, two = window(f"{site}/board"), window(f"{site}/board")
    is_live(one)
    is_live(two)
    two.fill("#new textarea", "half-typed")
    two.evaluate("document.activeElement.setSelectionRange(2, 4)")
    write(one, "from one")
    expect(two.locator("li span", has_text="from one")).to_have_count(1)
    assert two.input_value("#new textarea") == "half-typed"
    state = "[document.activeElement.name, document.activeElement.selectionStart]"
    assert two.evaluate(state) == ["text", 2]
    expect(one.locator("#new textarea")).to_have_value("")
    expect(one.locator(".flash")).to_have_text("Written.")
    expect(two.locator(".flash")).to_have_count(0)
    # The form in the fragment that was published has the token of this visitor.
    two.click("text=More of from one")
    two.click("button:has-text('Remove from one')")
    expect(one.locator("li span", has_text="from one")).to_have_count(0)
    expect(two.locator("li span", has_text="from one")).to_have_count(0)
    assert two.input_value("#new textarea") == "half-typed"
    assert serious_findings(one) == []
    assert serious_findings(two) == []


def test_offline_and_back_misses_nothing(site: str, window: Callable[..., Page]) -> None:
    away, other = window(f"{site}/board"), window(f"{site}/board")
    is_live(away)
    away.fill("#new textarea", "still here")
    away.context.set_offline(True)
    is_live(away, "away")
    for text in ("while away 1", "while away 2"):
        write(other, text)
    expect(away.locator("li span", has_text="while away")).to_have_count(0)
    away.click("#new button")
    expect(away.locator("[data-lback-failed]")).to_be_visible()
    assert away.input_value("#new textarea") == "still here"
    away.context.set_offline(False)
    expect(away.locator("li span", has_text="while away")).to_have_count(2, timeout=20_000)
    is_live(away)
    away.click("#new button")
    expect(other.locator("li span", has_text="still here")).to_have_count(1)


def test_a_form_with_a_mistake_and_a_redirect_elsewhere(
    site: str, window: Callable[..., Page]
) -> None:
    page = window(f"{site}/board")
    is_live(page)
    page.evaluate("window.sameDocument = true")
    page.click("#new button")
    expect(page.locator(".wrong")).to_have_text("Write something.")
    assert page.evaluate("window.sameDocument") is True
    page.fill("#new textarea", "go")
    page.click("#new button")
    page.wait_for_url(f"{site}/other")
    expect(page.locator(".flash")).to_have_text("Written.")


def test_without_javascript(site: str, window: Callable[..., Page]) -> None:
    page = window(f"{site}/board", java_script_enabled=False)
    page.fill("#new textarea", "plain")
    page.click("#new button")
    expect(page.locator("li span", has_text="plain")).to_have_count(1)
    expect(page.locator(".flash")).to_have_text("Written.")
    page.click("button:has-text('Remove plain')")
    expect(page.locator("li span", has_text="plain")).to_have_count(0)


def test_each_viewer_gets_an_own_fragment(site: str, window: Callable[..., Page]) -> None:
    ada, sam = window(f"{site}/mine/ada"), window(f"{site}/mine/sam")
    for page in (ada, sam):
        is_live(page)
        page.evaluate("document.querySelector('div p').textContent = 'old'")
    write(window(f"{site}/board"), "for each")
    expect(ada.locator("div p")).to_have_text("ada sees /mine/ada")
    expect(sam.locator("div p")).to_have_text("sam sees /mine/sam")


def test_messages_of_the_application(site: str, window: Callable[..., Page]) -> None:
    page = window(f"{site}/board")
    is_live(page)
    page.evaluate(
        "document.addEventListener('lback:message', e => { document.title = e.detail.data.text })"
    )
    page.context.request.get(f"{site}/ring?text=Lunch")
    expect(page).to_have_title("Lunch")


def test_a_hidden_page_gives_its_connection_back(site: str, window: Callable[..., Page]) -> None:
    page = window("about:blank")
    page.clock.install()
    page.goto(f"{site}/board")
    is_live(page)
    hide = "Object.defineProperty(document, 'hidden', {{ value: {0}, configurable: true }});"
    hide += "document.dispatchEvent(new Event('visibilitychange'))"
    with page.expect_event("requestfailed", lambda one: "/realtime/events" in one.url):
        page.evaluate(hide.format("true"))
        page.clock.run_for(11_000)
    write(window(f"{site}/board"), "unseen")
    page.evaluate(hide.format("false"))
    expect(page.locator("li span", has_text="unseen")).to_have_count(1)


def test_the_progress_of_a_task(site: str, window: Callable[..., Page]) -> None:
    page = window(f"{site}/task")
    expect(page.locator(".task-progress")).to_have_text("Finished half", timeout=20_000)


def test_htmx(server: Running, site: str, window: Callable[..., Page], tmp_path: Path) -> None:
    download_htmx(tmp_path, server.project / "static")
    page = window(f"{site}/htmx")
    with page.expect_response("**/realtime/events*"):
        page.reload()
    write(window(f"{site}/board"), "to htmx")
    expect(page.locator("#lines li span", has_text="to htmx")).to_have_count(1)


def download_htmx(folder: Path, target: Path) -> None:
    """Get htmx and its extension from the registry of npm, or skip the test."""
    if shutil.which("npm") is None:
        unavailable("npm is not installed; htmx cannot be tried")
    found = subprocess.run(
        ["npm", "pack", "--json", *PACKAGES],
        cwd=folder,
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
    )
    if found.returncode:
        unavailable(f"htmx cannot be downloaded: {found.stderr[-300:]}")
    for package in json.loads(found.stdout):
        with tarfile.open(folder / package["filename"]) as archive:
            for name in ("htmx.min.js", "sse.min.js"):
                if f"package/dist/{name}" in archive.getnames():
                    source = archive.extractfile(f"package/dist/{name}")
                    assert source is not None
                    (target / name).write_bytes(source.read())
