"""Streaming responses, whose body is generated while it is sent."""

from collections.abc import Iterable, Iterator, Mapping

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
    """Sends the pieces that an iterable yields, without a `Content-Length`.

    The iterable runs after the view and the middlewares have returned: the database session of
    the request is closed by then, so a generator opens its own. If it raises, the server closes
    the connection, because the status has already been sent. Its `close()` is called once, also if
    it was never started, as for HEAD and for a status without a body.

    Args:
        iterable: Yields `bytes`, or `str`, which is sent as UTF-8. A generator can be sent once.
        status_code: As in `Response`.
        headers: As in `Response`; a `Content-Length` is not sent.
        content_type: Media type. The default is `application/octet-stream` unless `headers` has
            one, because it is unknown whether the pieces will be text or bytes.

    Raises:
        TypeError: The body is text, bytes or a mapping, or is not iterable.
        ValueError: As in `Response`.

    Example:
        >>> from lback import StreamingResponse
        >>> @app.route("/count", requires_auth=False)
        ... def count(request):
        ...     return StreamingResponse((f"{n} " for n in range(3)), content_type="text/plain")
        >>> Client(app).get("/count").text
        '0 1 2 '
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
        """Return status line, header pairs and the body, which has not been started yet.

        The caller must close the body, as WSGI servers do (PEP 3333).

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
    """Encodes the pieces of an iterable as bytes. It is started by the first `next`, closed once.

    Args:
        source: Iterable of bytes and text.
    """

    def __init__(self, source: Iterable[object]) -> None:
        self._source = source
        self._pieces: Iterator[object] | None = None
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
        """Close the source, and its iterator if that is another object, once."""
        if self._closed:
            return
        self._closed = True
        try:
            if self._pieces is not self._source:
                close(self._pieces)
        finally:
            close(self._source)
