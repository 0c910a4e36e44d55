"""Finds and loads `settings.py` of a project, and keeps `config.json` as a copy without secrets."""

import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Iterator, Mapping
from hashlib import sha256
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from threading import Lock
from types import CodeType, ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

from watchdog.events import FileSystemEvent, FileSystemEventHandler

from lback.core.config import Config
from lback.core.dispatcher_instance import SignalSender
from lback.core.exceptions import ConfigurationError
from lback.core.settings.json_file import locked, parse_json, read_mapping, replace_mapping
from lback.core.settings.secret_names import is_secret
from lback.core.signals import SignalDispatcher

if TYPE_CHECKING:
    from watchdog.observers.api import BaseObserver

logger = logging.getLogger(__name__)

StrPath: TypeAlias = str | os.PathLike[str]

MODULE_NAME = "settings"
ROOT_VARIABLE = "LBACK_PROJECT_ROOT"

# Key in the JSON file: the names that the last sync wrote. `Config` reads upper-case names only.
_SYNCED = "_synced"

_URL_WITH_PASSWORD = re.compile(r"://\S*:\S*@")


def load_config(config_file: StrPath = "config.json") -> dict[str, Any]:
    """Read a JSON file as a dict; empty if it does not exist.

    Raises:
        ConfigurationError: The file cannot be read, is not JSON (the message names line and
            column), or its top level is not a mapping.
    """
    return read_mapping(Path(config_file), parse_json)


def update_config(
    new_config: Mapping[str, object], config_file: StrPath = "config.json"
) -> dict[str, Any]:
    """Merge values into the top level of a JSON file and return its new content.

    The file is replaced atomically, and concurrent updates of several threads or processes are
    all kept.

    Args:
        new_config: Values by name; each needs a JSON form.
        config_file: Path of the file; it is created if it does not exist.

    Raises:
        ConfigurationError: The existing file cannot be read; it is unchanged.
        TypeError: A name is not text, or a value has no JSON form; nothing is written.
        ValueError: A number is not finite; nothing is written.
        OSError: The file cannot be written; it is unchanged.

    Example:
        >>> update_config({"PORT": 9000}, "config.json")
        {'PORT': 9000}
        >>> update_config({"HOST": "127.0.0.1"}, "config.json")
        {'PORT': 9000, 'HOST': '127.0.0.1'}
    """
    for name in new_config:
        if not isinstance(name, str):
            raise TypeError(f"the name of a setting must be text, not {type(name).__name__}")
    path = Path(config_file)
    with locked(path):
        merged = {**load_config(path), **new_config}
        replace_mapping(path, merged)
    return merged


def load_settings_module(settings_path: StrPath) -> ModuleType:
    """Execute a settings file and return it as a new module.

    If it succeeds, the module replaces `settings` in `sys.modules`; if it fails, the previous one
    stays. The file is executed as code: never let a client choose its path.

    Raises:
        FileNotFoundError: The file does not exist.
        ConfigurationError: The file raised an exception; the message names line and reason.
    """
    path = os.path.realpath(settings_path)
    if not Path(path).is_file():
        raise FileNotFoundError(f"there is no settings file {str(settings_path)!r}")
    loader = _FreshLoader(MODULE_NAME, path)
    spec = spec_from_loader(MODULE_NAME, loader)
    assert spec is not None  # noqa: S101  a loader was given; for the type checker
    module = module_from_spec(spec)
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        raise ConfigurationError(_place_and_reason(path, error)) from error
    sys.modules[MODULE_NAME] = module
    return module


class _FreshLoader(SourceFileLoader):
    """Always compiles the source, because compiled files miss a second edit within a second."""

    def get_code(self, fullname: str) -> CodeType:  # noqa: ARG002  of the library
        code: CodeType = self.source_to_code(self.get_data(self.path), self.path)
        return code


def _place_and_reason(path: str, error: BaseException) -> str:
    lines = [f.lineno for f in traceback.extract_tb(error.__traceback__) if f.filename == path]
    reason = str(error)
    if isinstance(error, SyntaxError):
        reason = error.msg
        if error.filename == path:
            lines.append(error.lineno)
    place = f", line {lines[-1]}" if lines and lines[-1] else ""
    return f"{path}{place}: {type(error).__name__}: {reason}"


def sync_settings_to_config(settings_path: StrPath, config_file: StrPath = "config.json") -> None:
    """Write the settings of a settings file into a JSON file, without secrets.

    Upper-case names are written if their value has a JSON form and is not secret; see
    `lback.core.settings.secret_names.is_secret`. Nested secrets and passwords in URLs count too.
    Other content of the JSON file is kept, except names of an earlier sync that no longer exist.

    Args:
        settings_path: The settings file.
        config_file: The JSON file.

    Raises:
        FileNotFoundError: The settings file does not exist.
        ConfigurationError: The settings file fails, or the JSON file cannot be read.
        OSError: The JSON file cannot be written. It is unchanged after each of these errors.
    """
    _write(_json_values(load_settings_module(settings_path)), Path(config_file))


def _write(values: Mapping[str, object], path: Path) -> None:
    shown = {name: value for name, value in values.items() if not _holds_secret(name, value)}
    with locked(path):
        before = load_config(path)
        gone = set(before.get(_SYNCED, ())) - shown.keys()
        kept = {name: value for name, value in before.items() if name not in gone}
        after = {**kept, **shown, _SYNCED: sorted(shown)}
        if after != before:
            replace_mapping(path, after)


def _json_values(module: ModuleType) -> dict[str, object]:
    """Return the settings that have a JSON form, as they are after a round trip."""
    found = {}
    for name, value in vars(module).items():
        if not name.isupper():
            continue
        try:
            found[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            logger.debug("%s has no JSON form and stays in settings.py", name)
    return found


def _holds_secret(name: str, value: object) -> bool:
    if is_secret(name, None if isinstance(value, str) else value):
        return True
    if isinstance(value, dict):
        return any(_holds_secret(key, item) for key, item in value.items())
    if isinstance(value, list):
        return any(_holds_secret("", item) for item in value)
    return isinstance(value, str) and _URL_WITH_PASSWORD.search(value) is not None


class SettingsFileHandler(SignalSender, FileSystemEventHandler):
    """Syncs a JSON file after each edit of a settings file; a handler for watchdog.

    If the settings file fails or has invalid values, the error is logged and the JSON file is
    unchanged. Events without a change of content are ignored, and so is an empty file, which an
    editor is about to write.

    Signals: `settings_changed` after a sync that changed values. `changed` is the sorted list of
    their names, including those of secrets.

    Args:
        settings_path: The settings file.
        config_file: The JSON file.
        dispatcher: Where the signal is sent; `None` means the dispatcher of the process.
    """

    def __init__(
        self,
        settings_path: StrPath,
        config_file: StrPath = "config.json",
        *,
        dispatcher: SignalDispatcher | None = None,
    ) -> None:
        super().__init__()
        self._dispatcher = dispatcher
        self.settings_path = str(settings_path)
        self.config_file = str(config_file)
        self._values: dict[str, object] | None = None
        self._seen = b""
        self._lock = Lock()

    def on_modified(self, event: FileSystemEvent) -> None:
        """Sync if the file that was modified is the settings file."""
        self._follow(event, event.src_path)

    def on_created(self, event: FileSystemEvent) -> None:
        """Sync if the file that was created is the settings file."""
        self._follow(event, event.src_path)

    def on_moved(self, event: FileSystemEvent) -> None:
        """Sync if a file was moved to the path of the settings file, as many editors save."""
        self._follow(event, event.dest_path)

    def _follow(self, event: FileSystemEvent, path: bytes | str) -> None:
        if event.is_directory or not self._is_settings(path):
            return
        try:
            changed = self._sync_edit()
        except FileNotFoundError:
            logger.debug("%s is gone for the moment", self.settings_path)
        except Exception as error:  # an edit must never end the watcher
            # One line for errors of the settings file, a traceback for errors of the framework.
            known = isinstance(error, (ConfigurationError, OSError, ValueError))
            reason = "; ".join(str(error).splitlines())
            logger.error(
                "%s cannot be loaded, the old settings stay: %s",
                self.settings_path,
                reason,
                exc_info=not known,
            )
        else:
            if changed:
                logger.info("settings changed: %s", ", ".join(changed))
                self.dispatcher.send("settings_changed", self, changed=changed)

    def _is_settings(self, path: bytes | str) -> bool:
        return os.path.realpath(os.fsdecode(path)) == os.path.realpath(self.settings_path)

    def _sync_edit(self) -> list[str]:
        with self._lock:
            content = Path(self.settings_path).read_bytes()
            digest = sha256(content).digest()
            if not content or digest == self._seen:
                return []
            self._seen = digest
            return self._sync()

    def sync(self) -> list[str]:
        """Sync the JSON file and return the sorted names of the settings that changed.

        Raises:
            FileNotFoundError: The settings file does not exist.
            ConfigurationError: The settings file fails or has invalid values, or the JSON file
                cannot be read.
            OSError: The JSON file cannot be written.
        """
        with self._lock:
            self._seen = sha256(Path(self.settings_path).read_bytes()).digest()
            return self._sync()

    def _sync(self) -> list[str]:
        module = load_settings_module(self.settings_path)
        settings = {name: value for name, value in vars(module).items() if name.isupper()}
        problems = Config(None, settings=settings).problems(deployed=False)
        if problems:
            raise ConfigurationError("; ".join(problems.values()))
        values = _json_values(module)
        before = self._known(values) if self._values is None else self._values
        _write(values, Path(self.config_file))
        self._values = values
        return sorted(_changes(before, values))

    def _known(self, values: Mapping[str, object]) -> dict[str, object]:
        # Before the first sync of this process, the file has the previous values, except secrets.
        recorded = load_config(self.config_file)
        synced = {name: recorded[name] for name in recorded.get(_SYNCED, ()) if name in recorded}
        return {n: v for n, v in values.items() if _holds_secret(n, v)} | synced


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[str]:
    for name in before.keys() | after.keys():
        if name not in before or name not in after or before[name] != after[name]:
            yield name


def start_settings_watcher(
    project_root: StrPath, *, dispatcher: SignalDispatcher | None = None
) -> "BaseObserver | None":
    """Sync the settings of a project now and after each edit, for development.

    Args:
        project_root: The directory of `settings.py` and `config.json`.
        dispatcher: Where `settings_changed` is sent; `None` means the dispatcher of the process.

    Returns:
        The observer thread; `stop()` and `join()` end it. `None` if there is no settings file.

    Raises:
        ConfigurationError: The current settings are invalid.
        OSError: `config.json` cannot be written.
    """
    from watchdog.observers import Observer  # takes 10 ms, which only development needs

    settings_path = Path(project_root) / "settings.py"
    if not settings_path.is_file():
        logger.warning("there is no %s to watch", settings_path)
        return None
    handler = SettingsFileHandler(
        settings_path, settings_path.with_name("config.json"), dispatcher=dispatcher
    )
    handler.sync()
    observer = Observer()
    observer.daemon = True
    observer.schedule(handler, str(project_root))
    observer.start()
    # Handles an edit between the first sync and the start of the observer.
    handler.on_modified(FileSystemEvent(str(settings_path)))
    return observer


def get_project_root() -> str:
    """Return the directory of the project, which contains `settings.py`.

    It is the directory in the environment variable LBACK_PROJECT_ROOT, else the first one from the
    current directory upwards, else the first one from this package upwards. The search ends at a
    directory of another user, because settings are executed as code.

    Raises:
        FileNotFoundError: No directory was found; the message names the places.
    """
    named = os.environ.get(ROOT_VARIABLE, "").strip()
    if named:
        root = Path(named).resolve()
        if (root / "settings.py").is_file():
            return str(root)
        raise FileNotFoundError(f"{ROOT_VARIABLE} is {named!r}, where there is no settings.py")
    starts = (Path.cwd(), Path(__file__).resolve().parent)
    for start in starts:
        for directory in _own_directories(start):
            settings_path = directory / "settings.py"
            if settings_path.is_file() and _is_own(settings_path):
                return str(directory)
    raise FileNotFoundError(
        f"found no settings.py that you own in {starts[0]}, in {starts[1]}, or above them; "
        f"change into the project, or name its directory in {ROOT_VARIABLE}"
    )


def _own_directories(start: Path) -> Iterator[Path]:
    for directory in (start, *start.parents):
        if not _is_own(directory):
            return
        yield directory


def _is_own(path: Path) -> bool:
    return path.stat().st_uid in (os.getuid(), 0)
