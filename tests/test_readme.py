"""The first application of the README, followed to the letter in an empty folder."""

import html
import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.core.http.test_development_server import ask, running
from tests.test_docs import PYTHON, ROOT

SCRIPT = "<script>alert(1)"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files of the README, each under the name in its first line."""
    blocks = PYTHON.findall((ROOT / "README.md").read_text())
    named = {block.splitlines()[0].removeprefix("# "): block for block in blocks}
    assert list(named) == ["app.py", "test_app.py"]
    for name, block in named.items():
        (tmp_path / name).write_text(block)
    return tmp_path


def test_its_tests_pass(folder: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-W", "error", "-p", "no:cacheprovider"],
        check=False,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "2 passed" in ended.stdout


def test_python_app_py_serves_it_and_a_name_stays_text(folder: Path) -> None:
    with running(folder, "app.py") as (port, _):
        found = ask(port, "GET", f"/hello/{quote(SCRIPT)}")
    assert found == (200, f"<h1>Hello {html.escape(SCRIPT)}</h1>")
