"""The commands of Lback, in the order of a project's life: where each one lives, and what it does.

The summaries stand here too, so that `lback --help` imports no command.
"""

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "version": "lback.cli.version:version",
}

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Help": {
        "version": "Show the versions of Lback and of what it stands on.",
    },
}
