"""The house rules that a linter does not know: sizes, one idea a file, one `global`."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import lback

PACKAGE = Path(lback.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LINES_IN_A_FILE = 600
LINES_IN_A_FUNCTION = 50


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function without its docstring."""
    body = function.body[1:] if ast.get_docstring(function) is not None else function.body
    return (function.end_lineno or 0) - body[0].lineno + 1 if body else 0


def lines_of_docstrings(tree: ast.Module) -> int:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docstrings = [
        node.body[0]
        for node in ast.walk(tree)
        if isinstance(node, documented) and ast.get_docstring(node) is not None
    ]
    return sum((doc.end_lineno or doc.lineno) - doc.lineno + 1 for doc in docstrings)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_a_file_is_one_idea_of_readable_size(path: Path) -> None:
    source = path.read_text()
    tree = ast.parse(source)

    assert ast.get_docstring(tree), "the first line of a file says its one idea"
    # Docstrings do not count: a file must not be split because it is documented.
    assert len(source.splitlines()) - lines_of_docstrings(tree) <= LINES_IN_A_FILE
    too_long = [f.name for f in functions(tree) if length(f) > LINES_IN_A_FUNCTION]
    assert not too_long


def test_the_usual_function_is_short() -> None:
    lengths = sorted(length(f) for path in FILES for f in functions(ast.parse(path.read_text())))
    assert lengths[len(lengths) // 2] <= 8


def test_only_publish_sets_global_names() -> None:
    places = {
        (path.name, function.name)
        for path in FILES
        for function in functions(ast.parse(path.read_text()))
        for node in ast.walk(function)
        if isinstance(node, ast.Global)
    }
    assert places <= {("server.py", "publish"), ("renderer.py", "set_default_router")}


def test_few_lines_use_any() -> None:
    """At most 19 of 1,000 lines, counted with docstrings and comments, as words."""
    sources = [path.read_text() for path in FILES]
    lines = sum(len(source.splitlines()) for source in sources)
    uses = sum(len(re.findall(r"\bAny\b", source)) for source in sources)
    assert uses * 1000 <= 19 * lines


def test_the_core_shows_itself_in_one_screen() -> None:
    entries = [path for path in (PACKAGE / "core").iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 30


def test_importing_the_core_has_no_side_effects(tmp_path: Path) -> None:
    script = """
import builtins, io, logging, os, socket, sys, threading
opened = []
def audit(event, arguments):
    if event == "open" and isinstance(arguments[0], str):
        opened.append(arguments[0])
    if event.startswith("socket."):
        opened.append(event)
sys.addaudithook(audit)
import lback.core
here = os.getcwd()
assert not [name for name in opened if os.path.abspath(name).startswith(here)], opened
assert not [name for name in opened if name.startswith("socket.")], opened
assert threading.active_count() == 1
assert not logging.getLogger().handlers
for heavy in ("sqlalchemy", "werkzeug", "yaml", "websockets", "watchdog.observers", "dotenv"):
    assert heavy not in sys.modules, heavy
"""
    (tmp_path / "config.json").write_text('{"DEBUG": true}')
    (tmp_path / "settings.py").write_text("DEBUG = True\n")
    subprocess.run([sys.executable, "-c", script], cwd=tmp_path, check=True, timeout=60)
