"""A process that has imported Lback once and forks for each command, which starts at once then.

It reads one request a line, as JSON, and writes the exit code of each.
"""

import json
import os
import sys
import traceback
from importlib import import_module
from typing import Any

import lback.application
import lback.cli.app_commands
import lback.cli.main
from lback.cli.commands import COMMANDS

for target in COMMANDS.values():
    import_module(target.partition(":")[0])


def launch(request: dict[str, Any]) -> int:
    """Run one command in a child and return its exit code."""
    child = os.fork()
    if not child:
        _become(request)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)


def _become(request: dict[str, Any]) -> None:
    code: Any = 1
    try:
        os.chdir(request["cwd"])
        os.environ.clear()
        os.environ.update(request["environment"])
        for number, name in enumerate(request["files"]):
            flags = os.O_RDONLY if number == 0 else os.O_WRONLY
            os.dup2(os.open(name, flags), number)
        sys.stdin = os.fdopen(0, closefd=False)
        sys.argv = ["lback", *request["arguments"]]
        lback.cli.main.main()
    except SystemExit as end:
        code = end.code
        if isinstance(code, str):
            sys.stderr.write(f"{code}\n")
            code = 1
    except BaseException:  # noqa: BLE001  printed as Python would; the child ends below
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code or 0)


if __name__ == "__main__":
    for line in sys.stdin:
        sys.stdout.write(f"{launch(json.loads(line))}\n")
        sys.stdout.flush()
