"""Validates bodies of responses and encodes them to bytes."""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping

TEXT_TYPE = "text/plain; charset=utf-8"
_CHARSET = re.compile(r";\s*charset=\"?([^\s;\"]+)", re.IGNORECASE)


def checked_body(body: object) -> bytes | str:
    """Convert a body to `str` or `bytes`.

    Raises:
        TypeError: The body is not text, bytes, `None` or an iterable of text and bytes.
    """
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
            f"a body must be text, bytes or an iterable of these, not {type(body).__name__}; "
            "use str() for its text or JSONResponse for its data"
        )
    try:
        return b"".join([encode_chunk(piece) for piece in body])
    finally:
        close(body)


def _is_chunks(body: object) -> bool:
    return isinstance(body, list) and all(isinstance(piece, (bytes, str)) for piece in body)


def encode_chunk(piece: object) -> bytes:
    """Return one piece of a body as bytes; text is encoded in UTF-8.

    Raises:
        TypeError: The piece is neither text nor bytes.
    """
    if isinstance(piece, str):
        return piece.encode()
    if isinstance(piece, (bytes, bytearray, memoryview)):
        return bytes(memoryview(piece))
    raise TypeError(f"a body must yield text or bytes, not {type(piece).__name__}")


def assigned_body(body: object, media_type: str | None) -> tuple[bytes, str | None]:
    """Encode a body that was assigned after construction.

    Args:
        body: The assigned value.
        media_type: Media type of the response.

    Returns:
        The bytes, and the media type with the charset that was used.

    Raises:
        TypeError: The body is neither text nor bytes.
    """
    if body is not None and not isinstance(body, (str, bytes, bytearray, memoryview)):
        raise TypeError(
            f"the body was replaced by {type(body).__name__}; "
            "assign text or bytes, or return a StreamingResponse"
        )
    body = checked_body(body)
    return encoded_text(body, media_type) if isinstance(body, str) else (body, media_type)


def encoded_text(body: str, media_type: str | None) -> tuple[bytes, str]:
    """Encode text with the charset of its media type, and return both.

    If the charset is unknown or lacks a character of the text, both use UTF-8 instead.

    Args:
        body: The text.
        media_type: Media type of the response; `None` becomes UTF-8 plain text.
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
    """A body that calls a function after it is closed.

    Args:
        body: An iterable of bytes.
        release: Called when the body is closed.
    """

    def __init__(self, body: Iterable[bytes], release: Callable[[], None]) -> None:
        self._body = body
        self._release = release

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._body)

    def close(self) -> None:
        """Close the body and call the function, also if closing raises."""
        try:
            close(self._body)
        finally:
            self._release()


def close(body: object) -> None:
    """Close a body if it has a `close` method, as WSGI servers do (PEP 3333)."""
    release = getattr(body, "close", None)
    if release is not None:
        release()
