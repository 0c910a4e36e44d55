"""Pitfalls that web frameworks fell into: each has a test that would catch it.

`pitfalls.txt` says what must never happen, and which test would notice.
"""

import ast
from pathlib import Path

import pytest

HERE = Path(__file__).parent
LINES = (HERE / "pitfalls.txt").read_text().splitlines()


@pytest.mark.parametrize("line", LINES)
def test_each_pitfall_has_a_test(line: str) -> None:
    file, _, name = line.partition(" | ")[2].partition("::")
    tree = ast.parse((HERE / file).read_text())
    assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


def test_none_is_left_out() -> None:
    assert [line[:3] for line in LINES] == [f"D{number:02}" for number in range(1, 49)]
