"""The table of the ASVS names tests that are there."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \|.*\| `(tests/[^`]+)`", re.MULTILINE)
ROWS = ROW.findall((ROOT / "docs" / "security" / "asvs.md").read_text())


@pytest.mark.parametrize(("item", "test"), ROWS)
def test_the_test_of_an_item_exists(item: str, test: str) -> None:
    path, _, name = test.partition("::")
    source = (ROOT / path).read_text()
    assert not name or f"def {name}(" in source


def test_the_items_are_in_order() -> None:
    items = [tuple(map(int, item.split("."))) for item, _ in ROWS]
    assert items == sorted(items)
    assert len(items) > 20
