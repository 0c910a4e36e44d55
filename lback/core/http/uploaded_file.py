"""Uploaded files of multipart forms."""

import errno
import logging
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from time import monotonic
from typing import BinaryIO

from lback.core.exceptions import ServiceUnavailable
from lback.durability import sync_directory

logger = logging.getLogger(__name__)

_LOG_PAUSE = 60.0  # seconds without a full disk after which the next one is logged
_PIECE = 1024 * 1024
# File systems without hard links, such as FAT and some network shares.
_NO_LINKS = frozenset({errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


class UploadedFile:
    """One file of a multipart form (RFC 7578).

    It is read like an open binary file, also by libraries that take one, such as `csv` with
    `io.TextIOWrapper` or `zipfile`, and is open until the response has been sent and the jobs of
    `after_answer` have run.

    Args:
        filename: Name that the client sent, stored without directories and control characters. It
            is a label for people, never a path to write to.
        content_type: Media type that the client claims; it is not checked.
        file: Open binary file, at its beginning.
        field_name: Name of the form field.
        size: Length in bytes.
        headers: Header fields of the part, with the name as it was sent.

    Example:
        >>> from io import BytesIO
        >>> file = UploadedFile("../cover.png", "image/png", BytesIO(b"data"), "cover", 4)
        >>> file.filename, file.read()
        ('cover.png', b'data')
    """

    def __init__(
        self,
        filename: str,
        content_type: str,
        file: BinaryIO,
        field_name: str,
        size: int,
        headers: dict[str, str] | None = None,
    ) -> None:
        self.filename = bare_filename(filename)
        self.content_type = content_type
        self.file = file
        self.field_name = field_name
        self.size = size
        self.headers = dict(headers or {})

    def read(self, size: int = -1) -> bytes:
        """Read up to `size` bytes; -1 reads to the end."""
        return self.file.read(size)

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to another position, as `io.IOBase.seek` does, and return it.

        Args:
            offset: Bytes, counted from the place that `whence` names.
            whence: 0 for the beginning, 1 for the current position, 2 for the end.
        """
        return self.file.seek(offset, whence)

    def tell(self) -> int:
        """Return the current position."""
        return self.file.tell()

    def readline(self, size: int = -1) -> bytes:
        """Read up to the next line feed, at most `size` bytes."""
        return self.file.readline(size)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.file)

    def readable(self) -> bool:
        """Return True, as a readable file does."""
        return True

    def seekable(self) -> bool:
        """Return True, as a file with positions does."""
        return True

    def writable(self) -> bool:
        """Return False: it is what the client sent."""
        return False

    def flush(self) -> None:
        """Do nothing, as a file that is only read does."""

    @property
    def closed(self) -> bool:
        """Whether the file is closed."""
        return bool(getattr(self.file, "closed", False))

    def save(
        self, path: str | os.PathLike[str], *, overwrite: bool = False, mode: int = 0o644
    ) -> Path:
        """Save the file on disk and return its path.

        The content is written to a temporary file in the same directory, flushed to the disk, and
        renamed: the target has the whole content or does not exist.

        Args:
            path: The target; its directory must exist. Never use `filename` unchecked: choose a
                name of your own.
            overwrite: Whether to replace an existing file.
            mode: Permissions of the file.

        Raises:
            FileExistsError: The target exists and `overwrite` is false.
            DiskFull: Status 507.
            OSError: The directory is missing or not writable.
        """
        target = Path(path)
        with full_disk_is_507():
            descriptor, name = tempfile.mkstemp(".tmp", f".{target.name[:100]}.", target.parent)
            temporary = Path(name)
            try:
                self._write_to(descriptor, mode)
                move_into_place(temporary, target, overwrite=overwrite)
            finally:
                temporary.unlink(missing_ok=True)
            sync_directory(target.parent)
        self.seek(0)
        return target

    def _write_to(self, descriptor: int, mode: int) -> None:
        with open(descriptor, "wb") as file:
            os.fchmod(descriptor, mode)
            self.seek(0)
            shutil.copyfileobj(self.file, file, _PIECE)
            file.flush()
            os.fsync(descriptor)

    def close(self) -> None:
        """Close the file; a temporary file is deleted."""
        close = getattr(self.file, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> "UploadedFile":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<UploadedFile {self.filename!r} {self.size} bytes>"


def bare_filename(filename: str) -> str:
    r"""Return a file name without directories of any operating system and control characters.

    Example:
        >>> bare_filename("C:\\photos\\cat.png")
        'cat.png'
    """
    name = _CONTROL.sub("", filename).replace("\\", "/").rpartition("/")[2].strip()
    return "" if name in (".", "..") else name


def move_into_place(temporary: Path, target: Path, *, overwrite: bool) -> None:
    """Rename a temporary file, without replacing another one unless asked.

    Args:
        temporary: The complete file, on the same file system.
        target: Its new path.
        overwrite: Whether to replace an existing file.

    Raises:
        FileExistsError: The target exists and `overwrite` is false.
        OSError: The file cannot be renamed.
    """
    if overwrite:
        temporary.replace(target)
        return
    try:
        os.link(temporary, target)  # unlike a rename, it never replaces
    except FileExistsError:
        raise FileExistsError(
            errno.EEXIST,
            "there is a file already; save with overwrite=True or another name",
            str(target),
        ) from None
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        os.close(os.open(target, os.O_CREAT | os.O_EXCL | os.O_WRONLY))  # takes the name
        try:
            temporary.replace(target)
        except OSError:
            target.unlink(missing_ok=True)
            raise


class DiskFull(ServiceUnavailable):
    """A disk or quota is full (status 507, RFC 4918 section 11.5)."""

    status_code = 507
    message = "Insufficient Storage"


class _DiskLog:
    """Logs a full disk once, not for each request that meets it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._full_at = -_LOG_PAUSE

    def full(self, error: OSError) -> None:
        with self._lock:
            now = monotonic()
            is_new, self._full_at = now - self._full_at >= _LOG_PAUSE, now
        if is_new:
            logger.error("disk full: uploads are answered with 507: %s", error)


_disk_log = _DiskLog()


@contextmanager
def full_disk_is_507() -> Iterator[None]:
    """Raise `DiskFull` if a disk or quota is full."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        _disk_log.full(error)
        raise DiskFull from error
