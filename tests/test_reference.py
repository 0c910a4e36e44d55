"""The reference: written from the docstrings of today, with an entry for every public name."""

import ast
import dataclasses
import importlib
import logging
import re
from pathlib import Path

import griffe
import pytest

from docs.site import commands, docstrings, reference
from docs.site.pages import PUBLIC_PACKAGES
from lback.cli.commands import COMMANDS, SECTIONS
from lback.core.settings.defaults import Settings

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
PROMISES = (ROOT / "tests" / "core" / "public_names.txt").read_text().splitlines()
PYTHON = re.compile(r"^```(?:python|py)\n(.*?)^```", re.MULTILINE | re.DOTALL)
GUIDES = sorted([ROOT / "README.md", *ROOT.glob("docs/[gt]*/*.md")])


def headings() -> set[str]:
    """Return the headings of all pages, without `class` and the brackets of functions."""
    found = set()
    for page in FOLDER.glob("*.md"):
        for heading in re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE):
            found.add(heading.removeprefix("class ").removesuffix("()"))
    return found


class Remarks(logging.Handler):
    """Keeps what griffe remarks on docstrings, such as a parameter that is not in a signature."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(record.getMessage())


@pytest.fixture(scope="module")
def remarks() -> Remarks:
    return Remarks()


@pytest.fixture(scope="module")
def built(remarks: Remarks) -> dict[str, str]:
    logger = logging.getLogger("griffe")
    logger.addHandler(remarks)
    try:
        return reference.build()
    finally:
        logger.removeHandler(remarks)


@pytest.mark.usefixtures("built")
def test_docstrings_and_signatures_agree(remarks: Remarks) -> None:
    assert remarks.texts == []


def test_the_committed_pages_are_those_of_the_docstrings(built: dict[str, str]) -> None:
    committed = {path.name: path.read_text() for path in FOLDER.glob("*.md")}
    stale = sorted(
        name for name in built.keys() | committed.keys() if built.get(name) != committed.get(name)
    )
    assert stale == [], "run: make reference"


def test_links_within_the_reference_are_unambiguous(built: dict[str, str]) -> None:
    for name, text in built.items():
        outside_of_code = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
        anchors = [
            reference.anchor(heading)
            for heading in re.findall(r"^#+ (.+)$", outside_of_code, re.MULTILINE)
        ]
        assert len(anchors) == len(set(anchors)), name


@pytest.mark.parametrize("package", PUBLIC_PACKAGES)
def test_every_public_name_has_an_entry(package: str) -> None:
    names = set(importlib.import_module(package).__all__)
    assert names - headings() == set()


def test_no_package_with_public_names_is_left_out() -> None:
    packages = {
        ".".join(path.parent.relative_to(ROOT).parts)
        for path in (ROOT / "lback").rglob("__init__.py")
        if "__all__ =" in path.read_text()
    }
    assert packages - set(PUBLIC_PACKAGES) == set()


def test_every_promised_name_of_the_core_and_its_members_have_an_entry() -> None:
    shown = headings()
    paths = [
        match[1]
        for line in PROMISES
        if (
            match := re.match(
                r"(?:abstract |async |static |property )?lback\.core\.\w+\.(.+)", line
            )
        )
    ]
    names = {re.split(r"[( :]", path)[0] for path in paths}
    assert {name for name in names if "._" not in name} - shown == set()


def test_every_name_that_a_guide_imports_has_an_entry() -> None:
    shown = headings()
    imported = {
        alias.name
        for page in GUIDES
        for block in PYTHON.findall(page.read_text())
        for node in ast.walk(ast.parse(block))
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "lback"
        for alias in node.names
    }
    modules = {"admin"}
    assert imported
    assert imported - shown - modules == set()


def test_every_public_class_and_function_has_a_docstring() -> None:
    shown = reference.collect()
    lacking = [
        path
        for path, entry in shown.entries.items()
        if (entry.item.is_class or entry.item.is_function) and entry.item.docstring is None
    ]
    assert lacking == []


def test_every_guide_ends_with_links_to_the_reference() -> None:
    lacking = [
        page.name
        for page in ROOT.glob("docs/guides/*.md")
        if "](../reference/" not in page.read_text().rpartition("\n## Reference\n")[2]
    ]
    assert lacking == []


def test_every_setting_has_a_row() -> None:
    text = (FOLDER / "settings.md").read_text()
    for setting in dataclasses.fields(Settings):
        assert f"| `{setting.name}` | `" in text


def test_every_command_has_an_entry_with_its_options() -> None:
    text = (FOLDER / "commands.md").read_text()
    assert {name for summaries in SECTIONS.values() for name in summaries} == set(COMMANDS)
    for name in COMMANDS:
        assert f"\n## lback {name}\n" in text
        for option in commands.load(name).params:
            flag = option.opts[-1] if option.param_type_name == "option" else option.name or ""
            assert re.search(rf"^\| `[^|]*{re.escape(flag)}", text, re.MULTILINE | re.IGNORECASE)


def test_a_docstring_becomes_tables_lists_and_code(tmp_path: Path) -> None:
    (tmp_path / "shop.py").write_text('''
def price(book: "str | int", *, currency: str = "EUR") -> float:
    """Return the price of a <book>.

    Args:
        book: Its title, or its number:
            one of either.
        currency: Code of ISO 4217, such as `"EUR" | "CHF"`.

    Returns:
        The price: without tax,
        in cents.

    Raises:
        LookupError: There is no such book.

    Example:
        >>> price("Emma")
        12.5
    """
    return 12.5
''')
    function = griffe.load("shop", search_paths=[tmp_path])["price"]
    assert reference.signature("price", function) == (
        'price(book: str | int, *, currency: str = "EUR") -> float'
    )
    assert (
        "\n\n".join(docstrings.sections(function, str))
        == r"""Return the price of a \<book>.

| parameter | type | default | description |
| --- | --- | --- | --- |
| `book` | `str \| int` |  | Its title, or its number: one of either. |
| `currency` | `str` | `"EUR"` | Code of ISO 4217, such as `"EUR" \| "CHF"`. |

**Returns:** The price: without tax,
in cents.

**Raises**

- `LookupError`: There is no such book.

**Example**

```pycon
>>> price("Emma")
12.5
```"""
    )
