"""Files on a server that speaks the protocol of Amazon S3, by the library obstore."""

import io
import logging
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from threading import Lock
from time import monotonic
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote

from lback.core.exceptions import ConfigurationError
from lback.core.file_response import content_disposition
from lback.core.response import BYTES_TYPE
from lback.distribution import install_hint
from lback.storage.content import Content
from lback.storage.contract import FileInfo, Storage, candidates, collision_free, link_seconds
from lback.storage.exceptions import MissingFile, StorageUnavailable
from lback.storage.file_types import is_inline, type_of_name
from lback.storage.names import clean_name
from lback.storage.post_policy import signed_fields

if TYPE_CHECKING:
    from obstore import ObjectMeta

logger = logging.getLogger(__name__)

PART = 5 * 1024 * 1024  # bytes; S3 takes no smaller parts
_READ_PART = 2 * 1024 * 1024
_LOG_PAUSE = 60.0


class S3Storage(Storage):
    """Files in a bucket of Amazon S3 or of a compatible server. Needs the extra `s3`.

    Media type and `Content-Disposition` are stored with each file, as the site would send them, so
    that a browser that reads from the server executes nothing either.

    Args:
        bucket: Name of the bucket, which must exist.
        endpoint: URL of the server; empty for Amazon's.
        region: Region of the bucket.
        access_key_id: Name of the key; empty takes it from the environment or the machine's role.
        secret_access_key: The key.
        prefix: First parts of the names of all objects; empty for none.
        public_url: Where the files of a public storage are read, such as a CDN; empty for the
            address in the bucket.
        timeout: Seconds for one request to the server, which moves at most 5 MiB.
        retries: How often a failed request is tried again.

    Raises:
        ConfigurationError: The library is not installed, or takes the options not.
    """

    def __init__(
        self,
        bucket: str,
        *,
        endpoint: str = "",
        region: str = "us-east-1",
        access_key_id: str = "",
        secret_access_key: str = "",
        prefix: str = "",
        public_url: str = "",
        timeout: float = 30,
        retries: int = 2,
    ) -> None:
        self.bucket = bucket
        self.prefix = f"{clean_name(prefix)}/" if prefix else ""
        self.public_url = public_url
        self.endpoint = endpoint or f"https://s3.{region}.amazonaws.com"
        self._failures = _FailureLog()
        self._signing = {"region": region, "key_id": access_key_id, "secret": secret_access_key}
        options = {"endpoint": endpoint, "access_key_id": access_key_id}
        options["secret_access_key"] = secret_access_key
        try:
            # Imported here, because it is an extra.
            import obstore
            from obstore.store import S3Store
        except ImportError as error:
            raise ConfigurationError(
                "files are stored on S3 by obstore, which is not installed; "
                f"run: {install_hint('s3')}"
            ) from error
        self._obstore: Any = obstore
        try:
            self._store = S3Store(
                bucket,
                region=region,
                client_options={
                    "timeout": timedelta(seconds=timeout),
                    "connect_timeout": timedelta(seconds=min(timeout, 5)),
                    "allow_http": endpoint.startswith("http://"),
                },
                retry_config={
                    "max_retries": retries,
                    "retry_timeout": timedelta(seconds=timeout * (retries + 1)),
                },
                **{name: value for name, value in options.items() if value},  # type: ignore[arg-type]
            )
        except obstore.exceptions.BaseError as error:
            raise ConfigurationError(f"the S3 storage {bucket!r} cannot be used: {error}") from None

    @contextmanager
    def _requesting(self, name: str, *, writing: bool = False) -> Iterator[None]:
        """Raise the exceptions of the contract for those of the library."""
        try:
            yield
        except (OSError, self._obstore.exceptions.BaseError) as error:
            if isinstance(error, FileNotFoundError) and not writing:
                raise MissingFile(name, self.name) from error
            self._failures.failed(self.bucket, self.endpoint, error)
            raise StorageUnavailable from error

    def _save(self, name: str, content: Content, overwrite: bool) -> str:
        pieces, head, size = iter(content), deque[bytes](), 0
        for piece in pieces:
            head.append(piece)
            size += len(piece)
            if size > PART:
                name = name if overwrite else collision_free(name)
                self._put_parts(name, _drained(head, pieces))
                return name
        return self._save_at_once(name, b"".join(head), overwrite)

    def _save_at_once(self, name: str, data: bytes, overwrite: bool) -> str:
        if overwrite:
            self._put(name, data, "overwrite")
            return name
        for candidate in candidates(name):
            try:
                self._put(candidate, data, "create")
            except self._obstore.exceptions.AlreadyExistsError:
                continue
            return candidate
        raise AssertionError("candidates() raises at its end")

    def _put(self, name: str, data: bytes, mode: str) -> None:
        with self._requesting(name, writing=True):
            try:
                self._store.put(
                    self.prefix + name,
                    data,
                    attributes=_attributes(name),
                    mode=mode,  # type: ignore[arg-type]
                    use_multipart=False,
                )
            except self._obstore.exceptions.AlreadyExistsError as error:
                taken = error
            else:
                return
        raise taken

    def _put_parts(self, name: str, pieces: Iterator[bytes]) -> None:
        """Send a file in parts, one at a time, so that memory does not grow with the file.

        The pieces are read here and not by the library, which could not read from another bucket
        while it writes. A writer that is not closed leaves no file.
        """
        with self._requesting(name, writing=True):
            writer = self._obstore.open_writer(
                self._store,
                self.prefix + name,
                attributes=_attributes(name),
                buffer_size=PART,
                max_concurrency=1,
            )
        for piece in pieces:
            with self._requesting(name, writing=True):
                writer.write(piece)
        with self._requesting(name, writing=True):
            writer.close()

    def _open(self, name: str, start: int, stop: int | None) -> IO[bytes]:
        found = self._head(name)
        return io.BufferedReader(_ObjectRange(self, name, found, start, stop))

    def read_range(self, name: str, start: int, length: int, etag: str | None) -> bytes:
        """Return bytes of a file.

        Args:
            name: Name of the file.
            start: Position of the first byte.
            length: Number of bytes.
            etag: Entity tag that the file must still have; None for any.

        Raises:
            MissingFile: The file does not exist.
            StorageUnavailable: The server does not answer, the file has changed, or fewer bytes
                came than there should be.
        """
        options: Any = {"range": (start, start + length)}
        if etag is not None:
            options["if_match"] = etag
        with self._requesting(name):
            data = bytes(self._store.get(self.prefix + name, options=options).bytes())
        if len(data) != length:
            raise StorageUnavailable
        return data

    def _head(self, name: str) -> "ObjectMeta":
        with self._requesting(name):
            found = self._store.head(self.prefix + name)
        if not found["e_tag"]:
            self._failures.failed(self.bucket, self.endpoint, "no entity tag in an answer")
            raise StorageUnavailable
        return found

    def delete(self, name: str) -> None:
        """Delete a file. A file that does not exist is not an error.

        Raises:
            InvalidFileName: The name is not valid.
            StorageUnavailable: The server does not answer.
        """
        name = clean_name(name)
        try:
            with self._requesting(name):
                self._store.delete(self.prefix + name)
        except MissingFile:
            return

    def info(self, name: str) -> FileInfo:
        """Return size, date and entity tag of a file.

        Raises:
            InvalidFileName: The name is not valid.
            MissingFile: The file does not exist.
            StorageUnavailable: The server does not answer.
        """
        name = clean_name(name)
        return self._info(self._head(name))

    def _info(self, found: "ObjectMeta") -> FileInfo:
        name = found["path"][len(self.prefix) :]
        return FileInfo(name, found["size"], found["last_modified"], found["e_tag"] or "")

    def list(self, folder: str = "") -> Iterator[FileInfo]:
        """Yield the files in a folder and below it.

        Objects under names that are not valid are left out.

        Args:
            folder: First parts of the names; empty for all files.

        Raises:
            InvalidFileName: The name of the folder is not valid.
            StorageUnavailable: The server does not answer.
        """
        return self._listed(self.prefix + clean_name(folder) if folder else self.prefix)

    def _listed(self, start: str) -> Iterator[FileInfo]:
        with self._requesting(start):
            for page in self._store.list(start.rstrip("/") or None):
                for found in page:
                    info = self._info(found)
                    if _is_valid(info.name):
                        yield info

    def copy(self, name: str, to: str, *, overwrite: bool = False) -> FileInfo:
        """Copy a file on the server and return what is known about the copy.

        Args:
            name: Name of the file, which may have up to 5 GiB.
            to: Name of the copy; if it is taken, a free one is made. Another process that stores
                a file under this name at the same moment is not noticed.
            overwrite: Whether to replace a file of that name.

        Raises:
            InvalidFileName: A name is not valid.
            MissingFile: The file does not exist.
            StorageUnavailable: The server does not answer.
        """
        name, to = clean_name(name), clean_name(to)
        if not overwrite and self.exists(to):
            to = collision_free(to)
        with self._requesting(name):
            self._store.copy(self.prefix + name, self.prefix + to)
        return self.info(to)

    def url(self, name: str, *, expires: float | timedelta | None = None) -> str:
        """Return an address at which a browser can read a file from the server.

        Args:
            name: Name of the file; whether it exists is not checked.
            expires: Seconds or a timedelta, at most 7 days; None for `url_seconds`.

        Raises:
            InvalidFileName: The name is not valid.
            ValueError: `expires` is not between 1 second and 7 days.
            StorageUnavailable: The credentials cannot be read.
        """
        key = self.prefix + clean_name(name)
        if self.public:
            base = self.public_url or f"{self.endpoint}/{self.bucket}"
            return f"{base.rstrip('/')}/{quote(key)}"
        seconds = link_seconds(self.url_seconds if expires is None else expires)
        with self._requesting(name):
            signed: str = self._obstore.sign(self._store, "GET", key, timedelta(seconds=seconds))
        return signed

    def direct_form(
        self, name: str, sizes: tuple[int, int], now: float, expires: int
    ) -> tuple[str, dict[str, str]]:
        """Return URL and fields of a form by which a browser stores a file on the server.

        The POST policy fixes bucket, name, media type and `Content-Disposition`.

        Args:
            name: Name of the new file.
            sizes: Minimum and maximum size in bytes.
            now: Seconds since the epoch.
            expires: Seconds since the epoch after which the form is refused.

        Raises:
            InvalidFileName: The name is not valid.
            ConfigurationError: `access_key_id` or `secret_access_key` is not set.
        """
        if not (self._signing["key_id"] and self._signing["secret"]):
            raise ConfigurationError(
                f"the storage {self.name!r} cannot sign direct uploads: set access_key_id and "
                "secret_access_key in STORAGES; keys of a machine's role do not sign them"
            )
        name = clean_name(name)
        fields = {"key": self.prefix + name, **_attributes(name)}
        signed = signed_fields(
            fields, bucket=self.bucket, sizes=sizes, now=now, expires=expires, **self._signing
        )
        return f"{self.endpoint.rstrip('/')}/{self.bucket}", signed


class _ObjectRange(io.RawIOBase):
    """A range of an object, read in parts, each by a request of its own.

    Args:
        storage: The storage.
        name: Name of the file.
        found: What the server said about it.
        start: Position of the first byte.
        stop: Position after the last byte; None for the end.
    """

    def __init__(
        self, storage: S3Storage, name: str, found: "ObjectMeta", start: int, stop: int | None
    ) -> None:
        super().__init__()
        size = found["size"]
        self._storage = storage
        self._name = name
        self._etag = found["e_tag"]
        self._start = min(start, size)
        self._length = max(0, (size if stop is None else min(stop, size)) - self._start)
        self._position = 0
        self._part, self._part_at = b"", 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = 0) -> int:
        base = (0, self._position, self._length)[whence]
        self._position = max(0, base + offset)
        return self._position

    def readinto(self, buffer: "memoryview") -> int:  # type: ignore[override]
        left = self._length - self._position
        if left <= 0:
            return 0
        if not self._part_at <= self._position < self._part_at + len(self._part):
            length = min(left, _READ_PART)
            at = self._start + self._position
            self._part = self._storage.read_range(self._name, at, length, self._etag)
            self._part_at = self._position
        begin = self._position - self._part_at
        piece = self._part[begin : begin + len(buffer)]
        buffer[: len(piece)] = piece
        self._position += len(piece)
        return len(piece)


class _FailureLog:
    """Logs that a server fails once, not for each request that meets it."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._failed_at = -_LOG_PAUSE

    def failed(self, bucket: str, endpoint: str, error: object) -> None:
        with self._lock:
            now = monotonic()
            is_new, self._failed_at = now - self._failed_at >= _LOG_PAUSE, now
        if is_new:
            first = str(error).split("\n", 1)[0]
            logger.error("storage failed: bucket %r at %s: %s", bucket, endpoint, first)


def _attributes(name: str) -> dict[str, str]:
    """Return the header fields that the server sends with a file, as the site would send them."""
    media_type = type_of_name(name)
    shown = name.rpartition("/")[2]
    return {
        # Some servers take application/octet-stream for "unknown" and guess by the suffix.
        "Content-Type": "binary/octet-stream" if media_type == BYTES_TYPE else media_type,
        "Content-Disposition": content_disposition(shown, as_attachment=not is_inline(name)),
    }


def _drained(head: deque[bytes], rest: Iterator[bytes]) -> Iterator[bytes]:
    """Yield pieces without keeping those that were yielded."""
    while head:
        yield head.popleft()
    yield from rest


def _is_valid(name: str) -> bool:
    try:
        return clean_name(name) == name
    except ValueError:
        return False
