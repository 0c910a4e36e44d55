"""The stored benchmark results: the page and the plot show what was measured, misses included."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
RESULTS = BENCHMARKS / "results"
SCRIPT = """
import json, report, targets
results = json.load(open("results/results.json"))
print(json.dumps({
    "markdown": report.markdown(results),
    "plot": report.plot(results["in_process"]),
    "misses": targets.misses(results["in_process"]),
}))
"""


@pytest.fixture(scope="module")
def written() -> dict[str, Any]:
    told = subprocess.run(
        [sys.executable, "-c", SCRIPT], cwd=BENCHMARKS, check=True, capture_output=True, text=True
    )
    found: dict[str, Any] = json.loads(told.stdout)
    return found


def test_the_page_and_the_plot_are_those_of_the_stored_figures(written: dict[str, Any]) -> None:
    assert (RESULTS / "results.md").read_text() == written["markdown"]
    assert (RESULTS / "in-process.svg").read_text() == written["plot"]


def test_every_ratio_over_its_target_is_on_the_page(written: dict[str, Any]) -> None:
    page = (RESULTS / "results.md").read_text()
    for miss in written["misses"]:
        assert f"- {miss}" in page


def test_the_results_name_no_machine_and_no_path() -> None:
    stored = json.loads((RESULTS / "results.json").read_text())
    assert set(stored["machine"]) == {
        "date", "processor", "cores", "memory_gib", "system", "python", "versions", "load",
    }  # fmt: skip
    assert "/home" not in (RESULTS / "results.json").read_text()
