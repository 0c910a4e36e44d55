"""Static files of an application: their URLs and the view that serves them."""

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
from lback.static_files.sources import Sources, refuse_project

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.core.request import Request

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_CHECKS = 1.0


class StaticFiles:
    """Serve static files: from their source directories with DEBUG on, else the collected ones.

    Args:
        config: Settings; `STATIC_URL`, `STATIC_ROOT`, `STATICFILES_DIRS`, `PROJECT_ROOT`,
            `INSTALLED_APPS` and `DEBUG` are read.

    Raises:
        ConfigurationError: An installed app does not exist, or `STATIC_ROOT` is the project
            directory or one of its parents.

    Attributes:
        sources: Source directories.
        root: Absolute path of `STATIC_ROOT`, the target of `collectstatic`.
    """

    def __init__(self, config: "Config") -> None:
        self._config = config
        self.sources = Sources(config)
        project = Path(config.get("PROJECT_ROOT", "") or os.curdir).resolve()
        self.root = (project / config.STATIC_ROOT).resolve()
        refuse_project("STATIC_ROOT", config.STATIC_ROOT, project, "staticfiles")
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
        """Return the URL of a static file; `static(name)` in templates.

        With DEBUG off, it is the URL with the hashed name if the file was collected, else that
        with the plain name.

        Raises:
            ValueError: DEBUG is on and the file does not exist. The message suggests similar names.
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
        """Return the route of `serve`, or None if STATIC_URL is on another host."""
        if not self.static_url.startswith("/"):
            return None
        return Route(f"{self.static_url}{{name:path}}", self.serve, ["GET"], None, False)

    def serve(self, request: "Request", name: str) -> FileResponse:
        """Serve a static file; the view of the static route.

        Args:
            request: The request; `Accept-Encoding` is read.
            name: Path of the file below STATIC_URL, from the client.

        Returns:
            A file response. Hashed names are `immutable`; with DEBUG on it is `no-cache`.

        Raises:
            NotFound: The file does not exist, or it is not public.
            ConfigurationError: DEBUG is off and the manifest is not valid.
        """
        if self._config.DEBUG is not True:
            self._follow_manifest()
            return self._collected.response(name, request.headers.get("Accept-Encoding") or "")
        path = self.sources.find(name)
        if path is None:
            raise NotFound
        return FileResponse(path, headers={"Cache-Control": "no-cache"})

    def warn_if_not_collected(self) -> None:
        """Log a warning if DEBUG is off and static files exist that were not collected.

        Raises:
            ConfigurationError: The manifest is not valid.
        """
        if self._config.DEBUG is True:
            return
        self._read_manifest()
        if self._manifest:
            return
        if any(directory.is_dir() for directory in self.sources.directories):
            logger.warning(
                "static files: none served, as none were collected in %s; run: lback collectstatic",
                self.root,
            )

    def _follow_manifest(self) -> None:
        """Reload the manifest if `collectstatic` has replaced it; checked once per second."""
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
            logger.error("static files: previous manifest stays in use: %s", error)

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
