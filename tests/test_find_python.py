"""`make PYTHON=…` takes a command, a path or a version, also one that a version manager keeps."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".ci" / "find-python"
VERSION = f"{sys.version_info[0]}.{sys.version_info[1]}"
HOMES = {
    "pyenv": f".pyenv/versions/{VERSION}.7/bin",
    "uv": f".local/share/uv/python/cpython-{VERSION}.7-linux-x86_64-gnu/bin",
    "asdf": f".asdf/installs/python/{VERSION}.7/bin",
    "mise": f".local/share/mise/installs/python/{VERSION}.7/bin",
}


def find(wanted: str, home: Path, path: str = "/nowhere") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        ["/bin/sh", SCRIPT, wanted],
        env={"HOME": str(home), "PATH": path},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )


def put(program: Path, runs: str) -> Path:
    program.parent.mkdir(parents=True)
    program.write_text(f'#!/bin/sh\n{runs} "$@"\n')
    program.chmod(0o755)
    return program


@pytest.mark.parametrize("wanted", [VERSION, f"python{VERSION}", "newest"])
@pytest.mark.parametrize("manager", HOMES)
def test_a_version_manager_keeps_it(manager: str, wanted: str, tmp_path: Path) -> None:
    program = put(tmp_path / HOMES[manager] / f"python{VERSION}", f"exec {sys.executable}")
    assert find(wanted, tmp_path).stdout == f"{program}\n"


def test_a_command_and_a_path_are_taken_as_they_are(tmp_path: Path) -> None:
    program = put(tmp_path / "bin" / "python3", f"exec {sys.executable}")
    assert find("python3", tmp_path, path=str(program.parent)).stdout == f"{program}\n"
    assert find(str(program), tmp_path).stdout == f"{program}\n"


def test_a_shim_of_a_version_that_is_not_active_is_passed_over(tmp_path: Path) -> None:
    shim = put(tmp_path / "shims" / f"python{VERSION}", "exit 127 #")
    program = put(tmp_path / HOMES["pyenv"] / f"python{VERSION}", f"exec {sys.executable}")
    found = find(f"python{VERSION}", tmp_path, path=str(shim.parent))
    assert found.stdout == f"{program}\n"


@pytest.mark.parametrize("wanted", ["3.10", "python9", "", "no such; echo x"])
def test_what_is_missing_or_too_old_is_said(wanted: str, tmp_path: Path) -> None:
    put(tmp_path / ".pyenv/versions/3.10.1/bin/python3.10", "exit 1 #")
    found = find(wanted, tmp_path)
    assert (found.returncode, found.stdout) == (1, "")
    assert "name one: make PYTHON=python3.12" in found.stderr
