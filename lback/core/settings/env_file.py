"""Loads `.env` into the environment and remembers which variables came from it."""

import json
import os
from codecs import BOM_UTF16_BE, BOM_UTF16_LE
from collections.abc import Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

from lback.core.exceptions import ConfigurationError

# Lists for a child process the variables that its parent loaded from the file. The child reloads
# them, because the file may have changed, and does not treat them as set in the environment.
LOADED = "LBACK_ENV_FILE"


@dataclass(frozen=True, slots=True)
class EnvFile:
    """The content of an env file.

    Attributes:
        values: Texts by name.
        loaded: The names that were added to the environment, which did not have them before.
    """

    values: Mapping[str, str]
    loaded: frozenset[str]


NO_FILE = EnvFile({}, frozenset())


def load_env_file(path: Path) -> EnvFile:
    """Load a file into the environment. A missing file is empty.

    Existing variables take precedence, unless an earlier call loaded them from the file.

    Raises:
        ConfigurationError: The file cannot be read, is not UTF-8, or a line is malformed.
    """
    content = _text_of(path)
    from dotenv import dotenv_values  # takes 20 ms, which only projects need
    from dotenv.parser import parse_stream

    for binding in parse_stream(StringIO(content)):
        if binding.error:
            line = _line_of(binding.original.line, binding.original.string)
            raise ConfigurationError(
                f"{path}, line {line}: this is not NAME=value; a value with quotes must end with "
                "the same quotes"
            )

    for name, text in json.loads(os.environ.pop(LOADED, "{}")).items():
        if os.environ.get(name) == text:
            del os.environ[name]
    read = dotenv_values(stream=StringIO(content))
    values = {name: value for name, value in read.items() if value is not None}
    loaded = {name: text for name, text in values.items() if name not in os.environ}
    os.environ.update(loaded)
    os.environ[LOADED] = json.dumps(loaded)
    return EnvFile(values, frozenset(loaded))


def _line_of(start: int, text: str) -> int:
    """Return the number of the first line of a text that is not blank."""
    return start + text[: len(text) - len(text.lstrip())].count("\n")


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
