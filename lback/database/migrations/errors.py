"""Errors of migrations, with the file and line in which they occurred."""

import os
import traceback
from pathlib import Path

from lback.core.exceptions import ConfigurationError


class MigrationError(ConfigurationError):
    """A migration cannot be created, found or run."""


def place_in(directory: Path, error: BaseException) -> str | None:
    """Return `"file, line n"` of the last frame of a traceback in a directory.

    Args:
        directory: Directory of the migrations.
        error: The error, with its traceback.

    Returns:
        The place, with a path relative to the parent of the directory; None if no frame is there.
    """
    root = os.path.realpath(directory)
    if isinstance(error, SyntaxError) and _below(root, error.filename):
        return _shown(root, str(error.filename), error.lineno)
    frames = [f for f in traceback.extract_tb(error.__traceback__) if _below(root, f.filename)]
    return _shown(root, frames[-1].filename, frames[-1].lineno) if frames else None


def reason(error: BaseException) -> str:
    """Return type and text of an error on one line.

    For errors of SQLAlchemy they are those of the driver's error. Parameters of a statement, which
    may be personal data, are not shown.

    Example:
        >>> reason(ValueError("bad  value"))
        'ValueError: bad value'
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
