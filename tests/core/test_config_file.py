"""A file that is whole at every moment: merged, replaced, never lost between two writers."""

import errno
import fcntl
import json
import resource
import signal
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from lback.core.config_manager import load_config, sync_settings_to_config, update_config
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


def test_a_process_killed_while_it_syncs_leaves_a_whole_file(project: Path) -> None:
    settings = project / "settings.py"
    settings.write_text("A = 0\n")
    sync_settings_to_config(settings)
    script = """
import pathlib, sys
from lback.core.config_manager import sync_settings_to_config
settings = pathlib.Path("settings.py")
print("ready", flush=True)
n = 0
while True:
    n += 1
    settings.write_text(f"A = {n}\\nB = {'x' * 50_000!r}\\n")
    sync_settings_to_config(settings)
    print(n, flush=True)
"""
    for _ in range(10):
        with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE) as process:
            assert process.stdout is not None
            for _ in range(3):  # in the middle of its work, wherever that is
                assert process.stdout.readline()
            process.send_signal(signal.SIGKILL)
        assert content(project / "config.json").keys() in ({"A"}, {"A", "B"})

    update_config({"AFTER": 1})
    assert files_in(project) == ["config.json", "settings.py"]
