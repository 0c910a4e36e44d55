"""Direct uploads: a browser sends a file to the storage, and the application checks it then."""

import io
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING

from lback.core.exceptions import ConfigurationError, NotFound
from lback.core.http.uploaded_file import UploadedFile, bare_filename
from lback.storage.contract import Storage
from lback.storage.exceptions import MissingFile
from lback.storage.file_types import type_of_name
from lback.storage.names import unguessable_name
from lback.storage.uploads import FOLDER, LIFETIME, UploadGone, owner_of

if TYPE_CHECKING:
    from lback.core.request import Request
    from lback.security import TokenSigner

ROUTE = "upload-direct"
PURPOSE = "lback.direct-upload"
_LONGEST_FILENAME = 200
_LONGEST_WAIT = 3600


@dataclass(frozen=True, slots=True)
class DirectUpload:
    """A form that a browser sends to a storage, with the file as its last field, `file`.

    Attributes:
        url: Where to send it, by POST as `multipart/form-data`.
        fields: Names and values of the fields before the file.
        token: What the form of the application sends in the field `<name>-upload`.
    """

    url: str
    fields: Mapping[str, str] = field(repr=False)
    token: str = field(repr=False)

    def as_dict(self) -> dict[str, object]:
        """Return url, fields and token, for a JSON answer."""
        return {"url": self.url, "fields": dict(self.fields), "token": self.token}


@dataclass(frozen=True, slots=True)
class Announced:
    """A direct upload as its signed token describes it.

    Attributes:
        storage: Name of the storage.
        name: Name of the file in it.
        filename: Name that the client sent, for people.
        owner: Identifies the user; empty for visitors.
        smallest: Minimum size in bytes.
        largest: Maximum size in bytes.
        expires: Seconds since the epoch after which the file must not be sent any more.
    """

    storage: str
    name: str
    filename: str
    owner: str
    smallest: int
    largest: int
    expires: int


def start_direct_upload(
    request: "Request",
    filename: str,
    *,
    max_size: int,
    size: int | None = None,
    storage: str = "default",
    seconds: int = 600,
) -> DirectUpload:
    """Return a form by which a browser sends a file to a storage.

    On S3 the browser sends it to the server, by a POST policy that is signed here. For folders and
    memory it sends the same form to `lback.storage.upload_urls`. The name in the storage is made
    here, and the media type follows from its suffix.

    Args:
        request: The current request. Check before that the user may upload.
        filename: Name that the client gives the file.
        max_size: Maximum size in bytes.
        size: Exact size in bytes, if the client has told it; must not exceed `max_size`.
        storage: Name of the storage.
        seconds: How long the form can be sent; at most an hour.

    Raises:
        ValueError: A number is out of range.
        KeyError: `STORAGES` has no such storage.
        ReadOnlyStorageError: Nothing can be stored there.
        ConfigurationError: The S3 storage has no access key in `STORAGES`, or
            `lback.storage.upload_urls` is not included.
    """
    smallest, largest = (1, max_size) if size is None else (size, size)
    if not 0 < smallest <= largest <= max_size or not 0 < seconds <= _LONGEST_WAIT:
        raise ValueError(
            f"a file of {smallest} to {largest} bytes within {seconds} seconds: sizes must be "
            f"between 1 and max_size ({max_size}), seconds between 1 and {_LONGEST_WAIT}"
        )
    place: Storage = request.app.dependencies["storages"][storage]
    shown = bare_filename(filename)[:_LONGEST_FILENAME]
    now = time.time()
    upload = Announced(
        storage, unguessable_name(filename, FOLDER), shown, owner_of(request.user), smallest,
        largest, int(now) + seconds,
    )  # fmt: skip
    token = request.app.token_signer.sign(PURPOSE, _data(upload))
    form = place.direct_form(upload.name, (smallest, largest), now, upload.expires)
    if form is None:
        form = _own_address(request, token), {"Content-Type": type_of_name(upload.name)}
    return DirectUpload(*form, token)


def _own_address(request: "Request", token: str) -> str:
    try:
        address = request.app.router.reverse(ROUTE, token=token)
    except ValueError as error:
        raise ConfigurationError(
            "direct uploads to this storage need an address: add "
            'include("lback.storage.upload_urls", "/uploads/") to urlpatterns'
        ) from error
    return f"{request.environ.get('SCRIPT_NAME') or ''}{address}"


def _data(upload: Announced) -> list[object]:
    return [
        upload.storage, upload.name, upload.filename, upload.owner, upload.smallest,
        upload.largest, upload.expires,
    ]  # fmt: skip


def read_direct_token(signer: "TokenSigner", token: str) -> Announced | None:
    """Return what a token of a direct upload describes; None for every other token.

    Args:
        signer: The signer.
        token: The token.
    """
    data = signer.read(PURPOSE, token, 2 * LIFETIME)
    return Announced(*data) if isinstance(data, list) and len(data) == 7 else None


class _Opened(io.RawIOBase):
    """An open file that is closed with its last reference, as forms do not close uploads.

    Args:
        file: The file.
    """

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        piece = self._file.read(len(buffer))
        buffer[: len(piece)] = piece
        return len(piece)

    def close(self) -> None:
        self._file.close()
        super().close()


class DirectFile(UploadedFile):
    """A file that was sent to a storage directly. What is read is one version of it.

    Args:
        storage: Where it is.
        upload: Its description.
        field_name: Name of the form field.

    Raises:
        MissingFile: It has not arrived.
        UploadGone: Its size is not one that was announced.
        StorageUnavailable: The server of the storage does not answer.
    """

    def __init__(self, storage: Storage, upload: Announced, field_name: str) -> None:
        # Opened once: on S3 every later read is bound to the entity tag, so that the file which is
        # checked is the one that is stored, although the form can be sent again.
        file = io.BufferedReader(_Opened(storage.open(upload.name)))
        size = file.seek(0, 2)
        file.seek(0)
        if not upload.smallest <= size <= upload.largest:
            file.close()
            raise UploadGone
        kind = type_of_name(upload.name)
        super().__init__(upload.filename, kind, file, field_name, size)
        self._storage = storage
        self._name = upload.name

    def discard(self) -> None:
        """Delete the file, once it is stored elsewhere."""
        self.close()
        self._storage.delete(self._name)


def direct_file(
    storages: Mapping[str, Storage], upload: Announced, field_name: str, owner: str
) -> DirectFile:
    """Return a file that was sent to a storage directly.

    Args:
        storages: The storages by name.
        upload: Its description.
        field_name: Name of the form field.
        owner: Identifies the user who asks.

    Raises:
        NotFound: It is of another user, or has not arrived.
        UploadGone: It was announced too long ago, or its size is not one that was announced.
        StorageUnavailable: The server of the storage does not answer.
    """
    if upload.owner != owner or upload.storage not in storages:
        raise NotFound
    if time.time() > upload.expires + LIFETIME:
        raise UploadGone
    try:
        return DirectFile(storages[upload.storage], upload, field_name)
    except MissingFile as error:
        raise NotFound from error
