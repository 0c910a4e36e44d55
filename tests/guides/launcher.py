"""A process that has imported Lback once, and forks for each command and server of the guides.

It reads one request a line, as JSON. `{"start": …}` starts `lback` and is answered with the process
id at once, `{"wait": id}` with the exit code when that process has ended.
"""

import json
import os
import sys
import traceback
from importlib import import_module
from pathlib import Path
from typing import Any

import lback.application
import lback.cli.app_commands
import lback.cli.main
from lback.cli.commands import COMMANDS

for target in COMMANDS.values():
    import_module(target.partition(":")[0])


def start(command: dict[str, Any]) -> int:
    """Run `lback` in a child, in a process group of its own, and return its id."""
    child = os.fork()
    if not child:
        _become(command)
    return child


def _become(command: dict[str, Any]) -> None:
    code: Any = 1
    try:
        os.setsid()
        os.chdir(command["cwd"])
        os.environ.clear()
        os.environ.update(command["environment"])
        output = Path(command["output"]).open("ab", buffering=0)  # noqa: SIM115  kept open
        for number in (1, 2):
            os.dup2(output.fileno(), number)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.argv = ["lback", *command["arguments"]]
        lback.cli.main.main()
    except SystemExit as end:
        code = end.code
    except BaseException:  # noqa: BLE001  printed as Python would; the child ends below
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else int(bool(code)))


def wait(process: int) -> int:
    """Return the exit code of a child when it has ended."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


if __name__ == "__main__":
    for line in sys.stdin:
        request = json.loads(line)
        answer = start(request["start"]) if "start" in request else wait(request["wait"])
        sys.stdout.write(f"{answer}\n")
        sys.stdout.flush()
