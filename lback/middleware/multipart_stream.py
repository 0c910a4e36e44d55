"""Normalize a multipart stream: drop the preamble and padding (RFC 2046 section 5.1.1)."""

import re
from collections.abc import Iterator
from typing import Any

from lback.core.exceptions import BadRequest

_PIECE = 65536
# Maximum of blanks after a boundary on its line.
_PADDING = 100


def delimited_pieces(stream: Any, boundary: str) -> Iterator[bytes]:
    """Yield a multipart body from its first boundary on, without blanks after boundaries.

    Lines before the first boundary (the preamble) are dropped. A piece ends after each possible
    closing boundary, so that the caller can stop there. An empty stream yields nothing.

    Args:
        stream: Binary file with `read(size)`; it ends with the body.
        boundary: Parameter `boundary` of the `Content-Type`.

    Raises:
        BadRequest: No line of the body is the boundary.
    """
    delimiter = b"--" + boundary.encode()
    window = len(boundary) + _PADDING + 6
    pieces = iter(lambda: stream.read(_PIECE), b"")
    return _without_padding(_after_preamble(pieces, delimiter, window), delimiter, window)


def _after_preamble(pieces: Iterator[bytes], delimiter: bytes, window: int) -> Iterator[bytes]:
    first = re.compile(rb"\n" + re.escape(delimiter) + rb"(?=--|[ \t]*\r?\n)")
    start = seen = b"\n"  # the first boundary stands at the beginning of a line
    for piece in pieces:
        seen += piece
        found = first.search(seen)
        if found is not None:
            yield b"\r" + seen[found.start() :]
            yield from pieces
            return
        seen = seen[-window:]
    if seen != start:
        raise BadRequest("the form is malformed: the boundary of Content-Type does not occur")


def _without_padding(pieces: Iterator[bytes], delimiter: bytes, window: int) -> Iterator[bytes]:
    last = b"\r\n" + delimiter + b"--"
    padded = re.compile(rb"(\r\n" + re.escape(delimiter) + rb")[ \t]{1,%d}(?=\r\n)" % _PADDING)
    held = b""
    for piece in pieces:
        whole = padded.sub(rb"\1", held + piece)
        while (end := whole.find(last)) >= 0:
            yield whole[: end + len(last)]
            whole = whole[end + len(last) :]
        # A line break near the end may begin a delimiter that continues in the next piece.
        cut = whole.find(b"\r", max(len(whole) - window, 0))
        ready, held = (whole[:cut], whole[cut:]) if cut >= 0 else (whole, b"")
        if ready:
            yield ready
    if held:
        yield held
