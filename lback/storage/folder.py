"""Files in a folder of the local disk, written so that a crash leaves no partial file."""

import errno
import io
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

from lback.core.exceptions import ConfigurationError, NotFound
from lback.core.file_response import FileState, find_file
from lback.core.http.uploaded_file import DiskFull, full_disk_is_507, move_into_place
from lback.durability import sync_directory
from lback.storage.content import Content
from lback.storage.contract import FileInfo, Storage, candidates
from lback.storage.exceptions import InvalidFileName, MissingFile
from lback.storage.names import clean_name

# Below the folder, so that a file can be renamed from it; no valid name begins with a dot.
INCOMING = ".incoming"
_DIRECTORY_MODE = 0o750


class FolderStorage(Storage):
    """Files in a folder.

    Content is written to a temporary file in the folder, flushed to the disk, and linked to its
    name: a file is complete or does not exist, also after a crash of the machine.

    Args:
        path: The folder; it is created when the first file is stored.
        mode: Permissions of the files. A web server that sends them must be able to read them.
        accel_redirect: Internal location of nginx for this folder, such as "/stored-files/";
            `StoredFileResponse` then lets nginx send the file (`X-Accel-Redirect`). Empty for not.
        sendfile: Whether a web server that knows `X-Sendfile` sends the files.

    Raises:
        ConfigurationError: The path exists and is not a directory.

    Example:
        >>> from lback.storage import FolderStorage
        >>> storage = FolderStorage("media")
        >>> storage.save("a.txt", b"one").name, storage.save("a.txt", b"two").name
        ('a.txt', 'a-....txt')
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        mode: int = 0o640,
        accel_redirect: str = "",
        sendfile: bool = False,
    ) -> None:
        self.path = Path(path).absolute()
        self.mode = mode
        self.accel_redirect = accel_redirect
        self.sendfile = sendfile
        if self.path.exists() and not self.path.is_dir():
            raise ConfigurationError(f"the storage folder {str(self.path)!r} is not a directory")

    def _save(self, name: str, content: Content, overwrite: bool) -> str:
        with _full_disk_is_507():
            incoming = self.path / INCOMING
            self.path.mkdir(_DIRECTORY_MODE, parents=True, exist_ok=True)
            incoming.mkdir(_DIRECTORY_MODE, exist_ok=True)
            descriptor, temporary = tempfile.mkstemp(dir=incoming)
            try:
                with os.fdopen(descriptor, "wb") as file:
                    os.fchmod(descriptor, self.mode)
                    for piece in content:
                        file.write(piece)
                    file.flush()
                    os.fsync(descriptor)
                return self._publish(Path(temporary), name, overwrite)
            finally:
                Path(temporary).unlink(missing_ok=True)

    def _publish(self, temporary: Path, name: str, overwrite: bool) -> str:
        for candidate in [name] if overwrite else candidates(name):
            with suppress(FileExistsError):
                self._link(temporary, candidate, overwrite)
                return candidate
        raise InvalidFileName(name, "a folder has this name")

    def _link(self, temporary: Path, name: str, overwrite: bool) -> None:
        target = self.path / name
        while True:
            self._make_parents(target, name)
            try:
                move_into_place(temporary, target, overwrite=overwrite)
            except FileNotFoundError:
                # The deletion of the last file in the directory has removed it in between.
                if not temporary.exists():
                    raise
                continue
            except IsADirectoryError:
                raise FileExistsError from None
            sync_directory(target.parent)
            return

    def _make_parents(self, target: Path, name: str) -> None:
        missing = []
        parent = target.parent
        while not parent.is_dir():
            missing.append(parent)
            parent = parent.parent
        self._check_inside(parent, name)
        for directory in reversed(missing):
            try:
                directory.mkdir(_DIRECTORY_MODE, exist_ok=True)
            except (FileExistsError, NotADirectoryError):
                shown = directory.relative_to(self.path).as_posix()
                raise InvalidFileName(name, f"{shown!r} is a file and not a folder") from None
            sync_directory(directory.parent)

    def _check_inside(self, directory: Path, name: str) -> None:
        """Refuse a symbolic link that leads out of the folder."""
        if not directory.resolve().is_relative_to(self.path.resolve()):
            raise InvalidFileName(name, "its folder is outside of the storage")

    def _found(self, name: str) -> tuple[Path, FileState]:
        try:
            return find_file(name, self.path)
        except NotFound as error:
            raise MissingFile(name, self.name) from error

    def _open(self, name: str, start: int, stop: int | None) -> IO[bytes]:
        path, _ = self._found(name)
        try:
            file = path.open("rb", buffering=0)
        except FileNotFoundError as error:
            raise MissingFile(name, self.name) from error
        if start == 0 and stop is None:
            return io.BufferedReader(file)
        return io.BufferedReader(FileRange(file, start, stop))

    def delete(self, name: str) -> None:
        """Delete a file, and the folders that are empty then.

        Raises:
            InvalidFileName: The name is not valid.
        """
        name = clean_name(name)
        target = self.path / name
        if not target.parent.is_dir():
            return
        self._check_inside(target.parent, name)
        if target.is_dir() and not target.is_symlink():
            return
        with suppress(FileNotFoundError):
            target.unlink()
            sync_directory(target.parent)
        for directory in target.parents:
            if directory == self.path:
                break
            try:
                directory.rmdir()
            except OSError:
                break  # it has other files, or is gone

    def info(self, name: str) -> FileInfo:
        """Return size, date and entity tag of a file.

        Raises:
            InvalidFileName: The name is not valid.
            MissingFile: The file does not exist.
        """
        name = clean_name(name)
        path, state = self._found(name)
        try:
            seconds = path.stat().st_mtime
        except FileNotFoundError as error:
            raise MissingFile(name, self.name) from error
        return FileInfo(name, state.size, datetime.fromtimestamp(seconds, UTC), state.etag)

    def list(self, folder: str = "") -> Iterator[FileInfo]:
        """Yield the files in a folder and below it, ordered by their names.

        Files that were put there by hand under names that are not valid are left out.

        Args:
            folder: First parts of the names; empty for all files.

        Raises:
            InvalidFileName: The name of the folder is not valid.
        """
        start = self.path / clean_name(folder) if folder else self.path
        return self._walk(start)

    def _walk(self, directory: Path) -> Iterator[FileInfo]:
        with suppress(FileNotFoundError, NotADirectoryError):
            entries = {f"{one.name}/" if one.is_dir() else one.name: one for one in
                       directory.iterdir()}  # fmt: skip
            for key in sorted(entries):
                path = entries[key]
                if key.startswith("."):
                    continue
                if key.endswith("/"):
                    yield from self._walk(path)
                else:
                    with suppress(InvalidFileName, MissingFile):
                        yield self.info(path.relative_to(self.path).as_posix())

    def move(self, name: str, to: str, *, overwrite: bool = False) -> FileInfo:
        """Rename a file without reading it, and return what is known about it.

        Args:
            name: Name of the file.
            to: Its new name; if it is taken, a free one is made.
            overwrite: Whether to replace a file of that name.

        Raises:
            InvalidFileName: A name is not valid.
            MissingFile: The file does not exist.
        """
        name, to = clean_name(name), clean_name(to)
        if name == to:
            return self.info(name)
        path, _ = self._found(name)
        with _full_disk_is_507():
            moved = self._publish(path, to, overwrite)
        self.delete(name)
        return self.info(moved)

    def remove_abandoned(self, *, older_than: float, dry_run: bool = False) -> tuple[str, ...]:
        """Delete the temporary files of uploads that were interrupted, and return their names.

        Args:
            older_than: Seconds since they were written to; younger ones may be in use.
            dry_run: Whether to delete nothing.
        """
        found = []
        for path in sorted((self.path / INCOMING).glob("*")):
            with suppress(FileNotFoundError):
                if time.time() - path.stat().st_mtime > older_than:
                    found.append(path.name)
                    if not dry_run:
                        path.unlink()
        return tuple(found)


class FileRange(io.RawIOBase):
    """A range of an open file, which looks like a whole one.

    Args:
        file: The open file, closed with this one.
        start: Position of the first byte.
        stop: Position after the last byte; None for the end.
    """

    def __init__(self, file: io.FileIO, start: int, stop: int | None) -> None:
        super().__init__()
        size = os.fstat(file.fileno()).st_size
        self._file = file
        self._start = min(start, size)
        self._length = max(0, (size if stop is None else min(stop, size)) - self._start)
        file.seek(self._start)

    def readable(self) -> bool:
        """Return True."""
        return True

    def seekable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        """Read into a buffer, and return the number of bytes."""
        left = self._length - self.tell()
        return self._file.readinto(memoryview(buffer)[: max(0, left)]) or 0

    def tell(self) -> int:
        """Return the position within the range."""
        return self._file.tell() - self._start

    def seek(self, offset: int, whence: int = 0) -> int:
        """Set the position within the range, and return it.

        Args:
            offset: Number of bytes.
            whence: 0 counts from the start, 1 from the current position, 2 from the end.
        """
        base = (0, self.tell(), self._length)[whence]
        self._file.seek(self._start + max(0, base + offset))
        return self.tell()

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


@contextmanager
def _full_disk_is_507() -> Iterator[None]:
    """Raise `DiskFull` if the disk or a quota is full, or a limit on file sizes is reached."""
    with full_disk_is_507():
        try:
            yield
        except OSError as error:
            if error.errno != errno.EFBIG:
                raise
            raise DiskFull from error
