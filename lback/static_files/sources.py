"""Where static files come from: directories of the project, of its apps and of the framework."""

import os
from collections.abc import Iterator
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

from lback.core.exceptions import NotFound
from lback.core.file_response import find_file
from lback.core.templates import places_of

if TYPE_CHECKING:
    from lback.core.config import Config

FRAMEWORK_DIRECTORY = Path(__file__).resolve().parents[1] / "static"
# RFC 8615: the one name with a dot in front that is meant for the public.
WELL_KNOWN = ".well-known"


class Sources:
    """The directories of static files; of the same name in two of them the first one counts.

    They are `STATICFILES_DIRS`, or else `static/` of the project; then `static/` of each
    installed app, then that of the framework.

    Args:
        config: `STATICFILES_DIRS`, `PROJECT_ROOT` and `INSTALLED_APPS` are read here.

    Raises:
        ConfigurationError: An installed app that does not exist.
    """

    def __init__(self, config: "Config") -> None:
        self.directories = list(_directories(config))

    def find(self, name: str) -> Path | None:
        """Return the file of a name, which may have come from a client, or `None`.

        A name that leaves its directory, also by a symbolic link, has no file; neither has one
        with a part that begins with a dot.
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
        """Return all files, by name, sorted."""
        found: dict[str, Path] = {}
        for directory in self.directories:
            for name in names_in(directory):
                if name not in found and not is_hidden(name):
                    path = self.find(name)
                    if path is not None:
                        found[name] = path
        return dict(sorted(found.items()))

    def near(self, name: str) -> list[str]:
        """Return names of files that one may have meant."""
        return get_close_matches(name, self.all(), n=3)


def is_hidden(name: str) -> bool:
    """Tell whether a part of a name begins with a dot, as those of editors and `.git` do."""
    return any(part.startswith(".") and part != WELL_KNOWN for part in name.split("/"))


def names_in(directory: Path) -> Iterator[str]:
    """Give the names of the files below a directory; links to directories are not followed."""
    for place, _, files in os.walk(directory):
        for file in files:
            yield (Path(place) / file).relative_to(directory).as_posix()


def _directories(config: "Config") -> Iterator[Path]:
    given = config.get("STATICFILES_DIRS", None) or []
    root = Path(config.get("PROJECT_ROOT", "") or os.curdir).resolve()
    yield from [root / directory for directory in given] or [root / "static"]
    for app in config.get("INSTALLED_APPS", None) or []:
        yield from [place / "static" for place in places_of(app)]
    yield FRAMEWORK_DIRECTORY
