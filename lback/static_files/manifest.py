"""The manifest: which collected file has which name, written by `collectstatic`."""

import json
from pathlib import Path

from lback.core.exceptions import ConfigurationError

FILE_NAME = "staticfiles.json"
VERSION = 1


def read_manifest(root: Path) -> dict[str, str] | None:
    """Return plain names to collected ones, or `None` where nothing was collected.

    Raises:
        ConfigurationError: The file is no manifest.
    """
    path = root / FILE_NAME
    try:
        content = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}; run collectstatic again") from error
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or content.get("version") != VERSION:
        raise ConfigurationError(f"{path} is no manifest of this version; run collectstatic again")
    return files


def manifest_text(files: dict[str, str]) -> str:
    """Return what a manifest of these names holds."""
    return f"{json.dumps({'version': VERSION, 'files': files}, indent=1)}\n"
