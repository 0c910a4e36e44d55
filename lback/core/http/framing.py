"""Framing: where the body of a request ends must have one answer (RFC 9112 §6.3, §11.2)."""

import io
from email.message import Message
from typing import Any

from lback.core.exceptions import BadRequest


def framing_problem(headers: Message) -> str | None:
    """Say what leaves two answers to where the body ends, or `None`.

    Where a proxy and a server answer differently, one of them takes part of a body for the next
    request.
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
    """A chunked body whose faults are the client's.

    Args:
        source: A stream that puts chunks together, and raises OSError where they are malformed.
    """

    def __init__(self, source: Any) -> None:
        self._source = source

    def readable(self) -> bool:
        """Tell that this can be read."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read into a buffer.

        Raises:
            BadRequest: A chunk is malformed, or the body ended too soon.
        """
        try:
            return int(self._source.readinto(buffer))
        except OSError as error:
            raise BadRequest("the chunks of the body cannot be read") from error
