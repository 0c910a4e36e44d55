"""The file `.env`: it fills up the environment, and what came from it stays known."""

import json
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from lback.core.exceptions import ConfigurationError

# Tells a child process which variables its parent took from the file: it must read them anew,
# for the file may have changed, and must not take them for settings of the environment.
LOADED = "LBACK_ENV_FILE"


@dataclass(frozen=True, slots=True)
class EnvFile:
    """What a file holds, and which of it the environment did not have already.

    Attributes:
        values: Name to text.
        loaded: The names that were put into the environment.
    """

    values: Mapping[str, str]
    loaded: frozenset[str]


NO_FILE = EnvFile({}, frozenset())


def load_env_file(path: Path) -> EnvFile:
    """Fill up the environment from a file; a missing one changes nothing.

    What the environment has comes first, unless an earlier load brought it.

    Raises:
        ConfigurationError: The file cannot be read, or is not UTF-8.
    """
    content = _text_of(path)
    from dotenv import dotenv_values  # 20 ms that only a project start needs to wait for

    for name, text in json.loads(os.environ.pop(LOADED, "{}")).items():
        if os.environ.get(name) == text:
            del os.environ[name]
    read = dotenv_values(stream=StringIO(content))
    values = {name: value for name, value in read.items() if value is not None}
    loaded = {name: text for name, text in values.items() if name not in os.environ}
    os.environ.update(loaded)
    os.environ[LOADED] = json.dumps(loaded)
    return EnvFile(values, frozenset(loaded))


def _text_of(path: Path) -> str:
    try:
        octets = path.read_bytes()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return ""
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if octets.startswith((BOM_UTF16_LE, BOM_UTF16_BE)) or b"\0" in octets:
        raise ConfigurationError(
            f"{path} is not UTF-8 but looks like UTF-16, as Windows PowerShell writes it; "
            "save it as UTF-8"
        )
    try:
        return octets.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = octets.count(b"\n", 0, error.start) + 1
        raise ConfigurationError(
            f"{path}, line {line}: byte {error.start} is not UTF-8; save the file as UTF-8"
        ) from error
