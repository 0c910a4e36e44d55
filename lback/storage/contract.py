"""The contract of storages: what can be done with stored files, wherever they are."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import IO, TYPE_CHECKING

from lback.core.exceptions import ConfigurationError
from lback.storage.content import Content, FileContent
from lback.storage.exceptions import InvalidFileName, MissingFile
from lback.storage.file_types import type_of_name
from lback.storage.names import clean_name, is_unguessable, with_token

if TYPE_CHECKING:
    from lback.storage.links import FileLinks

_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class FileInfo:
    """What a storage knows about a file.

    Attributes:
        name: Name in its storage.
        size: Length in bytes.
        modified: When it was stored, in UTC.
        etag: Entity tag in quotes, which changes with the content.
        sha256: Hash of the content in hexadecimal digits; only `save` knows it, else empty.
    """

    name: str
    size: int
    modified: datetime
    etag: str
    sha256: str = ""

    @property
    def content_type(self) -> str:
        """Media type, by the suffix of the name; see `lback.storage.file_types`."""
        return type_of_name(self.name)


class Storage(ABC):
    """A place for files with names, such as `"tickets/7/photo.jpg"`.

    Names are checked by `clean_name`, so that none leaves the storage. A file becomes visible when
    it is complete, and is never replaced unless asked.

    Attributes:
        name: Name in the setting `STORAGES`; empty for a storage that is not listed there.
        public: Whether everyone may read all files, by addresses that do not expire.
        url_seconds: How long an address of a private file is valid if `url` is not told.

    Example:
        >>> from lback.storage import MemoryStorage
        >>> storage = MemoryStorage()
        >>> storage.save("notes/a.txt", b"hello").size
        5
        >>> with storage.open("notes/a.txt") as file:
        ...     file.read()
        b'hello'
    """

    name = ""
    public = False
    url_seconds = 3600
    links: "FileLinks | None" = None

    def save(self, name: str, content: FileContent, *, overwrite: bool = False) -> FileInfo:
        """Store content and return what is known about the new file.

        Args:
            name: Name of the file. If it is taken, a free one is made by adding a token before
                the suffix, so use the name of the result. A file of more than 5 MiB on S3 always
                gets a token, unless the name has one.
            content: Bytes, an open binary file or an iterable of bytes, read in pieces.
            overwrite: Whether to replace a file of that name.

        Returns:
            Name, size, date, entity tag and SHA-256 of the stored file.

        Raises:
            InvalidFileName: The name is not valid.
            DiskFull: The disk or quota is full (status 507). Nothing is left.
            StorageUnavailable: The server of the storage does not answer.
        """
        read = Content(content)
        stored = self._save(clean_name(name), read, overwrite)
        return replace(self.info(stored), sha256=read.sha256)

    @abstractmethod
    def _save(self, name: str, content: Content, overwrite: bool) -> str:
        """Store content under a valid name, or a free one, and return the name."""

    def open(self, name: str, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open a file for reading, or a range of its bytes.

        Args:
            name: Name of the file.
            start: Position of the first byte.
            stop: Position after the last byte; None for the end.

        Returns:
            An open binary file, which can seek within the range. Close it, or use `with`.

        Raises:
            InvalidFileName: The name is not valid.
            MissingFile: The file does not exist.
            ValueError: The range is negative or ends before it starts.
            StorageUnavailable: The server of the storage does not answer.
        """
        if start < 0 or (stop is not None and stop < start):
            raise ValueError(f"the range {start}..{stop} of {name!r} is not within a file")
        return self._open(clean_name(name), start, stop)

    @abstractmethod
    def _open(self, name: str, start: int, stop: int | None) -> IO[bytes]:
        """Open a range of a file with a valid name."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file. A file that does not exist is not an error.

        Raises:
            InvalidFileName: The name is not valid.
            StorageUnavailable: The server of the storage does not answer.
        """

    @abstractmethod
    def info(self, name: str) -> FileInfo:
        """Return size, date and entity tag of a file.

        Raises:
            InvalidFileName: The name is not valid.
            MissingFile: The file does not exist.
            StorageUnavailable: The server of the storage does not answer.
        """

    def exists(self, name: str) -> bool:
        """Return True if there is a file of this name.

        Raises:
            InvalidFileName, StorageUnavailable: As `info`.
        """
        try:
            self.info(name)
        except MissingFile:
            return False
        return True

    def size(self, name: str) -> int:
        """Return the length of a file in bytes.

        Raises:
            InvalidFileName, MissingFile, StorageUnavailable: As `info`.
        """
        return self.info(name).size

    @abstractmethod
    def list(self, folder: str = "") -> Iterator[FileInfo]:
        """Yield the files in a folder and the folders below it.

        Args:
            folder: First parts of the names, such as `"tickets"`; empty for all files.

        Raises:
            InvalidFileName: The name of the folder is not valid.
            StorageUnavailable: The server of the storage does not answer.
        """

    def copy(self, name: str, to: str, *, overwrite: bool = False) -> FileInfo:
        """Copy a file within the storage and return what is known about the copy.

        Args:
            name: Name of the file.
            to: Name of the copy; if it is taken, a free one is made.
            overwrite: Whether to replace a file of that name.

        Raises:
            InvalidFileName, MissingFile, DiskFull, StorageUnavailable: As `save` and `open`.
        """
        with self.open(name) as file:
            return self.save(to, file, overwrite=overwrite)

    def move(self, name: str, to: str, *, overwrite: bool = False) -> FileInfo:
        """Give a file another name and return what is known about it.

        Args:
            name: Name of the file.
            to: Its new name; if it is taken, a free one is made.
            overwrite: Whether to replace a file of that name.

        Raises:
            InvalidFileName, MissingFile, DiskFull, StorageUnavailable: As `save` and `open`.
        """
        if clean_name(name) == clean_name(to):
            return self.info(name)
        moved = self.copy(name, to, overwrite=overwrite)
        self.delete(name)
        return moved

    def url(self, name: str, *, expires: float | timedelta | None = None) -> str:
        """Return an address at which a browser can read a file.

        The address of a public file does not expire. That of a private file is signed, and
        everyone who has it can read the file until it expires.

        Args:
            name: Name of the file; whether it exists is not checked.
            expires: Seconds or a timedelta, at most 7 days; None for `url_seconds`.

        Raises:
            InvalidFileName: The name is not valid.
            ConfigurationError: The storage is not listed in `STORAGES`, or its addresses lead
                nowhere because `lback.storage.urls` is not included.
            ValueError: `expires` is not between 1 second and 7 days.
        """
        if self.links is None:
            raise ConfigurationError(
                f"{type(self).__name__} has no addresses: list it in the setting STORAGES, and "
                "take it from the service `storages`"
            )
        seconds = link_seconds(self.url_seconds if expires is None else expires)
        return self.links.url(self.name, clean_name(name), None if self.public else seconds)

    def direct_form(
        self,
        name: str,  # noqa: ARG002  for subclasses
        sizes: tuple[int, int],  # noqa: ARG002
        now: float,  # noqa: ARG002
        expires: int,  # noqa: ARG002
    ) -> "tuple[str, dict[str, str]] | None":
        """Return URL and fields of a form that stores a file without the application.

        Use `start_direct_upload`, which works for every storage.

        Args:
            name: Name of the new file.
            sizes: Minimum and maximum size in bytes.
            now: Seconds since the epoch.
            expires: Seconds since the epoch after which the form is refused.

        Returns:
            None, unless the storage is a server that browsers can send files to.
        """
        return None

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.name!r}>"


def link_seconds(expires: float | timedelta) -> int:
    """Return the lifetime of an address in seconds.

    Args:
        expires: Seconds or a timedelta.

    Raises:
        ValueError: It is not between 1 second and 7 days, the limit of S3.
    """
    seconds = expires.total_seconds() if isinstance(expires, timedelta) else expires
    if not 1 <= seconds <= 604_800:
        raise ValueError(f"expires is {expires!r}: it must be between 1 second and 7 days")
    return int(seconds)


def candidates(name: str) -> Iterator[str]:
    """Yield a name, then names with tokens, for a name that turns out to be taken.

    Args:
        name: A valid name.

    Raises:
        InvalidFileName: All of them were taken.
    """
    yield name
    for _ in range(_ATTEMPTS):
        yield with_token(name)
    raise InvalidFileName(name, "it and the names made from it are taken")


def collision_free(name: str) -> str:
    """Return a name that no other file can have: itself if it has a token, else one with a token.

    Args:
        name: A valid name.
    """
    return name if is_unguessable(name) else with_token(name)
