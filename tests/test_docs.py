"""What the documentation shows is what happens: every Python block of every page is run."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
PYTHON = re.compile(r"^```python\n(.*?)^```", re.MULTILINE | re.DOTALL)
BESIDE = re.compile(r"^\*\*`([^`]+)`\*\*\n\n```py\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#\s]+)(?:#[^)]*)?\)")
INTO = re.compile(r"\]\(([^)#\s]*)#([^)]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)


def names(page: Path) -> str:
    return str(page.relative_to(ROOT))


# The blocks of the README are two files; see tests/test_readme.py.
RUN = [page for page in PAGES if page.name != "README.md" and PYTHON.search(page.read_text())]


@pytest.mark.parametrize("page", RUN, ids=names)
def test_the_blocks_of_a_page_run_from_top_to_bottom(page: Path, tmp_path: Path) -> None:
    """In a process and a directory of their own, as a reader would try them.

    Blocks that name a file lie beside them; tests/guides tries those in projects.
    """
    (tmp_path / f"{page.name}.py").write_text(script_of(page))
    for name, block in BESIDE.findall(page.read_text()):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(block)
    outcome = subprocess.run(
        [sys.executable, "-W", "error", f"{page.name}.py"],
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert outcome.returncode == 0, f"{page}: {outcome.stderr}"


def script_of(page: Path) -> str:
    """Return the blocks of a page, which keep their line numbers to be found by."""
    return "".join(
        block if inside else re.sub(r"[^\n]+", "", block)
        for block, inside in _pieces(page.read_text())
    )


def _pieces(text: str) -> list[tuple[str, bool]]:
    pieces, end = [], 0
    for found in PYTHON.finditer(text):
        pieces += [(text[end : found.start(1)], False), (found[1], True)]
        end = found.end(1)
    return [*pieces, (text[end:], False)]


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_no_page_of_an_example_shows_what_comes_from_outside_unescaped(page: Path) -> None:
    """What a view returns as text is sent as HTML, so a copied example would be an open door."""
    sources = [script_of(page), *(block for _, block in BESIDE.findall(page.read_text()))]
    trees = [ast.parse(source) for source in sources]
    views = [node for tree in trees for node in ast.walk(tree) if _is_view(node)]
    found = [
        f"line {value.lineno}: {ast.unparse(value)}"
        for view in views
        for returned in ast.walk(view)
        if isinstance(returned, ast.Return) and isinstance(returned.value, ast.JoinedStr)
        for value in returned.value.values
        if isinstance(value, ast.FormattedValue) and _is_from_outside(value.value, view)
    ]
    assert found == []


def _is_view(node: ast.AST) -> bool:
    arguments = node.args.args if isinstance(node, ast.FunctionDef) else []
    return any(argument.arg == "request" for argument in arguments) or any(
        ".route(" in ast.unparse(decorator) for decorator in getattr(node, "decorator_list", ())
    )


def _is_from_outside(value: ast.expr, view: ast.AST) -> bool:
    if isinstance(value, ast.Call) and ast.unparse(value.func) == "escape":
        return False
    texts = {
        node.arg
        for node in ast.walk(view)
        if isinstance(node, ast.arg) and ast.unparse(node.annotation or node) in ("str", node.arg)
    }
    names = {node.id for node in ast.walk(value) if isinstance(node, ast.Name)}
    return bool(names & {"request", *texts})


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    text = FENCE.sub("", page.read_text())
    targets = [link for link in LINK.findall(text) if "://" not in link]
    broken = [link for link in targets if not (page.parent / link).exists()]
    assert broken == []


@pytest.mark.parametrize("page", PAGES, ids=names)
def test_links_into_pages_lead_to_a_heading(page: Path) -> None:
    links = INTO.findall(FENCE.sub("", page.read_text()))
    broken = [
        f"{target}#{heading}"
        for target, heading in links
        if "://" not in target and heading not in headings(page.parent / target if target else page)
    ]
    assert broken == []


def headings(page: Path) -> set[str]:
    """Return the names by which GitHub lets links find the headings of a page."""
    found = re.findall(r"^#+ (.+)$", FENCE.sub("", page.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading).lower().replace(" ", "-") for heading in found}


@pytest.mark.parametrize("page", sorted(ROOT.glob("docs/decisions/*.md")), ids=names)
def test_a_decision_record_is_short_and_has_its_three_parts(page: Path) -> None:
    lines = page.read_text().splitlines()
    assert len(lines) < 40
    assert [line for line in lines if line.startswith("## ")] == [
        "## Context",
        "## Decision",
        "## Consequences",
    ]
