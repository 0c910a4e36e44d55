"""Serve the collected files of a manifest with WhiteNoise."""

import os
from pathlib import Path
from typing import Any

from whitenoise import WhiteNoise

from lback.core.exceptions import NotFound
from lback.core.file_response import FileResponse, find_file, type_of_file
from lback.core.http.accept import accepted_codings
from lback.static_files.manifest import FILE_NAME, Manifest
from lback.static_files.sources import is_hidden, names_in

SECONDS_OF_PLAIN_NAMES = 60
_CODINGS = ("gzip", "br")
# `FileResponse` sets these itself, also for compressed copies and ranges.
_OF_THE_FILE = frozenset({"content-length", "content-type", "etag", "last-modified"})


class CollectedFiles:
    """Serve only the files that a manifest lists.

    Args:
        root: Directory of the collected files, `STATIC_ROOT`.
        manifest: Manifest of the directory. None serves nothing.
    """

    def __init__(self, root: Path, manifest: Manifest | None) -> None:
        digested = frozenset[str]() if manifest is None else manifest.digested
        self._files: dict[str, Any] = {}
        white_noise = WhiteNoise(
            None,
            max_age=SECONDS_OF_PLAIN_NAMES,
            immutable_file_test=lambda _, name: name in digested,
        )
        names = frozenset[str]() if manifest is None else manifest.names
        # WhiteNoise finds compressed copies, which are next to their files, in the stats.
        found = _safe_names(root)
        stats = {str(root / name): os.stat(root / name) for name in found}  # noqa: PTH116
        for name in found:
            if name in names:
                white_noise.add_file_to_dictionary(name, str(root / name), stat_cache=stats)
        self._files = white_noise.files

    def response(self, name: str, accept_encoding: str) -> FileResponse:
        """Return the response for a file, compressed if there is a copy that the client accepts.

        Args:
            name: Path of the file below STATIC_URL, from the client.
            accept_encoding: Request field `Accept-Encoding`; "" if it is missing.

        Raises:
            NotFound: The manifest does not list the file, or it is missing.
        """
        found = self._files.get(name)
        if found is None:
            raise NotFound
        # WhiteNoise ignores quality values, so it gets only the codings that are accepted.
        taken = ", ".join(accepted_codings(accept_encoding, _CODINGS))
        path, fields = found.get_path_and_headers({"HTTP_ACCEPT_ENCODING": taken})
        headers = {key: value for key, value in fields if key.lower() not in _OF_THE_FILE}
        return FileResponse(path, headers=headers, content_type=type_of_file(Path(name)))


def _safe_names(root: Path) -> list[str]:
    return [name for name in names_in(root) if name != FILE_NAME and _is_inside(name, root)]


def _is_inside(name: str, root: Path) -> bool:
    try:
        find_file(name, root)
    except (NotFound, PermissionError):
        return False
    return not is_hidden(name)
