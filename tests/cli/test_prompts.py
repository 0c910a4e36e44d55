"""In a terminal one is asked: for a password that is not shown, and before things are undone."""

import os
import pty
import select
import subprocess
import sys
import time
from pathlib import Path

from tests.cli.conftest import RunAll


def converse(project: Path, arguments: list[str], *turns: tuple[str, str]) -> tuple[int, str]:
    """Run a command in a terminal of its own; each turn waits for a text and types another."""
    ours, theirs = pty.openpty()
    environment = {k: v for k, v in os.environ.items() if k != "LBACK_PROJECT_ROOT"}
    with subprocess.Popen(
        [sys.executable, "-m", "lback", *arguments],
        cwd=project,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        os.close(theirs)
        seen, left = "", list(turns)
        give_up_at = time.monotonic() + 60
        while time.monotonic() < give_up_at:
            if not select.select([ours], [], [], 1)[0]:
                continue
            try:
                seen += os.read(ours, 4096).decode()
            except OSError:  # the other end is closed
                break
            if left and left[0][0] in seen:
                os.write(ours, f"{left.pop(0)[1]}\n".encode())
        if process.poll() is None and left:
            process.kill()  # it waits for an answer to a question that no turn expects
        code = process.wait(timeout=10)
    os.close(ours)
    assert not left, seen
    return code, seen


def test_a_person_is_asked(project: Path, run_all: RunAll) -> None:
    run_all("makemigrations", "migrate")
    password = "correct horse battery"
    code, seen = converse(
        project,
        ["create_superuser"],
        ("Username", "root"),
        ("Password", password),
        ("Repeat for confirmation", password),
    )
    assert code == 0, seen
    assert "Created superuser root" in seen
    assert password not in seen

    code, seen = converse(project, ["rollback"], ("Continue?", "n"))
    assert code == 130
    assert "This reverts the following and deletes data in their tables:\r\n0001_initial" in seen
    [shown] = run_all("showmigrations")
    assert shown.out.startswith("[x]")
