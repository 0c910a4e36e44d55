"""A response whose body is made while it is sent."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lback.core.http.headers import Headers, HeaderValue
from lback.core.http.response_body import close, encode_chunk
from lback.core.response import (
    BODILESS_STATUSES,
    BYTES_TYPE,
    Response,
    WsgiResponse,
    status_line,
)


class StreamingResponse(Response):
    """Sends what an iterable yields, piece by piece, without knowing the length.

    The iterable runs after the view and the middlewares have ended: the database session of the
    request is closed by then, so a generator opens its own. An error that it raises cannot
    become a page any more; the server breaks the connection off. Its `close()` is called once,
    also where it was never started: for HEAD, and for a status without a body.

    Args:
        iterable: Yields `bytes` or `str`, which is sent as UTF-8. A generator is sent once.
        status_code: As in `Response`.
        headers: As in `Response`; a `Content-Length` is left out of the answer.
        content_type: Media type. Before the first piece nobody knows whether text or bytes will
            come, so it is `application/octet-stream` where neither this nor `headers` names one.

    Raises:
        TypeError: A body that is known as a whole, or nothing that can be iterated over.
        ValueError: As in `Response`.
    """

    def __init__(
        self,
        iterable: Iterable[bytes | str],
        status_code: int = 200,
        headers: Mapping[str, HeaderValue] | None = None,
        content_type: str | None = None,
    ) -> None:
        if isinstance(iterable, (str, bytes, bytearray, memoryview, Mapping)):
            hint = "JSONResponse" if isinstance(iterable, Mapping) else "Response"
            raise TypeError(f"{type(iterable).__name__} is not a stream: use {hint}")
        if not isinstance(iterable, Iterable):
            raise TypeError(
                f"a stream is an iterable of bytes or text, not {type(iterable).__name__}"
            )
        super().__init__(None, status_code, headers, content_type)
        self.body = Chunks(iterable)

    def get_wsgi_response(self) -> WsgiResponse:
        """Return status line, header pairs and the body, of which nothing has been made yet.

        The caller closes the body, as WSGI servers do (PEP 3333).

        Raises:
            ValueError: The status was replaced by one out of range.
        """
        if self.status_code in BODILESS_STATUSES:
            close(self.body)
            return super().get_wsgi_response()
        headers = Headers(self.headers)
        headers.pop("Content-Length", None)
        headers.setdefault("Content-Type", BYTES_TYPE)
        body = self.body if isinstance(self.body, Chunks) else Chunks(self.body)
        return status_line(self.status_code), headers.pairs(), body


class Chunks:
    """The pieces of an iterable as bytes; it is started by the first `next` and closed once."""

    def __init__(self, source: Iterable[Any]) -> None:
        self._source = source
        self._pieces: Iterator[Any] | None = None
        self._closed = False

    def __iter__(self) -> Iterator[bytes]:
        self._pieces = iter(self._source)
        return self

    def __next__(self) -> bytes:
        if self._pieces is None:
            self._pieces = iter(self._source)
        piece = next(self._pieces)
        return piece if piece.__class__ is bytes else encode_chunk(piece)

    def close(self) -> None:
        """Close the source, and the iterator it made where that is another object."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._pieces is not self._source:
                close(self._pieces)
        finally:
            close(self._source)
