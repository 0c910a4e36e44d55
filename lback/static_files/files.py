"""Static files of an application: their URLs in pages, and the view that serves them."""

import logging
import os
import time
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING
from urllib.parse import quote

from lback.core.exceptions import ConfigurationError, NotFound
from lback.core.file_response import FileResponse
from lback.core.router import Route
from lback.static_files.manifest import FILE_NAME, Manifest, read_manifest
from lback.static_files.serving import CollectedFiles
from lback.static_files.sources import Sources

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_CHECKS = 1.0


class StaticFiles:
    """Finds static files while DEBUG is on, and serves the collected ones while it is off.

    Args:
        config: `STATIC_URL`, `STATIC_ROOT`, `STATICFILES_DIRS`, `PROJECT_ROOT`,
            `INSTALLED_APPS` and `DEBUG` are read here.

    Raises:
        ConfigurationError: An installed app does not exist, or STATIC_ROOT is the directory of
            the project or one above it.

    Attributes:
        sources: The directories that they come from.
        root: The directory that `collectstatic` fills.
    """

    def __init__(self, config: "Config") -> None:
        self._config = config
        self.sources = Sources(config)
        project = Path(config.get("PROJECT_ROOT", "") or os.curdir).resolve()
        self.root = (project / config.STATIC_ROOT).resolve()
        if self.root == project or self.root in project.parents:
            raise ConfigurationError(
                f"STATIC_ROOT = {str(config.STATIC_ROOT)!r} is the directory of the project or one "
                "above it, whose files are not for the public; name a directory of its own, such "
                "as 'staticfiles'"
            )
        self._lock = Lock()
        self._checked_at = -SECONDS_BETWEEN_CHECKS
        self._stamp: tuple[int, ...] | None = None
        self._manifest: Manifest | None = None
        self._collected = CollectedFiles(self.root, None)

    @property
    def static_url(self) -> str:
        """The setting STATIC_URL."""
        return self._config.STATIC_URL

    def url(self, name: str) -> str:
        """Return the URL of a file; `static(name)` in templates.

        While DEBUG is off, it is the one with a digest, if the file was collected.

        Raises:
            ValueError: There is no such file, and DEBUG is on; names near misses.
        """
        if self._config.DEBUG is not True:
            self._follow_manifest()
            files = self._manifest.files if self._manifest else {}
            return self.static_url + quote(files.get(name, name))
        if self.sources.find(name) is None:
            raise ValueError(f"there is no static file {name!r}; {self._hint(name)}")
        return self.static_url + quote(name)

    def _hint(self, name: str) -> str:
        near = self.sources.near(name)
        if near:
            return f"did you mean {' or '.join(map(repr, near))}?"
        return f"looked in {', '.join(map(str, self.sources.directories))}"

    def route(self) -> Route | None:
        """Return the route that serves them; `None` where STATIC_URL is on another host."""
        if not self.static_url.startswith("/"):
            return None
        return Route(f"{self.static_url}{{name:path}}", self.serve, ["GET"], None, False)

    def serve(self, request: "Request", name: str) -> FileResponse:
        """Answer with a file.

        Raises:
            NotFound: There is none of that name, or it is not for the public.
        """
        if self._config.DEBUG is not True:
            self._follow_manifest()
            return self._collected.response(name, request.headers.get("Accept-Encoding") or "")
        path = self.sources.find(name)
        if path is None:
            raise NotFound
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    def warn_if_not_collected(self) -> None:
        """Log once that pages will miss their files, where that is so."""
        if self._config.DEBUG is True:
            return
        self._read_manifest()
        if self._manifest:
            return
        if any(directory.is_dir() for directory in self.sources.directories):
            logger.warning(
                "static files were not collected into %s, so that none is served; "
                "run: lback collectstatic",
                self.root,
            )

    def _follow_manifest(self) -> None:
        """Read the manifest again if `collectstatic` has run; looked at once a second at most."""
        now = time.monotonic()
        if now - self._checked_at < SECONDS_BETWEEN_CHECKS:
            return
        self._checked_at = now
        try:
            self._read_manifest()
        except ConfigurationError as error:
            if self._manifest is None:
                self._stamp = None
                raise
            logger.error("static files: the old manifest stays in use: %s", error)

    def _read_manifest(self) -> None:
        with self._lock:
            stamp = _stamp_of(self.root / FILE_NAME)
            if stamp != self._stamp:
                self._stamp = stamp
                manifest = read_manifest(self.root)
                self._collected = CollectedFiles(self.root, manifest)
                self._manifest = manifest


def _stamp_of(path: Path) -> tuple[int, ...] | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_mtime_ns, found.st_size, found.st_ino
