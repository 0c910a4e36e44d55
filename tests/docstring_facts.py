"""Facts about the docstrings of public functions: `python tests/docstring_facts.py [PATH…]`.

Prints the share of public functions and methods with two or more parameters whose docstring has
`Args:`, the median number of words of a docstring, and the functions that lack `Args:`.
"""

import ast
import statistics
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PACKAGE = Path(__file__).parents[1] / "lback"
Function = ast.FunctionDef | ast.AsyncFunctionDef


class Fact(NamedTuple):
    """A public function."""

    place: str
    parameters: int
    doc: str

    @property
    def lacks_args(self) -> bool:
        """Whether there are two or more parameters and no `Args:`."""
        return self.parameters >= 2 and "Args:" not in self.doc


def functions_in(tree: ast.Module) -> Iterator[Function]:
    """Return public functions and the public methods of public classes.

    Commands are left out, whose docstring is their help, and the stubs of overloads.
    """
    for node in tree.body:
        if isinstance(node, Function) and is_documented(node):
            yield node
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for member in node.body:
                if isinstance(member, Function) and is_documented(member):
                    yield member


def is_documented(function: Function) -> bool:
    """Return True if a function is public, and neither a command nor the stub of an overload."""
    decorators = [ast.unparse(decorator) for decorator in function.decorator_list]
    is_other = any(text.startswith("click.") or text == "overload" for text in decorators)
    return not function.name.startswith("_") and not is_other


def facts(paths: list[Path]) -> list[Fact]:
    """Return the facts of all public functions below some paths."""
    found = []
    for path in paths:
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            for function in functions_in(ast.parse(file.read_text())):
                names = [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]
                names = [name for name in names if name.arg not in ("self", "cls")]
                count = len(names) + bool(function.args.vararg) + bool(function.args.kwarg)
                place = f"{file}:{function.lineno} {function.name}"
                found.append(Fact(place, count, ast.get_docstring(function) or ""))
    return found


def share_with_args(found: list[Fact]) -> float:
    """Return the share with `Args:` of the functions that have two or more parameters."""
    relevant = [fact for fact in found if fact.parameters >= 2]
    return 1 - sum(fact.lacks_args for fact in relevant) / max(1, len(relevant))


if __name__ == "__main__":
    shown = facts([Path(name) for name in sys.argv[1:]] or [PACKAGE])
    for fact in shown:
        if fact.lacks_args:
            print(fact.place)
    words = statistics.median(len(fact.doc.split()) for fact in shown)
    share = share_with_args(shown)
    print(f"{share:.0%} with Args, median {words:.0f} words, {len(shown)} functions")
