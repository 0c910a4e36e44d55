"""Start-up: from an empty process to the first answer, and how much memory that takes."""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from first_request import BUILDERS

SCRIPT = Path(__file__).with_name("first_request.py")


def start(name: str) -> tuple[float, float, int]:
    """Return seconds on the clock, seconds of the processor, and KiB of resident memory."""
    started = time.perf_counter()
    process = subprocess.Popen([sys.executable, str(SCRIPT), name], stdout=subprocess.PIPE)
    assert process.stdout is not None
    memory = int(process.stdout.read())
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = status
    assert status == 0
    return time.perf_counter() - started, used.ru_utime + used.ru_stime, memory


def measure(rounds: int) -> dict[str, Any]:
    taken: dict[str, list[tuple[float, float, int]]] = {name: [] for name in BUILDERS}
    for name in BUILDERS:
        start(name)  # so that all is compiled and in the memory of the system
    for _ in range(rounds):
        for name in BUILDERS:
            taken[name].append(start(name))
    rows = []
    for name, found in taken.items():
        clock, used, memory = (statistics.median(column) for column in zip(*found, strict=True))
        least = min(column for _, column, _ in found)
        rows.append(
            [name, [f"{clock * 1e3:.0f}", f"{used * 1e3:.0f}", f"{least * 1e3:.0f}",
                    f"{memory / 1024:.1f}"]]
        )  # fmt: skip
    return {
        "title": "From start to the first answer",
        "text": f"The process from its start to its end, which comes at once after the first "
        f"answer; medians of {rounds} interleaved rounds. Lback has its defaults on, "
        f"and its database is open where the name says so; of the others, a library for one.",
        "columns": ["ms on the clock", "ms of the processor", "least of these", "MiB resident"],
        "rows": rows,
    }
