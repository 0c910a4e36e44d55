"""Request bodies: a stream over `wsgi.input` that ends at the declared length."""

import errno
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, BinaryIO, Final

from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.limits import DEFAULT_LIMITS
from lback.translation import gettext

# Set in the environ by a server that could not read the body: the HTTPException to answer with.
BODY_ERROR = "lback.body_error"

_PIECE = 65536
_SERVER_ERRORS = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.ENOBUFS, errno.EMFILE, errno.ENFILE, errno.EIO}
)


def content_length(environ: dict[str, Any]) -> int | None:
    """Return the `Content-Length` in bytes, or `None` if there is none.

    Raises:
        BadRequest: It is not a non-negative whole number (RFC 9110 section 8.6).

    Example:
        >>> content_length({"CONTENT_LENGTH": "12"})
        12
    """
    text = environ.get("CONTENT_LENGTH")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequest("Content-Length is not a whole number")
    return int(text)


def body_stream(environ: dict[str, Any], limit: int = DEFAULT_LIMITS.body_size) -> "BodyStream":
    """Wrap `wsgi.input` in a stream that ends with the body and enforces the limit.

    Without a `Content-Length` there is no body, unless the server marks its stream as ending by
    itself (`wsgi.input_terminated`), as it does for chunked bodies.

    Args:
        environ: The WSGI environ.
        limit: Maximum length of the body in bytes.

    Raises:
        BadRequest: `Content-Length` is not a number.
        HTTPException: Status 413: `Content-Length` is over the limit. Nothing has been read.
    """
    length = content_length(environ)
    source = environ.get("wsgi.input")
    if length is not None:
        if length > limit:
            raise too_large(limit)
        return BodyStream(source, length, limit) if length else NO_BODY
    if source is not None and environ.get("wsgi.input_terminated"):
        return BodyStream(source, None, limit)
    return NO_BODY


def too_large(limit: int) -> HTTPException:
    """Build the exception for a body over the limit (status 413, RFC 9110 section 15.5.14)."""
    return HTTPException(gettext("the body is larger than %(limit)s bytes", limit=limit), 413)


class BodyStream:
    """A binary stream over `wsgi.input` that ends with the body (PEP 3333).

    Args:
        source: The stream of the server; `None` is an empty one.
        length: Length of the body in bytes, or `None` if the stream ends by itself.
        limit: Maximum length of the body in bytes.
    """

    __slots__ = ("_length", "_limit", "_source", "consumed")

    def __init__(self, source: Any, length: int | None, limit: int) -> None:
        self._source = BytesIO() if source is None else source
        self._length = length
        self._limit = limit
        self.consumed = 0

    def read(self, size: int | None = -1) -> bytes:
        """Read up to `size` bytes, or to the end.

        Raises:
            BadRequest: The client sent less than it declared.
            HTTPException: Status 413: a body without a declared length exceeds the limit.
        """
        if size is None or size < 0:
            return self._read_all()
        return self._take(self._source.read, size)

    def _read_all(self) -> bytes:
        left = _PIECE if self._length is None else self._length - self.consumed
        if left <= _PIECE and self._length is not None:  # the usual body: one read
            first: bytes = _piece_of(self._source.read, left) if left > 0 else b""
            self.consumed += len(first)
            if len(first) >= left:
                return first
        else:
            # In pieces, so that a declared length allocates no memory before the data arrives.
            first = self._take(self._source.read, _PIECE)
        return first + b"".join(iter(lambda: self.read(_PIECE), b""))

    def readline(self, size: int | None = -1) -> bytes:
        """Read up to the next line feed, at most `size` bytes."""
        if size is not None and size >= 0:
            return self._take(self._source.readline, size)
        pieces = []
        while piece := self._take(self._source.readline, 65536):
            pieces.append(piece)
            if piece.endswith(b"\n"):
                break
        return b"".join(pieces)

    def readlines(self, hint: int = -1) -> list[bytes]:  # noqa: ARG002  the signature of PEP 3333
        """Read all lines."""
        return list(self)

    def __iter__(self) -> Iterator[bytes]:
        return iter(self.readline, b"")

    def readable(self) -> bool:
        """Return True, as a readable file does."""
        return True

    def _take(self, read: Any, size: int) -> bytes:
        if self._length is not None:
            size = min(size, self._length - self.consumed)
        if size <= 0:
            return b""
        piece = _piece_of(read, size)
        self.consumed += len(piece)
        if self._length is None:
            if self.consumed > self._limit:
                raise too_large(self._limit)
        elif not piece:
            raise BadRequest(f"the body ended after {self.consumed} of {self._length} bytes")
        return piece


def _piece_of(read: Callable[[int], bytes], size: int) -> bytes:
    """Read from `wsgi.input`; servers raise many classes of exceptions for a lost connection.

    Raises:
        BadRequest: The connection was lost, the body is too short, or a chunk is malformed.
        OSError: The server is out of memory, disk space or file handles.
    """
    try:
        return read(size)
    except Exception as error:
        if not _is_of_client(error):
            raise
        raise BadRequest("the body is incomplete, or its chunks are malformed") from error


def _is_of_client(error: Exception) -> bool:
    if isinstance(error, (OSError, EOFError)):
        return getattr(error, "errno", None) not in _SERVER_ERRORS
    # Gunicorn's parse errors, such as InvalidChunkSize, carry a status.
    return getattr(error, "code", None) in range(400, 500)


# Shared by all requests without a body: it has no state, because there is nothing to read.
NO_BODY: Final = BodyStream(None, 0, 0)


def input_of(environ: dict[str, Any], limit: int) -> "BodyStream | BinaryIO | None":
    """Return the stream of the body: the bounded one set by `RequestValidator`, or a new one.

    Args:
        environ: The WSGI environ.
        limit: Maximum length of the body in bytes, for a new stream.

    Raises:
        BadRequest: `Content-Length` is not a number.
        HTTPException: Status 413: `Content-Length` is over the limit.
    """
    source: BodyStream | BinaryIO | None = environ.get("wsgi.input")
    if source is None or isinstance(source, BodyStream):
        return source
    stream = body_stream(environ, limit)
    # A seekable stream may have been read in part: its position counts.
    if stream is not NO_BODY and getattr(source, "seekable", bool)():
        stream.consumed = source.tell()
    return stream
