"""The tutorial, followed chapter by chapter, leads to `examples/helpdesk`.

`LBACK_WRITE_EXAMPLE=1` writes the example anew from the chapters.
"""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.cli.serving import running
from tests.examples.chapters import Reader
from tests.examples.visitors import Visitor

ROOT = Path(__file__).parents[2]
CHAPTERS = sorted((ROOT / "docs" / "tutorial").glob("[0-9]*.md"))
EXAMPLE = ROOT / "examples" / "helpdesk"
# What .gitignore of the project keeps out of version control.
PRIVATE = shutil.ignore_patterns(
    ".env",
    "config.json",
    "db.sqlite3*",
    "uploads",
    "staticfiles",
    "__pycache__",
    ".pytest_cache",
    ".hypothesis",
    # They name the very wheel of the Lback that made the project.
    "requirements*.txt",
    "vendor",
    "*.mo",
)
PASSWORD = "correct horse battery staple"
PATIENCE = 30.0


def environment(**variables: str) -> dict[str, str]:
    """Return the environment of a terminal in which the commands of Lback are found."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LBACK_")}
    kept.pop("DATABASE_URL", None)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    # The plugins of pytest that a reader has, and not those of the tests of Lback.
    plugins = {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTEST_ADDOPTS": "-p lback.testing.plugin"}
    return {**kept, **plugins, "PATH": path, **variables}


class Walk:
    """What is met on the way: the project as it is, and the people who use it."""

    def __init__(self, folder: Path) -> None:
        self.reader = Reader(folder, environment())
        self.served = folder / "server"
        self.served.mkdir()
        self.ada, self.sam, self.stranger = Visitor(), Visitor(), Visitor()

    @contextmanager
    def serving(self, *command: str, **variables: str) -> Iterator[None]:
        """Serve the project as it is now to all visitors."""
        project = str(self.reader.folder)
        with running(
            *command, "--port", "0", cwd=self.served, LBACK_PROJECT_ROOT=project, **variables
        ) as server:
            for visitor in (self.ada, self.sam, self.stranger):
                visitor.base = f"http://localhost:{server.port}"
            yield

    def sign_up(self, visitor: Visitor, email: str) -> None:
        before = self._links(visitor)
        visitor.send("/accounts/sign-up", email=email)
        # The email is written after the response.
        deadline = time.monotonic() + PATIENCE
        while not (new := self._links(visitor) - before):
            assert time.monotonic() < deadline, "no email"
            time.sleep(0.05)
        assert "Tickets" in visitor.send(new.pop(), password=PASSWORD).text

    def _links(self, visitor: Visitor) -> set[str]:
        page = visitor.get("/accounts/mailbox").text
        return set(re.findall(r"/accounts/sign-up/[\w.-]+", page))


def first_page(walk: Walk) -> None:
    assert "What does not work?" in walk.stranger.get("/").text
    assert walk.stranger.get("/tickets/").status == 404


def listed(walk: Walk) -> None:
    assert "Page 1 of 2, 20 tickets" in walk.stranger.get("/tickets/").text
    assert "Page 1 of 1, 5 tickets" in walk.stranger.get("/tickets/?q=PRINTER").text
    assert "We are on our way." in walk.stranger.get("/tickets/1").text
    assert walk.stranger.get("/tickets/99").status == 404
    assert walk.stranger.get("/static/helpdesk.css").status == 200


def entered(walk: Walk) -> None:
    page = walk.stranger.send("/tickets/new", title="Lamp", body="It flickers.")
    assert (page.status, "you wrote 4" in page.text) == (422, True)
    page = walk.stranger.send("/tickets/new", title="The lamp is broken", body="It flickers.")
    assert "Thank you." in page.text
    assert Visitor(walk.stranger.base).post("/tickets/new", {"title": "A forged one"}).status == 403


def known(walk: Walk) -> None:
    assert "Sign in" in walk.stranger.get("/tickets/").text
    walk.sign_up(walk.ada, "ada@example.org")
    walk.sign_up(walk.sam, "sam@example.org")
    walk.reader.run("lback make_support sam@example.org")
    assert ", 0 tickets" in walk.ada.get("/tickets/").text
    assert ", 21 tickets" in walk.sam.get("/tickets/").text
    page = walk.ada.send("/tickets/new", title="The door is stuck", body="Room 5.")
    assert page.url.endswith("/tickets/22")
    assert walk.ada.get("/tickets/1").status == 403
    closed = walk.sam.send("/tickets/1/close", on="/tickets/1")
    assert "The ticket is closed." in closed.text


def answered(walk: Walk) -> None:
    page = walk.sam.send("/tickets/22", body="Did you <i>pull</i>?")
    assert "Did you &lt;i&gt;pull&lt;/i&gt;?" in page.text
    assert "Re: The door is stuck" in walk.sam.get("/accounts/mailbox").text


def attached(walk: Walk) -> None:
    sent = walk.ada.send("/tickets/22", {"file": ("door.txt", b"It is blue.")}, body="See")
    assert "door.txt" in sent.text
    refused = walk.ada.send("/tickets/22", {"file": ("door.png", b"<script>")}, body="See")
    assert refused.status == 422
    given_back(walk)
    files = [path for path in (walk.reader.folder / "uploads").rglob("*") if path.is_file()]
    assert [path.stat().st_size for path in files] == [11]


def given_back(walk: Walk) -> None:
    (path,) = re.findall(r'href="(/tickets/attachments/\d+)"', walk.ada.get("/tickets/22").text)
    for visitor in (walk.ada, walk.sam):
        answer = visitor.get(path)
        assert (answer.status, answer.text) == (200, "It is blue.")
        assert answer.headers["Content-Disposition"] == 'attachment; filename="door.txt"'
    assert "Sign in" in walk.stranger.get(path).text


def read_by_programs(walk: Walk) -> None:
    key = walk.reader.run("lback make_key ada@example.org 'a report'").split()[-1]
    program = Visitor(walk.ada.base, {"Authorization": f"Bearer {key}"})
    (ticket,) = program.get("/api/tickets").json["items"]
    assert [comment["body"] for comment in ticket["comments"]] == ["Did you <i>pull</i>?", "See"]
    assert program.post("/api/tickets", {"title": "The key is lost", "body": "No."}).status == 201
    assert program.get("/api/tickets/23").json["comments"] == []
    assert program.get("/api/tickets/1").status == 404
    assert Visitor(walk.ada.base, {}).get("/api/tickets").status == 401
    document = program.get("/api/docs/openapi.json").json
    assert set(document["paths"]) == {"/api/tickets", "/api/tickets/{id}"}


def changed(walk: Walk) -> None:
    assert "priority normal" in walk.ada.get("/tickets/22").text
    given_back(walk)
    form = {"title": "The roof is on fire", "body": "It burns.", "priority": "HIGH"}
    page = walk.ada.get("/tickets/new")
    (high,) = re.findall(r'<option value="(\w+)"[^>]*>High', page.text)
    walk.ada.send("/tickets/new", **{**form, "priority": high})
    assert "High priority" in walk.sam.get("/tickets/").text


def looked_after(walk: Walk) -> None:
    walk.reader.run(f"LBACK_PASSWORD='{PASSWORD}' lback create_superuser --username root")
    root = Visitor(walk.ada.base)
    root.send("/admin/sign-in", username="root", password=PASSWORD)
    assert "The roof is on fire" in root.get("/admin/ticket").text
    assert "Did you &lt;i&gt;pull" in root.get("/admin/ticket/row/22").text


def live(walk: Walk) -> None:
    page = walk.sam.send("/tickets/22", body="It is open again.")
    (position,) = re.findall(r'data-lback-position="([^"]+)"', page.text)
    events = "/realtime/events?room=ticket-22"
    heard = walk.ada.read_event(f"{events}&last_event_id={quote(position)}", "fragment")
    assert "It is open again." in heard
    assert walk.stranger.get(events).status == 403


def deployed(walk: Walk) -> None:
    page = walk.ada.get("/tickets/")
    assert re.search(r"\b3 tickets\b", page.text)
    (style,) = re.findall(r'href="(/static/helpdesk\.\w+\.css)"', page.text)
    assert walk.ada.get(style).status == 200
    assert walk.stranger.get("/accounts/mailbox").status == 404


# What people see after each chapter; chapters 2, 11 and 12 change no page.
SEEN: dict[str, Callable[[Walk], None]] = {
    "01-first-page": first_page,
    "03-list": listed,
    "04-form": entered,
    "05-people": known,
    "06-mail": answered,
    "07-attachments": attached,
    "08-api": read_by_programs,
    "09-changes": changed,
    "10-admin": looked_after,
    "13-live": live,
}


@pytest.mark.integration
def test_the_chapters_lead_to_the_example(tmp_path: Path) -> None:
    walk = Walk(tmp_path)
    for chapter in CHAPTERS:
        walk.reader.follow(chapter)
        if chapter.stem in SEEN:
            with walk.serving("runserver"):
                SEEN[chapter.stem](walk)
    production = {"DEBUG": "false", "ALLOWED_HOSTS": "localhost"}
    with walk.serving("serve", "--workers", "1", **production):
        deployed(walk)
    if os.environ.get("LBACK_WRITE_EXAMPLE"):
        shutil.rmtree(EXAMPLE)
        shutil.copytree(walk.reader.folder, EXAMPLE, ignore=PRIVATE)
    made = tmp_path / "made"
    shutil.copytree(walk.reader.folder, made, ignore=PRIVATE)
    assert contents(made) == contents(EXAMPLE), "LBACK_WRITE_EXAMPLE=1 writes the example anew"


def contents(folder: Path) -> dict[str, str]:
    """Return the text of all files of a folder."""
    return {
        str(path.relative_to(folder)): path.read_text()
        for path in folder.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }


def test_every_chapter_leads_to_the_next() -> None:
    index = (ROOT / "docs" / "tutorial" / "README.md").read_text()
    for chapter, following in zip(CHAPTERS, [*CHAPTERS[1:], None], strict=True):
        assert chapter.name in index
        assert following is None or f"({following.name})" in chapter.read_text()


def test_the_example_runs_on_every_database(new_database_url: str, tmp_path: Path) -> None:
    project = tmp_path / "helpdesk"
    shutil.copytree(EXAMPLE, project)
    result = subprocess.run(
        ["bash", "-ec", "lback migrate && lback makemigrations --check && lback test -q"],
        cwd=project,
        env=environment(
            DATABASE_URL=new_database_url, DEBUG="true", LBACK_TEST_DATABASE_URL=new_database_url
        ),
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert "No changes." in result.stdout
    assert " passed" in result.stdout
