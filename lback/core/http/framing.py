"""Rejects requests whose body has an ambiguous length (RFC 9112 sections 6.3 and 11.2)."""

import io
from email.message import Message
from typing import Any

from lback.core.exceptions import BadRequest


def framing_problem(headers: Message) -> str | None:
    """Return why the length of the body is ambiguous, or `None` if it is not.

    If a proxy and a server disagree on the length, one of them treats a part of the body as the
    next request (request smuggling).
    """
    lengths = headers.get_all("Content-Length", [])
    codings = headers.get_all("Transfer-Encoding", [])
    if lengths and codings:
        return "both Content-Length and Transfer-Encoding"
    if len(set(lengths)) > 1:
        return "several values of Content-Length"
    if codings and [coding.strip(" \t").lower() for coding in codings] != ["chunked"]:
        return "Transfer-Encoding is not chunked alone"
    return None


class ChunkedInput(io.RawIOBase):
    """A chunked body that raises `BadRequest` for malformed chunks.

    Args:
        source: A stream that decodes chunks, and raises OSError if they are malformed.
    """

    def __init__(self, source: Any) -> None:
        self._source = source

    def readable(self) -> bool:
        """Return True."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer and return the number of bytes.

        Raises:
            BadRequest: A chunk is malformed, or the body ended too early.
        """
        try:
            return int(self._source.readinto(buffer))
        except OSError as error:
            raise BadRequest("the chunks of the body cannot be read") from error
