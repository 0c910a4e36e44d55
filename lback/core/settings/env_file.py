"""The file `.env`: it fills up the environment, and what came from it stays known."""

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

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
    """
    from dotenv import dotenv_values  # 20 ms that only a project start needs to wait for

    for name, text in json.loads(os.environ.pop(LOADED, "{}")).items():
        if os.environ.get(name) == text:
            del os.environ[name]
    values = {name: text for name, text in dotenv_values(path).items() if text is not None}
    loaded = {name: text for name, text in values.items() if name not in os.environ}
    os.environ.update(loaded)
    os.environ[LOADED] = json.dumps(loaded)
    return EnvFile(values, frozenset(loaded))
