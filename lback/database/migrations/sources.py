"""Reads facts from the source of migrations without running them."""

import ast
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

Place = tuple[str | None, str, str]
_MARK = "temporary_default"


@lru_cache(maxsize=512)
def parsed(source: str) -> ast.Module:
    """Return the syntax tree of a migration, which must not be changed.

    Args:
        source: Text of the file. A run reads the same files several times.
    """
    return ast.parse(source)


def temporary_defaults(path: Path) -> Iterator[Place]:
    """Yield schema, table and column of each temporary default."""
    source = path.read_text("utf-8")
    if _MARK not in source:
        return
    for node in ast.walk(parsed(source)):
        if isinstance(node, ast.With):
            table = _call(node.items[0].context_expr, "batch_alter_table")
            if table is not None:
                for column in _columns(node):
                    yield _keyword(table, "schema"), _first(table), column
        table = _call(node, "add_column")
        if table is not None and len(table.args) > 1:
            for column in _columns(table.args[1]):
                yield _keyword(table, "schema"), _first(table), column


def texts(path: Path) -> Iterator[str]:
    """Yield each string literal of a file."""
    for node in ast.walk(parsed(path.read_text("utf-8"))):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def tables_in_schemas(path: Path) -> Iterator[tuple[str, str]]:
    """Yield schema and name of each table with a schema."""
    for node in ast.walk(parsed(path.read_text("utf-8"))):
        schema = _keyword(node, "schema") if isinstance(node, ast.Call) else None
        if schema is not None and isinstance(node, ast.Call):
            for argument in node.args[:2]:
                name = _text(argument)
                if name is not None:
                    yield schema, name


def _columns(node: ast.AST) -> Iterator[str]:
    for found in ast.walk(node):
        column = _call(found, "Column")
        if column is not None and any(_call(k.value, _MARK) for k in column.keywords):
            yield _first(column)


def _call(node: ast.AST, name: str) -> ast.Call | None:
    """Return the node if it is a call of a function or method with a name, else None."""
    if not isinstance(node, ast.Call):
        return None
    called = node.func
    known = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
    return node if known == name else None


def _first(call: ast.Call) -> str:
    return _text(call.args[0]) or "" if call.args else ""


def _keyword(call: ast.Call, name: str) -> str | None:
    return next((_text(k.value) for k in call.keywords if k.arg == name), None)


def _text(node: ast.expr) -> str | None:
    return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None
