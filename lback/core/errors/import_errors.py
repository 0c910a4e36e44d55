"""Explains why a module of the project cannot be imported, with files and lines."""

import re
import sysconfig
import traceback
from pathlib import Path

# Paths that are not code of the project.
_OTHERS = (
    "<",
    str(Path(__file__).resolve().parents[1]),
    *{sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib")},
)
_PARTIAL = re.compile(r"partially initialized module '([\w.]+)'")


def import_failure(error: BaseException) -> str:
    """Return the type and text of an import error, and the line that raised it.

    If modules import each other, the message lists the import lines of the whole cycle.
    """
    text = f"{type(error).__name__}: {error}"
    lines = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith(_OTHERS)
    ]
    partial = _PARTIAL.search(str(error))
    if partial is not None:
        imports = [frame for frame in lines if frame.name == "<module>"]
        return f"{text}; {_circle(imports, partial[1])}" if imports else text
    if not lines or isinstance(error, SyntaxError):
        return text  # a SyntaxError has file and line in its text
    return f"{text} ({_place(lines[-1])})"


def _circle(imports: list[traceback.FrameSummary], module: str) -> str:
    endings = tuple(f"{module.replace('.', '/')}{end}" for end in (".py", "/__init__.py"))
    found = (i for i, frame in enumerate(imports) if frame.filename.endswith(endings))
    circle = imports[next(found, 0) :]
    steps = " imports ".join(map(_place, circle))
    return (
        f"these import each other: {steps} imports {_shown(circle[0].filename)}; move what both "
        "need into a third module, or the last import into the function that needs it"
    )


def _place(frame: traceback.FrameSummary) -> str:
    return f"{_shown(frame.filename)}, line {frame.lineno}"


def _shown(filename: str) -> str:
    path, here = Path(filename), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else filename
