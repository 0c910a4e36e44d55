"""Source directories of static files: those of the project, its apps and the framework."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from lback.core.exceptions import ConfigurationError, NotFound
from lback.core.file_response import find_file
from lback.core.templates import places_of

if TYPE_CHECKING:
    from lback.core.config import Config

FRAMEWORK_DIRECTORY = Path(__file__).resolve().parents[1] / "static"
# The only name with a leading dot that is public (RFC 8615).
WELL_KNOWN = ".well-known"


class Sources:
    """The source directories; if two of them have a file of the same name, the first one is used.

    The order is: `STATICFILES_DIRS`, or `static/` of the project if that is empty; `static/` of
    each installed app; that of the framework.

    Args:
        config: Settings; `STATICFILES_DIRS`, `PROJECT_ROOT` and `INSTALLED_APPS` are read.

    Raises:
        ConfigurationError: An installed app does not exist, or a directory contains the project.
    """

    def __init__(self, config: "Config") -> None:
        self.directories = list(_directories(config))

    def find(self, name: str) -> Path | None:
        """Return the path of a static file, or None. The name may come from a client.

        None is also returned for a name that leaves its directory, even by a symbolic link, and
        for a hidden name (see `is_hidden`).
        """
        if is_hidden(name):
            return None
        for directory in self.directories:
            try:
                return find_file(name, directory)[0]
            except (NotFound, PermissionError):
                continue
        return None

    def all(self) -> dict[str, Path]:
        """Return name to path of all files, sorted by name."""
        found: dict[str, Path] = {}
        for directory in self.directories:
            for name in names_in(directory):
                if name not in found and not is_hidden(name):
                    path = self.find(name)
                    if path is not None:
                        found[name] = path
        return dict(sorted(found.items()))

    def near(self, name: str) -> list[str]:
        """Return up to three similar names of files, for suggestions."""
        return get_close_matches(name, self.all(), n=3)


def is_hidden(name: str) -> bool:
    """Return True if a part of a path begins with a dot, as in `.git/config`.

    Example:
        >>> from lback.static_files.sources import is_hidden
        >>> is_hidden(".git/config"), is_hidden(".well-known/security.txt")
        (True, False)
    """
    return any(part.startswith(".") and part != WELL_KNOWN for part in name.split("/"))


def refuse_project(setting: str, directory: object, project: Path, example: str) -> None:
    """Raise if a directory of a setting contains the project, whose files are not public.

    Args:
        setting: Name of the setting.
        directory: The directory, relative to the project.
        project: Absolute path of the project.
        example: A directory that can be used instead.

    Raises:
        ConfigurationError: It is the project directory or a parent of it.
    """
    place = (project / str(directory)).resolve()
    if place == project or place in project.parents:
        raise ConfigurationError(
            f"{setting} = {str(directory)!r} is the project directory or a parent of it, whose "
            f"files are not public; set it to a separate directory, such as {example!r}"
        )


def names_in(directory: Path) -> Iterator[str]:
    """Yield the relative paths of all files below a directory; directory links are not followed."""
    for place, _, files in os.walk(directory):
        for file in files:
            yield (Path(place) / file).relative_to(directory).as_posix()


def _directories(config: "Config") -> Iterator[Path]:
    given = config.get("STATICFILES_DIRS", None) or []
    root = Path(config.get("PROJECT_ROOT", "") or os.curdir).resolve()
    for directory in given:
        refuse_project("STATICFILES_DIRS", directory, root, "static")
    yield from [root / directory for directory in given] or [root / "static"]
    for app in config.get("INSTALLED_APPS", None) or []:
        yield from [place / "static" for place in places_of(app)]
    yield FRAMEWORK_DIRECTORY
