"""Manifest of `collectstatic`: maps static files to their hashed names."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from lback.core.exceptions import ConfigurationError

FILE_NAME = "staticfiles.json"
VERSION = 2
SECONDS_LISTED = 30 * 24 * 3600


class Manifest(NamedTuple):
    """The collected files.

    Args:
        files: Plain names to hashed names.
        earlier: Hashed names of earlier collections to the time when they were replaced, in
            seconds since the epoch. They are still served, as pages sent earlier refer to them.

    Example:
        >>> from lback.static_files.manifest import Manifest
        >>> first = Manifest({"site.css": "site.1f2e.css"})
        >>> second = first.replaced_by({"site.css": "site.9a8b.css"}, now=1000.0)
        >>> sorted(second.names)
        ['site.1f2e.css', 'site.9a8b.css', 'site.css']
    """

    files: Mapping[str, str] = {}
    earlier: Mapping[str, float] = {}

    @property
    def digested(self) -> frozenset[str]:
        """All hashed names; their content never changes."""
        return frozenset(self.files.values()) | self.earlier.keys()

    @property
    def names(self) -> frozenset[str]:
        """All names that are served."""
        return self.digested | self.files.keys()

    def replaced_by(self, files: Mapping[str, str], now: float) -> "Manifest":
        """Return the manifest of a new collection, which lists earlier hashed names for 30 days.

        Args:
            files: Plain names to hashed names of the new collection.
            now: Time in seconds since the epoch.
        """
        current = frozenset(files.values())
        replaced = dict.fromkeys(self.files.values(), now) | dict(self.earlier)
        earlier = {
            name: moment
            for name, moment in replaced.items()
            if name not in current and now - moment < SECONDS_LISTED
        }
        return Manifest(files, earlier)

    def as_text(self) -> str:
        """Return the manifest as JSON."""
        content = {"version": VERSION, "files": self.files, "earlier": self.earlier}
        return f"{json.dumps(content, indent=1)}\n"


def read_manifest(root: Path) -> Manifest | None:
    """Return the manifest of a directory, or None if nothing was collected there.

    Args:
        root: The setting STATIC_ROOT as an absolute path.

    Raises:
        ConfigurationError: The file cannot be read or is not a manifest.
    """
    path = root / FILE_NAME
    try:
        content = json.loads(path.read_text("utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path}: {error}; run collectstatic again") from error
    files = content.get("files") if isinstance(content, dict) else None
    if not isinstance(files, dict) or content.get("version") not in (1, VERSION):
        raise ConfigurationError(
            f"{path} is not a manifest of this version; run collectstatic again"
        )
    return Manifest(files, content.get("earlier", {}))
