"""Responses with stored files: type and disposition decided here, ranges, and nothing executed."""

from collections.abc import Iterator
from email.utils import format_datetime
from typing import IO
from urllib.parse import quote

from lback.core.file_response import content_disposition
from lback.core.http.conditional import precondition_status, wanted_range
from lback.core.http.headers import Headers
from lback.core.response import Environ, Response, WsgiResponse, status_line
from lback.storage.contract import FileInfo, Storage
from lback.storage.file_types import is_inline, type_of_name
from lback.storage.folder import FolderStorage
from lback.storage.names import is_unguessable
from lback.storage.wrappers import ReadOnlyStorage, ScopedStorage

_PIECE = 64 * 1024
_SANDBOX = "default-src 'none'; img-src 'self'; media-src 'self'; sandbox"
_OF_CONTENT = ("Content-Type", "Content-Disposition", "Content-Length")


class StoredFileResponse(Response):
    """Sends a stored file, with preconditions and ranges for GET and HEAD (RFC 9110).

    The suffix of the stored name decides the media type, by an allow-list. Images, audio, video and
    plain text are shown, everything else is saved by the browser; pages, scripts and SVG are sent
    as `application/octet-stream`. `nosniff` and a `sandbox` policy keep a browser from executing
    anything. Without a `Cache-Control` of your own, only this browser keeps the file, and asks each
    time whether it has changed.

    Args:
        storage: The storage.
        name: Name of the file in it.
        filename: Name under which the browser saves the file; None for the last part of the name.
        as_attachment: True makes the browser save a file that it could show. False shows no more
            types than the allow-list has.
        max_age: Seconds for which caches may keep the file without asking; None for not at all.
        public: Whether caches of others may keep it too.

    Raises:
        InvalidFileName: The name is not valid.
        MissingFile: The file does not exist.
        StorageUnavailable: The server of the storage does not answer.

    Example:
        >>> from lback.storage import MemoryStorage, StoredFileResponse
        >>> storage = MemoryStorage()
        >>> _ = storage.save("page.html", b"<script>alert(1)</script>")
        >>> response = StoredFileResponse(storage, "page.html")
        >>> response.content_type, response.headers["Content-Disposition"]
        ('application/octet-stream', 'attachment; filename="page.html"')
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        *,
        filename: str | None = None,
        as_attachment: bool = False,
        max_age: int | None = None,
        public: bool = False,
    ) -> None:
        self.storage = storage
        self.file = storage.info(name)
        super().__init__(None, 200, None, type_of_name(name))
        shown = filename or name.rpartition("/")[2]
        scope = "public" if public else "private"
        age = "no-cache" if max_age is None else f"max-age={max_age}"
        if max_age is not None and is_unguessable(name):
            age += ", immutable"
        self.headers.update(
            {
                "X-Content-Type-Options": "nosniff",
                "Content-Security-Policy": _SANDBOX,
                "Cross-Origin-Resource-Policy": "cross-origin" if public else "same-site",
                "Content-Disposition": content_disposition(
                    shown, as_attachment or not is_inline(name)
                ),
                "Cache-Control": f"{scope}, {age}",
                "ETag": self.file.etag,
                "Last-Modified": format_datetime(self.file.modified, usegmt=True),
                "Accept-Ranges": "bytes",
            }
        )

    def get_wsgi_response(self) -> WsgiResponse:
        """Return status line, header pairs and body for a GET without preconditions.

        The caller must close the body, as WSGI servers do (PEP 3333).
        """
        return self.answer({"REQUEST_METHOD": "GET"})

    def answer(self, environ: Environ) -> WsgiResponse:
        """Return status line, header pairs and body for one request.

        The status is 200, 206 (a range), 304, 412 or 416.

        Raises:
            MissingFile: The file was deleted.
            StorageUnavailable: The server of the storage does not answer.
        """
        headers = Headers(self.headers)
        status = precondition_status(environ, self.file.etag, str(headers["Last-Modified"]))
        if status is not None:
            return _without_content(status, headers)
        sent_by_server = _sent_by_server(self.storage, self.file)
        if sent_by_server is not None:
            headers[sent_by_server[0]] = sent_by_server[1]
            return status_line(200), headers.pairs(), []
        size, part = self.file.size, None
        if environ["REQUEST_METHOD"] == "GET":
            modified = str(headers["Last-Modified"])
            part = wanted_range(environ, size, self.file.etag, modified)
        if part is not None and not part:
            headers["Content-Range"] = f"bytes */{size}"
            return _without_content(416, headers)
        wanted = range(size) if part is None else part
        if part is not None:
            headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
        headers["Content-Length"] = str(len(wanted))
        code = 200 if part is None else 206
        if environ["REQUEST_METHOD"] == "HEAD":
            return status_line(code), headers.pairs(), []
        file = self.storage.open(self.file.name, wanted.start, wanted.stop)
        return status_line(code), headers.pairs(), _Pieces(file, len(wanted), self.file.name)


class _Pieces:
    """A body with the bytes of an open file.

    Args:
        file: The open file, closed with the body.
        length: Number of bytes that were announced.
        name: Name of the file, for the message.
    """

    def __init__(self, file: IO[bytes], length: int, name: str) -> None:
        self._file = file
        self._length = length
        self._name = name

    def __iter__(self) -> Iterator[bytes]:
        left = self._length
        while left:
            piece = self._file.read(min(left, _PIECE))
            if not piece:
                raise OSError(f"{self._name!r} shrank while it was sent: {left} bytes are missing")
            left -= len(piece)
            yield piece

    def close(self) -> None:
        self._file.close()


def _sent_by_server(storage: Storage, file: FileInfo) -> tuple[str, str] | None:
    """Return the header field that makes the web server send the file, if a setting names one."""
    name = file.name
    while isinstance(storage, (ScopedStorage, ReadOnlyStorage)):
        if isinstance(storage, ScopedStorage):
            name = f"{storage.folder}/{name}"
        storage = storage.storage
    if not isinstance(storage, FolderStorage):
        return None
    if storage.accel_redirect:
        return "X-Accel-Redirect", quote(f"{storage.accel_redirect}{name}")
    return ("X-Sendfile", str(storage.path / name)) if storage.sendfile else None


def _without_content(status: int, headers: Headers) -> WsgiResponse:
    for name in _OF_CONTENT:
        headers.pop(name, None)
    line, pairs, _ = Response(None, status, headers).get_wsgi_response()
    return line, pairs, []
