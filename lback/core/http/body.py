"""The body of a request: a stream that ends where the client said it would."""

import errno
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any, BinaryIO, Final

from lback.core.exceptions import BadRequest, HTTPException
from lback.core.http.limits import DEFAULT_LIMITS

_PIECE = 65536
_FAULTS_OF_THIS_MACHINE = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.ENOMEM, errno.ENOBUFS, errno.EMFILE, errno.ENFILE, errno.EIO}
)


def content_length(environ: dict[str, Any]) -> int | None:
    """Return the declared length in bytes, or `None` where none is declared.

    Raises:
        BadRequest: It is no non-negative whole number (RFC 9110 §8.6).
    """
    text = environ.get("CONTENT_LENGTH")
    if not text:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 18:
        raise BadRequest("Content-Length is no whole number")
    return int(text)


def body_stream(environ: dict[str, Any], limit: int = DEFAULT_LIMITS.body_size) -> "BodyStream":
    """Wrap `wsgi.input` so that a read can neither wait past the body nor exceed the limit.

    Without a declared length there is no body, unless the server says that its stream ends
    by itself (`wsgi.input_terminated`), as it does for chunked ones.

    Raises:
        BadRequest: The declared length is no number.
        HTTPException: 413, the declared length is over the limit; nothing has been read.
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
    """Build the answer to a body over the limit (RFC 9110 §15.5.14)."""
    return HTTPException(f"the body is larger than {limit} bytes", 413)


class BodyStream:
    """A binary stream over `wsgi.input` with an end (PEP 3333, `wsgi.input`).

    Args:
        source: What to read from; `None` holds nothing.
        length: Bytes it holds, or `None` if it ends by itself.
        limit: Bytes it may hold at most.
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
            HTTPException: 413, a body without declared length went over the limit.
        """
        if size is None or size < 0:
            return self._read_all()
        return self._take(self._source.read, size)

    def _read_all(self) -> bytes:
        left = _PIECE if self._length is None else self._length - self.consumed
        if left <= _PIECE and self._length is not None:  # the usual body comes in one piece
            first: bytes = _piece_of(self._source.read, left) if left > 0 else b""
            self.consumed += len(first)
            if len(first) >= left:
                return first
        else:
            # Piece by piece, so that what is declared takes no memory before it is there.
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
        """Tell that this can be read, as a file does."""
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
    """Read from `wsgi.input`, of which servers say in many ways that the client broke off.

    Raises:
        BadRequest: The connection is gone, the body is too short, or a chunk is malformed.
        OSError: This machine has no memory, no disk or no file handles left.
    """
    try:
        return read(size)
    except Exception as error:
        if not _is_of_client(error):
            raise
        raise BadRequest("the body broke off, or its chunks are malformed") from error


def _is_of_client(error: Exception) -> bool:
    if isinstance(error, (OSError, EOFError)):
        return getattr(error, "errno", None) not in _FAULTS_OF_THIS_MACHINE
    # Gunicorn's errors of parsing, such as InvalidChunkSize, carry the status that they deserve.
    return getattr(error, "code", None) in range(400, 500)


# Shared by all requests without a body: it keeps no place, for there is nothing to read.
NO_BODY: Final = BodyStream(None, 0, 0)


def input_of(environ: dict[str, Any], limit: int) -> "BodyStream | BinaryIO | None":
    """Return the body's stream: the bounded one that the server edge put there, or a new one."""
    source: BodyStream | BinaryIO | None = environ.get("wsgi.input")
    if source is None or isinstance(source, BodyStream):
        return source
    stream = body_stream(environ, limit)
    # Of a stream that can say where it is, what was read before counts as read.
    if stream is not NO_BODY and getattr(source, "seekable", bool)():
        stream.consumed = source.tell()
    return stream
