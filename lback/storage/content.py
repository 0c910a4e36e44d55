"""Content that is stored: bytes, an open file or an iterable, read once in pieces and hashed."""

import hashlib
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeAlias, runtime_checkable

from lback.core.http.uploaded_file import UploadedFile

PIECE = 1024 * 1024


@runtime_checkable
class Readable(Protocol):
    """An open binary file."""

    def read(self, size: int = -1, /) -> bytes:
        """Read up to `size` bytes; nothing at the end."""
        ...


FileContent: TypeAlias = bytes | bytearray | memoryview | Readable | Iterable[bytes]


class Content:
    """Reads content in pieces, and knows its size and SHA-256 afterwards.

    Args:
        source: Bytes, an open binary file, read from its position (an `UploadedFile` from its
            beginning), or an iterable of bytes.

    Raises:
        TypeError: The source is text or something else.
    """

    def __init__(self, source: FileContent) -> None:
        self.size = 0
        self._hash = hashlib.sha256()
        if isinstance(source, (bytes, bytearray, memoryview)):
            self._pieces: Iterator[bytes] = iter([bytes(source)])
        elif isinstance(source, Readable):
            if isinstance(source, UploadedFile):
                source.seek(0)
            self._pieces = _read_pieces(source)
        elif isinstance(source, Iterable) and not isinstance(source, str):
            self._pieces = iter(source)
        else:
            raise TypeError(
                f"a file is stored from bytes, an open binary file or an iterable of bytes, "
                f"not from {type(source).__name__}"
            )

    @property
    def sha256(self) -> str:
        """SHA-256 of what was read, in hexadecimal digits."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[bytes]:
        for piece in self._pieces:
            if not isinstance(piece, (bytes, bytearray, memoryview)):
                raise TypeError(f"a file has bytes, not {type(piece).__name__}: open it with 'rb'")
            self._hash.update(piece)
            self.size += len(piece)
            if piece:
                yield bytes(piece)
            del piece  # nothing of it is kept while the next one is read


def _read_pieces(file: Readable) -> Iterator[bytes]:
    while piece := file.read(PIECE):
        yield piece
