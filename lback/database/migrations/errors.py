"""What goes wrong with migrations, told with the file and the line it went wrong in."""

import os
import traceback
from pathlib import Path

from lback.core.exceptions import ConfigurationError


class MigrationError(ConfigurationError):
    """A migration that cannot be made, found or run."""


def place_in(directory: Path, error: BaseException) -> str | None:
    """Return `"file, line n"` of the last line below a directory that an error came through.

    The path is relative to the parent of the directory; `None` where it came through no such
    line.
    """
    root = os.path.realpath(directory)
    if isinstance(error, SyntaxError) and _below(root, error.filename):
        return _shown(root, str(error.filename), error.lineno)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _below(root, f.filename)]
    return _shown(root, frames[-1].filename, frames[-1].lineno) if frames else None


def reason(error: BaseException) -> str:
    """Return type and text of an error in one line; of a database's own words, not the wrapper's.

    A database error is shown without its parameters, which may be anybody's data.
    """
    if isinstance(error, SyntaxError):
        return f"{type(error).__name__}: {error.msg}"
    original = getattr(error, "orig", None) or error
    words = " ".join(str(original).split())
    return f"{type(original).__name__}: {words}" if words else type(original).__name__


def _below(root: str, filename: str | None) -> bool:
    return filename is not None and os.path.realpath(filename).startswith(root + os.sep)


def _shown(root: str, filename: str, line: int | None) -> str:
    relative = os.path.relpath(os.path.realpath(filename), Path(root).parent)
    return f"{relative}, line {line}" if line else relative
