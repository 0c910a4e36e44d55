"""Text for readers is plain English: phrases of our own dialect do not come back.

The check covers the finished parts only; FINISHED grows until it is the whole package.
"""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
# Files and packages of lback/ whose text has been revised, such as "lback/core".
FINISHED = ("lback",)
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "CHANGELOG.md",
    *sorted(ROOT.glob("docs/*.md")),
    *sorted(ROOT.glob("docs/guides/*.md")),
    *sorted(ROOT.glob("docs/tutorial/*.md")),
    *sorted(ROOT.glob("docs/security/*.md")),
]
SOURCES = sorted(
    path
    for name in FINISHED
    for path in ([ROOT / name] if name.endswith(".py") else (ROOT / name).rglob("*.py"))
)
CODE = re.compile(r"^```.*?^```|`[^`\n]*`", re.MULTILINE | re.DOTALL)
# "There is no X" is English; "X is no Y" should be "X is not a Y".
DIALECT = re.compile(
    r"\btell whether\b|\bnobody\b|\bsomebody\b|\bwhoever\b|\bwhat ails\b|\bsay truly\b"
    r"|(?<!there)(?<!there,)\s+is\s+no\s+(?!longer\b)[a-z]+",
    re.IGNORECASE,
)


def phrases(text: str) -> list[str]:
    """Return the phrases of a text that a reader would have to translate."""
    return [" ".join(found[0].split()) for found in DIALECT.finditer(text)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_a_page_is_plain_english(page: Path) -> None:
    assert phrases(CODE.sub("", page.read_text())) == []


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: str(source.relative_to(ROOT)))
def test_docstrings_comments_and_messages_are_plain_english(source: Path) -> None:
    found = [
        f"line {line}: {phrase}"
        for line, text in _texts(source.read_text())
        for phrase in phrases(text)
    ]
    assert found == []


def _texts(code: str) -> Iterator[tuple[int, str]]:
    """Yield comments and string literals, f-strings among them, with their lines."""
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value


@pytest.mark.parametrize(
    "text",
    [
        "Tell whether the item has expired.",
        "Nobody may read it.",
        "This is no image.",
        "a value that\nis no number",
        "Whoever asks gets an answer.",
        "as soon as somebody asks",
    ],
)
def test_the_dialect_is_found(text: str) -> None:
    assert phrases(text)


@pytest.mark.parametrize(
    "text",
    [
        "There is no such page.",
        "Return an error if there is no user.",
        "The key is no longer valid.",
        "This is not an image.",
    ],
)
def test_plain_english_is_left_alone(text: str) -> None:
    assert phrases(text) == []
