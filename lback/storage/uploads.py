"""Resumable uploads: parts of a file that arrive in several requests, and are one file then."""

import base64
import hashlib
import io
import time
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any, Protocol

from lback.core.dependencies import latest_services
from lback.core.exceptions import BadRequest, HTTPException, NotFound
from lback.core.http.uploaded_file import UploadedFile, bare_filename
from lback.security import TokenSigner
from lback.storage.contract import Storage
from lback.storage.exceptions import MissingFile
from lback.storage.names import new_token

# First part of the names of files that are still arriving.
FOLDER = "lback-uploads"
PART = 4 * 1024 * 1024  # bytes; S3 stores parts of up to 5 MiB conditionally
# How many parts may be smaller; each is a file, and all are listed for each request.
SPARE_PARTS = 1000
LIFETIME = 86_400  # seconds
ALGORITHMS = ("sha1", "sha256")
_PURPOSE = "lback.upload"
_DIGITS = 15


class Stream(Protocol):
    """A request body."""

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes; nothing at the end."""
        ...


class WrongOffset(HTTPException):
    """A part does not continue where the upload ends (status 409)."""

    status_code = 409
    message = "The upload ends at another offset; ask for it with HEAD."


class WrongChecksum(HTTPException):
    """A part was altered on its way (status 460, as tus defines it)."""

    status_code = 460
    message = "The checksum of the part does not match."


class UploadGone(HTTPException):
    """An upload has expired (status 410)."""

    status_code = 410
    message = "The upload has expired. Start it again."


@dataclass(frozen=True, slots=True)
class Upload:
    """An upload that was announced, as its signed address describes it.

    Attributes:
        id: Random; names the folder of its parts.
        owner: Identifies the user; empty for visitors.
        length: Length of the file in bytes.
        filename: Name that the client sent, for people.
        expires: Seconds since the epoch.
    """

    id: str
    owner: str
    length: int
    filename: str
    expires: int

    @property
    def folder(self) -> str:
        """First parts of the names of its parts."""
        return f"{FOLDER}/{self.id}"


class Uploads:
    """Starts, continues and ends resumable uploads. No state is kept beside the parts.

    Args:
        storage: Where the parts are stored until the file is used.
        signer: Signs the address of each upload.
    """

    def __init__(self, storage: Storage, signer: TokenSigner) -> None:
        self.storage = storage
        self._signer = signer

    def start(self, owner: str, length: int, filename: str) -> tuple[str, Upload]:
        """Return the token and the description of a new upload.

        Args:
            owner: Identifies the user; empty for visitors.
            length: Length of the file in bytes.
            filename: Name that the client sent.
        """
        shown = bare_filename(filename)[:200]
        upload = Upload(new_token(), owner, length, shown, int(time.time()) + LIFETIME)
        data = [upload.id, owner, length, shown, upload.expires]
        return self._signer.sign(_PURPOSE, data), upload

    def find(self, token: str, owner: str) -> Upload:
        """Return the upload of a token.

        Args:
            token: The token.
            owner: Identifies the user who asks.

        Raises:
            NotFound: The token is altered, or of another user.
            UploadGone: The upload has expired.
        """
        data = self._signer.read(_PURPOSE, token, 2 * LIFETIME)
        if not isinstance(data, list) or len(data) != 5 or data[1] != owner:
            raise NotFound
        upload = Upload(*data)
        if time.time() > upload.expires:
            raise UploadGone
        return upload

    def parts(self, upload: Upload) -> list[tuple[int, int]]:
        """Return offset and size of the parts that follow on each other from the beginning.

        Args:
            upload: The upload.

        Raises:
            StorageUnavailable: The server of the storage does not answer.
        """
        found: list[tuple[int, int]] = []
        end = 0
        sizes = {file.name: file.size for file in self.storage.list(upload.folder)}
        while (size := sizes.get(part_name(upload, end))) and end + size <= upload.length:
            found.append((end, size))
            end += size
        return found

    def offset(self, upload: Upload) -> int:
        """Return how many bytes have arrived."""
        return sum(size for _, size in self.parts(upload))

    def append(self, upload: Upload, offset: int, body: Stream, checksum: str = "") -> int:
        """Store the bytes of a request, and return how many bytes have arrived then.

        Each 4 MiB become visible as a whole, so that no more is lost in a crash. If the client
        goes away, what it has sent is kept, unless there is a checksum of all.

        Args:
            upload: The upload.
            offset: Position of the first byte.
            body: The bytes.
            checksum: "sha1" or "sha256", a space, and the hash of the bytes in base 64.

        Raises:
            WrongOffset: The upload ends elsewhere, or another request continues it.
            WrongChecksum: The bytes are not those that were sent. They are not kept.
            BadRequest: There are more bytes than were announced, or too many small parts.
            DiskFull: The disk of the storage is full.
            StorageUnavailable: The server of the storage does not answer.
        """
        parts = self.parts(upload)
        if offset != sum(size for _, size in parts):
            raise WrongOffset
        if len(parts) >= upload.length // PART + SPARE_PARTS:
            raise BadRequest(
                f"the upload has {len(parts)} parts, which is too many for {upload.length} bytes; "
                f"start it again and send {PART} bytes or more in each request"
            )
        expected = _Checksum(checksum)
        stored: list[str] = []
        try:
            for block in _blocks(body, keep_partial=not checksum):
                if offset + len(block) > upload.length:
                    raise BadRequest("there are more bytes than Upload-Length announced")
                stored.append(self._store(upload, offset, block))
                expected.update(block)
                offset += len(block)
                del block  # one part at a time in memory
            expected.check()
        except (WrongChecksum, BadRequest):
            for name in stored if checksum else ():
                self.storage.delete(name)
            raise
        return offset

    def _store(self, upload: Upload, offset: int, block: bytes) -> str:
        name = part_name(upload, offset)
        saved = self.storage.save(name, block).name
        if saved != name:
            self.storage.delete(saved)
            raise WrongOffset
        return name

    def discard(self, upload: Upload) -> None:
        """Delete the parts of an upload.

        Args:
            upload: The upload.

        Raises:
            StorageUnavailable: The server of the storage does not answer.
        """
        # The last one first: the offset stays right if this is interrupted.
        names = sorted((file.name for file in self.storage.list(upload.folder)), reverse=True)
        for name in names:
            self.storage.delete(name)

    def open(self, upload: Upload, field_name: str = "") -> "ArrivedFile":
        """Return a file that has arrived, as if a form had brought it.

        Args:
            upload: The upload.
            field_name: Name of the form field.

        Raises:
            BadRequest: Some bytes have not arrived yet.
            StorageUnavailable: The server of the storage does not answer.
        """
        parts = self.parts(upload)
        arrived = sum(size for _, size in parts)
        if arrived != upload.length:
            raise BadRequest(f"{arrived} of {upload.length} bytes have arrived; resume the upload")
        file = io.BufferedReader(_Parts(self.storage, upload, parts))
        return ArrivedFile(self, upload, file, field_name)


class ArrivedFile(UploadedFile):
    """A file that arrived in parts.

    Args:
        uploads: Where it arrived.
        upload: Its description.
        file: Reads the parts as one file.
        field_name: Name of the form field.
    """

    def __init__(self, uploads: Uploads, upload: Upload, file: IO[bytes], field_name: str) -> None:
        kind = "application/octet-stream"
        super().__init__(upload.filename, kind, file, field_name, upload.length)  # type: ignore[arg-type]
        self._uploads = uploads
        self._upload = upload

    def discard(self) -> None:
        """Delete the parts, once the file is stored elsewhere."""
        self._uploads.discard(self._upload)


class _Parts(io.RawIOBase):
    """The parts of an upload, which look like one file.

    Args:
        storage: Where they are.
        upload: The upload.
        parts: Offset and size of each, in order.
    """

    def __init__(self, storage: Storage, upload: Upload, parts: list[tuple[int, int]]) -> None:
        super().__init__()
        self._storage = storage
        self._upload = upload
        self._offsets = [offset for offset, _ in parts]
        self._position = 0
        self._part: IO[bytes] | None = None
        self._part_at = -1

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._position, self._upload.length)[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        if self._position >= self._upload.length:
            return 0
        at = self._offsets[bisect_right(self._offsets, self._position) - 1]
        if self._part is None or at != self._part_at:
            self._close_part()
            self._part, self._part_at = self._storage.open(part_name(self._upload, at)), at
        self._part.seek(self._position - at)
        piece = self._part.read(len(buffer))
        if not piece:
            raise MissingFile(part_name(self._upload, at), self._storage.name)
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)

    def _close_part(self) -> None:
        if self._part is not None:
            self._part.close()

    def close(self) -> None:
        self._close_part()
        super().close()


def part_name(upload: Upload, offset: int) -> str:
    """Return the name of the part that begins at an offset.

    Args:
        upload: The upload.
        offset: Position of its first byte.
    """
    return f"{upload.folder}/{offset:0{_DIGITS}d}"


def arrived_file(token: str, field_name: str, owner: str) -> UploadedFile:
    """Return the file of a token that a form sent, from the application of this process.

    Args:
        token: The token.
        field_name: Name of the form field.
        owner: Identifies the user.

    Raises:
        NotFound: The token is altered, or of another user.
        UploadGone: The upload has expired.
        BadRequest: Some bytes have not arrived yet.
    """
    services = latest_services()
    if services is None:
        raise NotFound
    # Imported here, because it imports this module.
    from lback.storage.direct import direct_file, read_direct_token

    direct = read_direct_token(services["token_signer"], token)
    if direct is not None:
        return direct_file(services["storages"], direct, field_name, owner)
    uploads = Uploads(services["storage"], services["token_signer"])
    return uploads.open(uploads.find(token, owner), field_name)


def owner_of(user: object) -> str:
    """Return what identifies a user in the address of an upload; empty for visitors."""
    key: Any = getattr(user, "id", None)
    return "" if key is None else f"{type(user).__name__}:{key}"


def _blocks(body: Stream, *, keep_partial: bool) -> Iterator[bytes]:
    """Yield the bytes of a body in parts; what arrived before an interruption as well."""
    block = bytearray()
    try:
        while piece := body.read(min(65_536, PART - len(block))):
            block += piece
            if len(block) == PART:
                whole = bytes(block)
                block.clear()  # before the next one is stored beside it
                yield whole
                del whole
    except BadRequest:
        if keep_partial and block:
            yield bytes(block)
        raise
    if block:
        yield bytes(block)


class _Checksum:
    """The checksum of a part, as the header field `Upload-Checksum` states it.

    Args:
        field: Algorithm, a space, and the hash in base 64; empty for none.

    Raises:
        BadRequest: The field is malformed.
    """

    def __init__(self, field: str) -> None:
        algorithm, _, encoded = field.partition(" ")
        if field and algorithm not in ALGORITHMS:
            raise BadRequest(f"Upload-Checksum must be one of {', '.join(ALGORITHMS)}")
        try:
            self._expected = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise BadRequest("Upload-Checksum is not base 64") from error
        self._hash = hashlib.new(algorithm) if field else None

    def update(self, block: bytes) -> None:
        if self._hash is not None:
            self._hash.update(block)

    def check(self) -> None:
        if self._hash is not None and self._hash.digest() != self._expected:
            raise WrongChecksum
