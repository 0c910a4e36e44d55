"""How `config.json` follows `settings.py`: whole, without secrets, after every kind of save."""

import json
import logging
import os
import stat
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from watchdog.events import (
    DirModifiedEvent,
    FileCreatedEvent,
    FileModifiedEvent,
    FileMovedEvent,
    FileSystemEventHandler,
)

from lback.core import config as config_module
from lback.core.config import Config
from lback.core.config_manager import (
    SettingsFileHandler,
    get_project_root,
    load_config,
    load_settings_module,
    start_settings_watcher,
    sync_settings_to_config,
    update_config,
)
from lback.core.exceptions import ConfigurationError
from lback.core.signals import SignalDispatcher

PATIENCE = 20  # seconds until a signal that never comes fails a test


@pytest.fixture(autouse=True)
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty directory to stand in, no settings in the environment, no module left behind."""
    for name in (*Config.DEFAULTS, "LBACK_PROJECT_ROOT"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    sys.modules.pop("settings", None)


@pytest.fixture
def dispatcher() -> SignalDispatcher:
    return SignalDispatcher()


def content(path: Path) -> dict[str, Any]:
    values: dict[str, Any] = json.loads(path.read_text())
    return {name: value for name, value in values.items() if name.isupper()}


# --- load_config and load_settings_module


def test_both_loaders_give_the_same_for_json(project: Path) -> None:
    update_config({"A": [1, {"b": None}]})

    assert load_config() == config_module.load_config()
    assert load_config("missing.json") == config_module.load_config("missing.json") == {}


def test_each_load_runs_the_file_again(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    settings = project / "settings.py"
    values = []
    for number in (1, 2, 3, 4):
        settings.write_text(f"NUMBER = {number}\n")  # the same size, within the same second
        module = load_settings_module(str(settings))
        values.append(module.NUMBER)

    assert values == [1, 2, 3, 4]
    assert sys.modules["settings"] is module
    assert module.__file__ == str(settings)
    assert not (project / "__pycache__").exists()


def test_a_missing_settings_file_is_said_to_be_missing(project: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"settings\.py"):
        load_settings_module(project / "settings.py")


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("A = 1\nB = = 2\n", r"settings\.py, line 2: SyntaxError: invalid syntax"),
        ("A = 1\n\nB = A / 0\n", r"settings\.py, line 3: ZeroDivisionError: division by zero"),
        ("import no_such_part\n", r"settings\.py, line 1: ModuleNotFoundError: No module"),
        ("import broken_part\n", r"settings\.py, line 1: SyntaxError: "),
        ("def f():\n    return {}['x']\nA = f()\n", r"line 2: KeyError: 'x'"),
        ("import sys\nsys.exit('no')\n", r"line 2: SystemExit: no"),
        ("A = '\0'", r"settings\.py: \w+Error: "),
    ],
)
def test_a_failing_settings_file_names_line_and_reason(
    source: str, reason: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(project)
    (project / "broken_part.py").write_text("\n\n\n)\n")
    settings = project / "settings.py"
    settings.write_text("GOOD = 1\n")
    good = load_settings_module(settings)
    settings.write_text(source)

    with pytest.raises(ConfigurationError, match=reason) as caught:
        load_settings_module(settings)

    assert caught.value.__cause__ is not None
    assert sys.modules["settings"] is good


# --- sync_settings_to_config


def test_what_has_a_json_form_is_copied(project: Path) -> None:
    (project / "settings.py").write_text(
        "import json as JSON\n"
        "from pathlib import Path\n"
        "DEBUG = True\nALLOWED_HOSTS = ('a.org',)\nLIMITS = {'x': [1, None]}\n"
        "BASE = Path('/srv')\nNAN = float('nan')\nlower = 1\n"
        "def FUNCTION(): pass\n"
    )

    sync: Callable[..., Any] = sync_settings_to_config

    assert sync("settings.py") is None
    assert content(project / "config.json") == {
        "DEBUG": True,
        "ALLOWED_HOSTS": ["a.org"],
        "LIMITS": {"x": [1, None]},
    }
    assert stat.S_IMODE((project / "config.json").stat().st_mode) == 0o600


def test_no_secret_is_ever_written(project: Path) -> None:
    (project / "settings.py").write_text(
        "SECRET_KEY = DB_PASSWORD = API_TOKEN = PRIVATE_PEM = STRIPE_KEY = 'hunter2'\n"
        "DATABASE_URL = 'postgresql://app:hunter2@db/shop'\n"
        "REDIS = ['redis://:hunter2@cache']\n"
        "MAIL = {'host': 'mx', 'login': {'password': 'hunter2'}}\n"
        "SEALED_KEY_ENCRYPTED = 'gAAAA'\nURL = 'https://example.com/a:b'\n"
    )

    sync_settings_to_config("settings.py")

    assert "hunter2" not in (project / "config.json").read_text()
    assert content(project / "config.json") == {
        "SEALED_KEY_ENCRYPTED": "gAAAA",
        "URL": "https://example.com/a:b",
    }


def test_names_that_vanish_go_if_a_sync_wrote_them(project: Path) -> None:
    update_config({"BY_HAND": 1})
    settings = project / "settings.py"
    settings.write_text("A = 1\nB = 2\n")
    sync_settings_to_config(settings)
    update_config({"LATER": 3})

    settings.write_text("B = 20\n")
    sync_settings_to_config(settings)

    assert content(project / "config.json") == {"BY_HAND": 1, "LATER": 3, "B": 20}


def test_a_sync_without_a_change_writes_nothing(project: Path) -> None:
    (project / "settings.py").write_text("A = 1\n")
    sync_settings_to_config("settings.py")
    before = (project / "config.json").stat()
    sync_settings_to_config("settings.py")

    assert (project / "config.json").stat().st_ino == before.st_ino


def test_failing_settings_change_nothing(project: Path) -> None:
    update_config({"A": 1})
    (project / "settings.py").write_text("A = 2\nboom\n")

    with pytest.raises(ConfigurationError, match="line 2: NameError"):
        sync_settings_to_config("settings.py")

    assert load_config() == {"A": 1}


def test_the_config_reads_what_a_sync_wrote(project: Path) -> None:
    (project / "settings.py").write_text("PORT = 8123\nSHOP = 'Corner'\n")
    sync_settings_to_config("settings.py")

    config = Config()

    assert (config.PORT, config.SHOP) == (8123, "Corner")


# --- the handler


def test_the_handler_is_one_of_watchdog(project: Path) -> None:
    handler = SettingsFileHandler(str(project / "settings.py"))
    assert isinstance(handler, FileSystemEventHandler)


def test_only_the_settings_file_triggers_a_sync(project: Path) -> None:
    settings, other = project / "settings.py", project / "other.py"
    settings.write_text("A = 1\n")
    other.write_text("A = 2\n")
    handler = SettingsFileHandler(str(settings), str(project / "config.json"))

    handler.on_modified(FileModifiedEvent(str(other)))
    handler.on_modified(DirModifiedEvent(str(settings)))
    handler.on_moved(FileMovedEvent(str(settings), str(other)))
    assert not (project / "config.json").exists()

    handler.on_modified(FileModifiedEvent(os.fsencode(settings)))
    assert content(project / "config.json") == {"A": 1}


def test_paths_are_compared_as_the_files_they_are(project: Path) -> None:
    (project / "settings.py").write_text("A = 1\n")
    (project / "link").symlink_to(project)
    handler = SettingsFileHandler("settings.py")

    handler.on_created(FileCreatedEvent(str(project / "link" / "settings.py")))

    assert content(project / "config.json") == {"A": 1}


def test_the_signal_names_what_changed_and_no_value(
    project: Path, dispatcher: SignalDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    heard: list[dict[str, Any]] = []
    dispatcher.connect("settings_changed", lambda **facts: heard.append(facts))
    settings = project / "settings.py"
    handler = SettingsFileHandler(settings, dispatcher=dispatcher)
    event = FileModifiedEvent(str(settings))

    for source in ("A = 1\nSECRET_KEY = 'hunter2'\n", "A = 1\nSECRET_KEY = 'hunter3'\nB = 1\n"):
        settings.write_text(source)
        handler.on_modified(event)
        handler.on_modified(event)
    settings.write_text("SECRET_KEY = 'hunter3'\nB = 1  # a remark changes no value\n")
    handler.on_modified(event)
    settings.write_text("SECRET_KEY = 'hunter3'\nB = 1\n")
    handler.on_modified(event)

    assert [facts["changed"] for facts in heard] == [["A"], ["B", "SECRET_KEY"], ["A"]]
    assert all(facts == {"sender": handler, "changed": facts["changed"]} for facts in heard)
    assert "hunter" not in caplog.text


def test_the_file_is_the_memory_before_the_first_sync(
    project: Path, dispatcher: SignalDispatcher
) -> None:
    settings = project / "settings.py"
    settings.write_text("A = 1\nB = 2\nTOKEN = 'x'\n")
    sync_settings_to_config(settings)
    heard: list[Any] = []
    dispatcher.connect("settings_changed", lambda sender, changed: heard.append(changed))
    settings.write_text("A = 1\nC = 3\nTOKEN = 'x'\n")

    SettingsFileHandler(settings, dispatcher=dispatcher).on_modified(
        FileModifiedEvent(str(settings))
    )

    assert heard == [["B", "C"]]


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("A = \n", "settings.py, line 1: SyntaxError: invalid syntax"),
        ("PORT = 99999\nHOST = ''\n", "PORT = 99999 (settings): must be a port: 0 to 65535"),
        ("PORT = 'x'\n", "1 setting cannot work:; - PORT = 'x' (settings): write a whole number"),
        ("A = '\\ud800'\n", "surrogates not allowed"),
    ],
)
def test_settings_that_cannot_work_are_logged_and_the_old_stay(
    source: str, reason: str, project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = project / "settings.py"
    settings.write_text("A = 1\n")
    handler = SettingsFileHandler(settings)
    handler.sync()
    settings.write_text(source)

    handler.on_modified(FileModifiedEvent(str(settings)))
    handler.on_modified(FileModifiedEvent(str(settings)))

    assert content(project / "config.json") == {"A": 1}
    (message,) = caplog.messages
    assert message.startswith(f"{settings} cannot be loaded, the old settings stay: ")
    assert reason in message


def test_an_edit_of_development_settings_needs_no_public_hosts(project: Path) -> None:
    (project / "settings.py").write_text("PORT = 8001\n")
    assert SettingsFileHandler("settings.py").sync() == ["PORT"]


def test_a_file_about_to_be_written_is_waited_for(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = project / "settings.py"
    settings.write_text("A = 1\n")
    handler = SettingsFileHandler(settings)
    handler.sync()

    settings.write_text("")
    handler.on_modified(FileModifiedEvent(str(settings)))
    settings.unlink()
    handler.on_modified(FileModifiedEvent(str(settings)))

    assert content(project / "config.json") == {"A": 1}
    assert not caplog.messages


# --- the watcher


def save_in_place(path: Path, source: str) -> None:
    path.write_text(source)


def save_by_rename(path: Path, source: str) -> None:
    new = path.with_name(".settings.py.swp")
    new.write_text(source)
    new.replace(path)


def save_by_delete_and_create(path: Path, source: str) -> None:
    path.unlink()
    path.write_text(source)


def save_with_a_backup(path: Path, source: str) -> None:
    path.rename(path.with_name("settings.py~"))
    path.write_text(source)


@pytest.mark.parametrize(
    "save", [save_in_place, save_by_rename, save_by_delete_and_create, save_with_a_backup]
)
def test_config_json_follows_every_kind_of_save(
    save: Callable[[Path, str], None], project: Path, dispatcher: SignalDispatcher
) -> None:
    settings = project / "settings.py"
    settings.write_text("A = 0\n")
    heard = threading.Event()
    dispatcher.connect("settings_changed", lambda **_: heard.set())
    observer = start_settings_watcher(project, dispatcher=dispatcher)
    assert observer is not None
    try:
        assert observer.daemon
        assert content(project / "config.json") == {"A": 0}
        for number in (1, 2, 3):  # every edit, not every other one
            heard.clear()
            save(settings, f"A = {number}\n")
            assert heard.wait(PATIENCE)
            assert content(project / "config.json") == {"A": number}
    finally:
        observer.stop()
        observer.join(PATIENCE)
    assert not observer.is_alive()


class Listener(logging.Handler):
    """Tells that something was logged."""

    def __init__(self) -> None:
        super().__init__()
        self.heard = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        self.heard.set()


def test_the_watcher_outlives_a_broken_save(
    project: Path, dispatcher: SignalDispatcher, caplog: pytest.LogCaptureFixture
) -> None:
    settings = project / "settings.py"
    settings.write_text("A = 0\n")
    heard, complaint = threading.Event(), Listener()
    dispatcher.connect("settings_changed", lambda **_: heard.set())
    logger = logging.getLogger("lback.core.config_manager")
    logger.addHandler(complaint)
    observer = start_settings_watcher(str(project), dispatcher=dispatcher)
    assert observer is not None
    try:
        save_by_rename(settings, "A = (\n")
        assert complaint.heard.wait(PATIENCE)
        assert content(project / "config.json") == {"A": 0}
        save_by_rename(settings, "A = 2\n")
        assert heard.wait(PATIENCE)
        assert content(project / "config.json") == {"A": 2}
    finally:
        logger.removeHandler(complaint)
        observer.stop()
        observer.join(PATIENCE)
    assert "settings.py, line 1: SyntaxError: '(' was never closed" in caplog.text


def test_without_a_settings_file_nothing_is_watched(
    project: Path, caplog: pytest.LogCaptureFixture
) -> None:
    threads = threading.active_count()

    assert start_settings_watcher(project) is None
    assert caplog.messages == [f"there is no {project / 'settings.py'} to watch"]
    assert threading.active_count() == threads


def test_broken_settings_stop_the_start_of_the_watcher(project: Path) -> None:
    (project / "settings.py").write_text("A = \n")
    threads = threading.active_count()

    with pytest.raises(ConfigurationError, match="line 1"):
        start_settings_watcher(project)
    assert threading.active_count() == threads


# --- get_project_root


def test_the_project_is_found_from_below(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "settings.py").touch()
    (project / "shop" / "views").mkdir(parents=True)
    monkeypatch.chdir(project / "shop" / "views")

    assert get_project_root() == str(project)


def test_the_environment_names_the_project_first(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "settings.py").touch()
    (project / "other").mkdir()
    monkeypatch.setenv("LBACK_PROJECT_ROOT", "other")
    with pytest.raises(FileNotFoundError, match="LBACK_PROJECT_ROOT is 'other'"):
        get_project_root()

    (project / "other" / "settings.py").touch()
    assert get_project_root() == str(project / "other")


def test_no_project_says_where_it_was_looked_for(project: Path) -> None:
    with pytest.raises(FileNotFoundError, match="LBACK_PROJECT_ROOT") as caught:
        get_project_root()
    assert str(project) in str(caught.value)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give files away")
@pytest.mark.parametrize("given_away", [".", "settings.py", "below"])
def test_the_settings_of_a_stranger_are_not_run(
    given_away: str, project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (project / "settings.py").touch()
    (project / "below" / "deep").mkdir(parents=True)
    monkeypatch.chdir(project / "below" / "deep")
    assert get_project_root() == str(project)

    os.chown(project / given_away, 12345, -1)

    with pytest.raises(FileNotFoundError):
        get_project_root()
