"""A project that was made by version 0.1, with its data, migrates and runs on this version."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

FIXTURE = Path(__file__).parents[1] / "fixtures" / "project_0_1"
LATER = {"lback_sessions": 7.2e9, "lback_refresh_tokens": 7.2e9}

# Sent through the application, as a server would; the process is a new one, as after a deploy.
VISIT = """
import json, sys
from lback.core import server
from lback.testing import Client

application = server.build_project_application()
path, headers, cookies, method, form = json.loads(sys.argv[1])
client = Client(application)
for name, value in cookies.items():
    headers["Cookie"] = f"{name}={value}"
response = client.request(method, path, headers=headers, data=form)
print(json.dumps([response.status_code, response.text]))
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project with its database, after the commands of an upgrade."""
    root = tmp_path_factory.mktemp("upgrade") / "shop"
    shutil.copytree(FIXTURE, root)
    (root / "dotenv").rename(root / ".env")
    database = sqlite3.connect(root / "db.sqlite3")
    database.executescript((root / "database.sql").read_text())
    # What was stored for two weeks when the fixture was made is still to be valid today.
    for table, moment in LATER.items():
        database.execute(f"UPDATE {table} SET expires_at = ?", (moment,))
    database.commit()
    database.close()
    lback(root, "makemigrations")
    lback(root, "migrate")
    return root


def lback(root: Path, *arguments: str) -> str:
    ran = subprocess.run(
        [sys.executable, "-m", "lback", *arguments],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "PYTHONWARNINGS": "ignore::DeprecationWarning"},
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


def visit(
    root: Path,
    path: str,
    headers: dict[str, str] | None = None,
    cookies: dict[str, str] | None = None,
    method: str = "GET",
    form: dict[str, str] | None = None,
) -> tuple[int, str]:
    sent = json.dumps([path, headers or {}, cookies or {}, method, form])
    ran = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", VISIT, sent],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 0, ran.stderr
    status, text = json.loads(ran.stdout.splitlines()[-1])
    return status, text


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What the users of that project hold: a key, tokens and a session cookie."""
    found: dict[str, Any] = json.loads((FIXTURE / "facts.json").read_text())
    return found


def test_the_project_passes_its_checks(project: Path) -> None:
    lback(project, "check")
    assert "No changes" in lback(project, "makemigrations")


def test_its_rows_are_there(project: Path) -> None:
    status, text = visit(project, "/api/titles")
    assert status == 200
    assert json.loads(text) == [
        "First note", "Zweite Notiz: äöü", "x" * 120, "Made in the admin",
    ]  # fmt: skip


def test_an_api_key_still_signs_in_and_lazy_values_are_there(
    project: Path, facts: dict[str, Any]
) -> None:
    bearer = {"Authorization": f"Bearer {facts['api_key']}"}
    status, text = visit(project, "/api/whoami", bearer)
    assert status == 200, text
    assert json.loads(text) == {"username": "ada", "greeting": "Hello ada"}


def test_a_session_is_still_signed_in(project: Path, facts: dict[str, Any]) -> None:
    status, text = visit(project, "/admin/", {"Accept": "text/html"}, facts["cookies"])
    assert status == 200
    assert "root" in text


def test_names_of_version_0_1_can_be_imported(project: Path) -> None:
    status, text = visit(project, "/api/types")
    assert (status, json.loads(text)) == (200, ["MultiDict", "UploadedFile"])
