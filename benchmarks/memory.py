"""Memory: what a process holds after its first request and after its millionth, all kinds mixed."""

import gc
import importlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CONTESTANTS = ("lback", "lback-defaults", "falcon", "flask")
MIXED = ("plaintext", "json", "query", "cookies", "form", "json-body", "not-found", "not-allowed")
COUNT = 1_000_000
# The first thousands fill caches and pools that are bounded: told apart from growth.
WARM = 10_000


def resident() -> int:
    gc.collect()
    status = Path("/proc/self/status").read_text()
    return int(next(line.split()[1] for line in status.splitlines() if line.startswith("VmRSS")))


def ask(name: str) -> list[int]:
    """Answer in this process, and return the KiB after the first, the WARM-th and the last."""
    from scenarios import BY_NAME
    from worker import Wsgi

    app = importlib.import_module(f"contestants.{name.partition('-')[0]}").build("base")
    driver = Wsgi()
    scenarios = [BY_NAME[name] for name in MIXED]
    found = []
    for scenario in scenarios:
        driver.run(app, driver.requests(scenario, 1))
    found.append(resident())
    done = len(MIXED)
    while done < COUNT:
        for scenario in scenarios:
            driver.run(app, driver.requests(scenario, 125))
        done += 125 * len(scenarios)
        if WARM <= done < WARM + 1000:
            found.append(resident())
    return [*found, resident()]


def measure(rounds: int) -> dict[str, Any]:
    rows = []
    for name in CONTESTANTS:
        environment = {**os.environ, "LBACK_DEFAULTS": str(int(name == "lback-defaults"))}
        told = subprocess.run(
            [sys.executable, __file__, name], check=True, stdout=subprocess.PIPE, text=True,
            env=environment, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        first, warm, last = json.loads(told.stdout)
        rows.append([name, [*(f"{kib / 1024:.1f}" for kib in (first, warm, last)),
                            f"{(last - warm) / 1024:+.2f}"]])  # fmt: skip
    return {
        "title": "Memory",
        "text": f"Resident MiB of a process that answers {COUNT:,} requests of eight kinds in "
        "turn, after one of each, after ten thousand, and after the last; SQLAlchemy is imported "
        "in all of them.",
        "columns": ["first", "after 10,000", "after 1,000,000", "growth since 10,000"],
        "rows": rows,
    }


if __name__ == "__main__":
    print(json.dumps(ask(sys.argv[1])))
