"""Stored files: named storages in folders, in memory and on S3-compatible servers."""

from typing import TYPE_CHECKING

from lback.lazy_names import lazy_names

if TYPE_CHECKING:
    from lback.storage.columns import FileColumn, StoredFile, mapped_file, new_file
    from lback.storage.contract import FileInfo, Storage
    from lback.storage.direct import DirectUpload, start_direct_upload
    from lback.storage.exceptions import (
        InvalidFileName,
        MissingFile,
        ReadOnlyStorageError,
        StorageUnavailable,
    )
    from lback.storage.folder import FolderStorage
    from lback.storage.images import InvalidImage, clean_image, image_variant
    from lback.storage.memory import MemoryStorage
    from lback.storage.named import Storages
    from lback.storage.names import clean_name, storable_name, unguessable_name
    from lback.storage.s3 import S3Storage
    from lback.storage.serving import StoredFileResponse
    from lback.storage.wrappers import ReadOnlyStorage, ScopedStorage

_MODULES = {
    "DirectUpload": "lback.storage.direct",
    "FileColumn": "lback.storage.columns",
    "FileInfo": "lback.storage.contract",
    "FolderStorage": "lback.storage.folder",
    "InvalidFileName": "lback.storage.exceptions",
    "InvalidImage": "lback.storage.images",
    "MemoryStorage": "lback.storage.memory",
    "MissingFile": "lback.storage.exceptions",
    "ReadOnlyStorage": "lback.storage.wrappers",
    "ReadOnlyStorageError": "lback.storage.exceptions",
    "S3Storage": "lback.storage.s3",
    "ScopedStorage": "lback.storage.wrappers",
    "Storage": "lback.storage.contract",
    "StorageUnavailable": "lback.storage.exceptions",
    "Storages": "lback.storage.named",
    "StoredFile": "lback.storage.columns",
    "StoredFileResponse": "lback.storage.serving",
    "clean_image": "lback.storage.images",
    "clean_name": "lback.storage.names",
    "image_variant": "lback.storage.images",
    "mapped_file": "lback.storage.columns",
    "new_file": "lback.storage.columns",
    "start_direct_upload": "lback.storage.direct",
    "storable_name": "lback.storage.names",
    "unguessable_name": "lback.storage.names",
}

__all__ = [
    "DirectUpload",
    "FileColumn",
    "FileInfo",
    "FolderStorage",
    "InvalidFileName",
    "InvalidImage",
    "MemoryStorage",
    "MissingFile",
    "ReadOnlyStorage",
    "ReadOnlyStorageError",
    "S3Storage",
    "ScopedStorage",
    "Storage",
    "StorageUnavailable",
    "Storages",
    "StoredFile",
    "StoredFileResponse",
    "clean_image",
    "clean_name",
    "image_variant",
    "mapped_file",
    "new_file",
    "start_direct_upload",
    "storable_name",
    "unguessable_name",
]

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
