"""In process: every contestant in a process of its own, asked in turn, round after round."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from contestants import NAMES
from scenarios import SCENARIOS, Scenario

HERE = Path(__file__).parent
COMPILED = HERE / ".compiled"
BATCH_SECONDS = 0.02
# Whether large blocks are handed back to the system, and fetched page by page again, depends on
# what a process did before; it made uploads cost three times as much, or not. So all keep them.
KEEP_MEMORY = {
    "MALLOC_MMAP_THRESHOLD_": str(64 * 1024 * 1024),
    "MALLOC_TRIM_THRESHOLD_": str(256 * 1024 * 1024),
}
SLOWEST_BATCH = 2


class Process:
    """A worker, and the two pipes to it."""

    def __init__(self, name: str) -> None:
        self.name = name
        environment = {**os.environ, "PYTHONHASHSEED": "0", **KEEP_MEMORY}
        if name == "falcon-compiled":
            environment["PYTHONPATH"] = str(COMPILED)
        if name == "lback-defaults":
            environment["LBACK_DEFAULTS"] = "1"
        self._process = subprocess.Popen(
            [sys.executable, str(HERE / "worker.py"), name], env=environment, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=HERE, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    def ask(self, do: str, scenario: str, **further: Any) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"do": do, "scenario": scenario, **further}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} died at {do} {scenario}")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(30)


def check(scenario: Scenario, name: str, answer: dict[str, Any]) -> None:
    """Refuse to time what does not give the same answer as the others."""
    headers = {key.lower(): value for key, value in answer["headers"]}
    found = {"status": answer["status"]}
    wanted: dict[str, Any] = {"status": scenario.status}
    if scenario.media_type is not None:
        found["media_type"] = headers["content-type"].partition(";")[0]
        wanted["media_type"] = scenario.media_type
    if scenario.text is not None:
        found["text"] = scenario.normal(answer["body"].encode())
        wanted["text"] = scenario.normal(scenario.text.encode())
    for key, value in scenario.answered.items():
        found[key], wanted[key] = headers.get(key), value
    if scenario.status == 405:
        found["allowed"], wanted["allowed"] = "GET" in headers.get("allow", ""), True
    if found != wanted:
        raise AssertionError(f"{name} answers {scenario.name} with {found}, not {wanted}")


def measure(
    rounds: int, names: Iterable[str] = NAMES, scenarios: Iterable[Scenario] = SCENARIOS
) -> dict[str, dict[str, dict[str, float]]]:
    """Return scenario to contestant to seconds per request: median, least, spread."""
    scenarios = list(scenarios)
    processes = {name: Process(name) for name in names}
    counts: dict[tuple[str, str], int] = {}
    taken: dict[tuple[str, str], list[float]] = {}
    built: dict[tuple[str, str], float] = {}
    try:
        for scenario in scenarios:
            for name, process in processes.items():
                answer = process.ask("check", scenario.name)
                if not answer["offered"]:
                    continue
                check(scenario, name, answer)
                built[scenario.name, name] = answer["built_in"]
                process.ask("time", scenario.name, count=20)  # warm
                once = process.ask("time", scenario.name, count=20)["seconds"]
                count = max(SLOWEST_BATCH, int(BATCH_SECONDS / once))
                counts[scenario.name, name] = count
        for number in range(rounds):
            print(f"\rround {number + 1} of {rounds}", end="", file=sys.stderr, flush=True)
            for (scenario_name, name), count in counts.items():
                answer = processes[name].ask("time", scenario_name, count=count)
                taken.setdefault((scenario_name, name), []).append(answer["seconds"])
        print(file=sys.stderr)
    finally:
        for process in processes.values():
            process.close()
    found: dict[str, dict[str, dict[str, float]]] = {}
    for (scenario_name, name), seconds in taken.items():
        low, _, high = statistics.quantiles(seconds, n=4)
        found.setdefault(scenario_name, {})[name] = {
            "median": statistics.median(seconds),
            "least": min(seconds),
            "spread": (high - low) / statistics.median(seconds),
            "built_in": built[scenario_name, name],
        }
    return found
