"""A file that is whole at every moment: merged, replaced, never lost between two writers."""

import errno
import fcntl
import json
import resource
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lback.core.config_manager import load_config, update_config
from lback.core.exceptions import ConfigurationError


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty directory to stand in."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def content(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text())
    return {name: value for name, value in values.items() if name.isupper()}


def files_in(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_an_update_merges_into_what_is_there(project: Path) -> None:
    (project / "config.json").write_text('{"A": 1, "B": {"x": 1}}')

    merged = update_config({"B": {"y": 2}, "C": "ä"})

    assert merged == load_config() == {"A": 1, "B": {"y": 2}, "C": "ä"}
    assert "ä" in (project / "config.json").read_text("utf-8")


def test_a_new_file_can_be_read_by_its_owner_only(project: Path) -> None:
    update_config({"A": 1}, project / "new.json")

    assert stat.S_IMODE((project / "new.json").stat().st_mode) == 0o600
    assert files_in(project) == ["new.json"]


def test_an_existing_file_keeps_its_mode(project: Path) -> None:
    (project / "config.json").write_text("{}")
    (project / "config.json").chmod(0o640)

    update_config({"A": 1})

    assert stat.S_IMODE((project / "config.json").stat().st_mode) == 0o640


def test_a_link_to_the_file_stays_a_link(project: Path) -> None:
    (project / "shared").mkdir()
    (project / "config.json").symlink_to("shared/real.json")

    update_config({"A": 1})

    assert (project / "config.json").is_symlink()
    assert load_config(project / "shared" / "real.json") == {"A": 1}


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"A": object()}, TypeError),
        ({"A": {1, 2}}, TypeError),
        ({1: "A"}, TypeError),
        ({"A": float("nan")}, ValueError),
        ({"A": float("inf")}, ValueError),
        ({"A": "\ud800"}, ValueError),
    ],
)
def test_a_value_without_a_json_form_changes_nothing(
    values: dict[Any, Any], error: type[Exception], project: Path
) -> None:
    update_config({"OLD": 1})

    with pytest.raises(error):
        update_config({"B": 2, **values})

    assert load_config() == {"OLD": 1}
    assert files_in(project) == ["config.json"]


def test_a_broken_file_is_not_overwritten(project: Path) -> None:
    (project / "config.json").write_text('{"A": 1')

    with pytest.raises(ConfigurationError, match="line 1, column 8"):
        update_config({"B": 2})

    assert (project / "config.json").read_text() == '{"A": 1'


def test_an_update_that_does_not_fit_on_the_disk_leaves_the_old_file(project: Path) -> None:
    update_config({"OLD": 1})
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (64, limits[1]))
    try:
        with pytest.raises(OSError, match="too large"):
            update_config({"NEW": "x" * 1000})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)

    assert load_config() == {"OLD": 1}
    assert files_in(project) == ["config.json"]


def test_what_a_crash_left_behind_is_cleared_away(project: Path) -> None:
    (project / ".config.json.k2x9.tmp").write_text('{"HALF')

    update_config({"A": 1})

    assert files_in(project) == ["config.json"]


def test_threads_do_not_lose_each_others_values() -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: update_config({f"N{n}": n}), range(40)))

    assert load_config() == {f"N{n}": n for n in range(40)}


def test_processes_do_not_lose_each_others_values() -> None:
    script = """
import sys
from lback.core.config_manager import update_config
for n in range(15):
    update_config({f"{sys.argv[1]}{n}": n})
"""
    writers = [subprocess.Popen([sys.executable, "-c", script, name]) for name in "AB"]

    assert [writer.wait(60) for writer in writers] == [0, 0]
    assert load_config() == {f"{name}{n}": n for name in "AB" for n in range(15)}


def test_where_nothing_can_be_locked_threads_still_wait_for_each_other(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def refuse(descriptor: int, operation: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    # Some network file systems are so; none is here, and so the system call is replaced.
    monkeypatch.setattr(fcntl, "flock", refuse)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: update_config({f"N{n}": n}), range(40)))

    assert load_config() == {f"N{n}": n for n in range(40)}
    assert set(caplog.messages) == {". cannot be locked: No locks available"}


KILLS = """
import json, os, pathlib, random, signal, sys, time
from lback.core.config_manager import sync_settings_to_config

def write(number):
    settings.write_text(f"A = {number}\\nB = {str(number) * 20_000!r}\\n")

settings, config = pathlib.Path("settings.py"), pathlib.Path("config.json")
write(0)
sync_settings_to_config(settings)
number = interrupted = kills = 0
# A busy machine needs more kills until enough of them come while it writes.
while kills < 100 or (min(number, interrupted) <= 10 and kills < 3000):
    kills += 1
    ready, tell = os.pipe()
    child = os.fork()
    if not child:
        os.write(tell, b".")
        while True:
            number += 1
            write(number)
            sync_settings_to_config(settings)
    os.read(ready, 1)
    os.close(ready), os.close(tell)
    time.sleep(random.uniform(0, 0.02))  # in the middle of its work, wherever that is
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    interrupted += bool(list(pathlib.Path().glob(".config.json.*.tmp")))
    whole = json.loads(config.read_text())
    assert whole["B"] == str(whole["A"]) * 20_000, whole["A"]
    number = whole["A"]
print(number, interrupted)
"""


def test_a_hundred_kills_in_the_middle_of_a_sync_leave_a_whole_file(project: Path) -> None:
    outcome = subprocess.run(
        [sys.executable, "-c", KILLS], check=False, capture_output=True, text=True, timeout=300
    )
    assert outcome.returncode == 0, outcome.stderr
    number, interrupted = map(int, outcome.stdout.split())
    assert number > 10
    assert interrupted > 10  # at least so many of them met it while it wrote

    update_config({"AFTER": 1})
    assert files_in(project) == ["config.json", "settings.py"]
