"""The body of a response: what may be one, and how it becomes bytes."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

TEXT_TYPE = "text/plain; charset=utf-8"
_CHARSET = re.compile(r";\s*charset=\"?([^\s;\"]+)", re.IGNORECASE)


def checked_body(body: Any) -> bytes | str:
    """Bring a body that is neither `str` nor `bytes` into one of the two, or refuse it."""
    if body is None:
        return b""
    if isinstance(body, str):
        return str.__str__(body)
    if isinstance(body, (bytes, bytearray, memoryview)):
        return bytes(memoryview(body))
    if isinstance(body, (Mapping, list)) and not _is_chunks(body):
        raise TypeError(f"a body of type {type(body).__name__} needs JSONResponse")
    if not isinstance(body, Iterable):
        raise TypeError(
            f"a body is text, bytes or an iterable of these, not {type(body).__name__}; "
            "use str() for its text or JSONResponse for its data"
        )
    try:
        return b"".join([encode_chunk(piece) for piece in body])
    finally:
        close(body)


def _is_chunks(body: Any) -> bool:
    return isinstance(body, list) and all(isinstance(piece, (bytes, str)) for piece in body)


def encode_chunk(piece: Any) -> bytes:
    """Return one piece of a body as bytes, text in UTF-8.

    Raises:
        TypeError: It is neither text nor bytes.
    """
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(memoryview(piece))
    raise TypeError(f"a body is made of text or bytes, it yielded {type(piece).__name__}")


def assigned_body(body: Any, media_type: str | None) -> tuple[bytes, str | None]:
    """Encode a body that was assigned after construction, and return its media type too."""
    if body is not None and not isinstance(body, (str, bytes, bytearray, memoryview)):
        raise TypeError(
            f"the body was replaced by {type(body).__name__}; "
            "assign text or bytes, or return a StreamingResponse"
        )
    body = checked_body(body)
    return encoded_text(body, media_type) if isinstance(body, str) else (body, media_type)


def encoded_text(body: str, media_type: str | None) -> tuple[bytes, str]:
    """Encode text with the charset of its media type, and return both.

    Where the type names a charset that nobody knows, or one that lacks a character of this
    text, UTF-8 takes its place there too.
    """
    if media_type is None:
        return body.encode(), TEXT_TYPE
    found = _CHARSET.search(media_type)
    if found is None:
        return body.encode(), media_type
    try:
        return body.encode(found[1]), media_type
    except (LookupError, UnicodeError):
        return body.encode(), _CHARSET.sub("; charset=utf-8", media_type)


class ClosedTogether:
    """A body at whose end something else is closed as well.

    Args:
        body: An iterable of bytes.
        release: Called once, when the body is closed.
    """

    def __init__(self, body: Iterable[bytes], release: Callable[[], None]) -> None:
        self._body = body
        self._release = release

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the body, and the rest whatever comes of that."""
        try:
            close(self._body)
        finally:
            self._release()


def close(body: Any) -> None:
    """Close a body that can be closed, as a WSGI server does in the end."""
    release = getattr(body, "close", None)
    if release is not None:
        release()
