"""The page of the settings, read from `lback/core/settings/defaults.py` and its comments."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from docs.site.docstrings import cell, code, source, table

SOURCE = Path(__file__).parents[2] / "lback" / "core" / "settings" / "defaults.py"
HEADING = re.compile(r"^    # (.+)$")
LONGEST_DEFAULT = 50
COMMENT = re.compile(r"  # (.+)$")


def page(note: str) -> str:
    """Return the page: a table for each group of settings."""
    text = SOURCE.read_text(encoding="utf-8")
    lines = text.splitlines()
    (settings,) = [node for node in ast.parse(text).body if isinstance(node, ast.ClassDef)]
    groups: dict[str, list[ast.AnnAssign]] = {}
    for node in settings.body:
        if isinstance(node, ast.AnnAssign):
            title = _group(lines, node.lineno)
            groups.setdefault(title, []).append(node)
    parts = ["# Settings", note, INTRO]
    for title, nodes in groups.items():
        heading, remark = [*re.split(r"[:;] ", title, maxsplit=1), ""][:2]
        parts += [f"## {heading}", f"{remark[:1].upper()}{remark[1:]}." if remark else ""]
        rows = [_row(node, lines) for node in nodes]
        parts.append(table(("setting", "type", "default", "description"), rows))
        parts += [_long_default(node) for node in nodes if _is_long(node)]
    return "\n\n".join(part for part in parts if part) + "\n"


INTRO = (
    "What `settings.py`, the environment and `.env` may set; the guide\n"
    "[settings](../guides/settings.md) says which of them wins."
)


def names() -> Iterator[str]:
    """Return the name of every setting."""
    (settings,) = [
        node for node in ast.parse(SOURCE.read_text()).body if isinstance(node, ast.ClassDef)
    ]
    for node in settings.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            yield node.target.id


def _group(lines: list[str], number: int) -> str:
    """Return the last comment above a line that has a line of its own."""
    found = [match[1] for line in lines[: number - 1] if (match := HEADING.match(line))]
    return found[-1].rstrip(".") if found else "Settings"


def _row(node: ast.AnnAssign, lines: list[str]) -> tuple[str, str, str, str]:
    comment = COMMENT.search(lines[node.lineno - 1])
    return (
        code(ast.unparse(node.target)),
        code(ast.unparse(node.annotation)),
        "see below" if _is_long(node) else code(source(_default(node.value))),
        cell(_sentence(comment[1]), str) if comment else "",
    )


def _is_long(node: ast.AnnAssign) -> bool:
    return len(_default(node.value)) > LONGEST_DEFAULT


def _long_default(node: ast.AnnAssign) -> str:
    """Return a default that is too wide for a table as code, an item on each line."""
    items = [f"    {source(repr(item))}," for item in ast.literal_eval(_default(node.value))]
    return "\n".join(["```py", f"{ast.unparse(node.target)} = [", *items, "]", "```"])


def _sentence(text: str) -> str:
    """Return a comment as a sentence, unless it begins with a value."""
    start = text[:1].upper() + text[1:] if re.match(r"[a-z]+( |$)", text) else text
    return f"{start.rstrip('.')}."


def _default(value: ast.expr | None) -> str:
    """Return the default, also where a function makes it."""
    if isinstance(value, ast.Call):
        made = next(key.value for key in value.keywords if key.arg == "default_factory")
        if isinstance(made, ast.Lambda):
            return ast.unparse(made.body)
        return {"list": "[]", "dict": "{}"}[ast.unparse(made)]
    return "" if value is None else ast.unparse(value)
