"""File responses with conditional requests and byte ranges."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from email.utils import formatdate
from io import FileIO
from pathlib import Path
from stat import S_ISREG
from typing import Any, TypeAlias
from urllib.parse import quote

from lback.core.exceptions import NotFound
from lback.core.http.conditional import precondition_status, wanted_range
from lback.core.http.cookies import LAST_SECOND
from lback.core.http.headers import Headers, HeaderValue
from lback.core.http.media_types import media_type_of
from lback.core.response import (
    BODILESS_STATUSES,
    Environ,
    Response,
    WsgiResponse,
    status_line,
)

FilePath: TypeAlias = str | os.PathLike[str]

CHUNK_SIZE = 64 * 1024
_ABOUT_CONTENT = (
    "Content-Type",
    "Content-Disposition",
    "Content-Encoding",
    "Content-Language",
    "Content-Length",
)
# Control characters, lone surrogates, path separators, and bidirectional controls, which can make
# "txt.exe" look like "exe.txt".
_UNSAFE_IN_NAME = re.compile(
    "[\x00-\x1f\x7f-\x9f/\\\\\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)
# The percent sign is left out because some browsers decode what follows it.
_NOT_IN_FALLBACK = re.compile(r"[^ !#$&-~]")


class FileResponse(Response):
    """Sends a file, with preconditions and ranges for GET and HEAD (RFC 9110).

    The file is opened when the response is sent and closed by `close()` of the body. `body` stays
    empty. Length and validators are those of the open file; if the file shrinks while it is sent,
    an `OSError` ends the connection.

    Args:
        path: The file. The path is trusted: pass a name that came from a client together with
            `directory`.
        filename: Name under which the client saves the file; it does not force saving.
        as_attachment: Whether the client saves the file instead of showing it.
        content_type: Media type, unless `headers` has one. By default, the suffix of the path
            decides, never `filename`: text is sent as UTF-8, and an unknown suffix as
            `application/octet-stream`.
        status_code: As in `Response`; preconditions and ranges apply to 200 only.
        headers: As in `Response`; an `ETag` or `Last-Modified` of your own is used.
        conditional: `False` always sends the whole file, without validators.
        directory: Directory that `path` is relative to, with `/` as separator. A path that leaves
            it, also through a symbolic link, is not found.
        chunk_size: Bytes per read.

    Raises:
        NotFound: The file does not exist or is not a regular file.
        ValueError: The chunk size is below 1, or as in `Response`.

    Example:
        >>> from pathlib import Path
        >>> from lback import FileResponse
        >>> _ = Path("report.csv").write_text("year,sales")
        >>> response = FileResponse("report.csv", as_attachment=True)
        >>> response.content_type, response.headers["Content-Disposition"]
        ('text/csv; charset=utf-8', 'attachment; filename="report.csv"')
    """

    def __init__(
        self,
        path: FilePath,
        *,
        filename: str | None = None,
        as_attachment: bool = False,
        content_type: str | None = None,
        status_code: int = 200,
        headers: Mapping[str, HeaderValue] | None = None,
        conditional: bool = True,
        directory: FilePath | None = None,
        chunk_size: int = CHUNK_SIZE,
    ) -> None:
        if chunk_size < 1:
            raise ValueError(f"chunk_size is {chunk_size}; read at least one byte at a time")
        self.path, self._state = find_file(path, directory)
        self.conditional = conditional
        self.chunk_size = chunk_size
        super().__init__(None, status_code, headers, content_type)
        fields = self.headers
        fields.setdefault("Content-Type", type_of_file(self.path))
        fields.setdefault("X-Content-Type-Options", "nosniff")
        if as_attachment or filename:
            disposition = content_disposition(filename or self.path.name, as_attachment)
            fields.setdefault("Content-Disposition", disposition)
        if conditional:
            fields.setdefault("ETag", self._state.etag)
            fields.setdefault("Last-Modified", self._state.last_modified)
            fields.setdefault("Accept-Ranges", "bytes")

    def get_wsgi_response(self) -> WsgiResponse:
        """Return status line, header pairs and body for a GET without preconditions.

        The caller must close the body, as WSGI servers do (PEP 3333).
        """
        return self.answer({"REQUEST_METHOD": "GET"})

    def answer(self, environ: Environ) -> WsgiResponse:
        """Return status line, header pairs and body for one request.

        The status is 200, 206 (a range), 304, 404 (the file was deleted), 412 or 416.

        Raises:
            OSError: The file cannot be read.
        """
        if self.status_code in BODILESS_STATUSES:
            return super().get_wsgi_response()
        with ExitStack() as opened:
            try:
                file = opened.enter_context(self.path.open("rb", buffering=0))
            except FileNotFoundError:
                return Response("Not Found", 404).answer(environ)
            answer = self._answer_with(file, environ)
            if not isinstance(answer[2], list):
                opened.pop_all()  # the server closes it with the body
            return answer

    def _answer_with(self, file: FileIO, environ: Environ) -> WsgiResponse:
        """Return the response for an open file; an empty list as body does not use the file."""
        state = FileState.of(os.fstat(file.fileno()))
        headers = self._current_headers(state)
        etag, modified = _text(headers, "ETag"), _text(headers, "Last-Modified")
        method = environ["REQUEST_METHOD"]
        part = None
        if self.conditional and self.status_code == 200 and method in ("GET", "HEAD"):
            status = precondition_status(environ, etag, modified)
            if status is not None:
                return _without_content(status, headers)
            if method == "GET":
                part = wanted_range(environ, state.size, etag, modified)
        if part is None:
            return self._whole(file, state.size, headers, environ)
        if not part:
            headers["Content-Range"] = f"bytes */{state.size}"
            return _without_content(416, headers)
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{state.size}"
        headers["Content-Length"] = str(len(part))
        file.seek(part.start)
        return status_line(206), headers.pairs(), FilePart(file, len(part), self.chunk_size)

    def _current_headers(self, state: "FileState") -> Headers:
        """Return a copy of the header fields with the validators of the open file."""
        headers = Headers(self.headers)
        if headers.get("ETag") == self._state.etag:
            headers["ETag"] = state.etag
        if headers.get("Last-Modified") == self._state.last_modified:
            headers["Last-Modified"] = state.last_modified
        return headers

    def _whole(self, file: FileIO, size: int, headers: Headers, environ: Environ) -> WsgiResponse:
        headers["Content-Length"] = str(size)
        body: Any = []
        if environ["REQUEST_METHOD"] != "HEAD":
            wrapper = environ.get("wsgi.file_wrapper")
            chunk = self.chunk_size
            body = wrapper(file, chunk) if wrapper else FilePart(file, size, chunk)
        return status_line(self.status_code), headers.pairs(), body


@dataclass(frozen=True, slots=True)
class FileState:
    """The state of a file: size in bytes, entity tag and modification date."""

    size: int
    etag: str
    last_modified: str

    @classmethod
    def of(cls, status: os.stat_result) -> "FileState":
        """Build the state from an `os.stat_result`."""
        return cls(
            status.st_size,
            f'"{status.st_mtime_ns:x}-{status.st_size:x}"',
            formatdate(min(status.st_mtime_ns // 10**9, LAST_SECOND), usegmt=True),
        )


class FilePart:
    """A body with a number of bytes of an open file, from its current position."""

    def __init__(self, file: FileIO, length: int, chunk_size: int) -> None:
        self._file = file
        self._length = length
        self._chunk_size = chunk_size

    def __iter__(self) -> Iterator[bytes]:
        left = self._length
        while left:
            piece = self._file.read(min(left, self._chunk_size))
            if not piece:
                raise OSError(
                    f"{self._file.name!r} shrank while it was sent: "
                    f"{left} of {self._length} bytes are missing"
                )
            left -= len(piece)
            yield piece

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def find_file(path: FilePath, directory: FilePath | None = None) -> tuple[Path, FileState]:
    """Return the absolute path and the state of a regular file.

    Args:
        path: A trusted path, or together with `directory` a name that may come from a client.
        directory: Directory that the name must not leave.

    Raises:
        NotFound: The file does not exist, is not a regular file, or is outside of the directory.
        PermissionError: A directory of the path is not searchable.
    """
    try:
        found = Path(path).absolute() if directory is None else _inside(Path(directory), path)
        status = found.stat()
    except PermissionError:
        raise
    except (OSError, ValueError, RuntimeError) as error:  # RuntimeError: links in a circle
        raise NotFound from error
    if not S_ISREG(status.st_mode):
        raise NotFound
    return found, FileState.of(status)


def _inside(directory: Path, name: FilePath) -> Path:
    name = os.fspath(name)
    if "\\" in name or not {"", ".", ".."}.isdisjoint(name.split("/")):
        raise ValueError(f"{name!r} is not a relative name of plain parts")
    root = directory.resolve()
    path = (root / name).resolve()
    if not path.is_relative_to(root):
        raise ValueError(f"{name!r} leaves {str(root)!r}")
    return path


def type_of_file(path: Path) -> str:
    """Return the media type for the suffix of a path.

    Example:
        >>> type_of_file(Path("notes.txt")), type_of_file(Path("backup.tar.gz"))
        ('text/plain; charset=utf-8', 'application/gzip')
    """
    media_type = media_type_of(path)
    return f"{media_type}; charset=utf-8" if media_type.startswith("text/") else media_type


def content_disposition(filename: str, as_attachment: bool) -> str:
    """Return a `Content-Disposition` field for any file name (RFC 6266, RFC 8187).

    Path separators, control characters and bidirectional controls become `_`. A name that is not
    plain ASCII is sent twice, with a fallback for old clients.

    Args:
        filename: Name under which the client saves the file.
        as_attachment: Whether the client saves the file instead of showing it.

    Example:
        >>> content_disposition("report.csv", True)
        'attachment; filename="report.csv"'
    """
    name = _UNSAFE_IN_NAME.sub("_", filename)
    if not name.strip(" ."):
        name = "download"
    fallback = _NOT_IN_FALLBACK.sub("_", name)
    kind = "attachment" if as_attachment else "inline"
    field = f'{kind}; filename="{fallback}"'
    if fallback == name:
        return field
    return f"{field}; filename*=UTF-8''{quote(name, safe='!#$&+^`|~')}"


def _without_content(status: int, headers: Headers) -> WsgiResponse:
    for name in _ABOUT_CONTENT:
        headers.pop(name, None)
    line, pairs, _ = Response(None, status, headers).get_wsgi_response()
    return line, pairs, []


def _text(headers: Headers, name: str) -> str | None:
    value = headers.get(name)
    return value if isinstance(value, str) else None
