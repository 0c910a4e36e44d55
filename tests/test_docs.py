"""What the documentation shows is what happens: every Python block of every page is run."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


@pytest.mark.parametrize(
    "page", [page for page in PAGES if PYTHON.search(page.read_text())], ids=names
)
def test_the_blocks_of_a_page_run_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """In a process and a directory of their own, as a reader would try them."""
    # Each block keeps its line numbers, so that a failure points into the page.
    text = page.read_text()
    script = "".join(
        block if inside else re.sub(r"[^\n]+", "", block) for block, inside in _pieces(text)
    )
    (tmp_path / f"{page.stem}.py").write_text(script)
    outcome = subprocess.run(
        [sys.executable, "-W", "error", f"{page.stem}.py"],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert outcome.returncode == 0, f"{page}: {outcome.stderr}"


def _pieces(text: str) -> list[tuple[str, bool]]:
    pieces, end = [], 0
    for found in PYTHON.finditer(text):
        pieces += [(text[end : found.start(1)], False), (found[1], True)]
        end = found.end(1)
    return [*pieces, (text[end:], False)]


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    targets = [link for link in LINK.findall(text) if "://" not in link]
    broken = [link for link in targets if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/decisions/*.md")), ids=names)
def test_a_decision_record_is_short_and_has_its_three_parts(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert len(lines) < 40
    assert [line for line in lines if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## Consequences",
    ]
