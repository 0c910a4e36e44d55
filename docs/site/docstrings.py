"""Docstrings in the style of Google as Markdown that reads well unbuilt."""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import griffe

CODE = re.compile(r"(```.*?```|`[^`\n]+(?:\n[^`\n]+)?`)", re.DOTALL)
DOCTEST = re.compile(r"^>>> .*?(?=\n\s*\n|\Z)", re.MULTILINE | re.DOTALL)

# What returns is one text; its lines and colons are no names of several values.
ONE_TEXT: dict[str, Any] = {"returns_multiple_items": False, "returns_named_value": False}

# Turns the name in a code span into a link, or leaves it as it is.
Linker = Callable[[str], str]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table without the columns that are empty in every row."""
    kept = list(rows)
    shown = [index for index, _ in enumerate(heads) if any(row[index] for row in kept)]
    lines = [[heads[index] for index in shown], ["---"] * len(shown)]
    lines += [[row[index] for index in shown] for row in kept]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def source(expression: object) -> str:
    """Return an expression as source text, with quotes as the formatter writes them."""
    return re.sub(r"'([^'\"\\]*)'", r'"\1"', str(expression))


def code(text: object) -> str:
    """Return text as a code span, which also holds within a table; empty for nothing."""
    flat = " ".join(str(text).split())
    return f"`{flat}`".replace("|", "\\|") if flat else ""


def prose(text: str, link: Linker) -> str:
    """Return text of a docstring as Markdown: code linked, examples fenced, tags escaped."""
    fenced = DOCTEST.sub(lambda found: f"```pycon\n{found[0].rstrip()}\n```", text.strip())
    pieces = CODE.split(fenced)
    return "".join(
        (piece if piece.startswith("```") else link(piece))
        if index % 2
        else re.sub(r"<(?=[\w/!])", r"\\<", piece)
        for index, piece in enumerate(pieces)
    )


def cell(text: str, link: Linker) -> str:
    """Return text of a docstring as one cell of a table."""
    return " ".join(prose(text, link).split()).replace("|", "\\|")


def sections(item: Any, link: Linker) -> list[str]:
    """Return the docstring of an object, section by section."""
    if item.docstring is None:
        return []
    return [
        text
        for section in item.docstring.parse("google", **ONE_TEXT)
        if (text := _section(item, section, link))
    ]


def _section(item: Any, section: Any, link: Linker) -> str:
    kind, value = section.kind.value, section.value
    if kind == "text":
        return prose(value, link)
    if kind == "admonition":
        title = "Example" if value.kind.startswith("example") else section.title
        return f"**{title}**\n\n{prose(value.contents, link)}"
    if kind == "examples":
        parts = [
            prose(text, link) if part.value == "text" else f"```pycon\n{text}\n```"
            for part, text in value
        ]
        return "**Example**\n\n" + "\n\n".join(parts)
    if kind in ("parameters", "other parameters"):
        return table(
            ("parameter", "type", "default", "description"), _parameters(item, value, link)
        )
    if kind == "attributes":
        return table(
            ("attribute", "type", "default", "description"), _attributes(item, value, link)
        )
    if kind in ("returns", "yields", "receives"):
        texts = [prose(_whole(item, entry), link) for entry in value]
        return f"**{kind.capitalize()}:** {' '.join(texts)}"
    if kind in ("raises", "warns"):
        lines = [
            f"- {link(f'`{entry.annotation}`')}: {' '.join(prose(entry.description, link).split())}"
            for entry in value
        ]
        return f"**{kind.capitalize()}**\n\n" + "\n".join(lines)
    raise ValueError(
        f"the docstring of {item.path} has a section {kind!r}, which is not known here"
    )


def _whole(item: Any, entry: Any) -> str:
    """Return a text whose beginning, up to a colon, was taken for a type."""
    text = f"{entry.annotation}: {entry.description}"
    written = " ".join(item.docstring.value.split())
    return text if " ".join(text.split()) in written else str(entry.description)


def _parameters(item: Any, entries: Any, link: Linker) -> Iterable[tuple[str, str, str, str]]:
    signature = {parameter.name: parameter for parameter in item.parameters}
    for entry in entries:
        parameter = signature.get(entry.name.lstrip("*"))
        default = "" if parameter is None or _variadic(parameter) else parameter.default
        annotation = "" if parameter is None else parameter.annotation
        yield (
            code(entry.name),
            code(source(annotation or "")),
            code("" if default is None else source(default)),
            cell(entry.description, link),
        )


def _variadic(parameter: griffe.Parameter) -> bool:
    return parameter.kind in (
        griffe.ParameterKind.var_positional,
        griffe.ParameterKind.var_keyword,
    )


def _attributes(item: Any, entries: Any, link: Linker) -> Iterable[tuple[str, str, str, str]]:
    for entry in entries:
        member = item.all_members.get(entry.name)
        annotation = getattr(member, "annotation", None) or getattr(member, "returns", None)
        value = getattr(member, "value", None)
        class_level = member is not None and "class-attribute" in member.labels
        yield (
            code(entry.name),
            code(re.sub(r"^ClassVar\[(.*)\]$", r"\1", source(annotation or ""))),
            code(source(value) if class_level and value is not None else ""),
            cell(entry.description, link),
        )
