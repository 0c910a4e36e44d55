"""Tools called by the official client of the Model Context Protocol, over a socket."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lback import Application
from lback.testing.contract import served
from tests.api.test_mcp import app, key_of
from tests.conftest import unavailable

CLIENT = Path(__file__).with_name("mcp_client")
REQUIREMENTS = CLIENT / "requirements.txt"

__all__ = ["app"]  # the fixture


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """An interpreter that has the client, which cannot share an environment with Lback."""
    folder = tmp_path_factory.mktemp("mcp")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    found = str(folder / "bin" / "python")
    install = [found, "-m", "pip", "install", "-q", "--no-compile", "--only-binary", ":all:"]
    done = subprocess.run(
        [*install, "--require-hashes", "--requirement", REQUIREMENTS],
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        unavailable(f"the client mcp cannot be installed: {done.stderr[-300:]}")
    yield found


def test_the_official_client_lists_and_calls_tools(app: Application, python: str) -> None:
    key = key_of(app)
    with served(app) as address:
        done = subprocess.run(
            [python, CLIENT / "call.py", f"{address}/mcp", key],
            check=False,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {
        "version": "2026-07-28",
        "server": "Garden",
        "tools": ["broken", "endless", "gone", "order", "picture", "sums"],
        "structured": {"number": 7, "text": "2 Emma from corner False []"},
        "failed": True,
    }
