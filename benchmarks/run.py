"""`make bench`: measure, compare with the stored results, and store."""

import argparse
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import caches
import memory
import report
import served
import startup
import targets
from contestants import NAMES
from facts import facts, load
from in_process import measure
from scenarios import BY_NAME

RESULTS = Path(__file__).parent / "results"
STORED = RESULTS / "results.json"


def in_process(chosen: argparse.Namespace) -> dict[str, Any]:
    scenarios = [BY_NAME[name] for name in chosen.scenarios or BY_NAME]
    return measure(chosen.rounds, chosen.contestants or NAMES, scenarios)


PARTS: dict[str, Callable[[argparse.Namespace], dict[str, Any]]] = {
    "in_process": in_process,
    "served": lambda chosen: served.measure(max(3, chosen.rounds // 3)),
    "startup": lambda chosen: startup.measure(max(5, chosen.rounds // 2)),
    "memory": lambda chosen: memory.measure(chosen.rounds),
    "cache": lambda chosen: caches.measure(max(5, chosen.rounds // 3)),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", help=f"{', '.join(PARTS)}; all, if none is named")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--scenarios", nargs="+", metavar="NAME", choices=list(BY_NAME))
    parser.add_argument("--contestants", nargs="+", metavar="NAME", choices=NAMES)
    parser.add_argument("--store", action="store_true", help="replace the stored results")
    chosen = parser.parse_args()
    before = json.loads(STORED.read_text()) if STORED.exists() else {}
    results: dict[str, Any] = {**before, "machine": {**facts(), "load": load()}}
    for part in chosen.parts or PARTS:
        if part == "served" and shutil.which("wrk") is None:
            print("left out: the served part needs wrk; on Debian: apt install wrk")
            continue
        measured = PARTS[part](chosen)
        # Of some scenarios alone, the others stay as they were.
        results[part] = {**before.get(part, {}), **measured}
    if "in_process" in (chosen.parts or PARTS):
        print("\n".join(["moved since the stored results:", *targets.moved(
            before.get("in_process", {}), results["in_process"]
        )]))  # fmt: skip
        print("\n".join(["over their targets:", *targets.misses(results["in_process"])]))
    print(report.markdown(results))
    if chosen.store:
        STORED.write_text(json.dumps(results, indent=1) + "\n")
        report.write(results, RESULTS)


if __name__ == "__main__":
    main()
