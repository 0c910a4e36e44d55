"""Files in the memory of one process, for tests."""

import hashlib
import io
from collections.abc import Iterator
from datetime import UTC, datetime
from threading import Lock
from typing import IO, NamedTuple

from lback.storage.content import Content
from lback.storage.contract import FileInfo, Storage, candidates
from lback.storage.exceptions import MissingFile
from lback.storage.names import clean_name


class _Entry(NamedTuple):
    content: bytes
    modified: datetime


class MemoryStorage(Storage):
    """Files in memory. They end with the process."""

    def __init__(self) -> None:
        self._files: dict[str, _Entry] = {}
        self._lock = Lock()

    def _save(self, name: str, content: Content, overwrite: bool) -> str:
        entry = _Entry(b"".join(content), datetime.now(UTC))
        with self._lock:
            for candidate in [name] if overwrite else candidates(name):
                if overwrite or candidate not in self._files:
                    self._files[candidate] = entry
                    break
        return candidate

    def _entry(self, name: str) -> _Entry:
        entry = self._files.get(name)
        if entry is None:
            raise MissingFile(name, self.name)
        return entry

    def _open(self, name: str, start: int, stop: int | None) -> IO[bytes]:
        return io.BytesIO(self._entry(name).content[start:stop])

    def delete(self, name: str) -> None:
        """Delete a file. A file that does not exist is not an error.

        Raises:
            InvalidFileName: The name is not valid.
        """
        self._files.pop(clean_name(name), None)

    def info(self, name: str) -> FileInfo:
        """Return size, date and entity tag of a file.

        Raises:
            InvalidFileName: The name is not valid.
            MissingFile: The file does not exist.
        """
        name = clean_name(name)
        content, modified = self._entry(name)
        return FileInfo(
            name, len(content), modified, f'"{hashlib.sha256(content).hexdigest()[:32]}"'
        )

    def list(self, folder: str = "") -> Iterator[FileInfo]:
        """Yield the files in a folder and below it, ordered by their names.

        Args:
            folder: First parts of the names; empty for all files.

        Raises:
            InvalidFileName: The name of the folder is not valid.
        """
        start = f"{clean_name(folder)}/" if folder else ""
        return map(self.info, sorted(name for name in self._files if name.startswith(start)))
