"""Reads configuration files as mappings, and replaces them atomically."""

import contextlib
import fcntl
import json
import logging
import os
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from threading import Lock
from typing import Any, TypeAlias

from lback.core.exceptions import ConfigurationError
from lback.durability import sync_directory

logger = logging.getLogger(__name__)

Parser: TypeAlias = Callable[[str, Path], object]

_in_this_process = Lock()


def read_mapping(path: Path, parse: Parser) -> dict[str, Any]:
    """Return the content of a file; an empty dict if it does not exist.

    Args:
        path: The file.
        parse: `parse_json` or `parse_yaml`.

    Raises:
        ConfigurationError: The file cannot be read or parsed, or its top level is not a mapping.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        return {}
    except UnicodeDecodeError as error:
        raise ConfigurationError(f"{path}: byte {error.start} is not UTF-8") from error
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    data = parse(text, path)
    if not isinstance(data, dict):
        raise ConfigurationError(
            f"{path}: the top level must be a mapping of names to values, not {type(data).__name__}"
        )
    return data


def parse_json(text: str, path: Path) -> object:
    """Parse JSON, for `read_mapping`.

    Args:
        text: The content of the file.
        path: The file, for messages.

    Raises:
        ConfigurationError: The text is not JSON; the message names line and column.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ConfigurationError(
            f"{path}, line {error.lineno}, column {error.colno}: {error.msg}"
        ) from error
    except (ValueError, RecursionError) as error:  # numbers too long, lists too deep
        raise ConfigurationError(f"{path}: {error}") from error


def parse_yaml(text: str, path: Path) -> object:
    """Parse YAML with the safe loader, for `read_mapping`.

    Args:
        text: The content of the file.
        path: The file, for messages.

    Raises:
        ConfigurationError: The text is not YAML; the message names line and column.
    """
    import yaml  # takes 19 ms, which only settings in YAML need

    try:
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        # Not the text of the error: it quotes the line, which may hold a password.
        mark = error.problem_mark
        place = f", line {mark.line + 1}, column {mark.column + 1}" if mark else ""
        raise ConfigurationError(f"{path}{place}: {error.problem}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ConfigurationError(f"{path}: {type(error).__name__} in YAML") from None
    return {} if data is None else data


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Lock a file against other writers, in this process and in others.

    The lock is on the directory, because the file is replaced by each write and a lock file would
    be left behind.
    """
    with _in_this_process:
        directory = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            try:
                fcntl.flock(directory, fcntl.LOCK_EX)
            except OSError as error:  # some network file systems
                logger.warning("%s cannot be locked: %s", path.parent, error.strerror)
            yield
        finally:
            os.close(directory)


def replace_mapping(path: Path, content: Mapping[str, object]) -> None:
    """Replace a file atomically by a mapping as JSON; call it inside `locked`.

    Readers see the old content or the new one, also after a crash. A new file is readable by its
    owner only (0600); an existing one keeps its mode.

    Args:
        path: The file.
        content: Values with a JSON form, by name.

    Raises:
        TypeError: A value has no JSON form; the file is unchanged.
        ValueError: A number is not finite, or text cannot be encoded in UTF-8; the file is
            unchanged.
        OSError: The file cannot be written; it is unchanged.
    """
    data = f"{json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False)}\n".encode()
    target = Path(os.path.realpath(path))  # a link stays one
    for left_by_a_crash in target.parent.glob(f".{target.name}.*.tmp"):
        left_by_a_crash.unlink(missing_ok=True)
    descriptor, name = tempfile.mkstemp(".tmp", f".{target.name}.", target.parent)
    try:
        with open(descriptor, "wb") as file:  # noqa: PTH123  a descriptor has no path
            os.fchmod(descriptor, _mode_of(target))
            file.write(data)
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    sync_directory(target.parent)


def _mode_of(path: Path) -> int:
    try:
        return path.stat().st_mode & 0o7777
    except FileNotFoundError:
        return 0o600
