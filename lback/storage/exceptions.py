"""Exceptions of storages."""

from lback.core.exceptions import BadRequest, FrameworkException, NotFound, ServiceUnavailable


class InvalidFileName(BadRequest, ValueError):
    """A name cannot be the name of a stored file (status 400).

    `str()` includes the name and the rule and is meant for developers; `message` is for the client.

    Args:
        name: The name.
        rule: The rule that it breaks.
    """

    message = "This file name cannot be used."

    def __init__(self, name: str, rule: str) -> None:
        super().__init__()
        self.name = name
        self.rule = rule

    def __str__(self) -> str:
        return f"{self.name[:200]!r} cannot be the name of a stored file: {self.rule}"


class MissingFile(NotFound):
    """A storage has no file of that name (status 404).

    Args:
        name: Name of the file.
        storage: Name of the storage.
    """

    def __init__(self, name: str, storage: str) -> None:
        super().__init__()
        self.name = name
        self.storage = storage

    def __str__(self) -> str:
        return f"there is no file {self.name!r} in the storage {self.storage!r}"


class StorageUnavailable(ServiceUnavailable):
    """The server of a storage does not answer, or answers with an error (status 503)."""


class ReadOnlyStorageError(FrameworkException):
    """A file was to be written or deleted in a `ReadOnlyStorage`."""
