"""Maintenance of storages: missing files, files without a row, and copies of whole storages."""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import select

from lback.database import Base, DatabaseManager
from lback.storage.columns import FileColumn, StoredFile
from lback.storage.contract import FileInfo, Storage
from lback.storage.exceptions import MissingFile, StorageUnavailable
from lback.storage.folder import FolderStorage
from lback.storage.images import VARIANTS, variants_folder
from lback.storage.names import TOKEN_LENGTH
from lback.storage.uploads import FOLDER

_TOKEN = f"[a-z2-7]{{{TOKEN_LENGTH}}}"
_PIECE = 1024 * 1024
_BATCH = 1000
_UNKNOWN = "is in a storage that STORAGES does not list"


@dataclass
class Problem:
    """A file of a row that is missing or damaged.

    Attributes:
        storage: Name of the storage.
        name: Name of the file.
        column: Table and column of the row.
        problem: What is wrong.
    """

    storage: str
    name: str
    column: str
    problem: str


@dataclass
class Comparison:
    """What has to be done to make a storage contain the files of another one.

    Attributes:
        missing: Files that the other storage lacks or has with another size.
        same: How many files both have.
    """

    missing: list[FileInfo] = field(default_factory=list)
    same: int = 0


def columns_of_files() -> Iterator[tuple[Any, FileColumn]]:
    """Yield the file columns of all models that are imported, with their types."""
    for table in Base.metadata.sorted_tables:
        for column in table.columns:
            if isinstance(column.type, FileColumn):
                yield column, column.type


def files_of_rows(db_manager: DatabaseManager) -> Iterator[tuple[str, StoredFile]]:
    """Yield the files that rows refer to, with table and column.

    Args:
        db_manager: The database.
    """
    for column, _ in columns_of_files():
        with db_manager.session() as session:
            statement = select(column).where(column.is_not(None))
            found = session.execute(statement.execution_options(yield_per=_BATCH)).scalars()
            for file in found:
                yield f"{column.table.name}.{column.name}", file


def problems_of(
    storages: Mapping[str, Storage], db_manager: DatabaseManager, *, hashes: bool
) -> tuple[int, list[Problem]]:
    """Return how many files rows refer to, and what is wrong with them and with the storages.

    Args:
        storages: The storages by name.
        db_manager: The database.
        hashes: Whether to read all files and compare their SHA-256.
    """
    problems = [
        Problem(name, "", "", failure)
        for name, storage in storages.items()
        if (failure := _failure_of(storage))
    ]
    broken = {problem.storage for problem in problems}
    count = 0
    for column, file in files_of_rows(db_manager):
        count += 1
        if file.storage in broken:
            continue
        storage = storages.get(file.storage)
        found = _UNKNOWN if storage is None else problem_of(storage, file, hashes=hashes)
        if found:
            problems.append(Problem(file.storage, file.name, column, found))
    return count, problems


def _failure_of(storage: Storage) -> str:
    try:
        next(iter(storage.list()), None)
    except StorageUnavailable as error:
        cause = str(error.__cause__ or error).partition("\n")[0]
        return f"cannot be listed: {cause}"
    return ""


def problem_of(storage: Storage, file: StoredFile, *, hashes: bool = False) -> str:
    """Return what is wrong with the file of a row; empty if it is as it was stored.

    Args:
        storage: Its storage.
        file: The file.
        hashes: Whether to read the whole file and compare its SHA-256.

    Raises:
        StorageUnavailable: The server of the storage does not answer.
    """
    try:
        size = storage.size(file.name)
        if size != file.size:
            return f"has {size} bytes instead of {file.size}"
        if hashes and _sha256(storage, file.name) != file.sha256:
            return "has other content"
    except MissingFile:
        return "is missing"
    return ""


def _sha256(storage: Storage, name: str) -> str:
    digest = hashlib.sha256()
    with storage.open(name) as file:
        while piece := file.read(_PIECE):
            digest.update(piece)
    return digest.hexdigest()


def orphans(
    storage: Storage, db_manager: DatabaseManager, *, older_than: float
) -> Iterator[FileInfo]:
    """Yield the files that `mapped_file` stored and that no row refers to.

    Files that the project itself stored, under other names, are never among them.

    Args:
        storage: The storage.
        db_manager: The database.
        older_than: Seconds since a file was stored; younger ones may belong to a transaction
            that has not ended.

    Raises:
        StorageUnavailable: The server of the storage does not answer.
    """
    folders = {kind.folder for _, kind in columns_of_files() if kind.storage == storage.name}
    if not folders:
        return
    made = re.compile(
        "|".join(
            f"{re.escape(folder)}{'/' if folder else ''}{_TOKEN}/(?:{VARIANTS}/)?[^/]+"
            for folder in folders
        )
    )
    newest = time.time() - older_than
    # Listed before the rows are read, so that no file of a row that is added now is an orphan.
    listed = [
        file
        for file in storage.list()
        if made.fullmatch(file.name) and file.modified.timestamp() < newest
    ]
    rows = [file.name for _, file in files_of_rows(db_manager) if file.storage == storage.name]
    known = {*rows, *map(variants_folder, rows)}
    for file in listed:
        folder = file.name.rpartition("/")[0]
        if file.name not in known and folder not in known:
            yield file


def abandoned(storage: Storage, *, older_than: float, dry_run: bool) -> tuple[str, ...]:
    """Delete what interrupted uploads left, and return the names.

    Args:
        storage: The storage.
        older_than: Seconds since it was written to.
        dry_run: Whether to delete nothing.

    Raises:
        StorageUnavailable: The server of the storage does not answer.
    """
    newest = time.time() - older_than
    names = [file.name for file in storage.list(FOLDER) if file.modified.timestamp() < newest]
    if not dry_run:
        for name in names:
            storage.delete(name)
    if isinstance(storage, FolderStorage):
        names += storage.remove_abandoned(older_than=older_than, dry_run=dry_run)
    return tuple(names)


def compare(source: Storage, target: Storage) -> Comparison:
    """Return which files of a storage another one lacks.

    Args:
        source: Where the files are.
        target: Where they should be as well.

    Raises:
        StorageUnavailable: The server of a storage does not answer.
    """
    there = {file.name: file.size for file in target.list()}
    found = Comparison()
    for file in source.list():
        if there.get(file.name) == file.size:
            found.same += 1
        else:
            found.missing.append(file)
    return found


def copy_files(source: Storage, target: Storage, files: Iterable[FileInfo]) -> Iterator[FileInfo]:
    """Copy files under the same names, and yield each when it is complete.

    A file is visible in the target when it is whole, so after an interruption `compare` finds
    those that are still to be copied.

    Args:
        source: Where the files are.
        target: Where they are copied to; files of the same names are replaced.
        files: The files.

    Raises:
        DiskFull: The disk of the target is full.
        StorageUnavailable: The server of a storage does not answer.
    """
    for file in files:
        try:
            with source.open(file.name) as content:
                target.save(file.name, content, overwrite=True)
        except MissingFile:
            continue  # deleted since it was listed
        yield file
