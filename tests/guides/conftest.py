"""Each guide in a project that `lback new project` made, as its reader would try it.

A block of a guide that belongs into a file of a project has the name of that file above it.
`project.apply("forms")` pastes these blocks where the guide says: a Python file that is there
gets them at its end, any other file is written. So what is tested is the text of the guide.
"""

import http.client
import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.parser import BytesParser
from email.policy import SMTP
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

ROOT = Path(__file__).parents[2]
GUIDES = ROOT / "docs" / "guides"
VARIANTS = {"full": (), "minimal": ("--minimal",)}
BLOCK = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```\w+\n(.*?)^```$", re.MULTILINE | re.DOTALL)
ADDRESS = re.compile(r"http://127\.0\.0\.1:(\d+)")
TOKEN = re.compile(r'name="csrf_token" value="([^"]+)"')
PATIENCE = 60.0
DEPLOYED = {"DEBUG": "false", "ALLOWED_HOSTS": "localhost"}

Send = Callable[[dict[str, Any]], int]


@dataclass
class Answer:
    """What a server answered: header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @property
    def text(self) -> str:
        return self.content.decode()

    def json(self) -> Any:
        return json.loads(self.content)


@dataclass
class Visitor:
    """A browser, as far as cookies and forms go; follows no redirects."""

    port: int
    log: Path
    cookies: dict[str, str] = field(default_factory=dict)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, None, **headers)

    def post(self, path: str, data: Mapping[str, str] | None = None, **headers: str) -> Answer:
        """Send a form, from whatever page."""
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        return self.send("POST", path, urlencode(data or {}).encode(), **kind, **headers)

    def post_json(self, path: str, data: object, **headers: str) -> Answer:
        kind = {"Content-Type": "application/json"}
        return self.send("POST", path, json.dumps(data).encode(), **kind, **headers)

    def submit(self, page: str, data: Mapping[str, str], *, to: str = "") -> Answer:
        """Open a page, fill in its form, and send it with the token that the page holds."""
        shown = self.get(page)
        found = TOKEN.search(shown.text)
        assert found, f"{page} ({shown.status}) has no form with a token: {shown.text}"
        origin = f"http://localhost:{self.port}"
        return self.post(to or page, {"csrf_token": found[1], **data}, Origin=origin)

    def send(self, method: str, path: str, body: bytes | None = None, **headers: str) -> Answer:
        fields = {"Accept": "text/html", "Host": f"localhost:{self.port}", **headers}
        if self.cookies:
            fields["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)) as connection:
            connection.request(
                method, path, body, {k.replace("_", "-"): v for k, v in fields.items()}
            )
            response = connection.getresponse()
            for cookie in SimpleCookie("; ".join(response.msg.get_all("Set-Cookie", []))).values():
                self.cookies[cookie.key] = cookie.value
            found = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, found, response.read())


@dataclass
class Files:
    """The folder of a project, and what its developer writes into it."""

    folder: Path

    def apply(self, guide: str, *, without: tuple[str, ...] = ()) -> None:
        """Paste the blocks of a guide into the files that they name."""
        blocks = BLOCK.findall((GUIDES / f"{guide}.md").read_text())
        assert blocks, f"{guide}.md names no file of a project"
        for title, text in blocks:
            if title not in without:
                self.paste(title, text)

    def paste(self, name: str, text: str) -> None:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and path.suffix == ".py":
            text = f"{path.read_text()}\n\n{text}"
        path.write_text(text)

    def mails(self, number: int) -> list[EmailMessage]:
        """Return the mails that `MAIL_BACKEND=file` wrote, as soon as there are so many."""
        deadline = time.monotonic() + PATIENCE
        while len(files := [*(self.folder / "mail").glob("*.eml")]) < number:
            assert time.monotonic() < deadline, f"{len(files)} mails, not {number}"
            time.sleep(0.02)
        files.sort(key=lambda file: file.stat().st_mtime_ns)
        parser = BytesParser(EmailMessage, policy=SMTP)
        return [parser.parsebytes(file.read_bytes()) for file in files]


@dataclass
class Project(Files):
    """A project, and the commands that its developer runs."""

    is_full: bool
    send: Send

    def new_app(self, name: str, *options: str) -> None:
        """Make an app, and add the two lines to the project that `lback new app` asks for."""
        printed = self.lback("new", "app", name, *options)
        for line in (f'settings.py    INSTALLED_APPS = [..., "{name}"]', f'include("{name}.urls"'):
            assert line in printed
        self.paste("settings.py", f'INSTALLED_APPS += ["{name}"]\n')
        include = f'include("{name}.urls", "/{name}/")'
        self.paste("urls.py", f"from lback import include\n\nurlpatterns += [{include}]\n")

    def lback(self, *arguments: str, **environment: str) -> str:
        """Run a command in the folder of the project, and return what it prints."""
        code, printed = self._run(arguments, environment)
        assert code == 0, f"lback {' '.join(arguments)}: {code}\n{printed}"
        return printed

    def lback_fails(self, *arguments: str, **environment: str) -> str:
        """Run a command that fails with exit code 1, and return what it prints."""
        code, printed = self._run(arguments, environment)
        assert code == 1, f"lback {' '.join(arguments)}: {code}\n{printed}"
        assert "Traceback" not in printed
        return printed

    def _run(self, arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[int, str]:
        process, output = self._start(arguments, environment)
        return self.send({"wait": process}), output.read_text()

    def migrate(self) -> None:
        """Bring the tables up to date with the models."""
        self.lback("makemigrations", "--no-input")
        self.lback("migrate")

    @contextmanager
    def serving(
        self, *command: str, expect_errors: bool = False, **environment: str
    ) -> Iterator[Visitor]:
        """Serve the project with `DEBUG` off, by `lback runserver` unless told otherwise."""
        arguments = (*(command or ("runserver",)), "--port", "0")
        with self.running(*arguments, **{**DEPLOYED, **environment}) as (process, output):
            yield Visitor(port_of(process, output), output)
        printed = output.read_text()
        assert expect_errors == ("Traceback" in printed), printed

    @contextmanager
    def running(self, *arguments: str, **environment: str) -> Iterator[tuple[int, Path]]:
        """Run a command until SIGTERM; give the id of its process, and what it prints to."""
        process, output = self._start(arguments, environment)
        try:
            yield process, output
        finally:
            os.killpg(process, signal.SIGTERM)
            self.send({"wait": process})

    def _start(self, arguments: tuple[str, ...], environment: dict[str, str]) -> tuple[int, Path]:
        output = self.folder.parent / f"printed-{secrets.token_hex(4)}.txt"
        output.touch()
        inherited = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
        command = {
            "arguments": arguments,
            "cwd": str(self.folder),
            "environment": {**inherited, "PYTHONUNBUFFERED": "1", "COLUMNS": "100", **environment},
            "output": str(output),
        }
        return self.send({"start": command}), output


def port_of(process: int, output: Path) -> int:
    """Return the port of a server as soon as it takes connections."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        found = ADDRESS.search(output.read_text())
        if found:
            try:
                Visitor(int(found[1]), output).get("/no-such-page")
            except OSError:
                pass
            else:
                return int(found[1])
        ended = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
        assert not ended, output.read_text()
        time.sleep(0.03)
    raise AssertionError(output.read_text())


@pytest.fixture(scope="session")
def send() -> Iterator[Send]:
    """Hands requests to `launcher.py`."""
    script = Path(__file__).with_name("launcher.py")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        request, answer = process.stdin, process.stdout

        def send(question: dict[str, Any]) -> int:
            request.write(f"{json.dumps(question)}\n")
            request.flush()
            return int(answer.readline())

        yield send


@pytest.fixture(scope="session", params=VARIANTS)
def new_project(
    request: pytest.FixtureRequest, send: Send, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """A new project of each variant in turn, after the commands that `lback new` tells of.

    Tests work on copies of it.
    """
    place = tmp_path_factory.mktemp("new")
    printed = Project(place, False, send).lback(
        "new", "project", "corner", *VARIANTS[request.param]
    )
    project = Project(place / "corner", request.param == "full", send)
    for command in re.findall(r"python manage\.py (\w+)", printed):
        if command != "runserver":
            project.lback(command)
    return project


@pytest.fixture
def project(new_project: Project, tmp_path: Path, send: Send) -> Project:
    """A copy of a new project, for one test."""
    shutil.copytree(new_project.folder, tmp_path / "corner")
    return Project(tmp_path / "corner", new_project.is_full, send)
