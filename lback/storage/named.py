"""The storages of an application by name, built from the setting STORAGES."""

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lback.core.dependencies import latest_services
from lback.core.exceptions import ConfigurationError, did_you_mean
from lback.core.settings.storage_validators import DEFAULT_STORAGE, check_storages
from lback.core.unit_of_work import current
from lback.storage.contract import Storage
from lback.storage.folder import FolderStorage
from lback.storage.memory import MemoryStorage

if TYPE_CHECKING:
    from lback.core.config import Config
    from lback.storage.links import FileLinks

# The key of the services in `Session.info`; see `lback.database.engine`.
_SERVICES = "lback.services"
_OF_ALL = ("backend", "public", "url_seconds", "read_only")


class Storages(Mapping[str, Storage]):
    """The storages of an application by name, among them `default`.

    Args:
        config: The settings; `STORAGES`, `MEDIA_ROOT` and `PROJECT_ROOT` are read.
        links: Makes the addresses of files in folders and in memory.

    Raises:
        ConfigurationError: `STORAGES` is not valid, a folder is not a directory, or the library
            of a backend is not installed. The message names all problems.

    Example:
        >>> storages = Application(DEBUG=True).dependencies["storages"]
        >>> list(storages), storages["default"].public
        (['default'], False)
    """

    def __init__(self, config: "Config", links: "FileLinks | None" = None) -> None:
        entries = {DEFAULT_STORAGE: {}, **config.STORAGES}
        try:
            check_storages(entries)
        except ValueError as error:
            raise ConfigurationError(f"STORAGES: {error}") from None
        self._storages: dict[str, Storage] = {}
        self.links = links
        problems = []
        for name, entry in entries.items():
            try:
                self._storages[name] = _build(config, name, entry, links)
            except ConfigurationError as error:
                problems.append(f"{name}: {error}")
        if problems:
            raise ConfigurationError(f"STORAGES: {'; '.join(problems)}")

    def __getitem__(self, name: str) -> Storage:
        if name not in self._storages:
            raise KeyError(f"STORAGES has no {name!r}{did_you_mean(name, self._storages)}")
        return self._storages[name]

    def __contains__(self, name: object) -> bool:
        return name in self._storages

    def __iter__(self) -> Iterator[str]:
        return iter(self._storages)

    def __len__(self) -> int:
        return len(self._storages)


def current_storages(info: Mapping[Any, Any] | None = None) -> Storages:
    """Return the storages of the application whose request, session or task is running.

    Outside of these, they are those of the application that was built last.

    Args:
        info: `info` of a database session, if there is one.

    Raises:
        ConfigurationError: No application exists.
    """
    transaction = current.get()
    services = (info or getattr(transaction, "info", {})).get(_SERVICES)
    if services is None and transaction is not None and hasattr(transaction, "app"):
        services = transaction.app.dependencies
    services = services or latest_services()
    if services is None:
        raise ConfigurationError(
            "stored files belong to an application, and none exists in this process; build it first"
        )
    found: Storages = services["storages"]
    return found


def _build(
    config: "Config", name: str, entry: Mapping[str, Any], links: "FileLinks | None"
) -> Storage:
    options = {key: value for key, value in entry.items() if key not in _OF_ALL}
    storage = _BUILDERS[entry.get("backend", "folder")](config, options)
    storage.name = name
    storage.public = entry.get("public", False)
    storage.url_seconds = entry.get("url_seconds", Storage.url_seconds)
    storage.links = links
    if entry.get("read_only"):
        from lback.storage.wrappers import ReadOnlyStorage

        return ReadOnlyStorage(storage)
    return storage


def _folder(config: "Config", options: dict[str, Any]) -> Storage:
    path = options.pop("path", config.MEDIA_ROOT)
    return FolderStorage(Path(config.PROJECT_ROOT or os.curdir) / path, **options)


def _memory(config: "Config", options: dict[str, Any]) -> Storage:  # noqa: ARG001  as all here
    return MemoryStorage(**options)


def _s3(config: "Config", options: dict[str, Any]) -> Storage:  # noqa: ARG001  as all here
    from lback.storage.s3 import S3Storage

    return S3Storage(**options)


_BUILDERS: Mapping[str, Callable[["Config", dict[str, Any]], Storage]] = {
    "folder": _folder,
    "memory": _memory,
    "s3": _s3,
}
