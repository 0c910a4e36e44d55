"""The project's settings: `settings.py` is the truth, `config.json` its copy without secrets."""

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

# In the file beside the settings: the names that the last sync wrote. `Config` reads upper case.
_SYNCED = "_synced"

_URL_WITH_PASSWORD = re.compile(r"://\S*:\S*@")


def load_config(config_file: StrPath = "config.json") -> dict[str, Any]:
    """Read a JSON file, chiefly to know its content before an update; a missing one is empty.

    Raises:
        ConfigurationError: The file cannot be read or is not JSON; names line and column. Or its
            top level is no mapping.
    """
    return read_mapping(Path(config_file), parse_json)


def update_config(
    new_config: Mapping[str, Any], config_file: StrPath = "config.json"
) -> dict[str, Any]:
    """Merge new top-level values into a JSON file and return all it holds.

    The file is replaced whole or not at all, and updates of several threads or processes do not
    lose one another's values.

    Raises:
        ConfigurationError: The file that is there cannot be read; it is left as it is.
        TypeError: A name is no text, or a value has no JSON form; nothing is written.
        ValueError: A number is not finite; nothing is written.
        OSError: The file cannot be written; it is left as it was.
    """
    for name in new_config:
        if not isinstance(name, str):
            raise TypeError(f"the name of a setting is text, not {type(name).__name__}")
    path = Path(config_file)
    with locked(path):
        merged = {**load_config(path), **new_config}
        replace_mapping(path, merged)
    return merged


def load_settings_module(settings_path: StrPath) -> ModuleType:
    """Run a settings file and return it as a module, anew at each call.

    The module is `settings` in `sys.modules` once it has run to its end; until then, and when it
    fails, the one before stays. It executes what the file says: never let a client choose it.

    Raises:
        FileNotFoundError: There is no such file.
        ConfigurationError: The file failed; names line and reason.
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
    """Compiles the source each time: compiled files are dated by the second, edits are not."""

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
    """Bring a JSON file in line with a settings file.

    Written are upper-case names whose value has a JSON form and is no secret: see
    `lback.core.settings.secret_names.is_secret`; a secret may be deep in a mapping, or the
    password in a URL. Other content of the file stays, except names of an earlier sync that are
    gone.

    Raises:
        FileNotFoundError: There is no settings file.
        ConfigurationError: The settings file fails, or the JSON file cannot be read.
        OSError: The JSON file cannot be written. In each case it stays as it was.
    """
    _write(_json_values(load_settings_module(settings_path)), Path(config_file))


def _write(values: Mapping[str, Any], path: Path) -> None:
    shown = {name: value for name, value in values.items() if not _holds_secret(name, value)}
    with locked(path):
        before = load_config(path)
        gone = set(before.get(_SYNCED, ())) - shown.keys()
        kept = {name: value for name, value in before.items() if name not in gone}
        after = {**kept, **shown, _SYNCED: sorted(shown)}
        if after != before:
            replace_mapping(path, after)


def _json_values(module: ModuleType) -> dict[str, Any]:
    """Return the settings that have a JSON form, as they will be read from it."""
    found = {}
    for name, value in vars(module).items():
        if not name.isupper():
            continue
        try:
            found[name] = json.loads(json.dumps(value, allow_nan=False))
        except (TypeError, ValueError, RecursionError):
            logger.debug("%s has no JSON form and stays in settings.py", name)
    return found


def _holds_secret(name: str, value: Any) -> bool:
    if is_secret(name, None if isinstance(value, str) else value):
        return True
    if isinstance(value, dict):
        return any(_holds_secret(key, item) for key, item in value.items())
    if isinstance(value, list):
        return any(_holds_secret("", item) for item in value)
    return isinstance(value, str) and _URL_WITH_PASSWORD.search(value) is not None


class SettingsFileHandler(SignalSender, FileSystemEventHandler):
    """Follows the edits of a settings file, also those that replace it.

    A file that fails, or holds values that cannot work, is logged, and the JSON file stays. An
    event without a change of content is ignored, and so is an empty file, which is one that an
    editor is about to write.

    Signals: `settings_changed` after a sync that changed values; `changed` is the sorted list of
    their names, secrets among them.

    Args:
        settings_path: The settings file.
        config_file: The JSON file to keep in line.
        dispatcher: Where to send; `None` means the one of the process.
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
        self._values: dict[str, Any] | None = None
        self._seen = b""
        self._lock = Lock()

    def on_modified(self, event: FileSystemEvent) -> None:
        """Sync if the file that was modified is the settings file."""
        self._follow(event, event.src_path)

    def on_created(self, event: FileSystemEvent) -> None:
        """Sync if the file that was created is the settings file."""
        self._follow(event, event.src_path)

    def on_moved(self, event: FileSystemEvent) -> None:
        """Sync if a file was moved to where the settings file is: how many editors save."""
        self._follow(event, event.dest_path)

    def _follow(self, event: FileSystemEvent, path: bytes | str) -> None:
        if event.is_directory or not self._is_settings(path):
            return
        try:
            changed = self._sync_edit()
        except FileNotFoundError:
            logger.debug("%s is gone for the moment", self.settings_path)
        except Exception as error:  # an edit must never end the watcher
            # One line for what its author can mend, the traceback for what is our fault.
            known = isinstance(error, (ConfigurationError, OSError, ValueError))
            reason = "; ".join(str(error).splitlines())
            logger.error(
                "%s cannot be taken over, the old settings stay: %s",
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
        """Bring the JSON file in line and return the sorted names of what changed.

        Raises:
            FileNotFoundError: There is no settings file.
            ConfigurationError: The settings fail or cannot work, or the JSON file cannot be read.
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

    def _known(self, values: Mapping[str, Any]) -> dict[str, Any]:
        # Before the first sync of this process the file is the memory, but for secrets.
        recorded = load_config(self.config_file)
        synced = {name: recorded[name] for name in recorded.get(_SYNCED, ()) if name in recorded}
        return {n: v for n, v in values.items() if _holds_secret(n, v)} | synced


def _changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> Iterator[str]:
    for name in before.keys() | after.keys():
        if name not in before or name not in after or before[name] != after[name]:
            yield name


def start_settings_watcher(
    project_root: StrPath, *, dispatcher: SignalDispatcher | None = None
) -> "BaseObserver | None":
    """Sync the settings of a project, and again after each edit; for development.

    Args:
        project_root: The directory of `settings.py` and `config.json`.
        dispatcher: Where `settings_changed` is sent; `None` means the one of the process.

    Returns:
        The thread that watches; `stop()` and `join()` end it. `None` without a settings file.

    Raises:
        ConfigurationError: The settings cannot be taken over as they are now.
        OSError: `config.json` cannot be written.
    """
    from watchdog.observers import Observer  # 10 ms that only the development server waits for

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
    # What was edited between the first sync and the start of the watch.
    handler.on_modified(FileSystemEvent(str(settings_path)))
    return observer


def get_project_root() -> str:
    """Return the directory of the project: the one with `settings.py`.

    It is the one that the environment names in LBACK_PROJECT_ROOT, else the first from the
    current directory upwards, else the first from this package upwards. The way up ends at a
    directory that belongs to a stranger, whose code would be run.

    Raises:
        FileNotFoundError: There is none; says where it was looked for.
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
