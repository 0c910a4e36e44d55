"""The collected files that a manifest lists, as WhiteNoise serves them."""

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
# `FileResponse` has its own, which are right for compressed copies and parts as well.
_OF_THE_FILE = frozenset({"content-length", "content-type", "etag", "last-modified"})


class CollectedFiles:
    """Serves the files that a manifest lists, and no others.

    Args:
        root: The directory that `collectstatic` fills.
        manifest: Its manifest; without one nothing is served, whatever the directory holds.
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
        # Compressed copies stand beside their files; WhiteNoise looks for them in the stats.
        found = _safe_names(root)
        stats = {str(root / name): os.stat(root / name) for name in found}  # noqa: PTH116
        for name in found:
            if name in names:
                white_noise.add_file_to_dictionary(name, str(root / name), stat_cache=stats)
        self._files = white_noise.files

    def response(self, name: str, accept_encoding: str) -> FileResponse:
        """Return a file, compressed where there is such a copy and the client takes it.

        Raises:
            NotFound: There is none of that name.
        """
        found = self._files.get(name)
        if found is None:
            raise NotFound
        # WhiteNoise reads no weights: it is told of what the client does take.
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
