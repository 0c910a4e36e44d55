"""Files of model rows: a column with name, size, type and hash, stored with the transaction."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import timedelta
from functools import partial
from typing import IO, Any

from sqlalchemy import JSON, Connection, Dialect, event, inspect
from sqlalchemy.orm import MappedColumn, Mapper, Session, mapped_column, object_session
from sqlalchemy.types import TypeDecorator

from lback.core.exceptions import ConfigurationError
from lback.core.http.uploaded_file import UploadedFile, bare_filename
from lback.database.sessions import Session as LbackSession
from lback.storage.content import FileContent
from lback.storage.contract import Storage
from lback.storage.file_types import is_inline
from lback.storage.named import current_storages
from lback.storage.names import clean_name, unguessable_name
from lback.storage.serving import StoredFileResponse

_LONGEST_FILENAME = 200


@dataclass(frozen=True, slots=True)
class StoredFile:
    """The file of a row, as its column stores it.

    Attributes:
        storage: Name of the storage.
        name: Name in the storage.
        filename: Name that the client sent, for people.
        size: Length in bytes.
        content_type: Media type, by the suffix of the name.
        sha256: Hash of the content in hexadecimal digits.
    """

    storage: str
    name: str
    filename: str
    size: int
    content_type: str
    sha256: str

    def open(self, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Open the file for reading, or a range of its bytes.

        Args:
            start: Position of the first byte.
            stop: Position after the last byte; None for the end.

        Raises:
            MissingFile: The file is not in its storage.
            StorageUnavailable: The server of the storage does not answer.
        """
        return self._place().open(self.name, start, stop)

    def url(self, *, expires: float | timedelta | None = None) -> str:
        """Return an address at which a browser can read the file.

        Args:
            expires: Seconds or a timedelta; see `Storage.url`.

        Raises:
            ConfigurationError, ValueError: As `Storage.url`.
        """
        return self._place().url(self.name, expires=expires)

    def response(self, *, as_attachment: bool = False) -> StoredFileResponse:
        """Return a response with the file, for a view that has checked the permission.

        Args:
            as_attachment: Whether the browser saves a file that it could show.

        Raises:
            MissingFile: The file is not in its storage.
            StorageUnavailable: The server of the storage does not answer.
        """
        return StoredFileResponse(
            self._place(), self.name, filename=self.filename, as_attachment=as_attachment
        )

    @property
    def is_image(self) -> bool:
        """True for an image that browsers show."""
        return is_inline(self.name) and self.content_type.startswith("image/")

    def _place(self) -> Storage:
        return current_storages()[self.storage]

    def __str__(self) -> str:
        return self.filename


class NewFile(StoredFile):
    """A file that is stored when its row is flushed.

    Args:
        content: Bytes, an open binary file or an `UploadedFile`.
        filename: Name for people, whose suffix decides the media type.
    """

    __slots__ = ("content",)

    def __init__(self, content: FileContent, filename: str) -> None:
        shown = bare_filename(filename)[:_LONGEST_FILENAME] or "file"
        size = getattr(content, "size", len(content) if isinstance(content, bytes) else 0)
        super().__init__("", "", shown, size, "", "")
        object.__setattr__(self, "content", content)

    content: FileContent

    def open(self, start: int = 0, stop: int | None = None) -> IO[bytes]:
        """Raise `ConfigurationError`, because the file is not stored yet.

        Args:
            start: Ignored.
            stop: Ignored.

        Raises:
            ConfigurationError: Always.
        """
        raise ConfigurationError(
            f"the file {self.filename!r} is stored when its row is flushed; "
            f"flush the session before bytes {start}..{stop} of it are read"
        )


def new_file(content: FileContent, filename: str = "") -> StoredFile:
    """Return a value for a file column; the content is stored when the row is flushed.

    Args:
        content: Bytes, an open binary file or an `UploadedFile`.
        filename: Name for people, whose suffix decides the media type; empty for that of an
            upload.

    Example:
        >>> str(new_file(b"year,sales", "report.csv"))
        'report.csv'
    """
    if not filename and isinstance(content, UploadedFile):
        filename = content.filename
    return NewFile(content, filename)


class FileColumn(TypeDecorator[StoredFile]):
    """Column type of `mapped_file`: JSON with the attributes of a `StoredFile`.

    Args:
        storage: Name of the storage of new files.
        folder: First parts of the names of new files.
        images: Whether forms take images alone, by an `ImageField`.
    """

    impl = JSON
    cache_ok = True
    stores_upload = True  # forms and the admin look for it

    def __init__(self, storage: str = "default", folder: str = "", images: bool = False) -> None:
        super().__init__(none_as_null=True)
        self.images = images
        self.storage = storage
        self.folder = clean_name(folder) if folder else ""

    def __repr__(self) -> str:
        return f"FileColumn({self.storage!r}, {self.folder!r})"

    def process_bind_param(
        self,
        value: StoredFile | None,
        dialect: Dialect,  # noqa: ARG002  SQLAlchemy's signature
    ) -> dict[str, Any] | None:
        """Return the attributes of a stored file.

        Args:
            value: The file, or None.
            dialect: Dialect of the database.

        Raises:
            TypeError: The file is not stored: the statement did not come from a flushed row.
        """
        if value is None:
            return None
        if not isinstance(value, StoredFile) or isinstance(value, NewFile):
            raise TypeError(
                f"{value!r} is not a stored file: files are stored when a row is flushed, "
                "not by statements; add the row to a session"
            )
        return asdict(value)

    def process_result_value(
        self,
        value: Mapping[str, Any] | None,
        dialect: Dialect,  # noqa: ARG002  SQLAlchemy's signature
    ) -> StoredFile | None:
        """Return the stored file that a value of the column describes.

        Args:
            value: The value from the database.
            dialect: Dialect of the database.
        """
        return None if value is None else StoredFile(**{key: value[key] for key in _KEYS})


_KEYS = tuple(field.name for field in fields(StoredFile))


def mapped_file(
    storage: str = "default", *, folder: str = "", images: bool = False, **options: Any
) -> MappedColumn[Any]:
    """Return a column for a file, which is stored and deleted with its row.

    Assign an `UploadedFile` or `new_file(…)`. The file is stored when the row is flushed, and
    deleted again if the transaction is rolled back. A file that is replaced or set to None, and
    the file of a row that is deleted, is deleted from the storage after the commit. DELETE
    statements and cascades of the database leave their files; `lback storage orphans` finds them.

    Args:
        storage: Name of the storage of new files.
        folder: First parts of the names of new files; the rest is unguessable.
        images: Whether forms of the model take images alone.
        **options: Further arguments of `mapped_column`.

    Example:
        >>> from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
        >>> class Base(DeclarativeBase): ...
        >>> class Ticket(Base):
        ...     __tablename__ = "tickets"
        ...     id: Mapped[int] = mapped_column(primary_key=True)
        ...     photo: Mapped[StoredFile | None] = mapped_file(folder="tickets")
        >>> Ticket(photo=new_file(b"...", "cat.png")).photo.filename
        'cat.png'
    """
    # The old value is needed to delete its file.
    return mapped_column(FileColumn(storage, folder, images), active_history=True, **options)


def file_columns(mapper: Mapper[Any]) -> Iterator[tuple[str, FileColumn]]:
    """Yield name and type of the file columns of a model.

    Args:
        mapper: The mapper of the model.
    """
    for prop in mapper.column_attrs:
        kind = prop.columns[0].type
        if isinstance(kind, FileColumn):
            yield prop.key, kind


@event.listens_for(Mapper, "mapper_configured")
def _follow_files(mapper: Mapper[Any], model: type[object]) -> None:
    found = dict(file_columns(mapper))
    if not found:
        return
    for key in found:
        event.listen(getattr(model, key), "set", _accepted, retval=True)
    event.listen(mapper, "before_insert", partial(_before_write, found))
    event.listen(mapper, "before_update", partial(_before_write, found))
    event.listen(mapper, "before_delete", partial(_before_delete, found))


def _accepted(row: object, value: object, _old: object, attribute: Any) -> object:
    if isinstance(value, UploadedFile):
        return new_file(value)
    if value is None or isinstance(value, StoredFile):
        return value
    raise TypeError(
        f"{type(row).__name__}.{attribute.key} is a file and not a {type(value).__name__}; "
        "assign an upload, new_file(content, filename) or None"
    )


def _before_write(
    columns: Mapping[str, FileColumn], _mapper: object, _connection: Connection, row: object
) -> None:
    session = _session_of(row)
    for key, kind in columns.items():
        history = inspect(row).attrs[key].history
        for old in history.deleted or ():
            if isinstance(old, StoredFile) and old.name:
                session.after_commit(_delete, session.info, old)
        for new in history.added or ():
            if isinstance(new, NewFile):
                setattr(row, key, _stored(session, kind, new))


def _stored(session: LbackSession, kind: FileColumn, new: NewFile) -> StoredFile:
    storage = current_storages(session.info)[kind.storage]
    name = unguessable_name(new.filename, kind.folder)
    saved = storage.save(name, new.content)
    stored = StoredFile(
        kind.storage, saved.name, new.filename, saved.size, saved.content_type, saved.sha256
    )
    session.after_rollback(_delete, session.info, stored)
    discard = getattr(new.content, "discard", None)
    if discard is not None:  # the parts of a resumable upload
        session.after_commit(discard)
    return stored


def _before_delete(
    columns: Mapping[str, FileColumn], _mapper: object, _connection: Connection, row: object
) -> None:
    session = _session_of(row)
    for key in columns:
        stored = getattr(row, key)
        if isinstance(stored, StoredFile) and stored.name:
            session.after_commit(_delete, session.info, stored)


def _delete(info: Mapping[Any, Any], file: StoredFile) -> None:
    storage = current_storages(info)[file.storage]
    if file.is_image:
        # Imported here, because few models have images.
        from lback.storage.images import delete_variants

        delete_variants(storage, file.name)
    storage.delete(file.name)


def _session_of(row: object) -> LbackSession:
    session: Session | None = object_session(row)
    if isinstance(session, LbackSession):
        return session
    raise ConfigurationError(
        f"{type(row).__name__} has a file, which is stored with the transaction: "
        "add it to a session of lback.database, such as db_session or db_manager.session()"
    )
