"""Storages around a storage: one for a part of its names, and one that only reads."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import IO, NoReturn

from lback.storage.content import Content
from lback.storage.contract import FileInfo, Storage
from lback.storage.exceptions import MissingFile, ReadOnlyStorageError
from lback.storage.names import clean_name


class ScopedStorage(Storage):
    """The files of a storage below a folder, such as those of one customer.

    Names are relative to the folder, and none leads out of it.

    Args:
        storage: The storage.
        folder: First parts of the names.

    Raises:
        InvalidFileName: The name of the folder is not valid.

    Example:
        >>> from lback.storage import MemoryStorage, ScopedStorage
        >>> everything = MemoryStorage()
        >>> ScopedStorage(everything, "customers/7").save("logo.png", b"...").name
        'logo.png'
        >>> [file.name for file in everything.list()]
        ['customers/7/logo.png']
    """

    def __init__(self, storage: Storage, folder: str) -> None:
        self.storage = storage
        self.folder = clean_name(folder)
        self.name = storage.name
        self.public = storage.public

    def _full(self, name: str) -> str:
        return clean_name(f"{self.folder}/{clean_name(name)}")

    def _relative(self, info: FileInfo) -> FileInfo:
        return replace(info, name=info.name[len(self.folder) + 1 :])

    def _save(self, name: str, content: Content, overwrite: bool) -> str:
        return self._relative(
            self.storage.save(self._full(name), content, overwrite=overwrite)
        ).name

    def _open(self, name: str, start: int, stop: int | None) -> IO[bytes]:
        try:
            return self.storage.open(self._full(name), start, stop)
        except MissingFile as error:
            raise MissingFile(name, self.name) from error

    def delete(self, name: str) -> None:
        """Delete a file. A file that does not exist is not an error.

        Raises:
            InvalidFileName, StorageUnavailable: As `Storage.delete`.
        """
        self.storage.delete(self._full(name))

    def info(self, name: str) -> FileInfo:
        """Return size, date and entity tag of a file.

        Raises:
            InvalidFileName, MissingFile, StorageUnavailable: As `Storage.info`.
        """
        try:
            return self._relative(self.storage.info(self._full(name)))
        except MissingFile as error:
            raise MissingFile(name, self.name) from error

    def list(self, folder: str = "") -> Iterator[FileInfo]:
        """Yield the files in a folder and below it.

        Args:
            folder: First parts of the names; empty for all files.

        Raises:
            InvalidFileName, StorageUnavailable: As `Storage.list`.
        """
        return map(self._relative, self.storage.list(self._full(folder) if folder else self.folder))

    def copy(self, name: str, to: str, *, overwrite: bool = False) -> FileInfo:
        """Copy a file within the folder and return what is known about the copy.

        Args:
            name: Name of the file.
            to: Name of the copy; if it is taken, a free one is made.
            overwrite: Whether to replace a file of that name.

        Raises:
            InvalidFileName, MissingFile, DiskFull, StorageUnavailable: As `Storage.copy`.
        """
        copied = self.storage.copy(self._full(name), self._full(to), overwrite=overwrite)
        return self._relative(copied)

    def move(self, name: str, to: str, *, overwrite: bool = False) -> FileInfo:
        """Give a file another name within the folder and return what is known about it.

        Args:
            name: Name of the file.
            to: Its new name; if it is taken, a free one is made.
            overwrite: Whether to replace a file of that name.

        Raises:
            InvalidFileName, MissingFile, DiskFull, StorageUnavailable: As `Storage.move`.
        """
        moved = self.storage.move(self._full(name), self._full(to), overwrite=overwrite)
        return self._relative(moved)

    def direct_form(
        self, name: str, sizes: tuple[int, int], now: float, expires: int
    ) -> tuple[str, dict[str, str]] | None:
        """Return URL and fields of a form that stores a file in the folder.

        Args:
            name: Name of the new file.
            sizes: Minimum and maximum size in bytes.
            now: Seconds since the epoch.
            expires: Seconds since the epoch after which the form is refused.

        Raises:
            InvalidFileName, ConfigurationError: As `Storage.direct_form`.
        """
        return self.storage.direct_form(self._full(name), sizes, now, expires)

    def url(self, name: str, *, expires: float | timedelta | None = None) -> str:
        """Return an address at which a browser can read a file.

        Args:
            name: Name of the file.
            expires: Seconds or a timedelta; see `Storage.url`.

        Raises:
            InvalidFileName, ConfigurationError, ValueError: As `Storage.url`.
        """
        return self.storage.url(self._full(name), expires=expires)


class ReadOnlyStorage(Storage):
    """The files of a storage, without a way to change them.

    Args:
        storage: The storage.
    """

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self.name = storage.name
        self.public = storage.public

    def _refuse(self, name: str) -> NoReturn:
        raise ReadOnlyStorageError(
            f"{name!r} cannot be written or deleted: the storage {self.name!r} is read-only"
        )

    def _save(self, name: str, content: Content, overwrite: bool) -> str:  # noqa: ARG002
        self._refuse(name)

    def _open(self, name: str, start: int, stop: int | None) -> IO[bytes]:
        return self.storage.open(name, start, stop)

    def delete(self, name: str) -> None:
        """Raise `ReadOnlyStorageError`.

        Raises:
            ReadOnlyStorageError: Always.
        """
        self._refuse(name)

    def info(self, name: str) -> FileInfo:
        """Return size, date and entity tag of a file.

        Raises:
            InvalidFileName, MissingFile, StorageUnavailable: As `Storage.info`.
        """
        return self.storage.info(name)

    def list(self, folder: str = "") -> Iterator[FileInfo]:
        """Yield the files in a folder and below it.

        Args:
            folder: First parts of the names; empty for all files.

        Raises:
            InvalidFileName, StorageUnavailable: As `Storage.list`.
        """
        return self.storage.list(folder)

    def move(self, name: str, to: str, *, overwrite: bool = False) -> FileInfo:  # noqa: ARG002
        """Raise `ReadOnlyStorageError`.

        Args:
            name: Name of the file.
            to: Its new name.
            overwrite: Ignored.

        Raises:
            ReadOnlyStorageError: Always.
        """
        self._refuse(name)

    def direct_form(
        self,
        name: str,
        sizes: tuple[int, int],  # noqa: ARG002
        now: float,  # noqa: ARG002
        expires: int,  # noqa: ARG002
    ) -> NoReturn:
        """Raise `ReadOnlyStorageError`.

        Args:
            name: Name of the file.
            sizes: Ignored.
            now: Ignored.
            expires: Ignored.

        Raises:
            ReadOnlyStorageError: Always.
        """
        self._refuse(name)

    def url(self, name: str, *, expires: float | timedelta | None = None) -> str:
        """Return an address at which a browser can read a file.

        Args:
            name: Name of the file.
            expires: Seconds or a timedelta; see `Storage.url`.

        Raises:
            InvalidFileName, ConfigurationError, ValueError: As `Storage.url`.
        """
        return self.storage.url(name, expires=expires)
