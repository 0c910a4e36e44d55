"""A project in a temporary folder, and the command line as a person uses it: in its own process."""

import json
import os
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from lback.cli import main

Run = Callable[..., subprocess.CompletedProcess[str]]

SETTINGS = 'DEBUG = True\nSECRET_KEY = "only for these tests"\nROOT_URLCONF = "urls"\n'
URLS = """
from lback import Request, path

def home(request: Request) -> str:
    return "home"

urlpatterns = [path("/", home, ["GET"], "home", requires_auth=False)]
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project of two files."""
    root = tmp_path / "shop"
    root.mkdir()
    (root / "settings.py").write_text(SETTINGS)
    (root / "urls.py").write_text(URLS)
    return root


@pytest.fixture(scope="session")
def launcher() -> Iterator["subprocess.Popen[str]"]:
    """See `launcher.py`."""
    script = Path(__file__).with_name("launcher.py")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield process


@pytest.fixture
def lback(
    launcher: "subprocess.Popen[str]", tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Run:
    """Run `lback` with arguments, in the temporary folder unless `cwd` is given."""
    streams = tmp_path_factory.mktemp("streams")

    def run(
        *arguments: str, cwd: Path = tmp_path, stdin: str = "", **variables: str
    ) -> subprocess.CompletedProcess[str]:
        files = [streams / name for name in ("stdin", "stdout", "stderr")]
        for file, text in zip(files, (stdin, "", ""), strict=True):
            file.write_text(text)
        environment = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
        request = {
            "arguments": arguments,
            "cwd": str(cwd),
            "environment": {**environment, "COLUMNS": "100", **variables},
            "files": [str(file) for file in files],
        }
        assert launcher.stdin is not None
        assert launcher.stdout is not None
        launcher.stdin.write(f"{json.dumps(request)}\n")
        launcher.stdin.flush()
        code = int(launcher.stdout.readline())
        return subprocess.CompletedProcess(
            arguments, code, files[1].read_text(), files[2].read_text()
        )

    return run


@pytest.fixture
def python(tmp_path: Path) -> Run:
    """Run a script in a process of its own, in the temporary folder unless `cwd` is given."""

    def run(script: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script],
            cwd=cwd,
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )

    return run


@pytest.fixture
def lback_here(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Run:
    """Run `lback` in this process, which is quicker; for what does not load a project."""

    def run(*arguments: str, cwd: Path = tmp_path) -> subprocess.CompletedProcess[str]:
        monkeypatch.chdir(cwd)
        monkeypatch.delenv("LBACK_PROJECT_ROOT", raising=False)
        code = main.run(arguments)
        out, err = capsys.readouterr()
        return subprocess.CompletedProcess(arguments, code, out, err)

    return run


class Outcome(NamedTuple):
    """What a command wrote, and how it ended."""

    code: int
    out: str
    err: str


RunAll = Callable[..., list[Outcome]]

SCRIPT = """
import contextlib, io, json, sys
from lback.cli.main import run
outcomes = []
for arguments in json.loads(sys.argv[1]):
    out, err = io.StringIO(), io.StringIO()
    out.fileno = lambda: 1
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run(arguments)
    outcomes.append((code, out.getvalue(), err.getvalue()))
print(json.dumps(outcomes))
"""


@pytest.fixture
def run_all(project: Path) -> RunAll:
    """Run commands in the project, one after the other in a single process, which is quicker."""

    def run_all(*lines: str, stdin: str = "", **variables: str) -> list[Outcome]:
        environment = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
        result = subprocess.run(
            [sys.executable, "-c", SCRIPT, json.dumps([shlex.split(line) for line in lines])],
            cwd=project,
            env={**environment, **variables},
            check=False,
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert result.returncode == 0, result.stderr
        return [Outcome(*found) for found in json.loads(result.stdout)]

    return run_all
