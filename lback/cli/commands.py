"""The commands of Lback, in the order of a project's life: where each one lives, and what it does.

The summaries stand here too, so that `lback --help` imports no command.
"""

from collections.abc import Mapping

COMMANDS: Mapping[str, str] = {
    "new": "lback.cli.scaffold:new",
    "startproject": "lback.cli.scaffold:project",
    "startapp": "lback.cli.scaffold:app",
    "runserver": "lback.cli.runserver:runserver",
    "serve": "lback.cli.serve:serve",
    "routes": "lback.cli.routes:routes",
    "config": "lback.cli.settings:config",
    "version": "lback.cli.version:version",
}

SECTIONS: Mapping[str, Mapping[str, str]] = {
    "Begin": {
        "new": "Make a project, or an app in one.",
        "startproject": "Make a project in a folder of its own.",
        "startapp": "Make an app in the project.",
    },
    "Run": {
        "runserver": "Serve for development: starts anew on every change, explains errors.",
        "serve": "Serve in production, with workers that are replaced when they die.",
    },
    "Look": {
        "routes": "Show which address leads where, and who is let in.",
        "config": "Show every setting, its value, and where it came from.",
    },
    "Help": {
        "version": "Show the versions of Lback and of what it stands on.",
    },
}
