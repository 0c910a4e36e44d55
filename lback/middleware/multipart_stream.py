"""The stream of a multipart body without what surrounds its boundaries (RFC 2046 section 5.1.1)."""

import re
from collections.abc import Iterator
from typing import Any

from lback.core.exceptions import BadRequest

_PIECE = 65536
# Blanks that may follow a boundary on its line; more of them are no delimiter.
_PADDING = 100


def delimited_pieces(stream: Any, boundary: str) -> Iterator[bytes]:
    """Yield a multipart body from its first boundary on, without blanks behind boundaries.

    Lines before the first boundary (the preamble) are left out. A piece ends where the last
    boundary may be, so that the caller need not read on. An empty stream yields nothing.

    Args:
        stream: What `read(size)` is called on; it ends with the body.
        boundary: The parameter of the `Content-Type`.

    Raises:
        BadRequest: No line of the body is the boundary.
    """
    delimiter = b"--" + boundary.encode()
    window = len(boundary) + _PADDING + 6
    pieces = iter(lambda: stream.read(_PIECE), b"")
    return _without_padding(_after_preamble(pieces, delimiter, window), delimiter, window)


def _after_preamble(pieces: Iterator[bytes], delimiter: bytes, window: int) -> Iterator[bytes]:
    first = re.compile(rb"\n" + re.escape(delimiter) + rb"(?=--|[ \t]*\r\n)")
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
        raise BadRequest("the form cannot be read: no line of it is the boundary of Content-Type")


def _without_padding(pieces: Iterator[bytes], delimiter: bytes, window: int) -> Iterator[bytes]:
    last = b"\r\n" + delimiter + b"--"
    padded = re.compile(rb"(\r\n" + re.escape(delimiter) + rb")[ \t]{1,%d}(?=\r\n)" % _PADDING)
    held = b""
    for piece in pieces:
        whole = padded.sub(rb"\1", held + piece)
        while (end := whole.find(last)) >= 0:
            yield whole[: end + len(last)]
            whole = whole[end + len(last) :]
        # A line break near the end may begin a delimiter that is not here as a whole.
        cut = whole.find(b"\r", max(len(whole) - window, 0))
        ready, held = (whole[:cut], whole[cut:]) if cut >= 0 else (whole, b"")
        if ready:
            yield ready
    if held:
        yield held
